//! Text as the model wants it: the characters that it was trained on, a capital first, a sentence end last.
//!
//! Nothing is spelled out here: numbers, dates and abbreviations have to be words already.

use super::config::Config;

const SENTENCE_ENDS: [char; 4] = ['.', '!', '?', '…'];
/// Ends that are no end of a sentence: the last of them becomes a full stop.
const WEAK_ENDS: [char; 6] = [',', ';', ':', '-', '–', '—'];
/// What may stand behind a sentence end.
const CLOSERS: [char; 7] = ['"', '\'', '”', '’', ')', ']', '»'];
/// Up to so many words a text counts as short, and its end needs more time.
const SHORT: usize = 4;

/// A text that is ready to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) text: String,
    /// Frames from the end of speech to the end of sound.
    pub(super) frames_after_eos: usize,
}

/// Prepares a text; None if nothing is left of it.
pub(super) fn prepare(text: &str, config: &Config) -> Option<Prepared> {
    let mut text = text.trim().to_owned();
    if !config.replace_characters.is_empty() {
        text = replace(&text, config);
    }
    if text.is_empty() {
        return None;
    }
    text = text.replace(['\n', '\r'], " ").replace("  ", " ");
    if config.remove_semicolons {
        text = text.replace(';', ",");
    }
    let short = text.split_whitespace().count() <= SHORT;
    if config.capitalize_first_letter {
        text = capitalise(&text);
    }
    if config.append_terminal_punctuation {
        text = end(&text);
    }
    if config.pad_with_spaces_for_short_inputs && text.split_whitespace().count() < 5 {
        text.insert_str(0, "        ");
    }
    Some(Prepared {
        text,
        frames_after_eos: config
            .model_recommended_frames_after_eos
            .unwrap_or(2 + if short { 3 } else { 1 }),
    })
}

/// Replaces characters, makes all white space one space, and drops commas that now follow a sentence end: `“Hi?”, she said`
/// would end a sentence and begin the next with a comma.
fn replace(text: &str, config: &Config) -> String {
    let mut replaced = String::with_capacity(text.len());
    for character in text.chars() {
        match config.replace_characters.get(&character) {
            Some(by) => replaced.push_str(by),
            None => replaced.push(character),
        }
    }
    let words: Vec<&str> = replaced.split_whitespace().collect();
    let words = words.join(" ");
    let mut kept = String::with_capacity(words.len());
    let mut rest = words.chars();
    while let Some(character) = rest.next() {
        kept.push(character);
        if SENTENCE_ENDS.contains(&character) {
            let after = rest.as_str().trim_start();
            if let Some(after) = after.strip_prefix([',', ';', ':']) {
                rest = after.chars();
            }
        }
    }
    kept
}

fn capitalise(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) if !first.is_uppercase() => first.to_uppercase().chain(rest).collect(),
        _ => text.to_owned(),
    }
}

fn end(text: &str) -> String {
    let core = text.trim_end_matches(|c| c == ' ' || CLOSERS.contains(&c));
    let closers = text[core.len()..].trim();
    match core.chars().next_back() {
        None => text.to_owned(),
        Some(last) if SENTENCE_ENDS.contains(&last) => text.to_owned(),
        Some(last) if WEAK_ENDS.contains(&last) => {
            let core = core.trim_end_matches(|c| c == ' ' || WEAK_ENDS.contains(&c));
            format!("{core}.{closers}")
        }
        Some(_) => format!("{text}."),
    }
}
