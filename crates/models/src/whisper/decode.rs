//! Greedy decoding of one utterance.

use candle_core::Tensor;

use super::decoder::{Decoder, Said, Sound};
use super::guard;
use super::tokens::Tokens;
use crate::Result;

/// What was written, and why it ends.
pub(super) struct Written {
    pub(super) tokens: Vec<u32>,
    /// Mean over the tokens, the end included.
    pub(super) log_prob: f32,
    /// That there was no speech, at `<|startoftranscript|>`.
    pub(super) no_speech: f32,
    pub(super) ended: Ended,
    /// Steps of the decoder after the prompt, copies included.
    pub(super) steps: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    ByItself,
    Repeating,
    Cap,
    Cancelled,
}

/// What to write after, and how long.
pub(super) struct Plan<'a> {
    pub(super) prompt: &'a [u32],
    /// Where `<|startoftranscript|>` stands in the prompt.
    pub(super) start: usize,
    /// Most tokens.
    pub(super) cap: usize,
}

pub(super) fn write(
    decoder: &Decoder,
    tokens: &Tokens,
    sound: &Sound,
    plan: &Plan<'_>,
    cancelled: &dyn Fn() -> bool,
) -> Result<Written> {
    let mut said = decoder.begin(sound, plan.prompt.len() + plan.cap)?;
    let (mut logits, no_speech) = read_prompt(decoder, tokens, sound, plan, &mut said)?;
    let mut written = Written {
        tokens: Vec::new(),
        log_prob: 0.0,
        no_speech,
        ended: Ended::Cap,
        steps: 0,
    };
    let mut probabilities = Vec::new();
    while written.steps < plan.cap {
        if cancelled() {
            written.ended = Ended::Cancelled;
            break;
        }
        let (token, log_prob) = best(&logits, |id| tokens.allowed(id, written.tokens.is_empty()));
        probabilities.push(log_prob);
        if token == tokens.end {
            written.ended = Ended::ByItself;
            break;
        }
        written.tokens.push(token);
        written.steps += 1;
        if let Some(keep) = guard::repeats(&written.tokens) {
            written.tokens.truncate(keep);
            probabilities.truncate(keep);
            written.ended = Ended::Repeating;
            break;
        }
        if written.steps < plan.cap {
            let x = decoder.forward(&[token], sound, &mut said)?;
            logits = decoder.logits(&x)?.flatten_all()?.to_vec1()?;
        }
    }
    written.log_prob = probabilities.iter().sum::<f32>() / probabilities.len().max(1) as f32;
    if written.log_prob.is_nan() || written.no_speech.is_nan() {
        return Err(candle_core::Error::msg("the decoder's answer is not a number: the weights are damaged").into());
    }
    Ok(written)
}

/// The logits after the prompt, and the probability of no speech.
fn read_prompt(
    decoder: &Decoder,
    tokens: &Tokens,
    sound: &Sound,
    plan: &Plan<'_>,
    said: &mut Said,
) -> Result<(Vec<f32>, f32)> {
    let x = decoder.forward(plan.prompt, sound, said)?;
    // Of the prompt's positions only two are asked for what follows: the projection is half of a step's work.
    let rows = [plan.start, plan.prompt.len() - 1].map(|row| x.narrow(0, row, 1));
    let [start, last] = rows;
    let logits = decoder.logits(&Tensor::cat(&[start?, last?], 0)?)?;
    let start: Vec<f32> = logits.get(0)?.to_vec1()?;
    let no_speech = (start[tokens.no_speech as usize] - log_sum(&start)).exp();
    Ok((logits.get(1)?.to_vec1()?, no_speech))
}

/// The token of the language that was spoken, of those that the model knows, and its probability among them.
pub(super) fn language(decoder: &Decoder, tokens: &Tokens, sound: &Sound) -> Result<(usize, f32)> {
    let mut said = decoder.begin(sound, 1)?;
    let x = decoder.forward(&[tokens.start], sound, &mut said)?;
    let logits: Vec<f32> = decoder.logits(&x)?.flatten_all()?.to_vec1()?;
    let each: Vec<f32> = tokens.languages.iter().map(|(_, id)| logits[*id as usize]).collect();
    let (index, log_prob) = best(&each, |_| true);
    Ok((index as usize, log_prob.exp()))
}

/// The likeliest of the allowed tokens, and its log-probability among them.
fn best(logits: &[f32], allowed: impl Fn(usize) -> bool) -> (u32, f32) {
    let possible = || logits.iter().copied().enumerate().filter(|(id, _)| allowed(*id));
    let (best, most) = possible().fold(
        (0, f32::NEG_INFINITY),
        |best, next| if next.1 > best.1 { next } else { best },
    );
    (
        best as u32,
        -possible().map(|(_, logit)| (logit - most).exp()).sum::<f32>().ln(),
    )
}

fn log_sum(logits: &[f32]) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    most + logits.iter().map(|logit| (logit - most).exp()).sum::<f32>().ln()
}
