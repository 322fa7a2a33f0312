//! What the layers of both halves are made of.

use candle_core::{D, Tensor};

use super::config::{Config, Stack};
use super::ops;
use crate::Result;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;

const EPSILON: f32 = 1e-5;

#[derive(Clone, Debug)]
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    pub(super) fn load(weights: &Weights, width: usize) -> Result<Self> {
        Ok(Self {
            weight: weights.get(width, "weight")?,
            bias: weights.get(width, "bias")?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(candle_nn::ops::layer_norm(x, &self.weight, &self.bias, EPSILON)?)
    }
}

/// The feed-forward part with its norm.
#[derive(Clone, Debug)]
pub(super) struct FeedForward {
    norm: Norm,
    up: Linear,
    down: Linear,
}

impl FeedForward {
    pub(super) fn load(layer: &Weights, config: &Config, stack: Stack, precision: Precision) -> Result<Self> {
        Ok(Self {
            norm: Norm::load(&layer.at("final_layer_norm"), config.width)?,
            up: layer.linear("fc1", config.width, stack.inner, true, precision)?,
            down: layer.linear("fc2", stack.inner, config.width, true, precision)?,
        })
    }

    /// With the residual.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = ops::gelu(self.up.forward(&self.norm.forward(x)?)?)?;
        Ok((x + self.down.forward(&inner)?)?)
    }
}

/// Attention with its norm. Queries, keys and values are (heads, positions, width of a head).
#[derive(Clone, Debug)]
pub(super) struct Attention {
    norm: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
    scale: f64,
}

impl Attention {
    pub(super) fn load(
        layer: &Weights,
        name: &str,
        config: &Config,
        stack: Stack,
        precision: Precision,
    ) -> Result<Self> {
        let (width, at) = (config.width, layer.at(name));
        let linear = |part: &str, bias: bool| at.linear(part, width, width, bias, precision);
        Ok(Self {
            norm: Norm::load(&layer.at(format!("{name}_layer_norm")), width)?,
            query: linear("q_proj", true)?,
            key: linear("k_proj", false)?,
            value: linear("v_proj", true)?,
            out: linear("out_proj", true)?,
            heads: stack.heads,
            scale: ((width / stack.heads) as f64).powf(-0.5),
        })
    }

    pub(super) fn norm(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward(x)
    }

    /// Keys and values of what was heard or said so far; `x` is normed already.
    pub(super) fn keys_values(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok((self.split(&self.key.forward(x)?)?, self.split(&self.value.forward(x)?)?))
    }

    /// What the positions of `x` (normed) make of these keys and values.
    pub(super) fn attend(&self, x: &Tensor, keys: &Tensor, values: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let query = self.split(&(self.query.forward(x)? * self.scale)?)?;
        let mut scores = query.matmul(&keys.t()?)?;
        if let Some(mask) = mask {
            scores = scores.broadcast_add(mask)?;
        }
        let heard = ops::softmax(scores)?.matmul(values)?;
        self.out.forward(&self.join(&heard)?)
    }

    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (positions, width) = x.dims2()?;
        let head = width / self.heads;
        if positions == 1 {
            return Ok(x.reshape((self.heads, 1, head))?);
        }
        Ok(x.reshape((positions, self.heads, head))?
            .transpose(0, 1)?
            .contiguous()?)
    }

    fn join(&self, x: &Tensor) -> Result<Tensor> {
        let (heads, positions, head) = x.dims3()?;
        if positions == 1 {
            return Ok(x.reshape((1, heads * head))?);
        }
        Ok(x.transpose(0, 1)?.contiguous()?.flatten_from(D::Minus2)?)
    }
}
