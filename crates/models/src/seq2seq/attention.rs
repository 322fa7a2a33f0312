//! What attention of any kind needs: heads, a cache of keys and values, masks.

use candle_core::{D, Device, Tensor};

use crate::Result;

/// Keys (transposed: batch, head, width, time) and values (batch, head, time, width).
#[derive(Clone, Debug)]
pub(crate) struct KeyValue {
    k: Tensor,
    v: Tensor,
}

impl KeyValue {
    /// From what the layers for keys and values gave, of shape (batch, time, heads * width).
    pub(crate) fn new(k: &Tensor, v: &Tensor, heads: usize) -> Result<Self> {
        Ok(Self {
            k: split(k, heads)?.transpose(2, 3)?.contiguous()?,
            v: split(v, heads)?,
        })
    }

    /// These after those before, if there were any.
    pub(crate) fn after(self, before: Option<Self>) -> Result<Self> {
        match before {
            None => Ok(self),
            Some(before) => Ok(Self {
                k: Tensor::cat(&[before.k, self.k], 3)?,
                v: Tensor::cat(&[before.v, self.v], 2)?,
            }),
        }
    }

    /// What the queries, of shape (batch, time, heads * width), find here; `bias` is added to their scores.
    pub(crate) fn attend(&self, q: &Tensor, heads: usize, bias: Option<&Tensor>) -> Result<Tensor> {
        let mut scores = split(q, heads)?.matmul(&self.k)?;
        if let Some(bias) = bias {
            scores = scores.broadcast_add(bias)?;
        }
        let found = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&self.v)?;
        Ok(found.transpose(1, 2)?.flatten_from(2)?)
    }
}

fn split(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, time, width) = x.dims3()?;
    Ok(x.reshape((batch, time, heads, width / heads))?
        .transpose(1, 2)?
        .contiguous()?)
}

/// Keeps `time` new tokens from those after them, of shape (time, past + time); a token alone needs none.
pub(crate) fn causal(past: usize, time: usize, device: &Device) -> Result<Option<Tensor>> {
    if time == 1 {
        return Ok(None);
    }
    let all = past + time;
    let later = (0..time).flat_map(|at| (0..all).map(move |to| if to > past + at { f32::NEG_INFINITY } else { 0.0 }));
    Ok(Some(Tensor::from_iter(later, device)?.reshape((time, all))?))
}

/// The last token's vector alone.
pub(crate) fn last(x: &Tensor) -> Result<Tensor> {
    let time = x.dim(D::Minus2)?;
    Ok(x.narrow(D::Minus2, time - 1, 1)?)
}
