//! Casing of recognised text that has none: all capitals, or all small letters.

use super::super::Lang;

/// Acronyms with vowels that stay capitals in a text that is all capitals; those without vowels stay anyhow.
const ACRONYMS: [&str; 42] = [
    "ADAC", "AI", "ARD", "BCE", "BCE", "CEO", "CIA", "COVID", "DFB", "EEUU", "ETA", "EU", "EUA", "FARC", "FBI", "FIFA",
    "IA", "IOC", "IMF", "NASA", "NATO", "NBA", "OECD", "OMS", "ONU", "OPEC", "OTAN", "RAI", "RTVE", "SUV", "TV", "UAE",
    "UE", "UEFA", "UK", "UN", "UNESCO", "UNICEF", "US", "USA", "UV", "WHO",
];
/// A capitalised word of at least so many letters is emphasis and no acronym, or an acronym that is said as a word.
const EMPHASIS: usize = 6;

pub(super) fn mend(text: &str, lang: Option<Lang>) -> String {
    let upper = text.chars().any(char::is_uppercase);
    let lower = text.chars().any(char::is_lowercase);
    match (upper, lower) {
        (true, false) if shouted(text) => {
            sentences(&each_word(
                text,
                |word| if acronym(word) { None } else { Some(small(word)) },
            ))
        }
        (true, true) => each_word(text, emphasis),
        (false, true) => {
            let text = if lang == Some(Lang::En) {
                each_word(text, |word| (word == "i").then(|| "I".into()))
            } else {
                text.into()
            };
            sentences(&text)
        }
        _ => text.into(),
    }
}

/// Whether a text without small letters is one in capitals, and no list of acronyms.
fn shouted(text: &str) -> bool {
    let words: Vec<usize> = text
        .split(|c: char| !c.is_alphabetic())
        .map(|word| word.chars().count())
        .collect();
    words.iter().sum::<usize>() >= 8 && words.iter().filter(|len| **len >= 3).count() >= 2
}

fn vowel(c: char) -> bool {
    // A letter with a mark on it is no part of an acronym either.
    !c.is_ascii() || "aeiouyAEIOUY".contains(c)
}

fn acronym(word: &str) -> bool {
    ACRONYMS.contains(&word) || word.len() > 1 && !word.contains(vowel)
}

fn emphasis(word: &str) -> Option<String> {
    let all = word.chars().count() >= EMPHASIS && word.chars().all(char::is_uppercase) && word.contains(vowel);
    all.then(|| capital(&small(word)))
}

/// In small letters; a letter whose small form is more than one stays.
fn small(word: &str) -> String {
    word.chars()
        .map(|c| {
            let mut small = c.to_lowercase();
            if small.len() == 1 { small.next().unwrap_or(c) } else { c }
        })
        .collect()
}

/// With its first letter a capital, where that is one letter.
pub(crate) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let mut upper = first.to_uppercase();
    let first = if upper.len() == 1 {
        upper.next().unwrap_or(first)
    } else {
        first
    };
    format!("{first}{}", letters.as_str())
}

/// Replaces words of letters where `change` gives another.
fn each_word(text: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let len = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let word = &rest[..len];
        out.push_str(&change(word).unwrap_or_else(|| word.into()));
        let next = rest[len..].find(char::is_alphabetic).map_or(rest.len(), |at| len + at);
        out.push_str(&rest[len..next]);
        rest = &rest[next..];
    }
    out
}

/// A capital at the start of each sentence.
fn sentences(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    let mut ended = false;
    for c in text.chars() {
        if c.is_alphanumeric() {
            if start {
                out.push_str(&capital(c.encode_utf8(&mut [0; 4])));
            } else {
                out.push(c);
            }
            (start, ended) = (false, false);
            continue;
        }
        out.push(c);
        ended = ended || matches!(c, '.' | '!' | '?' | '…');
        start = start || ended && c.is_whitespace();
    }
    out
}
