use super::super::Lang;
use super::{Form, Gender};

/// Lines of language, form, number, words that differ from ours.
fn differing(golden: &str) -> Vec<String> {
    let mut differing = Vec::new();
    for line in golden.lines() {
        let [lang, form, number, words] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let known = Lang::of(lang).expect("a language").known();
        let number = number.parse().expect("a number");
        let ours = match form {
            "cardinal" => (known.cardinal)(number, Form::Alone),
            _ => (known.ordinal)(number, Gender::Masc),
        };
        // Where large Portuguese numbers have their "e" is not settled; num2words itself varies.
        let free = lang == "pt" && number >= 1_000_000;
        let agree = if free {
            ours.replace(" e ", " ") == words.replace(" e ", " ")
        } else {
            ours == words
        };
        if !agree {
            differing.push(format!("{lang} {form} {number}: {ours:?}, golden {words:?}"));
        }
    }
    differing
}

#[test]
fn numbers_agree_with_the_golden_sample() {
    let golden = include_str!("../golden/numbers.tsv");
    assert!(golden.lines().count() > 1000);
    let differing = differing(golden);
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// See `golden/make.py`.
#[test]
#[ignore = "needs the file of all numbers"]
fn every_number_agrees_with_num2words() {
    let path = std::env::var_os("NUMBERS_TSV").expect("NUMBERS_TSV names the file");
    let golden = std::fs::read_to_string(path).expect("the file");
    let differing = differing(&golden);
    println!("{} lines", golden.lines().count());
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing[..differing.len().min(200)].join("\n")
    );
}

#[test]
fn what_is_counted_changes_one_and_hundreds() {
    let of = |lang: Lang, n, gender| (lang.known().cardinal)(n, Form::Of(gender));
    for (lang, n, masc, fem) in [
        (Lang::Es, 1, "un", "una"),
        (Lang::Es, 21, "veintiún", "veintiuna"),
        (Lang::Es, 231, "doscientos treinta y un", "doscientas treinta y una"),
        (Lang::Es, 500_001, "quinientos mil un", "quinientas mil una"),
        (Lang::Pt, 222, "duzentos e vinte e dois", "duzentas e vinte e duas"),
        (Lang::Fr, 21, "vingt et un", "vingt et une"),
        (Lang::Fr, 71, "soixante et onze", "soixante et onze"),
        (Lang::De, 1, "ein", "eine"),
        (Lang::It, 1, "un", "una"),
    ] {
        assert_eq!(
            (of(lang, n, Gender::Masc).as_str(), of(lang, n, Gender::Fem).as_str()),
            (masc, fem)
        );
    }
}

#[test]
fn years_are_said_as_years() {
    let year = |lang: Lang, n| (lang.known().year)(n);
    for (n, said) in [
        (1066, None),
        (1100, Some("eleven hundred")),
        (1905, Some("nineteen oh five")),
        (1999, Some("nineteen ninety-nine")),
        (2005, None),
        (2026, Some("twenty twenty-six")),
    ] {
        assert_eq!(year(Lang::En, n).as_deref(), said);
    }
    assert_eq!(year(Lang::De, 1999).as_deref(), Some("neunzehnhundertneunundneunzig"));
    assert_eq!(year(Lang::De, 1801).as_deref(), Some("achtzehnhunderteins"));
    assert_eq!(year(Lang::Nl, 1945).as_deref(), Some("negentienhonderdvijfenveertig"));
}

#[test]
fn tables_are_in_order() {
    for lang in Lang::ALL {
        let known = lang.known();
        for (n, (short, long, _)) in known.abbreviations.iter().enumerate() {
            assert!(!short.is_empty() && !long.is_empty());
            assert!(
                !long.ends_with('.') && !long.chars().any(char::is_numeric),
                "{lang:?} {short}"
            );
            let place = known.abbreviations[..n].iter().find(|(other, ..)| other == short);
            assert!(
                place.is_none_or(|(.., place)| *place != super::Place::Any),
                "{lang:?} {short} hides a later one"
            );
        }
        for (n, (sign, noun)) in known.units.iter().enumerate() {
            assert!(!noun.one.is_empty() && !noun.many.is_empty());
            assert!(
                known.units[..n].iter().all(|(other, _)| other != sign),
                "{lang:?} {sign} twice"
            );
        }
    }
}
