//! OPUS-MT: translation by Marian models, a pair of languages each.
//!
//! Any published pair works from its files as they are: `config.json`, `source.spm`, `target.spm`, `vocab.json` and the weights
//! (`model.safetensors` or `pytorch_model.bin`). A text is translated sentence by sentence, as these models were trained, and within
//! one the likeliest token is taken each time; words are reported as soon as they are whole, so that they can be spoken while the
//! rest is translated.

mod config;
mod languages;
mod layers;
mod random;
mod vocabulary;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Tensor;

use self::config::Config;
use self::layers::{DecoderLayer, EncoderLayer, LayerState};
use self::vocabulary::Vocabulary;
use crate::linear::{Linear, Precision};
use crate::seq2seq::{self, Decoder, Embedding, SoFar};
use crate::weights::Weights;
use crate::{Device, Error, Result};

pub use self::random::random;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `config.json`
    pub config: PathBuf,
    /// `vocab.json`; a model with two vocabularies has `target_vocab.json` beside it
    pub vocab: PathBuf,
    /// `source.spm`
    pub source_spm: PathBuf,
    /// `target.spm`
    pub target_spm: PathBuf,
    /// `model.safetensors` or `pytorch_model.bin`
    pub weights: PathBuf,
}

/// A model that is ready. A clone shares its weights.
#[derive(Clone)]
pub struct Marian {
    network: Arc<Network>,
    vocabulary: Vocabulary,
    /// The token that names the target language, for models of several.
    target: Option<u32>,
}

struct Network {
    config: Config,
    device: Device,
    source: Embedding,
    target: Embedding,
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
    output: Linear,
}

impl Marian {
    /// Reads a model. With [`Precision::Q8`] the token vectors are kept in 8 bits too.
    pub fn load(files: &Files, device: &Device, precision: Precision) -> Result<Self> {
        let config = Config::read(&files.config)?;
        let vocabulary = Vocabulary::read(files, &config)?;
        let weights = Weights::open(&files.weights, device)?;
        Ok(Self {
            network: Arc::new(Network::load(&weights, config, precision)?),
            vocabulary,
            target: None,
        })
    }

    /// The target languages of a model that has several, as its vocabulary names them; empty if it has one.
    pub fn targets(&self) -> Vec<String> {
        self.vocabulary.targets().to_vec()
    }

    /// The same model, translating into one of its [`Marian::targets`], named so or by an ISO 639-1 code.
    pub fn with_target(&self, language: &str) -> Result<Self> {
        let names = languages::names(language);
        let Some(target) = names.iter().find_map(|name| self.vocabulary.target(name)) else {
            return Err(Error::Input(match self.targets() {
                targets if targets.is_empty() => {
                    format!("the model has one target language, none to choose: {language}")
                }
                targets => format!(
                    "the model does not translate into {language}, only into {}",
                    targets.join(", ")
                ),
            }));
        };
        Ok(Self {
            target: Some(target),
            ..self.clone()
        })
    }

    /// Translates a text. `on_text` is given all of the translation so far, whole words, as it grows, each time beginning with what
    /// it was given before; when it breaks, what there is so far is returned. Nothing is said for an empty text.
    pub fn translate(&self, text: &str, on_text: &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<String> {
        let target = match (self.target, self.vocabulary.targets()) {
            (Some(target), _) => Some(target),
            (None, []) => None,
            (None, [only]) => self.vocabulary.target(only),
            (None, several) => {
                return Err(Error::Input(format!(
                    "the model needs a target language, one of {}",
                    several.join(", ")
                )));
            }
        };
        let positions = self.network.config.positions;
        // Besides the text's tokens there are an end and perhaps a language.
        let limit = positions - 2;
        let mut so_far = SoFar::new(on_text);
        let tokens = |part: &str| self.vocabulary.encode(part).len();
        for part in seq2seq::split(text)
            .into_iter()
            .flat_map(|sentence| seq2seq::fit(sentence, limit, &tokens))
        {
            let mut source: Vec<u32> = target.into_iter().collect();
            source.extend(self.vocabulary.encode(part).into_iter().take(limit));
            source.push(self.vocabulary.end());
            let cap = seq2seq::cap(source.len(), positions);
            let mut sentence = self.network.read(&source)?;
            let said = seq2seq::greedy(&mut sentence, self.network.config.ends, cap, &mut |tokens| {
                so_far.token(tokens, &self.vocabulary)
            })?;
            if so_far.stopped() {
                break;
            }
            so_far.sentence(&seq2seq::Detokenizer::decode(&self.vocabulary, &said));
            if so_far.stopped() {
                break;
            }
        }
        Ok(so_far.finish())
    }

    /// Works through `source` tokens and says `said` tokens, whatever they are: warms a device up, and times it.
    pub fn rehearse(&self, source: usize, said: usize) -> Result<()> {
        let Config { positions, ends, .. } = self.network.config;
        let source = vec![ends.end; source.clamp(1, positions)];
        let mut sentence = self.network.read(&source)?;
        for _ in 0..said.min(positions) {
            sentence.next(ends.start)?;
        }
        Ok(())
    }
}

impl Network {
    fn load(weights: &Weights, config: Config, precision: Precision) -> Result<Self> {
        let at = weights.at("model");
        // Tied tensors are in a file once or several times, under any of their names.
        let table = |names: &[&str], vocab: usize| {
            let name = names
                .iter()
                .find(|name| weights.has(name))
                .or(names.first())
                .copied()
                .unwrap_or_default();
            weights.get((vocab, config.width), name)
        };
        const SHARED: &str = "model.shared.weight";
        const SOURCE: &str = "model.encoder.embed_tokens.weight";
        const TARGET: &str = "model.decoder.embed_tokens.weight";
        const OUTPUT: &str = "lm_head.weight";
        let (source, target) = match config.shared {
            true => {
                let table = table(&[SHARED, OUTPUT, TARGET, SOURCE], config.vocab)?;
                (table.clone(), table)
            }
            false => (
                table(&[SOURCE], config.vocab)?,
                table(&[TARGET, OUTPUT], config.target_vocab)?,
            ),
        };
        let bias = match weights.has("final_logits_bias") {
            true => Some(
                weights
                    .get((1, config.target_vocab), "final_logits_bias")?
                    .flatten_all()?,
            ),
            false => None,
        };
        let source_table = Embedding::new(&source, precision)?;
        let target_table = match config.shared {
            true => source_table.clone(),
            false => Embedding::new(&target, precision)?,
        };
        let encoder = (0..config.encoder.layers)
            .map(|layer| EncoderLayer::load(&at.at("encoder.layers").at(layer), &config, precision))
            .collect::<Result<_>>()?;
        let decoder = (0..config.decoder.layers)
            .map(|layer| DecoderLayer::load(&at.at("decoder.layers").at(layer), &config, precision))
            .collect::<Result<_>>()?;
        Ok(Self {
            output: Linear::new(&target, bias, precision)?,
            device: weights.device().clone(),
            source: source_table,
            target: target_table,
            encoder,
            decoder,
            config,
        })
    }

    fn embed(&self, table: &Embedding, tokens: &[u32], from: usize) -> Result<Tensor> {
        let device = self.device.candle();
        let vectors = (table.forward(&Tensor::new(tokens, device)?)? * self.config.scale)?;
        Ok(vectors.broadcast_add(&layers::positions(from, tokens.len(), self.config.width, device)?)?)
    }

    fn encode(&self, source: &[u32]) -> Result<Tensor> {
        let mut x = self.embed(&self.source, source, 0)?;
        for layer in &self.encoder {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }

    /// Reads the source of a sentence.
    fn read(&self, source: &[u32]) -> Result<Sentence<'_>> {
        let source = self.encode(source)?;
        Ok(Sentence {
            layers: self
                .decoder
                .iter()
                .map(|layer| layer.read(&source))
                .collect::<Result<_>>()?,
            network: self,
            said: 0,
        })
    }
}

/// One sentence on its way: all that the model keeps of it.
struct Sentence<'a> {
    network: &'a Network,
    layers: Vec<LayerState>,
    said: usize,
}

impl Sentence<'_> {
    /// Reads more tokens; the scores are of shape (tokens, vocabulary), or of the last token alone.
    fn forward(&mut self, tokens: &[u32], last_alone: bool) -> Result<Tensor> {
        let network = self.network;
        let mut x = network.embed(&network.target, tokens, self.said)?;
        let mask = seq2seq::causal(self.said, tokens.len(), network.device.candle())?;
        for (layer, state) in network.decoder.iter().zip(&mut self.layers) {
            x = layer.forward(&x, state, mask.as_ref())?;
        }
        self.said += tokens.len();
        if last_alone {
            x = seq2seq::last(&x)?;
        }
        Ok(network.output.forward(&x)?.squeeze(0)?)
    }
}

impl Decoder for Sentence<'_> {
    fn next(&mut self, token: u32) -> Result<Vec<f32>> {
        Ok(self.forward(&[token], true)?.flatten_all()?.to_vec1()?)
    }
}

/// Whether a `config.json` is one of such a model.
pub(crate) fn judge(path: &Path) -> Result<()> {
    Config::read(path).map(drop)
}

#[cfg(test)]
#[path = "marian_test.rs"]
mod tests;
