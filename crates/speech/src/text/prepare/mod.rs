//! Text made ready for speaking: no digit, sign, abbreviation or markup is left for the synthesis to stumble over.
//!
//! | written | said (English) |
//! | --- | --- |
//! | `1,234` `-5` `3.14` `007` | one thousand two hundred and thirty-four, minus five, three point one four, zero zero seven |
//! | `3rd` `1999` `the 1990s` | third, nineteen ninety-nine, the nineteen nineties |
//! | `14:30` `2 p.m.` `2026-05-12` | fourteen thirty, two PM, May twelfth, twenty twenty-six |
//! | `10–12` `3-1` `8/10` | ten to twelve, three one, eight out of ten |
//! | `$3.50` `€5 million` `12 km/h` `50%` | three dollars and fifty cents, five million euros, twelve kilometres per hour, fifty percent |
//! | `+44 20 7946 0000` | each digit, the groups apart |
//! | `Dr. Smith` `etc.` `U.S.A.` | Doctor Smith, et cetera, USA |
//! | `Louis XIV` `World War II` | Louis the fourteenth, World War two |
//! | `info@example.com` `@name` `#tag` | info at example dot com, at name, hashtag tag |
//!
//! Acronyms stay as they are ("NATO", "BBC"): synthesis models learned from transcripts that have them so, and espeak-ng spells
//! them itself. Only their dots go, since a dot ends a sentence. A slashed date without a clear order is month first in English
//! and day first elsewhere. Roman numbers are read after names of rulers, with centuries and after "part" or "chapter".
//!
//! What holds for every text, in the seven languages:
//! * no character of the result is numeric;
//! * preparing the result again changes nothing;
//! * a word of letters is never lost: it stays, or its abbreviation is written out;
//! * the result has at most [`GROWTH`] times the bytes of the text, and [`GROWTH`] more.
//!
//! In another language markup, emoji, invisible characters and superfluous blanks go, and the casing is mended.

mod abbreviations;
mod amounts;
mod calendar;
mod casing;
mod clean;
mod groups;
mod links;
mod numeral;
mod plain;
mod roman;
mod scan;
mod tidy;

use super::Lang;
pub(crate) use casing::capital;

/// Bound of the result's size, see the module.
pub const GROWTH: usize = 48;

/// What was written out can make up a new sign with its neighbours; two rounds are the rule.
const ROUNDS: usize = 8;

/// See the module. `lang` is a tag such as `pt` or `pt-BR`.
pub fn prepare(text: &str, lang: &str) -> String {
    let lang = Lang::of(lang);
    let mut said = once(text, lang);
    for _ in 1..ROUNDS {
        let again = once(&said, lang);
        if again == said {
            break;
        }
        said = again;
    }
    said
}

fn once(text: &str, lang: Option<Lang>) -> String {
    let clean = clean::clean(text, lang);
    let said = match lang {
        Some(lang) => scan::Scan::new(lang, &clean).run(),
        None => clean,
    };
    casing::mend(&tidy::tidy(&said), lang)
}

#[cfg(test)]
#[path = "property_test.rs"]
mod properties;
#[cfg(test)]
#[path = "prepare_test.rs"]
mod tests;
