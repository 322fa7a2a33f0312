//! `config.json` of a T5.

use std::path::Path;

use candle_core::Tensor;

use crate::Result;
use crate::seq2seq::{Ends, Fields};

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) vocab: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) head_width: usize,
    pub(super) inner: usize,
    pub(super) encoder_layers: usize,
    pub(super) decoder_layers: usize,
    pub(super) buckets: usize,
    pub(super) distance: usize,
    pub(super) epsilon: f64,
    pub(super) gated: bool,
    pub(super) activation: Activation,
    /// Whether the output layer is the table of token vectors.
    pub(super) tied: bool,
    pub(super) ends: Ends,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Activation {
    Relu,
    GeluTanh,
    Silu,
}

impl Activation {
    pub(super) fn forward(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Relu => x.relu()?,
            Self::GeluTanh => x.gelu()?,
            Self::Silu => candle_nn::ops::silu(x)?,
        })
    }
}

impl Config {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let fields = Fields::read(path)?;
        fields.expect_model(&["t5", "mt5"])?;
        let vocab = fields.required("vocab_size", 3..=4_000_000)?;
        let (gated, activation) = match fields.word("feed_forward_proj")? {
            Some("gated-gelu") => (true, Activation::GeluTanh),
            Some("gated-silu") => (true, Activation::Silu),
            Some("relu") | None => (false, Activation::Relu),
            Some(other) => return Err(fields.error("feed_forward_proj", format!("{other} is not known"))),
        };
        let encoder_layers = fields.required("num_layers", 1..=256)?;
        let buckets = fields.number("relative_attention_num_buckets", 4..=4096)?.unwrap_or(32);
        if !buckets.is_multiple_of(4) {
            let why = format!("is {buckets}, expected a multiple of 4");
            return Err(fields.error("relative_attention_num_buckets", why));
        }
        let distance = fields
            .number("relative_attention_max_distance", 2..=65_536)?
            .unwrap_or(128);
        if distance <= buckets / 2 {
            let why = format!("is {distance}, expected more than half of the {buckets} buckets");
            return Err(fields.error("relative_attention_max_distance", why));
        }
        let pad = fields
            .token("pad_token_id", vocab)?
            .ok_or_else(|| fields.error("pad_token_id", "missing"))?;
        let end = fields
            .token("eos_token_id", vocab)?
            .ok_or_else(|| fields.error("eos_token_id", "missing"))?;
        Ok(Self {
            vocab,
            width: fields.required("d_model", 1..=65_536)?,
            heads: fields.required("num_heads", 1..=1024)?,
            head_width: fields.required("d_kv", 1..=4096)?,
            inner: fields.required("d_ff", 1..=1_048_576)?,
            encoder_layers,
            decoder_layers: fields.number("num_decoder_layers", 1..=256)?.unwrap_or(encoder_layers),
            buckets,
            distance,
            epsilon: fields.real("layer_norm_epsilon", 1e-12..=1e-1)?.unwrap_or(1e-6),
            gated,
            activation,
            tied: fields.flag("tie_word_embeddings")?.unwrap_or(true),
            ends: Ends {
                start: fields.token("decoder_start_token_id", vocab)?.unwrap_or(pad),
                end,
                pad,
            },
        })
    }
}
