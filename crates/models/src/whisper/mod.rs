//! Whisper: speech to text, in the language that was spoken or in English.
//!
//! An utterance is heard in a window of its own length and 2 s of silence, not in Whisper's 30 s: the text is as good and the
//! encoder ten times cheaper. Two things make that possible: the silence, without which the end is lost or said twice, and a
//! guard that stops a decoder which does not find the end. What the model writes for noise is filtered, with the reason.
//!
//! Every published size is read from its `config.json`, `tokenizer.json` and weights (safetensors in F32 or F16, GGUF with the
//! same names). A `generation_config.json` beside `config.json` is read too.

mod attention;
mod config;
mod decode;
mod decoder;
mod encoder;
mod filter;
mod guard;
mod languages;
mod mel;
mod ops;
mod random;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::config::{Config, Stack};
pub use self::filter::Filter;
pub use self::mel::{Mel, RATE, Spectrogram};
pub use self::random::{Size, tensors, weights};

use self::config::FRAMES_PER_POSITION;
use self::decode::{Ended, Plan};
use self::decoder::{Decoder, Sound};
use self::encoder::Encoder;
use self::mel::FRAMES_PER_SECOND;
use self::tokens::Tokens;
use crate::linear::Precision;
use crate::weights::Weights;
use crate::{Device, Error, Result};

/// Silence after an utterance, in frames: with less of it Whisper loses the end or says it again.
const PAD: usize = 2 * FRAMES_PER_SECOND;
/// Shortest window, in frames.
const LEAST: usize = 5 * FRAMES_PER_SECOND;
/// Most tokens: so many for each second and so many more. Fast speech needs 7.4 a second.
const TOKENS_PER_SECOND: f32 = 8.0;
const TOKENS_MORE: usize = 8;
/// A peak below it (-80 dBFS) is silence.
const AUDIBLE: f32 = 1e-4;

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// `model.safetensors` or a `.gguf`.
    pub weights: PathBuf,
}

/// A loaded model; clones share the weights. It keeps nothing of what it hears.
#[derive(Clone, Debug)]
pub struct Whisper(Arc<Model>);

#[derive(Debug)]
struct Model {
    config: Config,
    tokens: Tokens,
    device: Device,
    mel: Mel,
    encoder: Encoder,
    decoder: Decoder,
}

/// What to write down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// What was said, in its own language.
    #[default]
    Transcribe,
    /// What was said, in English.
    Translate,
}

/// How to hear an utterance.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The language that is spoken; `None` finds out, for one more step of the decoder.
    pub language: Option<&'a str>,
    /// What to write down.
    pub task: Task,
    /// What was said before, as far as it helps with names and spelling.
    pub prompt: Option<&'a str>,
    /// Asked before each token and each layer of the encoder.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self {
            language: None,
            task: Task::Transcribe,
            prompt: None,
            cancelled: &|| false,
        }
    }
}

/// What was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// ISO 639 code of what was spoken; empty where it was to be found out and nothing was heard.
    pub language: String,
    /// Empty if it was filtered.
    pub text: String,
    /// The model's probability that this is no speech.
    pub no_speech: f32,
    /// Mean log-probability of the tokens.
    pub log_prob: f32,
    /// Steps of the decoder.
    pub tokens: usize,
    /// Why the text is empty or shorter than what was written.
    pub filtered: Option<Filter>,
    /// Where the time went.
    pub took: Took,
}

/// Time of each part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// The spectrogram.
    pub mel: Duration,
    /// The encoder.
    pub encoder: Duration,
    /// The decoder: the sound's keys and values, the language, the prompt, the tokens.
    pub decoder: Duration,
}

impl Took {
    /// The sum.
    pub fn whole(&self) -> Duration {
        self.mel + self.encoder + self.decoder
    }
}

impl Whisper {
    /// Reads a model.
    pub fn load(files: &Files, device: &Device, precision: Precision) -> Result<Self> {
        let (config, extra) = Config::read_both(&files.config)?;
        let tokens = Tokens::read(&files.tokenizer, &config, &files.config, extra)?;
        Self::assemble(config, tokens, &Weights::open(&files.weights, device)?, precision)
    }

    /// A model of a published size with random weights, for timing.
    pub fn random(size: Size, device: &Device, precision: Precision) -> Result<Self> {
        let config = size.config();
        let tokens = Tokens::without_text(&config);
        let weights = weights(&config, device)?;
        Self::assemble(config, tokens, &weights, precision)
    }

    fn assemble(config: Config, tokens: Tokens, weights: &Weights, precision: Precision) -> Result<Self> {
        Ok(Self(Arc::new(Model {
            device: weights.device().clone(),
            mel: Mel::new(config.mel_bins),
            encoder: Encoder::load(weights, &config, precision)?,
            decoder: Decoder::load(weights, &config, precision)?,
            tokens,
            config,
        })))
    }

    /// Its sizes.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// ISO 639 codes of the languages that it understands; `en` alone for the English models.
    pub fn languages(&self) -> Vec<String> {
        if self.0.tokens.languages.is_empty() {
            return vec!["en".into()];
        }
        self.0.tokens.languages.iter().map(|(code, _)| code.clone()).collect()
    }

    /// Whether it can translate to English. Models whose decoder was cut down (turbo, distilled ones) were trained without.
    pub fn translates(&self) -> bool {
        let config = &self.0.config;
        !self.0.tokens.languages.is_empty() && config.decoder.layers >= config.encoder.layers
    }

    /// Writes down an utterance: 16 kHz mono, at most 30 s.
    pub fn hear(&self, pcm: &[f32], ask: &Ask<'_>) -> Result<Heard> {
        let model = &*self.0;
        let language = self.language(ask)?;
        if let Some(at) = pcm.iter().position(|sample| !sample.is_finite()) {
            return Err(Error::Input(format!("sample {at} is not a number")));
        }
        let mut heard = Heard {
            language: language.map(|n| self.code(n)).unwrap_or_default(),
            text: String::new(),
            no_speech: 1.0,
            log_prob: 0.0,
            tokens: 0,
            filtered: None,
            took: Took::default(),
        };
        let frames = self.frames(pcm.len())?;
        if pcm.iter().all(|sample| sample.abs() < AUDIBLE) {
            heard.filtered = Some(Filter::Silence);
            return Ok(heard);
        }
        let Some(sound) = self.listen(pcm, frames, ask.cancelled, &mut heard.took)? else {
            heard.filtered = Some(Filter::Cancelled);
            return Ok(heard);
        };
        let begun = Instant::now();
        let language = match language {
            Some(language) => language,
            None => decode::language(&model.decoder, &model.tokens, &sound)?.0,
        };
        heard.language = self.code(language);
        // Half of the decoder's positions at most are for what went before.
        let most = model.config.target_positions / 2 - 1;
        let before = model.tokens.before(ask.prompt.unwrap_or_default(), most)?;
        let token = model.tokens.languages.get(language).map_or(0, |(_, token)| *token);
        let (prompt, start) = model.tokens.prompt(token, ask.task, &before);
        let plan = Plan {
            cap: cap(pcm.len()).min(model.config.target_positions - prompt.len()),
            prompt: &prompt,
            start,
        };
        let written = decode::write(&model.decoder, &model.tokens, &sound, &plan, ask.cancelled)?;
        heard.took.decoder += begun.elapsed();
        heard.no_speech = written.no_speech;
        heard.log_prob = written.log_prob;
        heard.tokens = written.steps;
        if written.ended == Ended::Cancelled {
            heard.filtered = Some(Filter::Cancelled);
            return Ok(heard);
        }
        let text = filter::spoken(&model.tokens.text(&written.tokens)?);
        heard.filtered = filter::judge(&text, written.no_speech, written.log_prob);
        if heard.filtered.is_none() {
            heard.text = text;
            heard.filtered = match written.ended {
                Ended::Repeating => Some(Filter::Repetition),
                Ended::Cap => Some(Filter::Length),
                Ended::ByItself | Ended::Cancelled => None,
            };
        }
        Ok(heard)
    }

    /// Does the work of [`Whisper::hear`] for a text of so many tokens, whatever the weights would say: for warming up and for
    /// timing.
    pub fn rehearse(&self, pcm: &[f32], tokens: usize) -> Result<Took> {
        let model = &*self.0;
        let mut took = Took::default();
        let Some(sound) = self.listen(pcm, self.frames(pcm.len())?, &|| false, &mut took)? else {
            return Ok(took);
        };
        let begun = Instant::now();
        let (prompt, _) = model.tokens.prompt(model.tokens.end, Task::Transcribe, &[]);
        let tokens = tokens.min(model.config.target_positions - prompt.len());
        let mut said = model.decoder.begin(&sound, prompt.len() + tokens)?;
        for step in 0..=tokens {
            let input = if step == 0 { prompt.as_slice() } else { &prompt[..1] };
            let x = model.decoder.forward(input, &sound, &mut said)?;
            let logits: Vec<f32> = model
                .decoder
                .logits(&x.narrow(0, input.len() - 1, 1)?)?
                .flatten_all()?
                .to_vec1()?;
            std::hint::black_box(logits);
        }
        took.decoder += begun.elapsed();
        Ok(took)
    }

    /// Mel, encoder, and what the decoder needs of its output; `None` if it was cancelled.
    fn listen(
        &self,
        pcm: &[f32],
        frames: usize,
        cancelled: &dyn Fn() -> bool,
        took: &mut Took,
    ) -> Result<Option<Sound>> {
        let model = &*self.0;
        let begun = Instant::now();
        let spectrogram = model.mel.window(pcm, frames);
        took.mel = begun.elapsed();
        let Some(encoded) = model.encoder.forward(&spectrogram, cancelled)? else {
            return Ok(None);
        };
        model.device.candle().synchronize()?;
        took.encoder = begun.elapsed() - took.mel;
        let begun = Instant::now();
        let sound = model.decoder.listen(&encoded)?;
        took.decoder = begun.elapsed();
        Ok(Some(sound))
    }

    /// The window for so many samples.
    fn frames(&self, samples: usize) -> Result<usize> {
        let most = self.0.config.source_positions * FRAMES_PER_POSITION;
        let frames = samples.div_ceil(RATE / FRAMES_PER_SECOND);
        if frames > most {
            let seconds = samples as f32 / RATE as f32;
            let longest = self.0.config.longest();
            return Err(Error::Input(format!(
                "an utterance of {seconds:.1} s, at most {longest} s fit"
            )));
        }
        Ok((frames + PAD)
            .max(LEAST)
            .next_multiple_of(FRAMES_PER_POSITION)
            .min(most))
    }

    /// Which of the languages was asked for.
    fn language(&self, ask: &Ask<'_>) -> Result<Option<usize>> {
        if ask.task == Task::Translate && !self.translates() {
            return Err(Error::Input("this model does not translate".into()));
        }
        let known = self.languages();
        match ask.language {
            Some(tag) => {
                let code = languages::code(tag);
                let found = known.iter().position(|known| *known == code);
                let unknown = || Error::Input(format!("language {tag:?} is not one of {}", known.join(" ")));
                Ok(Some(found.ok_or_else(unknown)?))
            }
            None if self.0.tokens.languages.is_empty() => Ok(Some(0)),
            None => Ok(None),
        }
    }

    fn code(&self, language: usize) -> String {
        let found = self.0.tokens.languages.get(language);
        found.map_or_else(|| "en".into(), |(code, _)| code.clone())
    }
}

/// Most tokens of an utterance.
fn cap(samples: usize) -> usize {
    (samples as f32 / RATE as f32 * TOKENS_PER_SECOND) as usize + TOKENS_MORE
}

#[cfg(test)]
mod tests;
