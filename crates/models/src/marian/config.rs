//! `config.json` of a Marian model.

use std::path::Path;

use candle_core::Tensor;

use crate::seq2seq::{Ends, Fields};
use crate::{Result, seq2seq};

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) vocab: usize,
    pub(super) target_vocab: usize,
    pub(super) width: usize,
    pub(super) encoder: Stack,
    pub(super) decoder: Stack,
    pub(super) positions: usize,
    pub(super) activation: Activation,
    /// What token vectors are multiplied by.
    pub(super) scale: f64,
    /// Whether both languages have one table of token vectors.
    pub(super) shared: bool,
    pub(super) ends: Ends,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) inner: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Activation {
    Swish,
    Gelu,
    GeluTanh,
    Relu,
}

impl Activation {
    pub(super) fn forward(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Swish => candle_nn::ops::silu(x)?,
            Self::Gelu => x.gelu_erf()?,
            Self::GeluTanh => x.gelu()?,
            Self::Relu => x.relu()?,
        })
    }
}

impl Config {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let fields = Fields::read(path)?;
        fields.expect_model(&["marian"])?;
        let width = fields.required("d_model", 2..=16_384)?;
        if !width.is_multiple_of(2) {
            return Err(fields.error("d_model", format!("is {width}, expected an even number")));
        }
        let vocab = fields.required("vocab_size", 3..=4_000_000)?;
        let target_vocab = fields.number("decoder_vocab_size", 3..=4_000_000)?.unwrap_or(vocab);
        let activation = match fields.word("activation_function")? {
            Some("swish" | "silu") => Activation::Swish,
            Some("gelu") | None => Activation::Gelu,
            Some("gelu_new" | "gelu_pytorch_tanh") => Activation::GeluTanh,
            Some("relu") => Activation::Relu,
            Some(other) => return Err(fields.error("activation_function", format!("{other} is not known"))),
        };
        let shared = fields.flag("share_encoder_decoder_embeddings")?.unwrap_or(true);
        if shared && target_vocab != vocab {
            let why = format!("is {target_vocab}, but embeddings are shared with a vocabulary of {vocab}");
            return Err(fields.error("decoder_vocab_size", why));
        }
        let pad = fields
            .token("pad_token_id", target_vocab)?
            .ok_or_else(|| fields.error("pad_token_id", "missing"))?;
        if fields.flag("tie_word_embeddings")? == Some(false) {
            return Err(fields.error(
                "tie_word_embeddings",
                "is false, expected true as in every published model",
            ));
        }
        let scaled = fields.flag("scale_embedding")?.unwrap_or(false);
        Ok(Self {
            vocab,
            target_vocab,
            width,
            encoder: Stack::read(&fields, "encoder", width)?,
            decoder: Stack::read(&fields, "decoder", width)?,
            positions: fields.required("max_position_embeddings", 16..=65_536)?,
            activation,
            scale: if scaled { (width as f64).sqrt() } else { 1.0 },
            shared,
            ends: Ends {
                start: fields.token("decoder_start_token_id", target_vocab)?.unwrap_or(pad),
                end: fields.token("eos_token_id", vocab.min(target_vocab))?.unwrap_or(0),
                pad,
            },
        })
    }

    /// OPUS-MT's base size.
    pub(super) fn base() -> Self {
        let stack = Stack {
            layers: 6,
            heads: 8,
            inner: 2048,
        };
        let vocab = 65_001;
        let pad = 65_000;
        Self {
            vocab,
            target_vocab: vocab,
            width: 512,
            encoder: stack,
            decoder: stack,
            positions: 512,
            activation: Activation::Swish,
            scale: 512f64.sqrt(),
            shared: true,
            ends: seq2seq::Ends {
                start: pad,
                end: 0,
                pad,
            },
        }
    }
}

impl Stack {
    fn read(fields: &Fields, side: &str, width: usize) -> Result<Self> {
        let heads = format!("{side}_attention_heads");
        let stack = Self {
            layers: fields.required(&format!("{side}_layers"), 1..=128)?,
            heads: fields.required(&heads, 1..=1024)?,
            inner: fields.required(&format!("{side}_ffn_dim"), 1..=262_144)?,
        };
        if !width.is_multiple_of(stack.heads) {
            return Err(fields.error(
                &heads,
                format!("is {}, which does not divide d_model {width}", stack.heads),
            ));
        }
        Ok(stack)
    }
}
