//! A glossary around a translation: terms into the source, their translations out of the result.

use std::ops::Range;

use super::search::{self, Pattern};
use super::{Glossary, Term, primary};

/// From this likeness on words are taken for a mangled translation.
pub const ALIKE: f64 = 0.66;
/// A shorter translation is only found as it is: too much looks like it.
const SHORT: usize = 4;

/// A source text with the translations of its terms in it.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What the model is given.
    pub text: String,
    /// Where in it translations stand.
    places: Vec<Range<usize>>,
}

/// A translated text with the terms as they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The text.
    pub text: String,
    /// Translations that are not in it.
    pub missing: Vec<String>,
}

impl Glossary {
    /// Puts the translations into the target language in the place of the terms.
    pub fn apply(&self, text: &str, target: &str) -> Applied {
        let target = primary(target);
        let mut terms: Vec<&Term> = self
            .terms
            .iter()
            .filter(|term| term.lang.as_ref().is_none_or(|lang| *lang == target))
            .collect();
        // The longest first; of two for one term the one for this language.
        terms.sort_by_key(|term| (std::cmp::Reverse(term.pattern.len()), term.lang.is_none()));
        let mut applied = Applied {
            text: String::new(),
            places: Vec::new(),
        };
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let found = terms.iter().find_map(|term| Some((term, term.pattern.at(text, at)?)));
            match found {
                Some((term, end)) => {
                    let start = applied.text.len();
                    applied.text.push_str(&term.translation);
                    applied.places.push(start..applied.text.len());
                    at = end;
                }
                None => {
                    applied.text.push(c);
                    at += c.len_utf8();
                }
            }
        }
        applied
    }

    /// Translates `text` with `model`, so that every term comes out as its translation. The model is asked once, and in the rare
    /// worst case once more for each piece between terms. Only a text without terms can be spoken while it is being translated;
    /// [`Applied::is_empty`] of [`Glossary::apply`] tells which it is.
    pub fn translate<E>(
        &self,
        text: &str,
        target: &str,
        model: &mut dyn FnMut(&str) -> Result<String, E>,
    ) -> Result<String, E> {
        let applied = self.apply(text, target);
        let repaired = applied.repair(&model(&applied.text)?);
        if repaired.missing.is_empty() {
            Ok(repaired.text)
        } else {
            applied.in_pieces(model)
        }
    }
}

impl Applied {
    /// Whether the text had no terms.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The translations in it, each once.
    fn translations(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for place in &self.places {
            let translation = &self.text[place.clone()];
            if !all.contains(&translation) {
                all.push(translation);
            }
        }
        all
    }

    /// Finds the translations in what the model made of [`Applied::text`], mends them, and says which are missing.
    pub fn repair(&self, translated: &str) -> Repaired {
        let expected: Vec<(&str, Pattern)> = self
            .translations()
            .into_iter()
            .map(|text| (text, Pattern::new(text)))
            .collect();
        let mut text = translated.to_owned();
        for (translation, pattern) in &expected {
            if pattern.find(&text, 0).is_none() {
                let others = expected.iter().filter(|(other, _)| other != translation);
                let kept: Vec<Range<usize>> = others.filter_map(|(_, other)| other.find(&text, 0)).collect();
                if let Some(place) = alike(&text, translation, &kept) {
                    text.replace_range(place, translation);
                }
            }
        }
        for (translation, pattern) in &expected {
            text = recased(&text, translation, pattern);
        }
        let missing = expected.iter().filter(|(_, pattern)| pattern.find(&text, 0).is_none());
        let missing = missing.map(|(translation, _)| (*translation).to_owned()).collect();
        Repaired { text, missing }
    }

    /// What is between the terms translated by itself, and put together with their translations.
    fn in_pieces<E>(&self, model: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut out = String::new();
        let mut from = 0;
        for place in &self.places {
            add(&mut out, &piece(&self.text[from..place.start], model)?);
            // A blank, whatever comes before: the translation is a word of its own.
            out.push_str(if out.ends_with(char::is_alphanumeric) { " " } else { "" });
            add(&mut out, &self.text[place.clone()]);
            from = place.end;
        }
        let rest = piece(&self.text[from..], model)?;
        out.push_str(if rest.starts_with(char::is_alphanumeric) {
            " "
        } else {
            ""
        });
        add(&mut out, &rest);
        Ok(out)
    }
}

/// Appends with one blank between, none before a mark.
fn add(out: &mut String, more: &str) {
    let more = more.trim();
    let leans = more.starts_with([',', '.', ';', ':', '!', '?', ')', '\'']);
    if !(out.is_empty() || more.is_empty() || leans || out.ends_with([' ', '('])) {
        out.push(' ');
    }
    out.push_str(more);
}

/// A piece of a sentence translated; the model may not end a sentence where none ended.
fn piece<E>(text: &str, model: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let text = text.trim();
    if !text.contains(char::is_alphanumeric) {
        return Ok(text.into());
    }
    let translated = model(text)?;
    let ended = text.ends_with(['.', '!', '?', '…']);
    Ok(if ended {
        translated
    } else {
        translated.trim_end().trim_end_matches('.').to_owned()
    })
}

/// The words in `text` that are most like `translation`, but not those in `kept`.
fn alike(text: &str, translation: &str, kept: &[Range<usize>]) -> Option<Range<usize>> {
    let words = search::words(text);
    let count = search::words(translation).len();
    if translation.chars().count() < SHORT {
        return None;
    }
    let mut best: Option<(f64, Range<usize>)> = None;
    for len in count.saturating_sub(1).max(1)..=count + 1 {
        for window in words.windows(len) {
            let (Some(first), Some(last)) = (window.first(), window.last()) else {
                continue;
            };
            let place = first.start..last.end;
            // Far longer or shorter words cannot be alike, and need no comparison.
            let sizes = (place.len() as f64, translation.len() as f64);
            if sizes.0 < 0.4 * sizes.1 || sizes.0 > 2.5 * sizes.1 {
                continue;
            }
            if kept.iter().any(|kept| kept.start < place.end && place.start < kept.end) {
                continue;
            }
            let likeness = search::likeness(&text[place.clone()], translation);
            if likeness >= ALIKE && best.as_ref().is_none_or(|(least, _)| likeness > *least) {
                best = Some((likeness, place));
            }
        }
    }
    best.map(|(_, place)| place)
}

/// Each occurrence as the translation is written, but for the capital at the start of a sentence.
fn recased(text: &str, translation: &str, pattern: &Pattern) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(place) = pattern.find(text, from) {
        out.push_str(&text[from..place.start]);
        let starts = out
            .trim_end()
            .chars()
            .next_back()
            .is_none_or(|c| matches!(c, '.' | '!' | '?' | '…'));
        let is = &text[place.clone()];
        let capital = crate::text::prepare::capital(translation);
        out.push_str(if starts && is.starts_with(char::is_uppercase) {
            &capital
        } else {
            translation
        });
        from = place.end;
    }
    out.push_str(&text[from..]);
    out
}
