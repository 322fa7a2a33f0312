//! The encoder: a spectrogram of any length in, one vector for every 20 ms out.

use candle_core::Tensor;

use super::attention::{Attention, FeedForward, Norm};
use super::config::{Config, FRAMES_PER_POSITION};
use super::mel::Spectrogram;
use super::ops;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;
use crate::{Device, Error, Result};

#[derive(Clone, Debug)]
pub(super) struct Encoder {
    device: Device,
    first: Linear,
    second: Linear,
    positions: Tensor,
    layers: Vec<(Attention, FeedForward)>,
    norm: Norm,
}

impl Encoder {
    pub(super) fn load(weights: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let at = weights.at("model.encoder");
        let width = config.width;
        let layers = (0..config.encoder.layers).map(|n| {
            let layer = at.at("layers").at(n);
            Ok((
                Attention::load(&layer, "self_attn", config, config.encoder, precision)?,
                FeedForward::load(&layer, config, config.encoder, precision)?,
            ))
        });
        Ok(Self {
            device: weights.device().clone(),
            first: convolution(&at.at("conv1"), config.mel_bins, width)?,
            second: convolution(&at.at("conv2"), width, width)?,
            positions: at.get((config.source_positions, width), "embed_positions.weight")?,
            layers: layers.collect::<Result<_>>()?,
            norm: Norm::load(&at.at("layer_norm"), width)?,
        })
    }

    /// (positions, width); `None` if it was cancelled.
    pub(super) fn forward(&self, mel: &Spectrogram, cancelled: &dyn Fn() -> bool) -> Result<Option<Tensor>> {
        let positions = mel.frames / FRAMES_PER_POSITION;
        if !mel.frames.is_multiple_of(FRAMES_PER_POSITION) || positions == 0 || positions > self.positions.dim(0)? {
            return Err(Error::Input(format!(
                "a window of {} frames does not fit the encoder",
                mel.frames
            )));
        }
        let x = Tensor::from_slice(&mel.values, (mel.frames, mel.bands), self.device.candle())?;
        let x = ops::gelu(self.first.forward(&neighbours(&x)?)?)?;
        let x = ops::gelu(self.second.forward(&halves(&x)?)?)?;
        let mut x = (x + self.positions.narrow(0, 0, positions)?)?;
        for (attention, feed_forward) in &self.layers {
            if cancelled() {
                return Ok(None);
            }
            let normed = attention.norm(&x)?;
            let (keys, values) = attention.keys_values(&normed)?;
            x = (x + attention.attend(&normed, &keys, &values, None)?)?;
            x = feed_forward.forward(&x)?;
        }
        Ok(Some(self.norm.forward(&x)?))
    }
}

/// A convolution over three frames as a linear layer of three frames side by side. It stays in full precision: it is a
/// hundredth of the work, and what it loses no later layer finds again.
fn convolution(at: &Weights, inputs: usize, outputs: usize) -> Result<Linear> {
    let weight = at.get((outputs, inputs, 3), "weight")?;
    let weight = weight.transpose(1, 2)?.contiguous()?.reshape((outputs, 3 * inputs))?;
    Linear::new(&weight, Some(at.get(outputs, "bias")?), Precision::Full)
}

/// Each frame between the one before and the one after: (frames, 3 * width).
fn neighbours(x: &Tensor) -> Result<Tensor> {
    let (frames, width) = x.dims2()?;
    let edge = Tensor::zeros((1, width), x.dtype(), x.device())?;
    let padded = Tensor::cat(&[&edge, x, &edge], 0)?;
    let columns = [0, 1, 2].map(|n| padded.narrow(0, n, frames));
    let [before, here, after] = columns;
    Ok(Tensor::cat(&[before?, here?, after?], 1)?)
}

/// Every second frame between its neighbours: (frames / 2, 3 * width).
fn halves(x: &Tensor) -> Result<Tensor> {
    let (frames, width) = x.dims2()?;
    let pairs = x.reshape((frames / 2, 2 * width))?;
    let edge = Tensor::zeros((1, width), x.dtype(), x.device())?;
    let before = Tensor::cat(&[edge, pairs.narrow(0, 0, frames / 2 - 1)?.narrow(1, width, width)?], 0)?;
    Ok(Tensor::cat(&[before, pairs], 1)?)
}
