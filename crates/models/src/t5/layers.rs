//! The transformer: pre-norm layers without biases, positions as a bias by distance, a cache of keys and values.

use candle_core::{Device, Tensor};

use super::config::Config;
use crate::Result;
use crate::linear::{Linear, Precision};
use crate::seq2seq::KeyValue;
use crate::weights::Weights;

#[derive(Clone, Debug)]
pub(super) struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    pub(super) fn load(weights: &Weights, name: &str, config: &Config) -> Result<Self> {
        Ok(Self {
            weight: weights.at(name).get(config.width, "weight")?,
            epsilon: config.epsilon as f32,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(candle_nn::ops::rms_norm(&x.contiguous()?, &self.weight, self.epsilon)?)
    }
}

#[derive(Clone, Debug)]
struct Attention {
    norm: Norm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: usize,
}

impl Attention {
    fn load(layer: &Weights, name: &str, config: &Config, precision: Precision) -> Result<Self> {
        let weights = layer.at(name);
        let (width, inner) = (config.width, config.heads * config.head_width);
        Ok(Self {
            norm: Norm::load(layer, "layer_norm", config)?,
            q: weights.linear("q", width, inner, false, precision)?,
            k: weights.linear("k", width, inner, false, precision)?,
            v: weights.linear("v", width, inner, false, precision)?,
            out: weights.linear("o", inner, width, false, precision)?,
            heads: config.heads,
        })
    }

    fn key_value(&self, x: &Tensor) -> Result<KeyValue> {
        KeyValue::new(&self.k.forward(x)?, &self.v.forward(x)?, self.heads)
    }

    fn attend(&self, normed: &Tensor, to: &KeyValue, bias: Option<&Tensor>) -> Result<Tensor> {
        self.out
            .forward(&to.attend(&self.q.forward(normed)?, self.heads, bias)?)
    }
}

#[derive(Clone, Debug)]
struct FeedForward {
    norm: Norm,
    inner: Linear,
    gate: Option<Linear>,
    outer: Linear,
    activation: super::config::Activation,
}

impl FeedForward {
    fn load(layer: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let weights = layer.at("DenseReluDense");
        let (width, inner) = (config.width, config.inner);
        let (first, gate) = match config.gated {
            true => ("wi_0", Some(weights.linear("wi_1", width, inner, false, precision)?)),
            false => ("wi", None),
        };
        Ok(Self {
            norm: Norm::load(layer, "layer_norm", config)?,
            inner: weights.linear(first, width, inner, false, precision)?,
            gate,
            outer: weights.linear("wo", inner, width, false, precision)?,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normed = self.norm.forward(x)?;
        let mut inner = self.activation.forward(&self.inner.forward(&normed)?)?;
        if let Some(gate) = &self.gate {
            inner = (inner * gate.forward(&normed)?)?;
        }
        Ok((x + self.outer.forward(&inner)?)?)
    }
}

#[derive(Clone, Debug)]
pub(super) struct EncoderLayer {
    attention: Attention,
    feed_forward: FeedForward,
}

impl EncoderLayer {
    pub(super) fn load(block: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let layer = block.at("layer");
        Ok(Self {
            attention: Attention::load(&layer.at(0), "SelfAttention", config, precision)?,
            feed_forward: FeedForward::load(&layer.at(1), config, precision)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let normed = self.attention.norm.forward(x)?;
        let heard = self
            .attention
            .attend(&normed, &self.attention.key_value(&normed)?, Some(bias))?;
        self.feed_forward.forward(&(x + heard)?)
    }
}

#[derive(Clone, Debug)]
pub(super) struct DecoderLayer {
    attention: Attention,
    source: Attention,
    feed_forward: FeedForward,
}

/// What a decoder layer keeps of one sentence.
#[derive(Clone, Debug)]
pub(super) struct LayerState {
    source: KeyValue,
    said: Option<KeyValue>,
}

impl DecoderLayer {
    pub(super) fn load(block: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let layer = block.at("layer");
        Ok(Self {
            attention: Attention::load(&layer.at(0), "SelfAttention", config, precision)?,
            source: Attention::load(&layer.at(1), "EncDecAttention", config, precision)?,
            feed_forward: FeedForward::load(&layer.at(2), config, precision)?,
        })
    }

    /// Reads the encoded source, once for all tokens.
    pub(super) fn read(&self, source: &Tensor) -> Result<LayerState> {
        Ok(LayerState {
            source: self.source.key_value(source)?,
            said: None,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, state: &mut LayerState, bias: &Tensor) -> Result<Tensor> {
        let normed = self.attention.norm.forward(x)?;
        let said = self.attention.key_value(&normed)?.after(state.said.take())?;
        let heard = self.attention.attend(&normed, &said, Some(bias))?;
        state.said = Some(said);
        let x = (x + heard)?;
        let heard = self
            .source
            .attend(&self.source.norm.forward(&x)?, &state.source, None)?;
        self.feed_forward.forward(&(x + heard)?)
    }
}

/// How much a token's score for another changes with the distance between them: a number for each bucket of distances and head.
#[derive(Clone, Debug)]
pub(super) struct Distances {
    table: Tensor,
    buckets: usize,
    max: usize,
    both_ways: bool,
}

impl Distances {
    /// `both_ways`: whether tokens see those after them.
    pub(super) fn load(stack: &Weights, config: &Config, both_ways: bool) -> Result<Self> {
        let weights = stack.at("block.0.layer.0.SelfAttention.relative_attention_bias");
        Ok(Self {
            table: weights.get((config.buckets, config.heads), "weight")?,
            buckets: config.buckets,
            max: config.distance,
            both_ways,
        })
    }

    /// Of `time` tokens after `past` ones to all of them, of shape (1, heads, time, past + time).
    pub(super) fn bias(&self, past: usize, time: usize, device: &Device) -> Result<Tensor> {
        let all = past + time;
        let buckets = (past..all).flat_map(|at| (0..all).map(move |to| (at, to)));
        let buckets = Tensor::from_iter(
            buckets.map(|(at, to)| bucket(at, to, self.buckets, self.max, self.both_ways)),
            device,
        )?;
        Ok(self
            .table
            .index_select(&buckets, 0)?
            .reshape((time, all, ()))?
            .permute((2, 0, 1))?
            .unsqueeze(0)?)
    }
}

/// The bucket of the distance from one token to another. Half of the buckets are for single distances, the others grow by a factor;
/// where tokens see both ways, half of all is for those after.
pub(super) fn bucket(at: usize, to: usize, buckets: usize, max: usize, both_ways: bool) -> u32 {
    let (buckets, first, distance) = match both_ways {
        true => (buckets / 2, if to > at { buckets / 2 } else { 0 }, at.abs_diff(to)),
        false => (buckets, 0, at.saturating_sub(to)),
    };
    let single = buckets / 2;
    let within = if distance < single {
        distance
    } else {
        // In single precision, as in the original: at the edges of buckets it matters.
        let growth = (max as f64 / single as f64).ln() as f32;
        let step = (distance as f32 / single as f32).ln() / growth * (buckets - single) as f32;
        (single + step as usize).min(buckets - 1)
    };
    (first + within) as u32
}
