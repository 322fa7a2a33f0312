//! The codec's decoder: latents in, sound out, a frame at a time or several.

use candle_core::Tensor;

use super::activation::elu;
use super::config::Config;
use super::conv::{Conv, Tail, Upsample};
use super::transformer::{Cache, Transformer};
use crate::Result;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;

/// Its weights.
#[derive(Debug)]
pub(super) struct Decoder {
    quantizer: Linear,
    upsample: Upsample,
    input: Option<Linear>,
    transformer: Transformer,
    output: Option<Linear>,
    first: Conv,
    stages: Vec<Stage>,
    last: Conv,
    /// Positions of the transformer for each latent.
    positions: usize,
}

/// A transposed convolution and the residual blocks after it.
#[derive(Debug)]
struct Stage {
    up: Conv,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    wide: Conv,
    narrow: Conv,
}

/// What the decoder remembers of one utterance.
#[derive(Debug)]
pub(super) struct State {
    upsample: Tail,
    transformer: Cache,
    convs: Vec<Tail>,
}

/// What lies between the parts, for tests.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) quantizer: Tensor,
    pub(super) upsample: Tensor,
    pub(super) transformer: Tensor,
    pub(super) first: Tensor,
    pub(super) up: Tensor,
    pub(super) block: Tensor,
}

impl Decoder {
    /// From `quantizer`, `upsample`, `decoder_transformer` and `decoder` below the prefix.
    pub(super) fn load(weights: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let (mimi, seanet) = (&config.mimi, config.mimi.decoder_seanet());
        let (latent, width) = (config.latent(), seanet.dimension);
        let quantizer = weights.at("quantizer").get((width, latent, 1), "output_proj.weight")?;
        let positions = mimi.positions().unwrap_or(1);
        let shape = mimi.decoder_transformer().shape();
        let (inside, transformer) = (shape.d_model, weights.at("decoder_transformer"));
        let projection = |name: &str, inputs, outputs| {
            let needed = inside != width;
            needed
                .then(|| transformer.linear(name, inputs, outputs, false, precision))
                .transpose()
        };

        let model = weights.at("decoder").at("model");
        let mut channels = seanet.n_filters << seanet.ratios.len();
        let first = Conv::load(&model.at(0), width, channels, seanet.kernel_size, 1)?;
        // Activations have numbers too.
        let mut index = 2;
        let mut stages = Vec::new();
        for &ratio in &seanet.ratios {
            let up = Conv::load_transposed(&model.at(index), channels, channels / 2, ratio)?;
            channels /= 2;
            let mut blocks = Vec::new();
            for residual in 0..seanet.n_residual_layers {
                index += 1;
                let dilation = seanet.dilation_base.pow(residual as u32);
                blocks.push(Block::load(
                    &model.at(index).at("block"),
                    channels,
                    seanet.compress,
                    seanet.residual_kernel_size,
                    dilation,
                )?);
            }
            stages.push(Stage { up, blocks });
            index += 2;
        }
        Ok(Self {
            quantizer: Linear::new(&quantizer.squeeze(2)?, None, Precision::Full)?,
            upsample: Upsample::load(&weights.at("upsample").at("convtr"), width, positions)?,
            input: projection("input_proj", width, inside)?,
            output: projection("output_projs.0", inside, width)?,
            transformer: Transformer::load(&transformer.at("transformer"), shape, precision)?,
            first,
            stages,
            last: Conv::load(&model.at(index), channels, 1, seanet.last_kernel_size, 1)?,
            positions,
        })
    }

    /// Before the first frame.
    pub(super) fn state(&self) -> Result<State> {
        let mut convs = vec![self.first.tail()?];
        for stage in &self.stages {
            convs.push(stage.up.tail()?);
            for block in &stage.blocks {
                convs.push(block.wide.tail()?);
                convs.push(block.narrow.tail()?);
            }
        }
        convs.push(self.last.tail()?);
        Ok(State {
            upsample: self.upsample.tail()?,
            transformer: self.transformer.cache(self.positions)?,
            convs,
        })
    }

    /// The sound of the next frames, (samples), from their latents, (frames, latent).
    pub(super) fn decode(&self, latents: &Tensor, state: &mut State) -> Result<Tensor> {
        let x = self.embed(latents, state)?;
        self.sound(&x, state)
    }

    fn embed(&self, latents: &Tensor, state: &mut State) -> Result<Tensor> {
        let x = self
            .upsample
            .forward(&self.quantizer.forward(latents)?, &mut state.upsample)?;
        self.attend(x, state)
    }

    fn attend(&self, mut x: Tensor, state: &mut State) -> Result<Tensor> {
        if let Some(input) = &self.input {
            x = input.forward(&x)?;
        }
        x = self.transformer.forward(&x, &mut state.transformer)?;
        match &self.output {
            Some(output) => output.forward(&x),
            None => Ok(x),
        }
    }

    fn sound(&self, x: &Tensor, state: &mut State) -> Result<Tensor> {
        let mut tails = state.convs.iter_mut();
        // As many tails as convolutions, in the same order: that is how `state` makes them.
        let mut apply = |conv: &Conv, x: &Tensor| match tails.next() {
            Some(tail) => conv.forward(x, tail),
            None => conv.forward(x, &mut conv.tail()?),
        };
        let mut x = apply(&self.first, x)?;
        for stage in &self.stages {
            x = apply(&stage.up, &elu(&x)?)?;
            for block in &stage.blocks {
                let inside = apply(&block.wide, &elu(&x)?)?;
                x = (x + apply(&block.narrow, &elu(&inside)?)?)?;
            }
        }
        Ok(apply(&self.last, &elu(&x)?)?.flatten_all()?)
    }

    /// The same as [`Decoder::decode`] up to the first residual block, part by part.
    #[cfg(test)]
    pub(super) fn parts(&self, latents: &Tensor) -> Result<Parts> {
        let mut state = self.state()?;
        let quantizer = self.quantizer.forward(latents)?;
        let upsample = self.upsample.forward(&quantizer, &mut state.upsample)?;
        let transformer = self.attend(upsample.clone(), &mut state)?;
        let first = self.first.forward(&transformer, &mut state.convs[0])?;
        let up = self.stages[0].up.forward(&elu(&first)?, &mut state.convs[1])?;
        let inside = self.stages[0].blocks[0].wide.forward(&elu(&up)?, &mut state.convs[2])?;
        let inside = self.stages[0].blocks[0]
            .narrow
            .forward(&elu(&inside)?, &mut state.convs[3])?;
        Ok(Parts {
            quantizer,
            upsample,
            transformer,
            first,
            block: (&up + inside)?,
            up,
        })
    }
}

impl Block {
    fn load(weights: &Weights, channels: usize, compress: usize, taps: usize, dilation: usize) -> Result<Self> {
        let inside = channels / compress;
        Ok(Self {
            wide: Conv::load(&weights.at(1), channels, inside, taps, dilation)?,
            narrow: Conv::load(&weights.at(3), inside, channels, 1, 1)?,
        })
    }
}
