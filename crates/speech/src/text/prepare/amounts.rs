//! Amounts of money, with the currency before or after.

use super::super::Lang;
use super::super::lang::{Form, Gender, Noun};
use super::numeral::{self, Numeral};
use super::scan::Scan;

/// Signs of [`Language::currencies`](super::super::lang::Language::currencies), the longer ones first.
const SIGNS: [(&str, usize); 13] = [
    ("US$", 0),
    ("R$", 5),
    ("$", 0),
    ("€", 1),
    ("£", 2),
    ("¥", 3),
    ("USD", 0),
    ("EUR", 1),
    ("GBP", 2),
    ("JPY", 3),
    ("CHF", 4),
    ("BRL", 5),
    ("Fr.", 4),
];

impl Scan {
    /// The currency whose sign or code stands at `at`, and the position after it.
    fn currency(&self, at: usize) -> Option<(usize, usize)> {
        let (sign, currency) = SIGNS.iter().find(|(sign, _)| self.stands(sign, at))?;
        let end = at + sign.chars().count();
        let code = sign.chars().all(char::is_alphabetic);
        (!code || self.free(at) && self.ends(end)).then_some((*currency, end))
    }

    pub(super) fn is_currency(&self, at: usize) -> bool {
        self.currency(at).is_some()
    }

    /// "$5", "€ 3,50", "US$5 million", "$10-12".
    pub(super) fn amount(&mut self) -> bool {
        let Some((currency, end)) = self.currency(self.at).filter(|_| self.char(self.at) != Some('F')) else {
            return false;
        };
        let at = self.skip_blank(end);
        if !self.is_digit(at) || self.text[self.at].is_alphabetic() && !self.free(self.at) {
            return false;
        }
        let numeral = numeral::read(&self.text, at, self.known);
        let end = numeral.end;
        if matches!(self.char(end), Some('-' | '–')) && self.is_digit(end + 1) {
            let words = format!("{} {}", numeral.words(self.known, Form::Alone), self.known.signs.to);
            let next = numeral::read(&self.text, end + 1, self.known);
            self.say(&words, end + 1);
            return self.say_amount(&next, currency, next.end);
        }
        self.say_amount(&numeral, currency, end)
    }

    /// The currency after a number that ends at `end`, a word for a million perhaps between them.
    pub(super) fn amount_after(&mut self, numeral: &Numeral) -> bool {
        let (scale, end) = self.scale(numeral.end);
        let at = self.skip_blank(end);
        // "5 $ 10" would be two amounts; the sign belongs to the number that it touches.
        let Some((currency, end)) = self.currency(at) else {
            return false;
        };
        if at > end || at > numeral.end && self.is_digit(end) {
            return false;
        }
        self.write_amount(numeral, scale.as_deref(), currency, end);
        true
    }

    fn say_amount(&mut self, numeral: &Numeral, currency: usize, end: usize) -> bool {
        let (scale, end) = self.scale(end);
        self.write_amount(numeral, scale.as_deref(), currency, end);
        true
    }

    /// A word such as "million" at `end`, and the position after it.
    fn scale(&self, end: usize) -> (Option<String>, usize) {
        if self.lang == Lang::En {
            let at = self.skip_blank(end);
            for (short, long) in [
                ("bn", "billion"),
                ("mn", "million"),
                ("m", "million"),
                ("k", "thousand"),
                ("M", "million"),
                ("B", "billion"),
                ("K", "thousand"),
            ] {
                if self.stands(short, at) && self.ends(at + short.len()) {
                    return (Some(long.into()), at + short.len());
                }
            }
        }
        let at = self.skip_blank(end);
        if at == end {
            return (None, end);
        }
        let found = self.known.scales.iter().filter(|scale| {
            let after = at + scale.chars().count();
            self.stands(scale, at) && (scale.ends_with('.') || self.ends(after))
        });
        let Some(scale) = found.max_by_key(|scale| scale.len()) else {
            return (None, end);
        };
        let long = self
            .known
            .abbreviations
            .iter()
            .find(|(short, ..)| short == scale)
            .map_or(*scale, |(_, long, _)| long);
        (Some(long.into()), at + scale.chars().count())
    }

    fn write_amount(&mut self, numeral: &Numeral, scale: Option<&str>, currency: usize, end: usize) {
        let known = self.known;
        let (money, hundredth) = &known.currencies[currency];
        let words = match (scale, &numeral.fraction) {
            (Some(scale), _) => {
                let one = numeral.whole == "1" && numeral.fraction.is_none();
                let number = numeral.words(
                    known,
                    if one {
                        self.form_before(1, scale)
                    } else {
                        Form::Of(Gender::Masc)
                    },
                );
                format!("{number} {scale}{}{}", self.link_before(scale, money.many), money.many)
            }
            (None, Some(fraction)) if fraction.len() == 2 && numeral.value().is_some() && fraction.is_ascii() => {
                let hundredths = fraction.parse().unwrap_or(0);
                self.with_hundredths(numeral, hundredths, money, hundredth)
            }
            _ => self.counted(numeral, money),
        };
        self.say(&words, end);
    }

    fn with_hundredths(&self, numeral: &Numeral, hundredths: u64, money: &Noun, hundredth: &Noun) -> String {
        let known = self.known;
        let whole = Numeral {
            fraction: None,
            ..numeral.clone()
        };
        let named = |n: u64, noun: &Noun| {
            format!(
                "{} {}",
                (known.cardinal)(n, Form::Of(noun.gender)),
                if n == 1 { noun.one } else { noun.many }
            )
        };
        match (numeral.value(), hundredths) {
            (_, 0) => self.counted(&whole, money),
            (Some(0), _) => named(hundredths, hundredth),
            _ => {
                let (link, name) = known.hundredths;
                let rest = if name {
                    named(hundredths, hundredth)
                } else {
                    (known.cardinal)(hundredths, Form::Alone)
                };
                format!("{}{link}{rest}", self.counted(&whole, money))
            }
        }
    }

    /// A number and what it counts: "veintiún euros", "un million d'euros".
    pub(super) fn counted(&self, numeral: &Numeral, noun: &Noun) -> String {
        let value = numeral.value();
        let one = match self.lang {
            // "1,5 litre"
            Lang::Fr | Lang::Pt => value.is_some_and(|n| n == 1 || n == 0 && self.lang == Lang::Fr),
            _ => value == Some(1) && numeral.fraction.is_none(),
        };
        let name = if one { noun.one } else { noun.many };
        let round = value.is_some_and(|n| n > 0 && n.is_multiple_of(1_000_000)) && numeral.fraction.is_none();
        let link = if round { self.link_before("million", name) } else { " " };
        format!("{}{link}{name}", numeral.words(self.known, Form::Of(noun.gender)))
    }

    /// Between a word such as "million" and what is counted.
    fn link_before(&self, scale: &str, name: &str) -> &'static str {
        // "mil euros", but "un millón de euros".
        if matches!(scale, "mil" | "mila" | "mille") {
            return " ";
        }
        let (plain, vowel) = self.known.scale_link;
        if name.starts_with(|c: char| "aeiouh".contains(c)) {
            vowel
        } else {
            plain
        }
    }
}
