//! Words that a stream's owner wants translated in one way: names, sponsors, terms of a sport.
//!
//! A glossary is a file of lines `term TAB translation`, with the target language as an optional third column; lines that start
//! with `#` are comments:
//!
//! ```text
//! # term        translation      language
//! Red Devils    Diablos Rojos    es
//! Eredivisie    Eredivisie
//! ```
//!
//! How a term comes out as its translation, whatever the model does ([`Glossary::translate`]):
//!
//! 1. The translation takes the term's place in the source text. A greedy Marian copies words that it does not know, while it
//!    mangles placeholders (`__1__`, `<x1>`) often, and bends the sentence around them always.
//! 2. The result is searched for the translation. Found in another casing, it gets its own; not found, the words most like it
//!    ([`apply::ALIKE`]) are taken for it and replaced.
//! 3. If it is still missing, the text is translated piece by piece around the terms and put together. That may read clumsily, but
//!    has every term; it is rare.
//!
//! Terms are found at the bounds of words, in any casing, the longest first.

pub mod apply;
mod files;
mod search;

pub use apply::{Applied, Repaired};
pub use files::{Error, Found, Glossaries};

/// Most lines with terms.
pub const MAX_TERMS: usize = 2000;
/// Longest term, in characters.
pub const MAX_TERM: usize = 100;
/// Longest translation, in characters.
pub const MAX_TRANSLATION: usize = 200;
/// Longest prompt for the recogniser, in characters: about half of what Whisper takes as a prompt.
pub const MAX_PROMPT: usize = 400;

/// The terms of one stream.
#[derive(Clone, Debug, Default)]
pub struct Glossary {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    term: String,
    pattern: search::Pattern,
    translation: String,
    /// Target language for which it holds.
    lang: Option<String>,
}

/// A line that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// Which of the columns between tabs, from 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

impl Glossary {
    /// Reads a file's text; the first line that is not as it should be is the error.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut terms: Vec<Term> = Vec::new();
        let mut lines = std::collections::HashMap::new();
        for (n, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            let fault = |column, why: String| Fault {
                line: n + 1,
                column,
                why,
            };
            let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
            if let Some(extra) = columns.get(3) {
                return Err(fault(4, format!("{:?} is one column too many", cut(extra))));
            }
            let term = word(columns[0], "term", MAX_TERM).map_err(|why| fault(1, why))?;
            let translation = columns
                .get(1)
                .ok_or_else(|| fault(2, "no tab and translation after the term".into()))?;
            let translation = word(translation, "translation", MAX_TRANSLATION).map_err(|why| fault(2, why))?;
            let lang = columns
                .get(2)
                .filter(|lang| !lang.is_empty())
                .map(|lang| language(lang))
                .transpose();
            let lang = lang.map_err(|why| fault(3, why))?;
            let pattern = search::Pattern::new(term);
            if let Some(first) = lines.insert((pattern.clone(), lang.clone()), n + 1) {
                return Err(fault(1, format!("{term:?} stands on line {first} already")));
            }
            if terms.len() == MAX_TERMS {
                return Err(fault(1, format!("more than {MAX_TERMS} terms")));
            }
            terms.push(Term {
                term: term.into(),
                pattern,
                translation: translation.into(),
                lang,
            });
        }
        Ok(Self { terms })
    }

    /// Whether it has no terms.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// How many terms it has.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// The terms as a prompt that makes Whisper write them so; none without terms. What does not fit is left out, from the end.
    pub fn prompt(&self) -> Option<String> {
        let mut prompt = String::new();
        let mut len = 0;
        for (n, Term { term, .. }) in self.terms.iter().enumerate() {
            if self.terms[..n].iter().any(|before| before.term == *term) {
                continue;
            }
            let more = term.chars().count() + 2;
            if len + more > MAX_PROMPT {
                break;
            }
            prompt.push_str(if prompt.is_empty() { "" } else { ", " });
            prompt.push_str(term);
            len += more;
        }
        (!prompt.is_empty()).then(|| prompt + ".")
    }
}

/// A term or translation: something to say, of one line and not too long.
fn word<'a>(text: &'a str, what: &str, most: usize) -> Result<&'a str, String> {
    let len = text.chars().count();
    match () {
        () if text.is_empty() => Err(format!("the {what} is empty")),
        () if text.chars().any(char::is_control) => Err(format!("the {what} {:?} has a control character", cut(text))),
        () if !text.contains(char::is_alphanumeric) => {
            Err(format!("the {what} {:?} has no letter or digit", cut(text)))
        }
        () if len > most => Err(format!("the {what} has {len} characters, at most {most} are allowed")),
        () => Ok(text),
    }
}

fn language(text: &str) -> Result<String, String> {
    let first = primary(text);
    let is = (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic()) && text.len() <= 35;
    if is {
        Ok(first)
    } else {
        Err(format!("{:?} is no language tag", cut(text)))
    }
}

/// First part of a language tag.
fn primary(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// A message quotes no more than this much of a file.
fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
#[path = "glossary_test.rs"]
mod tests;
