//! Abbreviations are written out, dots of acronyms and initials go.

use super::super::Lang;
use super::super::lang::{Abbreviation, Place};
use super::scan::Scan;

impl Scan {
    pub(super) fn abbreviation(&mut self) -> bool {
        let found = self
            .known
            .abbreviations
            .iter()
            .filter_map(|known| Some((known, self.abbreviated(known)?)));
        // The longest one; of two that are alike the first.
        let Some(((short, long, place), end)) = found.reduce(|best, next| if next.1 > best.1 { next } else { best })
        else {
            return false;
        };
        self.say(long, end);
        if short.ends_with('.') {
            self.full_stop(end, *place == Place::Last);
        }
        true
    }

    /// Position after the abbreviation, if it stands here and where it is one.
    fn abbreviated(&self, (short, _, place): &Abbreviation) -> Option<usize> {
        let mut at = self.at;
        let mut dotted = false;
        for (n, c) in short.chars().enumerate() {
            if c == ' ' {
                at = self.skip_blank(at);
                continue;
            }
            if dotted && self.char(at) != Some(c) {
                at = self.skip_blank(at);
            }
            let is = self.char(at)?;
            let first = n == 0 && !matches!(place, Place::Name) && c.is_lowercase() && is.to_lowercase().eq([c]);
            if is != c && !first {
                return None;
            }
            dotted = c == '.';
            at += 1;
        }
        let next = self.char(self.skip_blanks(at));
        let fits = match place {
            Place::Name => next.is_some_and(char::is_uppercase) && !self.street(short),
            Place::Digit => next.is_some_and(|c| c.is_ascii_digit()),
            Place::Any | Place::Last => !self.char(at).is_some_and(char::is_alphanumeric),
        };
        let whole = dotted || self.ends(at) || *place == Place::Digit && !short.ends_with(char::is_alphabetic);
        (fits && whole).then_some(at)
    }

    /// "Main St. The" is a street, "In St. Louis" is not.
    fn street(&self, short: &str) -> bool {
        let before = self.previous_word(self.at);
        self.lang == Lang::En && short == "St." && before.chars().count() > 3 && before.starts_with(char::is_uppercase)
    }

    /// Writes the full stop that an abbreviation took, if it also ended a sentence.
    fn full_stop(&mut self, end: usize, before_capital: bool) {
        let rest = &self.text[end..];
        let closed = rest
            .iter()
            .take_while(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '”' | '»' | ')' | ']' | '“'))
            .count();
        let next = self.char(self.skip_blanks(end));
        let over = closed == rest.len();
        let capital =
            before_capital && next.is_some_and(char::is_uppercase) && self.char(end).is_some_and(char::is_whitespace);
        if over || capital {
            self.mark('.');
        }
    }

    /// "U.S.A." and the initial of "George W. Bush".
    pub(super) fn acronym(&mut self) -> bool {
        let mut letters = String::new();
        let mut end = self.at;
        while let Some(c) = self.char(end).filter(|c| c.is_uppercase()) {
            if self.char(end + 1) != Some('.') {
                break;
            }
            letters.push(c);
            end += 2;
        }
        let initial = || {
            let name = self.char(end).is_some_and(char::is_whitespace)
                && self.char(self.skip_blanks(end)).is_some_and(char::is_uppercase);
            let before = self.previous_word(self.at);
            name && (self.sentence_starts() || before.starts_with(char::is_uppercase))
        };
        match letters.chars().count() {
            0 => return false,
            // "I." is the end of a sentence, or a ruler's number.
            1 if letters == "I" || !initial() => return false,
            1 => self.say(&letters, end),
            _ => {
                // The last letter may have no dot: "U.S".
                if let Some(c) = self.char(end).filter(|c| c.is_uppercase() && self.ends(end + 1)) {
                    letters.push(c);
                    self.say(&letters, end + 1);
                } else if !self.ends(end) {
                    return false;
                } else {
                    self.say(&letters, end);
                    self.full_stop(end, false);
                }
            }
        }
        true
    }
}
