//! Pieces back to text.

use super::SPACE;
use super::normalise::Normaliser;
use super::pieces::{Kind, Pieces};

pub(super) fn join<'a>(
    parts: impl Iterator<Item = (&'a str, u32)>,
    pieces: &Pieces,
    normaliser: &Normaliser,
    unknown_surface: &str,
) -> String {
    let mut out = String::new();
    let mut bytes = Vec::new();
    let mut at_start = true;
    let mut dropped_space = false;
    for (text, id) in parts {
        if let Some(byte) = pieces.byte_of(id) {
            bytes.push(byte);
            continue;
        }
        push_bytes(&mut out, &mut bytes);
        if dropped_space || !out.is_empty() {
            at_start = false;
        }
        dropped_space = false;
        match pieces.kind(id) {
            Some(Kind::Control) => {}
            Some(Kind::Unknown) if pieces.text(id) == Some(text) => out.push_str(unknown_surface),
            Some(Kind::Unknown) => out.push_str(text),
            _ => {
                let mut text = text;
                if at_start
                    && normaliser.drops_leading_space()
                    && let Some(rest) = text.strip_prefix(SPACE)
                {
                    text = rest;
                    // With extra spaces removed, every space at the start goes and not the first alone.
                    dropped_space = !normaliser.squeezes();
                }
                out.extend(text.chars().map(|c| if c == SPACE { ' ' } else { c }));
            }
        }
    }
    push_bytes(&mut out, &mut bytes);
    out
}

/// Bytes in a row that are UTF-8 become its characters; each other byte becomes a replacement character of its own.
fn push_bytes(out: &mut String, bytes: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    bytes.clear();
}
