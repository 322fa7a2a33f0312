//! Finds words in a text: at bounds of words, in any casing, over any blanks.

use std::ops::Range;

/// What is looked for: folded characters, each run of blanks one blank.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pattern(Vec<char>);

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        Self(words.join(" ").chars().map(fold).collect())
    }

    /// Its length in characters.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Where it stands first in `text`, from byte `from` on.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let starts = text.char_indices().map(|(at, _)| at).filter(|at| *at >= from);
        starts
            .map(|at| (at, self.at(text, at)))
            .find_map(|(at, end)| Some(at..end?))
    }

    /// Where it ends, if it stands at byte `at`.
    pub(super) fn at(&self, text: &str, at: usize) -> Option<usize> {
        let first = *self.0.first()?;
        let before = text[..at].chars().next_back();
        if first.is_alphanumeric() && before.is_some_and(char::is_alphanumeric) {
            return None;
        }
        let mut rest = text[at..].char_indices().peekable();
        let mut last = first;
        for want in &self.0 {
            let (_, is) = rest.next()?;
            let blank = *want == ' ' && is.is_whitespace();
            if fold(is) != *want && !blank {
                return None;
            }
            while blank && rest.next_if(|(_, c)| c.is_whitespace()).is_some() {}
            last = *want;
        }
        let end = rest.peek().map_or(text.len(), |(len, _)| at + len);
        let after = rest.peek().map(|(_, c)| *c);
        (!(last.is_alphanumeric() && after.is_some_and(char::is_alphanumeric))).then_some(end)
    }
}

/// The small form of a character, where it is one; one kind of apostrophe.
pub(super) fn fold(c: char) -> char {
    let mut small = c.to_lowercase();
    match c {
        '’' | '‘' | 'ʼ' => '\'',
        _ if small.len() == 1 => small.next().unwrap_or(c),
        _ => c,
    }
}

/// The words of a text: runs of letters and digits, with apostrophes and hyphens inside.
pub(super) fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        let end = at + c.len_utf8();
        match words.last_mut() {
            Some(last) if matches!(&text[last.end..at], "" | "'" | "’" | "-") => last.end = end,
            _ => words.push(at..end),
        }
    }
    words
}

/// How alike two texts are: 1 for the same but for casing, 0 for nothing in common (from Levenshtein's distance).
pub(super) fn likeness(a: &str, b: &str) -> f64 {
    let a: Vec<char> = a.chars().map(fold).collect();
    let b: Vec<char> = b.chars().map(fold).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, c) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = n + 1;
        for (m, d) in b.iter().enumerate() {
            let best = (diagonal + usize::from(c != d)).min(row[m] + 1).min(row[m + 1] + 1);
            diagonal = std::mem::replace(&mut row[m + 1], best);
        }
    }
    let longest = a.len().max(b.len()).max(1);
    1.0 - row[b.len()] as f64 / longest as f64
}
