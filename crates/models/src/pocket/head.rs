//! The flow head: turns noise into a latent, given what the backbone says.

use candle_core::{Device, Tensor};

use super::activation::silu;
use super::config::{Config, FlowKind};
use super::transformer::Norm;
use crate::Result;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;

/// Width of the time embedding's input: cosines and sines.
const FREQUENCIES: usize = 128;

/// Its weights; full precision throughout, since it works on noise that is not forgiving.
#[derive(Debug)]
pub(super) struct Head {
    kind: FlowKind,
    width: usize,
    latent: usize,
    input: Linear,
    condition: Linear,
    /// The mean of both time embeddings: one step from 0 to 1 makes them constant.
    time: Option<Tensor>,
    /// All blocks and the last layer read the same modulation, so that it is one matrix.
    modulation: Linear,
    blocks: Vec<Block>,
    plain: Norm,
    output: Linear,
    device: Device,
}

#[derive(Debug)]
struct Block {
    norm: Norm,
    first: Linear,
    second: Linear,
}

impl Head {
    /// From `flow_net.…`.
    pub(super) fn load(weights: &Weights, config: &Config) -> Result<Self> {
        let (width, latent, flow) = (config.flow_lm.flow.dim, config.latent(), &config.flow_lm.flow);
        let full = |weights: &Weights, name: &str, inputs, outputs| {
            weights.linear(name, inputs, outputs, true, Precision::Full)
        };
        let time = match flow.kind {
            FlowKind::Lsd => {
                let embeddings = weights.at("time_embed");
                let start = time(&embeddings.at(0), width, 0.0)?;
                let end = time(&embeddings.at(1), width, 1.0)?;
                Some(((start + end)? * 0.5)?)
            }
            FlowKind::Pointwise | FlowKind::Drifting => None,
        };
        let blocks: Vec<_> = (0..flow.depth)
            .map(|block| weights.at("res_blocks").at(block))
            .collect();
        let last = weights.at("final_layer");
        let device = weights.device().candle().clone();
        Ok(Self {
            kind: flow.kind,
            width,
            latent,
            input: full(weights, "input_proj", latent, width)?,
            condition: full(weights, "cond_embed", config.condition(), width)?,
            time,
            modulation: modulation(&blocks, &last, width)?,
            plain: Norm::plain(width, 1e-6, &device)?,
            output: full(&last, "linear", width, latent)?,
            blocks: blocks
                .iter()
                .map(|block| Block::load(block, width))
                .collect::<Result<_>>()?,
            device,
        })
    }

    /// A latent (1, latent) from the backbone's output (1, width) and noise.
    pub(super) fn sample(&self, condition: &Tensor, noise: Vec<f32>) -> Result<Tensor> {
        let noise = Tensor::from_vec(noise, (1, self.latent), &self.device)?;
        let output = self.forward(condition, &noise)?;
        Ok(match self.kind {
            FlowKind::Lsd | FlowKind::Pointwise => (noise + output)?,
            FlowKind::Drifting => output,
        })
    }

    fn forward(&self, condition: &Tensor, x: &Tensor) -> Result<Tensor> {
        let mut y = self.condition.forward(condition)?;
        if let Some(time) = &self.time {
            y = (y + time)?;
        }
        let modulation = self.modulation.forward(&silu(&y)?)?;
        let part = |index: usize| modulation.narrow(1, index * self.width, self.width);
        let mut h = self.input.forward(x)?;
        for (index, block) in self.blocks.iter().enumerate() {
            let (shift, scale, gate) = (part(3 * index)?, part(3 * index + 1)?, part(3 * index + 2)?);
            let u = ((block.norm.forward(&h)? * scale)? + shift)?;
            let u = block.second.forward(&silu(&block.first.forward(&u)?)?)?;
            h = (h + (gate * u)?)?;
        }
        let last = 3 * self.blocks.len();
        let u = ((self.plain.forward(&h)? * part(last + 1)?)? + part(last)?)?;
        self.output.forward(&u)
    }
}

impl Block {
    fn load(weights: &Weights, width: usize) -> Result<Self> {
        Ok(Self {
            norm: Norm::load(&weights.at("in_ln"), width, 1e-6)?,
            first: weights.linear("mlp.0", width, width, true, Precision::Full)?,
            second: weights.linear("mlp.2", width, width, true, Precision::Full)?,
        })
    }
}

/// The modulation layers below each other: shift, scale and gate of each block, shift and scale of the last layer. What is
/// multiplied is 1 + scale; the 1 is in the bias.
fn modulation(blocks: &[Weights], last: &Weights, width: usize) -> Result<Linear> {
    let (mut rows, mut biases) = (Vec::new(), Vec::new());
    for (weights, parts) in blocks.iter().map(|block| (block, 3)).chain([(last, 2)]) {
        let weights = weights.at("adaLN_modulation.1");
        rows.push(weights.get((parts * width, width), "weight")?);
        let bias = weights.get(parts * width, "bias")?;
        biases.push(bias.narrow(0, 0, width)?);
        biases.push((bias.narrow(0, width, width)? + 1.0)?);
        if parts == 3 {
            biases.push(bias.narrow(0, 2 * width, width)?);
        }
    }
    Linear::new(&Tensor::cat(&rows, 0)?, Some(Tensor::cat(&biases, 0)?), Precision::Full)
}

/// The embedding of one point in time.
fn time(weights: &Weights, width: usize, at: f64) -> Result<Tensor> {
    let angles = (weights.get(FREQUENCIES, "freqs")? * at)?;
    let x = Tensor::cat(&[angles.cos()?, angles.sin()?], 0)?.unsqueeze(0)?;
    let x = weights
        .linear("mlp.0", 2 * FREQUENCIES, width, true, Precision::Full)?
        .forward(&x)?;
    let x = weights
        .linear("mlp.2", width, width, true, Precision::Full)?
        .forward(&silu(&x)?)?;
    // Not the usual RMSNorm: what divides is the unbiased deviation from the mean, while the mean itself stays.
    let deviation = (x.var_keepdim(1)? + 1e-5)?.sqrt()?;
    let alpha = weights.get(width, "mlp.3.alpha")?;
    Ok(x.broadcast_div(&deviation)?.broadcast_mul(&alpha)?)
}
