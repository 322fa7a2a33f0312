//! A model with random weights: what it says is noise, but it takes the time that a real one of its size takes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use tokenizers::Tokenizer;
use tokenizers::models::unigram::Unigram;
use tokenizers::pre_tokenizers::metaspace::Metaspace;

use super::config::{Activation, Config};
use super::tokens::Tokens;
use super::{Madlad, Network};
use crate::linear::Precision;
use crate::seq2seq::Ends;
use crate::weights::Weights;
use crate::{Device, Error, Result};

const NAME: &str = "random MADLAD-400";

/// How large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 2.9 billion weights, as MADLAD-400 3B: 3.2 GB in 8 bits.
    Madlad3b,
    /// The same shape with 2 + 2 layers and a small vocabulary, for machines that should not hold the other.
    Slice,
}

/// A model of a size, in 8 bits.
pub fn random(size: Size, device: &Device) -> Result<Madlad> {
    let (layers, vocab) = match size {
        Size::Madlad3b => (32, 256_000),
        Size::Slice => (2, 4_000),
    };
    let config = Config {
        vocab,
        width: 1024,
        heads: 16,
        head_width: 128,
        inner: 8192,
        encoder_layers: layers,
        decoder_layers: layers,
        buckets: 32,
        distance: 128,
        epsilon: 1e-6,
        gated: true,
        activation: Activation::GeluTanh,
        tied: false,
        ends: Ends {
            start: 0,
            end: 2,
            pad: 1,
        },
    };
    let tokens = Tokens::new(tokenizer()?, Path::new(NAME), &config)?;
    let weights = Weights::from_tensors(NAME, tensors(&config)?, device);
    Ok(Madlad {
        network: Arc::new(Network::load(&weights, config, Precision::Q8)?),
        tokens,
    })
}

/// One tensor for each shape: layers of the same numbers take the same time and less memory before they are quantised.
fn tensors(config: &Config) -> Result<HashMap<String, Tensor>> {
    let cpu = candle_core::Device::Cpu;
    let (width, heads, inner) = (config.width, config.heads * config.head_width, config.inner);
    let spread = |inputs: usize| (inputs as f32).sqrt().recip();
    let random = |outputs: usize, inputs: usize| Tensor::randn(0f32, spread(inputs), (outputs, inputs), &cpu);
    let (into, out) = (random(heads, width)?, random(width, heads)?);
    let (widen, narrow) = (random(inner, width)?, random(width, inner)?);
    let (vocabulary, distances) = (random(config.vocab, width)?, random(config.buckets, config.heads)?);
    let ones = Tensor::ones(width, DType::F32, &cpu)?;

    let mut tensors = HashMap::from([
        ("shared.weight".to_owned(), vocabulary.clone()),
        ("lm_head.weight".to_owned(), vocabulary),
    ]);
    for (side, layers) in [("encoder", config.encoder_layers), ("decoder", config.decoder_layers)] {
        let attentions: &[&str] = if side == "encoder" {
            &["SelfAttention"]
        } else {
            &["SelfAttention", "EncDecAttention"]
        };
        for block in 0..layers {
            let block = format!("{side}.block.{block}.layer");
            for (at, attention) in attentions.iter().enumerate() {
                for (projection, tensor) in [("q", &into), ("k", &into), ("v", &into), ("o", &out)] {
                    tensors.insert(format!("{block}.{at}.{attention}.{projection}.weight"), tensor.clone());
                }
                tensors.insert(format!("{block}.{at}.layer_norm.weight"), ones.clone());
            }
            let last = format!("{block}.{}", attentions.len());
            for (projection, tensor) in [("wi_0", &widen), ("wi_1", &widen), ("wo", &narrow)] {
                tensors.insert(format!("{last}.DenseReluDense.{projection}.weight"), tensor.clone());
            }
            tensors.insert(format!("{last}.layer_norm.weight"), ones.clone());
        }
        let first = format!("{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        tensors.insert(first, distances.clone());
        tensors.insert(format!("{side}.final_layer_norm.weight"), ones.clone());
    }
    Ok(tensors)
}

/// Pieces of one letter.
fn tokenizer() -> Result<Tokenizer> {
    let marks = ["<unk>", "<s>", "</s>", "<2en>", "<2es>", "<2fr>", "<2de>", "\u{2581}"]
        .into_iter()
        .map(str::to_owned);
    let pieces = marks
        .chain(('!'..='~').map(String::from))
        .map(|piece| (piece, -1.0))
        .collect();
    let model = Unigram::from(pieces, Some(0), false).map_err(|error| Error::Input(format!("{NAME}: {error}")))?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(Metaspace::default()));
    tokenizer.with_decoder(Some(Metaspace::default()));
    Ok(tokenizer)
}
