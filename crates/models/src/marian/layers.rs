//! The transformer: post-norm layers, sinusoidal positions, a cache of keys and values.

use candle_core::Tensor;
use candle_nn::{LayerNorm, Module as _};

use super::config::{Activation, Config, Stack};
use crate::Result;
use crate::linear::{Linear, Precision};
use crate::seq2seq::KeyValue;
use crate::weights::Weights;

const EPSILON: f64 = 1e-5;

#[derive(Clone, Debug)]
pub(super) struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: usize,
    width: usize,
}

impl Attention {
    fn load(weights: &Weights, width: usize, heads: usize, precision: Precision) -> Result<Self> {
        let linear = |name| weights.linear(name, width, width, true, precision);
        Ok(Self {
            q: linear("q_proj")?,
            k: linear("k_proj")?,
            v: linear("v_proj")?,
            out: linear("out_proj")?,
            heads,
            width,
        })
    }

    /// What can be attended to.
    fn key_value(&self, x: &Tensor) -> Result<KeyValue> {
        KeyValue::new(&self.k.forward(x)?, &self.v.forward(x)?, self.heads)
    }

    fn forward(&self, x: &Tensor, to: &KeyValue, mask: Option<&Tensor>) -> Result<Tensor> {
        let scale = ((self.width / self.heads) as f64).sqrt().recip();
        let q = (self.q.forward(x)? * scale)?;
        self.out.forward(&to.attend(&q, self.heads, mask)?)
    }
}

#[derive(Clone, Debug)]
struct FeedForward {
    inner: Linear,
    outer: Linear,
    activation: Activation,
}

impl FeedForward {
    fn load(
        weights: &Weights,
        width: usize,
        inner: usize,
        activation: Activation,
        precision: Precision,
    ) -> Result<Self> {
        Ok(Self {
            inner: weights.linear("fc1", width, inner, true, precision)?,
            outer: weights.linear("fc2", inner, width, true, precision)?,
            activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.outer.forward(&self.activation.forward(&self.inner.forward(x)?)?)
    }
}

fn norm(weights: &Weights, name: &str, width: usize) -> Result<LayerNorm> {
    let at = weights.at(name);
    Ok(LayerNorm::new(
        at.get(width, "weight")?,
        at.get(width, "bias")?,
        EPSILON,
    ))
}

#[derive(Clone, Debug)]
pub(super) struct EncoderLayer {
    attention: Attention,
    attention_norm: LayerNorm,
    feed_forward: FeedForward,
    norm: LayerNorm,
}

impl EncoderLayer {
    pub(super) fn load(weights: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let Stack { heads, inner, .. } = config.encoder;
        Ok(Self {
            attention: Attention::load(&weights.at("self_attn"), config.width, heads, precision)?,
            attention_norm: norm(weights, "self_attn_layer_norm", config.width)?,
            feed_forward: FeedForward::load(weights, config.width, inner, config.activation, precision)?,
            norm: norm(weights, "final_layer_norm", config.width)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let heard = self.attention.forward(x, &self.attention.key_value(x)?, None)?;
        let x = self.attention_norm.forward(&(x + heard)?)?;
        let thought = self.feed_forward.forward(&x)?;
        Ok(self.norm.forward(&(x + thought)?)?)
    }
}

#[derive(Clone, Debug)]
pub(super) struct DecoderLayer {
    attention: Attention,
    attention_norm: LayerNorm,
    source: Attention,
    source_norm: LayerNorm,
    feed_forward: FeedForward,
    norm: LayerNorm,
}

/// What a decoder layer keeps of one sentence.
#[derive(Clone, Debug)]
pub(super) struct LayerState {
    source: KeyValue,
    said: Option<KeyValue>,
}

impl DecoderLayer {
    pub(super) fn load(weights: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let Stack { heads, inner, .. } = config.decoder;
        Ok(Self {
            attention: Attention::load(&weights.at("self_attn"), config.width, heads, precision)?,
            attention_norm: norm(weights, "self_attn_layer_norm", config.width)?,
            source: Attention::load(&weights.at("encoder_attn"), config.width, heads, precision)?,
            source_norm: norm(weights, "encoder_attn_layer_norm", config.width)?,
            feed_forward: FeedForward::load(weights, config.width, inner, config.activation, precision)?,
            norm: norm(weights, "final_layer_norm", config.width)?,
        })
    }

    /// Reads the encoded source, once for all tokens.
    pub(super) fn read(&self, source: &Tensor) -> Result<LayerState> {
        Ok(LayerState {
            source: self.source.key_value(source)?,
            said: None,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, state: &mut LayerState, mask: Option<&Tensor>) -> Result<Tensor> {
        let said = self.attention.key_value(x)?.after(state.said.take())?;
        let heard = self.attention.forward(x, &said, mask)?;
        state.said = Some(said);
        let x = self.attention_norm.forward(&(x + heard)?)?;
        let heard = self.source.forward(&x, &state.source, None)?;
        let x = self.source_norm.forward(&(x + heard)?)?;
        let thought = self.feed_forward.forward(&x)?;
        Ok(self.norm.forward(&(x + thought)?)?)
    }
}

/// Positions as sines in the first half of the vector and cosines in the second, of shape (time, width).
pub(super) fn positions(from: usize, time: usize, width: usize, device: &candle_core::Device) -> Result<Tensor> {
    let half = width / 2;
    let angle = |at: usize, pair: usize| at as f64 / 10_000f64.powf(2.0 * pair as f64 / width as f64);
    let row = |at: usize| {
        let sines = (0..half).map(move |pair| angle(at, pair).sin() as f32);
        sines.chain((0..half).map(move |pair| angle(at, pair).cos() as f32))
    };
    Ok(Tensor::from_iter((from..from + time).flat_map(row), device)?.reshape((time, width))?)
}
