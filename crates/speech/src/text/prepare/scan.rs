//! The walk through a text: at each place the first rule that fits writes its words, else the character stays.

use super::super::Lang;
use super::super::lang::Language;
use super::casing::capital;
use super::clean::NBSP;

/// A text, how far it was read, and what is said so far.
pub(super) struct Scan {
    pub(super) lang: Lang,
    pub(super) known: &'static Language,
    pub(super) text: Vec<char>,
    pub(super) at: usize,
    pub(super) out: String,
    /// Whether words were written last, so that a letter after them needs a blank.
    gap: bool,
}

impl Scan {
    pub(super) fn new(lang: Lang, text: &str) -> Self {
        Self {
            lang,
            known: lang.known(),
            text: text.chars().collect(),
            at: 0,
            out: String::new(),
            gap: false,
        }
    }

    pub(super) fn run(mut self) -> String {
        while let Some(c) = self.char(self.at) {
            let starts = self.free(self.at);
            let done = starts && (self.link() || self.abbreviation() || self.acronym() || self.roman())
                || c.is_ascii_digit() && self.number()
                || self.amount()
                || self.sign(c);
            if !done {
                self.keep(c);
            }
        }
        self.out
    }

    pub(super) fn char(&self, at: usize) -> Option<char> {
        self.text.get(at).copied()
    }

    /// The character before `at`.
    pub(super) fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|at| self.char(at))
    }

    /// Whether a word may start at `at`.
    pub(super) fn free(&self, at: usize) -> bool {
        !self.before(at).is_some_and(char::is_alphanumeric)
    }

    /// Whether a word that reaches to `at` ends there.
    pub(super) fn ends(&self, at: usize) -> bool {
        !self.char(at).is_some_and(char::is_alphanumeric)
    }

    pub(super) fn is_digit(&self, at: usize) -> bool {
        self.char(at).is_some_and(|c| c.is_ascii_digit())
    }

    /// Whether `word` stands at `at`; `²` and `³` are also written as digits.
    pub(super) fn stands(&self, word: &str, at: usize) -> bool {
        word.chars().enumerate().all(|(n, c)| {
            self.char(at + n)
                .is_some_and(|is| is == c || c == '²' && is == '2' || c == '³' && is == '3')
        })
    }

    /// Position after at most one blank.
    pub(super) fn skip_blank(&self, at: usize) -> usize {
        if self.char(at).is_some_and(|c| c == ' ' || c == NBSP) {
            at + 1
        } else {
            at
        }
    }

    /// Position of the next character that is no blank.
    pub(super) fn skip_blanks(&self, at: usize) -> usize {
        let from = at.min(self.text.len());
        self.text[from..]
            .iter()
            .position(|c| !c.is_whitespace())
            .map_or(self.text.len(), |len| from + len)
    }

    /// The word of letters at `at` and the position after it; bounded, longer ones are no words.
    pub(super) fn word(&self, at: usize) -> (String, usize) {
        let from = at.min(self.text.len());
        let word: String = self.text[from..]
            .iter()
            .take(40)
            .take_while(|c| c.is_alphabetic())
            .collect();
        let len = word.chars().count();
        (word, from + len)
    }

    /// The word after one blank at `at`.
    pub(super) fn next_word(&self, at: usize) -> (String, usize) {
        match self.skip_blank(at) {
            next if next > at => self.word(next),
            _ => (String::new(), at),
        }
    }

    /// The word that ends before the one blank before `at`, as it is written.
    pub(super) fn previous_word(&self, at: usize) -> String {
        let Some(end) = at.checked_sub(1).filter(|end| self.text[*end].is_whitespace()) else {
            return String::new();
        };
        let word = self.text[..end].iter().rev().take(40).take_while(|c| c.is_alphabetic());
        let mut word: Vec<char> = word.copied().collect();
        word.reverse();
        word.into_iter().collect()
    }

    /// The two words before `at`, the nearer one first.
    pub(super) fn previous_words(&self, at: usize) -> (String, String) {
        let near = self.previous_word(at);
        let start = at.saturating_sub(near.chars().count() + 1);
        let far = if near.is_empty() {
            String::new()
        } else {
            self.previous_word(start)
        };
        (near, far)
    }

    /// Whether a sentence starts where we are.
    pub(super) fn sentence_starts(&self) -> bool {
        self.out
            .trim_end()
            .chars()
            .next_back()
            .is_none_or(|c| matches!(c, '.' | '!' | '?' | '…'))
    }

    /// Writes words for what stands up to `to`.
    pub(super) fn say(&mut self, words: &str, to: usize) {
        if words.is_empty() {
            self.at = to;
            return;
        }
        let starts = self.sentence_starts();
        if self.out.ends_with(char::is_alphanumeric) {
            self.out.push(' ');
        }
        self.out
            .push_str(&if starts { capital(words) } else { words.to_owned() });
        self.gap = true;
        self.at = to;
    }

    /// Goes on at `to` with no blank before what comes ("zwanzig" of "20jährig").
    pub(super) fn join(&mut self) {
        self.gap = false;
    }

    /// A blank for what stands up to `to`.
    pub(super) fn blank(&mut self, to: usize) {
        self.out.push(' ');
        self.gap = false;
        self.at = to;
    }

    fn keep(&mut self, c: char) {
        if self.gap && c.is_alphanumeric() {
            self.out.push(' ');
        }
        self.gap = false;
        self.out.push(c);
        self.at += 1;
    }

    /// A mark that stays, after words.
    pub(super) fn mark(&mut self, c: char) {
        self.out.push(c);
        self.gap = true;
    }

    /// A sign that is a word, or nothing.
    fn sign(&mut self, c: char) -> bool {
        let signs = &self.known.signs;
        let after = self.at + 1;
        let number = self.is_digit(self.skip_blank(after));
        let digit_before = || {
            self.text[..self.at]
                .iter()
                .rev()
                .find(|c| !c.is_whitespace())
                .is_some_and(char::is_ascii_digit)
        };
        let apart = self.before(self.at).is_none_or(|c| c.is_whitespace() || c == '(');
        let word = match c {
            '-' | '\u{2212}' if apart && self.is_digit(after) => signs.minus,
            '-' | '–' if self.before(self.at).is_some_and(|c| c.is_ascii_digit()) && self.is_currency(after) => {
                signs.to
            }
            '.' | ',' if apart && self.is_digit(after) => {
                self.text[self.at] = '0';
                self.text
                    .insert(self.at + 1, if self.known.thousands == ',' { '.' } else { ',' });
                return true;
            }
            '&' => signs.and,
            '%' => signs.percent,
            '‰' => signs.per_mille,
            '+' => signs.plus,
            '=' => signs.equals,
            '×' => signs.times,
            'x' | '*' if number && digit_before() => {
                // A Brazilian score: "2x0".
                let score = self.lang == Lang::Pt && c == 'x' && self.ends(self.skip_blank(after) + 1);
                if score { signs.score } else { signs.times }
            }
            '±' => {
                self.say(signs.plus, self.at);
                signs.minus
            }
            '~' | '≈' if number => signs.about,
            '<' if number => signs.less,
            '>' if number => signs.greater,
            '≤' if number => signs.less,
            '≥' if number => signs.greater,
            '/' if self.gap && self.char(after).is_some_and(char::is_alphabetic) => signs.per,
            '¢' => self.known.currencies[0].1.many,
            '#' | '№' if number => signs.number,
            '@' => signs.at,
            '§' => signs.section,
            '°' => signs.degrees,
            '$' => self.known.currencies[0].0.many,
            '€' => self.known.currencies[1].0.many,
            '£' => self.known.currencies[2].0.many,
            '¥' => self.known.currencies[3].0.many,
            '/' | '\\' | '|' | '^' | '`' | '*' | '_' | '{' | '}' | '~' | '#' | '<' | '>' | '•' | '·' | '≈' | '≤'
            | '≥' | '÷' | '№' => {
                self.blank(after);
                return true;
            }
            _ => return false,
        };
        self.say(word, after);
        true
    }
}
