//! Several numbers that belong together: telephone numbers, versions, ranges, scores, fractions.

use super::super::Lang;
use super::super::lang::Form;
use super::clean::NBSP;
use super::numeral::{self, digits, short, spelled};
use super::scan::Scan;

/// Longest chain of groups that is looked at as one.
const GROUPS: usize = 12;

impl Scan {
    /// Positions of the groups of digits from `at` on that a single one of `between` separates, and where they end.
    fn chain(&self, at: usize, between: impl Fn(char) -> bool) -> (Vec<String>, usize) {
        let mut groups = Vec::new();
        let (mut start, mut end) = (at, at);
        while groups.len() < GROUPS {
            let stop = digits(&self.text, start);
            if stop == start {
                break;
            }
            groups.push(self.text[start..stop].iter().collect());
            end = stop;
            match self.char(end) {
                Some(c) if between(c) => start = end + 1,
                _ => break,
            }
        }
        (groups, end)
    }

    /// "+49 30 1234567", "06 12 34 56 78", "555-123-4567".
    pub(super) fn telephone(&mut self) -> bool {
        let plus = self.before(self.at) == Some('+');
        let (groups, end) = self.chain(self.at, |c| matches!(c, ' ' | '-' | '.' | '/' | NBSP));
        let total: usize = groups.iter().map(String::len).sum();
        let hyphens = self.text[self.at..end].iter().filter(|c| **c == '-').count();
        let zero = groups[0].starts_with('0') && groups[0].len() >= 2;
        let dashed = hyphens + 1 == groups.len() && (groups.len() >= 3 || groups.len() == 2 && american(&groups));
        if total < 7 || groups.len() < 2 || groups.len() == GROUPS || !(plus || zero || dashed) || !self.ends(end) {
            return false;
        }
        let words: Vec<String> = groups.iter().map(|group| spelled(group, self.known)).collect();
        self.say(&words.join(", "), end);
        true
    }

    /// "192.168.0.1", "2.0.1".
    pub(super) fn version(&mut self) -> bool {
        let (groups, end) = self.chain(self.at, |c| c == '.');
        let thousands = groups[1..].iter().all(|group| group.len() == 3) && groups[0].len() <= 3;
        if groups.len() < 3 || thousands || groups.len() == GROUPS {
            return false;
        }
        let words: Vec<String> = groups.iter().map(|group| short(group, self.known)).collect();
        self.say(&words.join(&format!(" {} ", self.known.signs.point)), end);
        true
    }

    /// "10-12", "3-1", "4-3-3".
    pub(super) fn range(&mut self) -> bool {
        let (groups, end) = self.chain(self.at, |c| matches!(c, '-' | '–' | '—'));
        let [first, second, rest @ ..] = &groups[..] else {
            return false;
        };
        if !rest.is_empty() {
            let words: Vec<String> = groups.iter().map(|group| short(group, self.known)).collect();
            self.say(&words.join(" "), end);
            return true;
        }
        let decimals = matches!(self.char(end), Some('.' | ',')) && self.is_digit(end + 1);
        let rising = match (first.parse::<u64>(), second.parse::<u64>()) {
            (Ok(first), Ok(second)) => first < second,
            _ => true,
        };
        let word = if rising || decimals {
            self.known.signs.to
        } else {
            self.known.signs.score
        };
        let words = self.bare(first);
        self.say(&words, self.at + first.len());
        // The second number is read next, with its unit.
        self.say(word, self.at + 1);
        true
    }

    /// "1/2", "8/10", "2024/25", "3:1".
    pub(super) fn fraction(&mut self) -> bool {
        let (groups, end) = self.chain(self.at, |c| matches!(c, '/' | ':'));
        let [first, second] = &groups[..] else { return false };
        if first.len() > 4 || second.len() > 4 || !self.ends(end) {
            return false;
        }
        let signs = &self.known.signs;
        let ratio = self.char(self.at + first.len()) == Some(':');
        let even = first == second || (first.as_str(), second.as_str()) == ("24", "7");
        let over = first.parse::<u64>().ok() <= second.parse().ok() && second.len() <= 3 && !even;
        let word = match self.lang {
            _ if !ratio && over => signs.out_of,
            _ if !ratio => "",
            Lang::En => "to",
            Lang::Nl => "op",
            _ => signs.score,
        };
        let words = match (ratio, first.as_str(), second.as_str()) {
            (false, "1", "2") => signs.fractions[0].to_owned(),
            (false, "1", "3") => signs.fractions[1].to_owned(),
            (false, "2", "3") => signs.fractions[2].to_owned(),
            (false, "1", "4") => signs.fractions[3].to_owned(),
            (false, "3", "4") => signs.fractions[4].to_owned(),
            _ => [self.bare(first), word.to_owned(), self.bare(second)]
                .join(" ")
                .replace("  ", " "),
        };
        self.say(&words, end);
        true
    }

    /// A number by itself: a year, where it looks like one.
    pub(super) fn bare(&self, number: &str) -> String {
        let value = number.parse().ok().filter(|_| number.len() == 4);
        value.and_then(self.known.year).unwrap_or_else(|| {
            let text: Vec<char> = number.chars().collect();
            numeral::read(&text, 0, self.known).words(self.known, Form::Alone)
        })
    }
}

/// "555-1234", but not "500-1000".
fn american(groups: &[String]) -> bool {
    groups[0].len() == 3 && groups[1].len() == 4 && !groups.iter().all(|group| group.ends_with('0'))
}
