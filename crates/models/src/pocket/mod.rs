//! Pocket TTS: text to speech, streaming.
//!
//! A text is cut into chunks. For each of them a language model that has heard a voice reads the text and then makes one
//! continuous latent for every 80 ms, each from noise by a small flow head; a streaming decoder (Mimi) turns them into sound as
//! they come. There is one checkpoint, tokenizer and set of voices for each language; a voice belongs to its checkpoint.
//!
//! Weights are CC-BY-4.0 by Kyutai; voices have licences of their own.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::lm::FlowLm;
use self::mimi::Decoder;
use self::tokenizer::Tokenizer;
use crate::linear::Precision;
use crate::weights::Weights;
use crate::{Device, Error, Result};

mod activation;
mod chunk;
mod config;
mod conv;
mod head;
mod lm;
mod mimi;
mod noise;
mod random;
mod session;
mod text;
mod tokenizer;
mod transformer;
mod voice;

pub use self::config::{Config, NAMES, default_voice, for_language};
pub use self::noise::Noise;
pub use self::random::random;
pub use self::session::{Spoken, Took};
pub use self::voice::Voice;

/// Samples per second of the sound, which is mono.
pub const SAMPLE_RATE: u32 = 24_000;

/// What a model consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `model.safetensors`. A `config.json` beside it describes a model that is not one of [`NAMES`].
    pub weights: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// The directory of `<voice>.safetensors`.
    pub voices: PathBuf,
}

/// A loaded model. Cheap to clone; any number of threads may speak with it at once.
#[derive(Clone, Debug)]
pub struct PocketTts {
    model: Arc<Model>,
    two_threads: bool,
}

#[derive(Debug)]
struct Model {
    name: String,
    config: Config,
    weights: PathBuf,
    voices: PathBuf,
    device: Device,
    tokenizer: Tokenizer,
    lm: FlowLm,
    decoder: Decoder,
}

impl PocketTts {
    /// Loads a model. Quantised are the linear layers of both transformers; the head and the convolutions stay in F32.
    pub fn load(name: &str, files: &Files, device: &Device, precision: Precision) -> Result<Self> {
        let described = files.weights.with_file_name("config.json");
        let config = if described.exists() {
            Config::read(&described)?
        } else {
            Config::named(name)
                .ok_or_else(|| Error::Input(format!("unknown speech model {name}; known: {}", NAMES.join(", "))))?
        };
        let tokenizer = Tokenizer::load(&files.tokenizer, config.flow_lm.lookup_table.n_bins)?;
        let weights = Weights::open(&files.weights, device)?;
        Self::of(name, config, &weights, tokenizer, &files.voices, precision)
    }

    fn of(
        name: &str,
        config: Config,
        weights: &Weights,
        tokenizer: Tokenizer,
        voices: &Path,
        precision: Precision,
    ) -> Result<Self> {
        let device = weights.device().clone();
        let model = Model {
            name: name.to_owned(),
            weights: weights.path().to_owned(),
            voices: voices.to_owned(),
            lm: FlowLm::load(&weights.at("flow_lm"), &config, precision)?,
            decoder: Decoder::load(&weights.at("mimi"), &config, precision)?,
            config,
            tokenizer,
            device,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            // A GPU gains nothing from a second thread that feeds it.
            two_threads: model.device.is_cpu() && cores > 1,
            model: Arc::new(model),
        })
    }

    /// Whether the language model and the decoder run on a thread each, for speech that comes faster on a processor with cores to
    /// spare. What is said does not depend on it.
    pub fn with_two_threads(mut self, two_threads: bool) -> Self {
        self.two_threads = two_threads;
        self
    }

    /// Its name, as it was asked for.
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.model.config
    }

    /// Samples in each piece of sound: 80 ms.
    pub fn frame(&self) -> usize {
        let mimi = &self.model.config.mimi;
        (f64::from(mimi.sample_rate) / mimi.frame_rate) as usize
    }

    /// The names of its voices, in order.
    pub fn voices(&self) -> Result<Vec<String>> {
        let directory = &self.model.voices;
        let failed = |source| Error::Io {
            path: directory.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "safetensors")
                && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Loads a voice.
    pub fn voice(&self, name: &str) -> Result<Voice> {
        let model = &self.model;
        // Names come from clients: nothing that could leave the directory.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let path = model.voices.join(format!("{name}.safetensors"));
        if name.is_empty() || !name.chars().all(plain) || !path.exists() {
            let known = self.voices()?.join(", ");
            return Err(Error::Input(format!(
                "unknown voice {name:?} of {}; known: {known}",
                model.name
            )));
        }
        let shape = model.lm.transformer().shape();
        Voice::read(&path, name, &model.weights, shape, &model.device)
    }

    /// Speaks. `on_pcm` gets [`PocketTts::frame`] samples at a time, nominally within ±1, as soon as they exist, and stops the
    /// speech by breaking off. The same noise gives the same sound.
    pub fn speak(
        &self,
        text: &str,
        voice: &Voice,
        noise: Noise,
        on_pcm: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
    ) -> Result<Spoken> {
        session::speak(&self.model, self.two_threads, text, voice, noise, on_pcm)
    }
}

#[cfg(test)]
mod parity_test;
