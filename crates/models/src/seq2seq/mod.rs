//! What the translation models share: encoder and decoder, one token after the other until the sentence ends.

mod attention;
mod embedding;
mod fields;
mod repetition;
mod sentences;
mod so_far;

use std::ops::ControlFlow;

use crate::Result;

pub(crate) use self::attention::{KeyValue, causal, last};
pub(crate) use self::embedding::Embedding;
pub(crate) use self::fields::Fields;
pub(crate) use self::sentences::{fit, split};
pub(crate) use self::so_far::{Detokenizer, SoFar};

/// A decoder that has read its source: what it knows of one sentence.
pub(crate) trait Decoder {
    /// Reads the token before and scores every token that could come next.
    fn next(&mut self, token: u32) -> Result<Vec<f32>>;
}

/// How a model begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The token before the first one.
    pub(crate) start: u32,
    /// The token after the last one.
    pub(crate) end: u32,
    /// A token that is never said.
    pub(crate) pad: u32,
}

/// The most tokens for a source of `source` tokens: translations are seldom half again as long, and a model that goes on for longer
/// has lost its way.
pub(crate) fn cap(source: usize, positions: usize) -> usize {
    (2 * source + 10).min(positions)
}

/// Takes the likeliest token each time, until the end, `cap` tokens, a runaway repetition or a break by `on_tokens`, which is given
/// all tokens so far.
pub(crate) fn greedy(
    decoder: &mut dyn Decoder,
    ends: Ends,
    cap: usize,
    on_tokens: &mut dyn FnMut(&[u32]) -> ControlFlow<()>,
) -> Result<Vec<u32>> {
    let mut tokens = Vec::with_capacity(cap);
    let mut last = ends.start;
    while tokens.len() < cap {
        let mut scores = decoder.next(last)?;
        if let Some(pad) = scores.get_mut(ends.pad as usize) {
            *pad = f32::NEG_INFINITY;
        }
        last = likeliest(&scores)?;
        if last == ends.end {
            break;
        }
        tokens.push(last);
        if let Some(keep) = repetition::runaway(&tokens) {
            tokens.truncate(keep);
            break;
        }
        if on_tokens(&tokens).is_break() {
            break;
        }
    }
    Ok(tokens)
}

fn likeliest(scores: &[f32]) -> Result<u32> {
    let mut best = None;
    for (token, &score) in (0..).zip(scores) {
        if score > f32::NEG_INFINITY && best.is_none_or(|(_, best)| score > best) {
            best = Some((token, score));
        }
    }
    match best {
        Some((token, _)) => Ok(token),
        None => Err(candle_core::Error::Msg("no token has a score that is a number".into()).into()),
    }
}

#[cfg(test)]
#[path = "seq2seq_test.rs"]
mod tests;
