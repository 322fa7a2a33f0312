//! The transformer that the language model and the codec share: pre-norm, rotary positions on adjacent pairs, grouped heads, an
//! optional window and LayerScale, and a cache of keys and values that is allocated once for an utterance.

use candle_core::{DType, Device, Tensor};
use candle_nn::ops::{layer_norm, softmax_last_dim};
use candle_nn::rotary_emb::rope_i;

use super::activation;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;
use crate::{Error, Result};

/// Widths and numbers of a transformer.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) d_model: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) feed_forward: usize,
    pub(super) layers: usize,
    pub(super) max_period: f64,
    /// Positions that are seen, the own one among them; all if there is none.
    pub(super) context: Option<usize>,
    pub(super) layer_scale: bool,
}

/// Its weights.
#[derive(Debug)]
pub(super) struct Transformer {
    layers: Vec<Layer>,
    shape: Shape,
    /// One for each pair of a head.
    frequencies: Vec<f32>,
    device: Device,
}

/// A layer normalisation with weight and bias.
#[derive(Debug)]
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

#[derive(Debug)]
struct Layer {
    norm1: Norm,
    in_proj: Linear,
    out_proj: Linear,
    scale1: Option<Tensor>,
    norm2: Norm,
    linear1: Linear,
    linear2: Linear,
    scale2: Option<Tensor>,
}

/// Keys and values of the positions so far.
#[derive(Debug)]
pub(super) struct Cache {
    /// Keys and values of each layer, (kv_heads, capacity, head_dim).
    layers: Vec<(Tensor, Tensor)>,
    /// Positions that lie in the buffers.
    held: usize,
    /// Positions that went through.
    position: usize,
    capacity: usize,
}

/// What all layers of one pass share.
struct Pass {
    cos: Tensor,
    sin: Tensor,
    mask: Option<Tensor>,
}

impl Norm {
    pub(super) fn load(weights: &Weights, width: usize, epsilon: f32) -> Result<Self> {
        Ok(Self {
            weight: weights.get(width, "weight")?,
            bias: weights.get(width, "bias")?,
            epsilon,
        })
    }

    /// Without weight and bias.
    pub(super) fn plain(width: usize, epsilon: f32, device: &Device) -> Result<Self> {
        Ok(Self {
            weight: Tensor::ones(width, DType::F32, device)?,
            bias: Tensor::zeros(width, DType::F32, device)?,
            epsilon,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(layer_norm(x, &self.weight, &self.bias, self.epsilon)?)
    }
}

impl Transformer {
    /// From `layers.N.…`.
    pub(super) fn load(weights: &Weights, shape: Shape, precision: Precision) -> Result<Self> {
        let layers = (0..shape.layers)
            .map(|layer| Layer::load(&weights.at("layers").at(layer), &shape, precision))
            .collect::<Result<_>>()?;
        // One more in the file means another model's file, which would speak nonsense.
        let next = weights.at("layers").at(shape.layers);
        if next.has("norm1.weight") {
            return Err(next.error(
                "norm1.weight",
                format!("one layer more than the {} expected", shape.layers),
            ));
        }
        let slope = (-shape.max_period.ln() * 2.0 / shape.head_dim as f64) as f32;
        Ok(Self {
            layers,
            frequencies: (0..shape.head_dim / 2)
                .map(|pair| (pair as f32 * slope).exp())
                .collect(),
            shape,
            device: weights.device().candle().clone(),
        })
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// An empty cache. Without a window it takes `capacity` positions; with one it never ends, and `capacity` is the usual number of
    /// positions in one pass.
    pub(super) fn cache(&self, capacity: usize) -> Result<Cache> {
        let capacity = self
            .shape
            .context
            .map_or(capacity, |context| window_room(context, capacity));
        let dims = (self.shape.kv_heads, capacity, self.shape.head_dim);
        let empty = || Tensor::zeros(dims, DType::F32, &self.device);
        let layers = (0..self.shape.layers)
            .map(|_| Ok((empty()?, empty()?)))
            .collect::<Result<_>>()?;
        Ok(Cache {
            layers,
            held: 0,
            position: 0,
            capacity,
        })
    }

    /// Puts (positions, width) through; the result has the same shape.
    pub(super) fn forward(&self, x: &Tensor, cache: &mut Cache) -> Result<Tensor> {
        let count = x.dim(0)?;
        cache.make_room(count, self.shape.context)?;
        let (cos, sin) = self.rotation(cache.position, count)?;
        let pass = Pass {
            cos,
            sin,
            mask: self.mask(count, cache.held)?,
        };
        let mut x = x.clone();
        for (layer, (keys, values)) in self.layers.iter().zip(&cache.layers) {
            x = layer.forward(&x, &self.shape, &pass, (keys, values), cache.held)?;
        }
        cache.held += count;
        cache.position += count;
        Ok(x)
    }

    /// Cosines and sines for positions from `first` on, in F32 as the models were trained with.
    fn rotation(&self, first: usize, count: usize) -> Result<(Tensor, Tensor)> {
        let angles = (first..first + count).flat_map(|at| self.frequencies.iter().map(move |f| f * at as f32));
        let (sin, cos): (Vec<f32>, Vec<f32>) = angles.map(f32::sin_cos).unzip();
        let dims = (count, self.frequencies.len());
        Ok((
            Tensor::from_vec(cos, dims, &self.device)?,
            Tensor::from_vec(sin, dims, &self.device)?,
        ))
    }

    /// Added to the scores: nothing of the future, nothing before the window. None if everything may be seen.
    fn mask(&self, count: usize, held: usize) -> Result<Option<Tensor>> {
        let window = self.shape.context.unwrap_or(usize::MAX);
        let total = held + count;
        if count == 1 && total <= window {
            return Ok(None);
        }
        let values = (held..total).flat_map(|query| {
            (0..total).map(move |key| {
                let seen = key <= query && query - key < window;
                if seen { 0.0 } else { f32::NEG_INFINITY }
            })
        });
        let mask = Tensor::from_vec(values.collect::<Vec<f32>>(), (count, total), &self.device)?;
        Ok(Some(mask))
    }
}

impl Cache {
    /// Fills the first positions with keys and values that were computed before, (kv_heads, positions, head_dim) for each layer.
    pub(super) fn fill(&mut self, layers: &[(Tensor, Tensor)]) -> Result<()> {
        let mut length = 0;
        for ((keys, values), (from_keys, from_values)) in self.layers.iter().zip(layers) {
            keys.slice_set(from_keys, 1, 0)?;
            values.slice_set(from_values, 1, 0)?;
            length = from_keys.dim(1)?;
        }
        self.held = length;
        self.position = length;
        Ok(())
    }

    /// Forgets everything after the first positions.
    pub(super) fn rewind(&mut self, positions: usize) {
        self.held = positions;
        self.position = positions;
    }

    fn make_room(&mut self, count: usize, context: Option<usize>) -> Result<()> {
        let Some(context) = context else {
            if self.held + count > self.capacity {
                return Err(Error::Input(format!("more than {} positions", self.capacity)));
            }
            return Ok(());
        };
        if self.held + count <= self.capacity {
            return Ok(());
        }
        // More positions at once than ever before need larger buffers.
        self.capacity = self.capacity.max(window_room(context, count));
        let keep = self.held.min(context - 1);
        for buffer in self.layers.iter_mut().flat_map(|(keys, values)| [keys, values]) {
            let (heads, held, width) = buffer.dims3()?;
            let kept = buffer.narrow(1, self.held - keep, keep)?.force_contiguous()?;
            if held < self.capacity {
                *buffer = Tensor::zeros((heads, self.capacity, width), DType::F32, buffer.device())?;
            }
            if keep > 0 {
                buffer.slice_set(&kept, 1, 0)?;
            }
        }
        self.held = keep;
        Ok(())
    }
}

/// Room for a window and several passes, so that the window moves to the front of the buffer only now and then.
fn window_room(context: usize, count: usize) -> usize {
    2 * context + 4 * count
}

impl Layer {
    fn load(weights: &Weights, shape: &Shape, precision: Precision) -> Result<Self> {
        let d = shape.d_model;
        let attention = weights.at("self_attn");
        let query = shape.heads * shape.head_dim;
        let all = query + 2 * shape.kv_heads * shape.head_dim;
        let scale = |name: &str| shape.layer_scale.then(|| weights.at(name).get(d, "scale")).transpose();
        Ok(Self {
            norm1: Norm::load(&weights.at("norm1"), d, 1e-5)?,
            in_proj: attention.linear("in_proj", d, all, false, precision)?,
            out_proj: attention.linear("out_proj", query, d, false, precision)?,
            scale1: scale("layer_scale_1")?,
            norm2: Norm::load(&weights.at("norm2"), d, 1e-5)?,
            linear1: weights.linear("linear1", d, shape.feed_forward, false, precision)?,
            linear2: weights.linear("linear2", shape.feed_forward, d, false, precision)?,
            scale2: scale("layer_scale_2")?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        shape: &Shape,
        pass: &Pass,
        cache: (&Tensor, &Tensor),
        held: usize,
    ) -> Result<Tensor> {
        let attended = self.attend(&self.norm1.forward(x)?, shape, pass, cache, held)?;
        let x = add(x, attended, self.scale1.as_ref())?;
        let hidden = activation::gelu(&self.linear1.forward(&self.norm2.forward(&x)?)?)?;
        add(&x, self.linear2.forward(&hidden)?, self.scale2.as_ref())
    }

    fn attend(
        &self,
        x: &Tensor,
        shape: &Shape,
        pass: &Pass,
        (keys, values): (&Tensor, &Tensor),
        held: usize,
    ) -> Result<Tensor> {
        let &Shape {
            heads,
            kv_heads,
            head_dim,
            context,
            ..
        } = shape;
        let count = x.dim(0)?;
        let projected = self.in_proj.forward(x)?;
        let part = |first: usize, heads: usize| {
            let part = projected.narrow(1, first * head_dim, heads * head_dim)?;
            // One position has its heads in the right order already.
            if count == 1 {
                return part.reshape((heads, 1, head_dim));
            }
            part.reshape((count, heads, head_dim))?.transpose(0, 1)?.contiguous()
        };
        // Queries and keys lie side by side and turn together.
        let turned = rope_i(&part(0, heads + kv_heads)?.unsqueeze(0)?, &pass.cos, &pass.sin)?.squeeze(0)?;
        keys.slice_set(&turned.narrow(0, heads, kv_heads)?, 1, held)?;
        values.slice_set(&part(heads + kv_heads, kv_heads)?, 1, held)?;

        // Of a window only what the first of the new positions can see.
        let from = context.map_or(0, |context| (held + 1).saturating_sub(context));
        let total = held + count - from;
        let keys = keys.narrow(1, from, total)?;
        let values = values.narrow(1, from, total)?;
        // The query heads that share keys lie next to each other: they count as more positions.
        let query = (turned.narrow(0, 0, heads)? * (head_dim as f64).powf(-0.5))?.reshape((
            kv_heads,
            heads / kv_heads * count,
            head_dim,
        ))?;
        let mut scores = query.matmul(&keys.transpose(1, 2)?)?;
        if let Some(mask) = &pass.mask {
            let mask = mask.narrow(1, from, total)?;
            scores = scores.reshape((heads, count, total))?.broadcast_add(&mask)?.reshape((
                kv_heads,
                heads / kv_heads * count,
                total,
            ))?;
        }
        let mixed = softmax_last_dim(&scores)?
            .matmul(&values)?
            .reshape((heads, count, head_dim))?;
        let mixed = if count == 1 {
            mixed.reshape((1, heads * head_dim))?
        } else {
            mixed.transpose(0, 1)?.reshape((count, heads * head_dim))?
        };
        self.out_proj.forward(&mixed)
    }
}

/// The residual sum, scaled where the layer has scales.
fn add(x: &Tensor, update: Tensor, scale: Option<&Tensor>) -> Result<Tensor> {
    let update = match scale {
        Some(scale) => update.broadcast_mul(scale)?,
        None => update,
    };
    Ok((x + update)?)
}
