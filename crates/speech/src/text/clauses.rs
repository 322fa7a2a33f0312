//! Growing text is cut into clauses that are worth speaking by themselves, each as soon as it is there.
//!
//! A clause ends
//! * after `.` `!` `?` `…` with at least [`SENTENCE`] words, after `,` `;` `:` or a dash between blanks with at least [`PHRASE`];
//! * where [`AHEAD`] whole words of more text follow, so that what is left is not a word or two;
//! * never inside quotation marks or brackets, a number, an abbreviation, an initial, or after a German ordinal ("3. Oktober");
//! * without any mark from [`LONG`] words on, before a blank, and from then on inside quotation marks, too: an unclosed one must
//!   not hold everything back.
//!
//! What was handed out stays: the text may only grow at its end. How it grew changes nothing in the clauses.

use super::Lang;
use super::lang::Place;

/// Fewest words of a clause that ends a sentence; shorter ones sound cut off, and go with what follows.
pub const SENTENCE: usize = 3;
/// Fewest words of a clause inside a sentence.
pub const PHRASE: usize = 5;
/// Whole words that must be known to follow.
pub const AHEAD: usize = 2;
/// Words after which a clause is cut without a mark.
pub const LONG: usize = 40;

/// Cuts one text; see the module.
#[derive(Clone, Debug)]
pub struct Clauses {
    lang: Option<Lang>,
    /// Bytes handed out.
    taken: usize,
}

/// A token between blanks: its bytes in the text.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    end: usize,
}

impl Clauses {
    /// For text in the language of this tag.
    pub fn new(lang: &str) -> Self {
        Self {
            lang: Lang::of(lang),
            taken: 0,
        }
    }

    /// The next clause of `text`, which is all text so far. Call it until it gives none; then again when the text has grown.
    pub fn next<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let rest = text.get(self.taken..)?;
        let cut = self.cut(rest)?;
        self.taken += cut;
        Some(rest[..cut].trim())
    }

    /// All that is left of the whole `text`, if it has a word; then the cutter is ready for another text.
    pub fn finish<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let rest = text.get(self.taken..).unwrap_or_default().trim();
        self.taken = 0;
        Some(rest).filter(|rest| !rest.is_empty())
    }

    /// Where the first clause of `text` ends.
    fn cut(&self, text: &str) -> Option<usize> {
        let tokens = tokens(text);
        // The last one may still grow.
        let whole = &tokens[..tokens
            .len()
            .saturating_sub(usize::from(!text.ends_with(char::is_whitespace)))];
        let mut open = Quotes::default();
        let mut words = 0;
        for (n, token) in whole.iter().enumerate() {
            open.read(token.text);
            words += usize::from(token.text.contains(char::is_alphanumeric));
            let ahead = whole[n + 1..]
                .iter()
                .filter(|token| token.text.contains(char::is_alphanumeric))
                .take(AHEAD)
                .count();
            if ahead < AHEAD {
                return None;
            }
            let least = self.least(*token, whole[n + 1].text);
            if words >= LONG || open.closed() && least.is_some_and(|least| words >= least) {
                return Some(token.end);
            }
        }
        None
    }

    /// Words that a clause ending with `token` needs, if one can.
    fn least(&self, token: Token<'_>, next: &str) -> Option<usize> {
        if matches!(next, "-" | "–" | "—") {
            // The dash goes with what is before it.
            return None;
        }
        let bare = token.text.trim_end_matches(CLOSERS);
        match bare.chars().next_back()? {
            '.' if self.dotted(bare, next) => None,
            '.' | '!' | '?' | '…' => Some(SENTENCE),
            // An opening mark would be parted from its sentence.
            ',' | ';' | ':' => Some(PHRASE),
            '–' | '—' | '-' if bare.chars().count() == 1 => Some(PHRASE),
            _ => None,
        }
    }

    /// Whether the dot of `token` is no full stop, or may be none.
    fn dotted(&self, token: &str, next: &str) -> bool {
        let stem = token
            .trim_end_matches('.')
            .trim_start_matches(|c: char| !c.is_alphanumeric());
        let capital = next
            .trim_start_matches(|c: char| !c.is_alphanumeric())
            .starts_with(|c: char| !c.is_lowercase());
        if token.ends_with("..") {
            return false;
        }
        let number = stem.ends_with(|c: char| c.is_numeric());
        let short = stem.chars().count() == 1 || stem.contains('.');
        let known = self.lang.is_some_and(|lang| {
            lang.known().abbreviations.iter().any(|(known, _, place)| {
                let last = known.rsplit(' ').next().unwrap_or(known);
                // "etc. The": before a capital the sentence may be over.
                last.ends_with('.') && last.trim_end_matches('.') == stem && !(*place == Place::Last && capital)
            })
        });
        !capital || known || short || number && self.lang.is_none_or(|lang| lang == Lang::De)
    }
}

/// What may follow a mark and still belongs to it.
const CLOSERS: [char; 9] = ['"', '\'', '”', '“', '’', '»', '«', ')', ']'];

/// The tokens between blanks.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let start = text.as_ptr() as usize;
    text.split_whitespace()
        .map(|text| Token {
            text,
            end: text.as_ptr() as usize - start + text.len(),
        })
        .collect()
}

/// Which quotation marks and brackets are open.
#[derive(Default)]
struct Quotes {
    brackets: usize,
    quotes: usize,
    straight: bool,
}

impl Quotes {
    fn read(&mut self, token: &str) {
        let mut last = None;
        for c in token.chars() {
            let starts = last.is_none_or(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | ',' | '!' | '?' | '…'));
            match c {
                '(' | '[' => self.brackets += 1,
                ')' | ']' => self.brackets = self.brackets.saturating_sub(1),
                '"' => self.straight = !self.straight,
                '„' => self.quotes += 1,
                // English opens with what German closes with, and German closes with what French opens with.
                '“' | '«' | '»' if starts && !self.opened_alone(c, token) => self.quotes += 1,
                '“' | '”' | '«' | '»' => self.quotes = self.quotes.saturating_sub(1),
                _ => {}
            }
            last = Some(c);
        }
    }

    /// French sets blanks inside its marks, so that a closing one stands alone.
    fn opened_alone(&self, c: char, token: &str) -> bool {
        self.quotes > 0 && (c == '»' || token.chars().all(|c| !c.is_alphanumeric()))
    }

    fn closed(&self) -> bool {
        self.brackets == 0 && self.quotes == 0 && !self.straight
    }
}

#[cfg(test)]
#[path = "clauses_test.rs"]
mod tests;
