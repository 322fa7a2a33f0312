//! MADLAD-400: translation by a quantised T5, for the pairs without an OPUS-MT model.
//!
//! One model knows more than 400 languages; the target is a token before the text, the source is not named. The implementation is
//! our own: candle's takes distances between the tokens of the translation for both-way ones, which changes every translation of more
//! than a few words, and computes the keys and values of the source anew for each token.

mod config;
mod layers;
mod random;
mod tokens;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Tensor;

use self::config::Config;
use self::layers::{DecoderLayer, Distances, EncoderLayer, LayerState, Norm};
use self::tokens::Tokens;
use crate::linear::{Linear, Precision};
use crate::seq2seq::{self, Decoder, Embedding, SoFar};
use crate::weights::Weights;
use crate::{Device, Error, Result};

pub use self::random::{Size, random};

/// The most tokens of a part that is translated at once. Positions are distances, so there is no hard limit; this is what a long
/// sentence has.
const SOURCE_MAX: usize = 256;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `config.json`
    pub config: PathBuf,
    /// `tokenizer.json`
    pub tokenizer: PathBuf,
    /// A `.gguf`, whose quantisation is kept; or `model.safetensors`, which is quantised to 8 bits
    pub weights: PathBuf,
}

/// A model that is ready. A clone shares its weights.
#[derive(Clone)]
pub struct Madlad {
    network: Arc<Network>,
    tokens: Tokens,
}

struct Network {
    config: Config,
    device: Device,
    table: Embedding,
    encoder: Vec<EncoderLayer>,
    encoder_distances: Distances,
    encoder_norm: Norm,
    decoder: Vec<DecoderLayer>,
    decoder_distances: Distances,
    decoder_norm: Norm,
    output: Linear,
}

impl Madlad {
    /// Reads a model.
    pub fn load(files: &Files, device: &Device) -> Result<Self> {
        Self::load_in(files, device, Precision::Q8)
    }

    fn load_in(files: &Files, device: &Device, precision: Precision) -> Result<Self> {
        let config = Config::read(&files.config)?;
        let tokens = Tokens::read(&files.tokenizer, &config)?;
        let weights = Weights::open(&files.weights, device)?;
        Ok(Self {
            network: Arc::new(Network::load(&weights, config, precision)?),
            tokens,
        })
    }

    /// The languages that it translates into, as its tokenizer names them: ISO codes, some with a script.
    pub fn languages(&self) -> Vec<String> {
        self.tokens.languages()
    }

    /// Translates a text into a language. `on_text` is given all of the translation so far, whole words, as it grows, each time
    /// beginning with what it was given before; when it breaks, what there is so far is returned. Nothing is said for an empty text.
    pub fn translate(
        &self,
        text: &str,
        target: &str,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<String> {
        if !self.tokens.knows(target) {
            let known = self.languages().join(", ");
            return Err(Error::Input(format!(
                "the model does not translate into {target}, only into {known}"
            )));
        }
        let mut so_far = SoFar::new(on_text);
        let tokens = |part: &str| {
            self.tokens
                .encode(part, target)
                .map_or(usize::MAX, |tokens| tokens.len())
        };
        for part in seq2seq::split(text)
            .into_iter()
            .flat_map(|sentence| seq2seq::fit(sentence, SOURCE_MAX, &tokens))
        {
            let source = self.tokens.encode(part, target)?;
            let cap = seq2seq::cap(source.len(), 2 * SOURCE_MAX);
            let mut sentence = self.network.read(&source)?;
            let said = seq2seq::greedy(&mut sentence, self.network.config.ends, cap, &mut |said| {
                so_far.token(said, &self.tokens)
            })?;
            if so_far.stopped() {
                break;
            }
            so_far.sentence(&seq2seq::Detokenizer::decode(&self.tokens, &said));
            if so_far.stopped() {
                break;
            }
        }
        Ok(so_far.finish())
    }

    /// Works through `source` tokens and says `said` tokens, whatever they are: warms a device up, and times it.
    pub fn rehearse(&self, source: usize, said: usize) -> Result<()> {
        let ends = self.network.config.ends;
        let mut sentence = self.network.read(&vec![ends.end; source.clamp(1, SOURCE_MAX)])?;
        for _ in 0..said.min(2 * SOURCE_MAX) {
            sentence.next(ends.start)?;
        }
        Ok(())
    }
}

impl Network {
    fn load(weights: &Weights, config: Config, precision: Precision) -> Result<Self> {
        // Tied tensors are in a file once, under any of their names.
        let names = [
            "shared.weight",
            "decoder.embed_tokens.weight",
            "encoder.embed_tokens.weight",
        ];
        let name = names.into_iter().find(|name| weights.has(name)).unwrap_or(names[0]);
        let shape = (config.vocab, config.width);
        let table = match weights.packed(shape, name)? {
            Some(table) => Embedding::Quantised(Arc::new(table)),
            None => Embedding::new(&weights.get(shape, name)?, precision)?,
        };
        let output = match config.tied {
            true => Linear::new(&weights.get(shape, name)?, None, precision)?,
            false => weights.linear("lm_head", config.width, config.vocab, false, precision)?,
        };
        let (encoder, decoder) = (weights.at("encoder"), weights.at("decoder"));
        Ok(Self {
            device: weights.device().clone(),
            table,
            encoder_distances: Distances::load(&encoder, &config, true)?,
            encoder_norm: Norm::load(&encoder, "final_layer_norm", &config)?,
            decoder_distances: Distances::load(&decoder, &config, false)?,
            decoder_norm: Norm::load(&decoder, "final_layer_norm", &config)?,
            encoder: (0..config.encoder_layers)
                .map(|layer| EncoderLayer::load(&encoder.at("block").at(layer), &config, precision))
                .collect::<Result<_>>()?,
            decoder: (0..config.decoder_layers)
                .map(|layer| DecoderLayer::load(&decoder.at("block").at(layer), &config, precision))
                .collect::<Result<_>>()?,
            output,
            config,
        })
    }

    fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        self.table.forward(&Tensor::new(tokens, self.device.candle())?)
    }

    fn encode(&self, source: &[u32]) -> Result<Tensor> {
        let mut x = self.embed(source)?;
        let bias = self.encoder_distances.bias(0, source.len(), self.device.candle())?;
        for layer in &self.encoder {
            x = layer.forward(&x, &bias)?;
        }
        self.encoder_norm.forward(&x)
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
        let device = network.device.candle();
        let mut x = network.embed(tokens)?;
        let mut bias = network.decoder_distances.bias(self.said, tokens.len(), device)?;
        if let Some(mask) = seq2seq::causal(self.said, tokens.len(), device)? {
            bias = bias.broadcast_add(&mask)?;
        }
        for (layer, state) in network.decoder.iter().zip(&mut self.layers) {
            x = layer.forward(&x, state, &bias)?;
        }
        self.said += tokens.len();
        if last_alone {
            x = seq2seq::last(&x)?;
        }
        x = network.decoder_norm.forward(&x)?;
        if network.config.tied {
            x = (x * (network.config.width as f64).sqrt().recip())?;
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
#[path = "t5_test.rs"]
mod tests;
