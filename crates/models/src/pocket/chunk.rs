//! Long texts in pieces that the model can hold: it was trained on single sentences.

use super::config::Config;
use super::text::prepare;
use super::tokenizer::Tokenizer;
use crate::{Error, Result};

/// Tokens up to which sentences are joined, and above which they are cut.
const MAX_TOKENS: usize = 50;

/// A piece of text that is spoken at one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) text: String,
    pub(super) ids: Vec<u32>,
    /// Frames from the end of speech to the end of sound.
    pub(super) frames_after_eos: usize,
}

/// A part of a text and its number of tokens.
type Segment = (usize, String);

/// Cuts a text after sentences, sentences that are too long after commas, and what is still too long between words. A text
/// without anything to say is an error.
pub(super) fn split(text: &str, tokenizer: &Tokenizer, config: &Config) -> Result<Vec<Chunk>> {
    let nothing = || Error::Input("there is nothing to say in the text".into());
    let whole = prepare(text, config).ok_or_else(nothing)?;
    let mut segments = Vec::new();
    for (tokens, sentence) in sentences(whole.text.trim(), tokenizer)? {
        if tokens <= MAX_TOKENS {
            segments.push((tokens, sentence));
            continue;
        }
        for (tokens, clause) in clauses(sentence.trim(), tokenizer)? {
            if tokens <= MAX_TOKENS {
                segments.push((tokens, clause));
            } else {
                segments.extend(words(&clause, tokenizer)?);
            }
        }
    }
    let mut chunks = Vec::new();
    for text in join(segments) {
        // Punctuation on its own makes the model babble.
        if !text.contains(char::is_alphanumeric) {
            continue;
        }
        let Some(prepared) = prepare(&text, config) else {
            continue;
        };
        chunks.push(Chunk {
            ids: tokenizer.encode(&prepared.text)?,
            text: prepared.text,
            frames_after_eos: prepared.frames_after_eos,
        });
    }
    if chunks.is_empty() {
        return Err(nothing());
    }
    Ok(chunks)
}

fn sentences(text: &str, tokenizer: &Tokenizer) -> Result<Vec<Segment>> {
    let ids = tokenizer.encode(text)?;
    let cuts = cuts(
        &ids,
        |id| tokenizer.ends_sentence(id),
        |at| in_number(&ids, at, tokenizer),
    )?;
    segments(&ids, &cuts, tokenizer)
}

fn clauses(text: &str, tokenizer: &Tokenizer) -> Result<Vec<Segment>> {
    let ids = tokenizer.encode(text)?;
    let cuts = cuts(&ids, |id| tokenizer.ends_clause(id), |_| Ok(false))?;
    segments(&ids, &cuts, tokenizer)
}

/// Where runs of ends are over, except where `keep` says that they are none.
fn cuts(ids: &[u32], ends: impl Fn(u32) -> bool, keep: impl Fn(usize) -> Result<bool>) -> Result<Vec<usize>> {
    let mut cuts = Vec::new();
    let mut after_end = false;
    for (at, &id) in ids.iter().enumerate() {
        let end = ends(id);
        if after_end && !end && !keep(at)? {
            cuts.push(at);
        }
        after_end = end;
    }
    Ok(cuts)
}

/// Whether the full stop before `at` lies between digits.
fn in_number(ids: &[u32], at: usize, tokenizer: &Tokenizer) -> Result<bool> {
    // A few tokens are enough to see one character before and after the stop, even if they are bytes.
    const NEAR: usize = 8;
    let before = tokenizer.decode(&ids[at.saturating_sub(NEAR)..at])?;
    let Some(before) = before.strip_suffix('.') else {
        return Ok(false);
    };
    let after = tokenizer.decode(&ids[at..ids.len().min(at + NEAR)])?;
    Ok(before.ends_with(char::is_numeric) && after.starts_with(char::is_numeric))
}

fn segments(ids: &[u32], cuts: &[usize], tokenizer: &Tokenizer) -> Result<Vec<Segment>> {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([ids.len()]);
    starts
        .zip(ends)
        .map(|(start, end)| Ok((end - start, tokenizer.decode(&ids[start..end])?)))
        .collect()
}

/// Cuts between words, and through a word that is too long on its own.
fn words(text: &str, tokenizer: &Tokenizer) -> Result<Vec<Segment>> {
    let mut segments: Vec<Segment> = Vec::new();
    for word in text.split_whitespace() {
        let ids = tokenizer.encode(word)?;
        match segments.last_mut() {
            Some((tokens, text)) if *tokens + ids.len() <= MAX_TOKENS => {
                *tokens += ids.len();
                text.push(' ');
                text.push_str(word);
            }
            _ => {
                for part in ids.chunks(MAX_TOKENS) {
                    segments.push((part.len(), tokenizer.decode(part)?));
                }
            }
        }
    }
    Ok(segments)
}

/// Joins neighbours as long as they fit together.
fn join(segments: Vec<Segment>) -> Vec<String> {
    let mut chunks = Vec::new();
    let mut current: Option<Segment> = None;
    for (tokens, text) in segments {
        current = Some(match current.take() {
            Some((held, chunk)) if held + tokens <= MAX_TOKENS => (held + tokens, format!("{chunk} {text}")),
            Some((_, chunk)) => {
                chunks.push(chunk);
                (tokens, text)
            }
            None => (tokens, text),
        });
    }
    chunks.extend(current.map(|(_, chunk)| chunk));
    for chunk in &mut chunks {
        *chunk = chunk.trim().to_owned();
    }
    chunks
}

#[cfg(test)]
#[path = "text_test.rs"]
mod test;
