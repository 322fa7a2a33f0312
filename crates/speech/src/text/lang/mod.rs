//! What is known of each language: its number words, signs, units, currencies and abbreviations. One file per language.

mod de;
mod en;
mod es;
mod fr;
mod it;
mod nl;
mod pt;

use super::Lang;

/// Numbers from here on are said digit by digit.
pub(crate) const LIMIT: u64 = 1_000_000_000_000_000;

/// Gender of what is counted; languages with more or fewer use what comes closest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gender {
    Masc,
    Fem,
}

/// What follows a cardinal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing that it counts: "uno", "eins".
    Alone,
    /// A noun: "un", "una", "ein", "eine".
    Of(Gender),
}

/// A unit or what a currency is called.
#[derive(Debug)]
pub(crate) struct Noun {
    pub(crate) one: &'static str,
    pub(crate) many: &'static str,
    pub(crate) gender: Gender,
}

/// Where an abbreviation is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Anywhere; its full stop ends a sentence only at the end of the text.
    Any,
    /// Anywhere; its full stop may end a sentence: before a capital it stays.
    Last,
    /// Before a capitalised word.
    Name,
    /// Before a digit.
    Digit,
}

/// What replaces a written form.
pub(crate) type Abbreviation = (&'static str, &'static str, Place);

/// A written unit, and what is said for one and for more of it.
pub(crate) type Unit = (&'static str, Noun);

/// Everything about one language.
#[derive(Debug)]
pub(crate) struct Language {
    /// Words of a number below [`LIMIT`].
    pub(crate) cardinal: fn(u64, Form) -> String,
    /// Words of an ordinal below [`LIMIT`], in its plainest inflection.
    pub(crate) ordinal: fn(u64, Gender) -> String,
    /// Words of a year, where they are not those of a number.
    pub(crate) year: fn(u64) -> Option<String>,
    /// Between groups of three digits; the other one of `.` and `,` is the decimal mark.
    pub(crate) thousands: char,
    /// Whether a blank may stand between groups of three digits, too.
    pub(crate) blank_thousands: bool,
    /// Whether two decimals are said as one number ("virgule vingt-cinq").
    pub(crate) decimals_as_number: bool,
    pub(crate) signs: Signs,
    pub(crate) months: [&'static str; 12],
    /// Dollar, euro, pound, yen, franc, real, each with its hundredth.
    pub(crate) currencies: [(Noun, Noun); 6],
    /// Between the whole and the hundredths of an amount; whether the hundredths are named.
    pub(crate) hundredths: (&'static str, bool),
    /// Words of large numbers that may stand between an amount and its currency.
    pub(crate) scales: &'static [&'static str],
    /// Between a million and what is counted, before a consonant and before a vowel.
    pub(crate) scale_link: (&'static str, &'static str),
    pub(crate) units: &'static [Unit],
    pub(crate) abbreviations: &'static [Abbreviation],
    /// Common words of the other gender than their last letter says.
    pub(crate) odd_nouns: &'static [&'static str],
    /// Words after which a Roman number is a century's ("siècle" stands after it, so it is here as well).
    pub(crate) centuries: &'static [&'static str],
}

/// Words for signs.
#[derive(Debug)]
pub(crate) struct Signs {
    pub(crate) minus: &'static str,
    pub(crate) plus: &'static str,
    pub(crate) equals: &'static str,
    pub(crate) times: &'static str,
    pub(crate) and: &'static str,
    pub(crate) percent: &'static str,
    pub(crate) per_mille: &'static str,
    pub(crate) point: &'static str,
    pub(crate) comma: &'static str,
    pub(crate) to: &'static str,
    pub(crate) score: &'static str,
    pub(crate) out_of: &'static str,
    pub(crate) degrees: &'static str,
    pub(crate) about: &'static str,
    pub(crate) number: &'static str,
    pub(crate) section: &'static str,
    pub(crate) less: &'static str,
    pub(crate) greater: &'static str,
    /// A half, a third, two thirds, a quarter, three quarters.
    pub(crate) fractions: [&'static str; 5],
    /// Between an amount and what it is for ("euros per month").
    pub(crate) per: &'static str,
    pub(crate) at: &'static str,
    pub(crate) dot: &'static str,
    pub(crate) slash: &'static str,
    pub(crate) dash: &'static str,
    pub(crate) underscore: &'static str,
    pub(crate) hashtag: &'static str,
}

/// A masculine noun, or one of a language where it does not matter.
pub(crate) const fn m(one: &'static str, many: &'static str) -> Noun {
    Noun {
        one,
        many,
        gender: Gender::Masc,
    }
}

/// A feminine noun.
pub(crate) const fn f(one: &'static str, many: &'static str) -> Noun {
    Noun {
        one,
        many,
        gender: Gender::Fem,
    }
}

impl Lang {
    /// What is known of it.
    pub(crate) fn known(self) -> &'static Language {
        match self {
            Lang::En => &en::LANGUAGE,
            Lang::Fr => &fr::LANGUAGE,
            Lang::De => &de::LANGUAGE,
            Lang::Pt => &pt::LANGUAGE,
            Lang::It => &it::LANGUAGE,
            Lang::Es => &es::LANGUAGE,
            Lang::Nl => &nl::LANGUAGE,
        }
    }
}

/// The groups of three digits above the last one, largest first: (value of the group, power of thousand, what is below it).
fn groups(n: u64) -> impl Iterator<Item = (u64, usize)> {
    (0..=4_usize)
        .rev()
        .map(move |power| ((n / 1000_u64.pow(power as u32)) % 1000, power))
        .filter(|(group, _)| *group > 0)
}

#[cfg(test)]
#[path = "lang_test.rs"]
mod tests;
