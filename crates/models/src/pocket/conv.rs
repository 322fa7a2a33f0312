//! Streaming convolutions, time first: (positions, channels) in, (positions, channels) out.
//!
//! A causal convolution over a few positions is one product of the stacked taps with a matrix that is arranged when the model is
//! loaded. A transposed convolution whose kernel is twice its stride is the same with two taps, the position before and the own
//! one, and as many outputs side by side as the stride has positions. What is kept between calls is the last inputs.

use candle_core::{DType, Device, Tensor};

use crate::Result;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;

/// A convolution, or a transposed one.
#[derive(Debug)]
pub(super) struct Conv {
    /// From all taps, the oldest first, to the outputs of all positions that come out.
    matrix: Linear,
    device: Device,
    inputs: usize,
    outputs: usize,
    taps: usize,
    dilation: usize,
    /// Positions that come out for each that goes in.
    stride: usize,
}

/// The last inputs of a [`Conv`], (positions, channels).
#[derive(Debug)]
pub(super) struct Tail(Option<Tensor>);

impl Conv {
    /// From `conv.weight` (outputs, inputs, taps) and `conv.bias`.
    pub(super) fn load(weights: &Weights, inputs: usize, outputs: usize, taps: usize, dilation: usize) -> Result<Self> {
        let weights = weights.at("conv");
        let weight = weights.get((outputs, inputs, taps), "weight")?;
        let weight = weight.transpose(1, 2)?.reshape((outputs, taps * inputs))?;
        Ok(Self {
            matrix: Linear::new(&weight, Some(weights.get(outputs, "bias")?), Precision::Full)?,
            device: weights.device().candle().clone(),
            inputs,
            outputs,
            taps,
            dilation,
            stride: 1,
        })
    }

    /// From `convtr.weight` (inputs, outputs, twice the stride) and `convtr.bias`.
    pub(super) fn load_transposed(weights: &Weights, inputs: usize, outputs: usize, stride: usize) -> Result<Self> {
        let weights = weights.at("convtr");
        let weight = weights.get((inputs, outputs, 2 * stride), "weight")?;
        // The first half of the kernel falls on the own positions, the second on those of the next input.
        let half = |at: usize| -> Result<Tensor> {
            Ok(weight
                .narrow(2, at, stride)?
                .permute((2, 1, 0))?
                .reshape((stride * outputs, inputs))?)
        };
        let weight = Tensor::cat(&[half(stride)?, half(0)?], 1)?;
        let bias = weights.get(outputs, "bias")?.repeat(stride)?;
        Ok(Self {
            matrix: Linear::new(&weight, Some(bias), Precision::Full)?,
            device: weights.device().candle().clone(),
            inputs,
            outputs,
            taps: 2,
            dilation: 1,
            stride,
        })
    }

    /// Before the first input there is silence.
    pub(super) fn tail(&self) -> Result<Tail> {
        let length = (self.taps - 1) * self.dilation;
        let zeros = || Tensor::zeros((length, self.inputs), DType::F32, &self.device);
        Ok(Tail((length > 0).then(zeros).transpose()?))
    }

    /// The next positions.
    pub(super) fn forward(&self, x: &Tensor, tail: &mut Tail) -> Result<Tensor> {
        let count = x.dim(0)?;
        let stacked = match &mut tail.0 {
            Some(tail) => {
                let all = Tensor::cat(&[&*tail, x], 0)?;
                // A copy, so that a whole frame is not kept for its end.
                *tail = all.narrow(0, count, tail.dim(0)?)?.force_contiguous()?;
                let taps: Vec<Tensor> = (0..self.taps)
                    .map(|tap| all.narrow(0, tap * self.dilation, count))
                    .collect::<candle_core::Result<_>>()?;
                Tensor::cat(&taps, 1)?
            }
            None => x.clone(),
        };
        let y = self.matrix.forward(&stacked)?;
        Ok(y.reshape((count * self.stride, self.outputs))?)
    }
}

/// A transposed convolution for each channel on its own, with a kernel of twice the stride and no bias.
#[derive(Debug)]
pub(super) struct Upsample {
    /// (1, stride, channels): what a position adds to its own outputs, and to those of the next one.
    own: Tensor,
    next: Tensor,
    stride: usize,
    channels: usize,
}

impl Upsample {
    /// From `convtr.weight` (channels, 1, twice the stride).
    pub(super) fn load(weights: &Weights, channels: usize, stride: usize) -> Result<Self> {
        let weight = weights.at("convtr").get((channels, 1, 2 * stride), "weight")?;
        let half =
            |at: usize| -> Result<Tensor> { Ok(weight.narrow(2, at, stride)?.permute((1, 2, 0))?.contiguous()?) };
        Ok(Self {
            own: half(0)?,
            next: half(stride)?,
            stride,
            channels,
        })
    }

    /// Before the first input there is silence.
    pub(super) fn tail(&self) -> Result<Tail> {
        let zeros = Tensor::zeros((1, self.channels), DType::F32, self.device())?;
        Ok(Tail(Some(zeros)))
    }

    fn device(&self) -> &Device {
        self.own.device()
    }

    /// The next positions.
    pub(super) fn forward(&self, x: &Tensor, tail: &mut Tail) -> Result<Tensor> {
        let count = x.dim(0)?;
        let before = match &tail.0 {
            Some(tail) if count > 1 => Tensor::cat(&[tail, &x.narrow(0, 0, count - 1)?], 0)?,
            Some(tail) => tail.clone(),
            None => x.zeros_like()?,
        };
        tail.0 = Some(x.narrow(0, count - 1, 1)?.force_contiguous()?);
        let own = x.unsqueeze(1)?.broadcast_mul(&self.own)?;
        let over = before.unsqueeze(1)?.broadcast_mul(&self.next)?;
        Ok((own + over)?.reshape((count * self.stride, self.channels))?)
    }
}

#[cfg(test)]
#[path = "conv_test.rs"]
pub(super) mod test;
