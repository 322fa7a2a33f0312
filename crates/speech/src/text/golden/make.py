"""Writes number words by num2words (0.5.14), one a line: language, form, number, words.

    python make.py sample > numbers.tsv     the committed sample
    python make.py all > all.tsv            0..=10_000 and 2,000 larger numbers below 10^12 for each language

Check the larger file with `NUMBERS_TSV=all.tsv cargo test -p dragoman-speech -- --ignored every_number`.

Where num2words is wrong or only spells differently, `settled` says how.
"""

import random
import re
import sys

from num2words import num2words

LANGUAGES = ["en", "fr", "de", "pt", "it", "es", "nl"]
# Larger ordinals are not said in these languages, or num2words has none that holds.
ORDINALS_TO = {"en": 10**12, "fr": 10**12, "de": 10**6, "pt": 1000, "it": 10**6, "es": 1000, "nl": 10**12}
BRAZIL = {"dezasseis": "dezesseis", "dezassete": "dezessete", "dezanove": "dezenove"}


def settled(lang, form, number, words):
    words = words.replace(",", "")
    if lang == "es":
        # "veintiún mil", "treinta y un millones": before a noun or "mil" the number is shortened.
        words = re.sub(r"veintiuno (mil|millones)\b", r"veintiún \1", words)
        words = re.sub(r"\buno (mil|millones)\b", r"un \1", words)
        # Academy spellings.
        for wrong, right in [("quadra", "cuadra"), ("cuadrigent", "cuadringent"), ("septigent", "septingent"),
                             ("octigent", "octingent")]:
            words = words.replace(wrong, right)
        if form == "ordinal" and number % 100 in (11, 12):
            one = "décimo primero" if number % 100 == 11 else "décimo segundo"
            if number in (11, 12):
                words = "undécimo" if number == 11 else "duodécimo"
            else:
                words = re.sub(r"décimo ?(primero|segundo)$", one, words)
    if lang == "pt":
        for wrong, right in BRAZIL.items():
            words = words.replace(wrong, right)
        for wrong, right in [("quadrigent", "quadringent"), ("septigent", "septingent"), ("octigent", "octingent")]:
            words = words.replace(wrong, right)
    if lang == "fr" and form == "ordinal":
        # No plural s inside an ordinal.
        words = re.sub(r"(vingt|cent|million|milliard)sième$", r"\1ième", words)
    if lang == "it":
        words = words.replace(" e ", " ")
        # A final "tre" of a longer word is stressed, and eighteen keeps its i in larger numbers.
        words = re.sub(r"(?<=\w)tre(?=$| milion| miliard)", "tré", words).replace("dicott", "diciott")
    if lang == "de":
        # "hunderteintausend", as in "einundzwanzigtausend".
        words = words.replace("hunderteinstausend", "hunderteintausend")
    if lang == "nl":
        # A blank after "duizend".
        words = re.sub(r"duizend(?=[^s ])", "duizend ", words)
    return words


def rows(numbers):
    for lang in LANGUAGES:
        for number in numbers:
            for form in ["cardinal", "ordinal"]:
                if form == "ordinal" and not 0 < number < ORDINALS_TO[lang]:
                    continue
                words = num2words(number, lang=lang, to=form)
                yield lang, form, number, settled(lang, form, number, words)


def main():
    draw = random.Random(4)
    large = [draw.randrange(10 ** draw.randrange(4, 12), 10**12 + 1) for _ in range(1000)]
    large += [draw.randrange(1, 1000) * 10 ** draw.randrange(3, 10) for _ in range(1000)]
    if sys.argv[1:] == ["all"]:
        numbers = list(range(10_001)) + large
    else:
        numbers = list(range(0, 33)) + list(range(36, 100, 9)) + [70, 71, 77, 80, 91, 100, 101, 116, 121, 180, 200, 201, 888]
        numbers += [1000, 1001, 1100, 1999, 2000, 2026, 9999, 10_000, 21_000, 80_000, 100_000, 101_101, 200_000, 999_999]
        numbers += [10**6, 10**6 + 1, 2 * 10**6, 21 * 10**6, 10**9, 123_456_789_012] + large[:6] + large[1000:1006]
    for row in rows(numbers):
        print(*row, sep="\t")


main()
