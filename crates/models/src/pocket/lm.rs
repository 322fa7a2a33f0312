//! The language model: after a voice and a text, one latent after the other until the text is spoken.

use candle_core::Tensor;

use super::config::Config;
use super::head::Head;
use super::noise::Noise;
use super::transformer::{Cache, Norm, Transformer};
use super::voice::Voice;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;
use crate::{Error, Result};

/// Its weights.
#[derive(Debug)]
pub(super) struct FlowLm {
    /// (pieces + 1, width or rank); the last row is padding.
    table: Tensor,
    projection: Option<Linear>,
    input: Linear,
    /// What stands for the latent before the first, (1, width).
    begin: Tensor,
    transformer: Transformer,
    norm: Norm,
    narrow: Option<Linear>,
    eos: Linear,
    head: Head,
    deviation: Tensor,
    mean: Tensor,
    latent: usize,
}

/// What is known after a step.
#[derive(Debug)]
pub(super) struct Step {
    /// The next latent as the model sees it, (1, latent).
    pub(super) latent: Tensor,
    /// How sure it is that speech has ended.
    pub(super) eos: f32,
}

impl FlowLm {
    /// From everything below `flow_lm`.
    pub(super) fn load(weights: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let (lm, latent) = (&config.flow_lm, config.latent());
        let (width, condition) = (lm.transformer.d_model, config.condition());
        let conditioner = weights.at("conditioner");
        let rank = lm.lookup_table.rank;
        let input = weights.linear("input_linear", latent, width, false, Precision::Full)?;
        let begin = input.forward(&weights.get(latent, "bos_emb")?.unsqueeze(0)?)?;
        Ok(Self {
            table: conditioner.get((lm.lookup_table.n_bins + 1, rank.unwrap_or(width)), "embed.weight")?,
            projection: rank
                .map(|rank| conditioner.linear("proj", rank, width, false, Precision::Full))
                .transpose()?,
            input,
            begin,
            transformer: Transformer::load(&weights.at("transformer"), config.backbone(), precision)?,
            norm: Norm::load(&weights.at("out_norm"), width, 1e-5)?,
            narrow: lm
                .z_dim
                .map(|z| weights.linear("z_proj", width, z, false, Precision::Full))
                .transpose()?,
            eos: weights.linear("out_eos", condition, 1, true, Precision::Full)?,
            head: Head::load(&weights.at("flow_net"), config)?,
            deviation: weights.get(latent, "emb_std")?,
            mean: weights.get(latent, "emb_mean")?,
            latent,
        })
    }

    pub(super) fn transformer(&self) -> &Transformer {
        &self.transformer
    }

    #[cfg(test)]
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// A cache that begins with a voice and has room for `positions` more.
    pub(super) fn listen(&self, voice: &Voice, positions: usize) -> Result<Cache> {
        let mut cache = self.transformer.cache(voice.positions() + positions)?;
        cache.fill(voice.layers())?;
        Ok(cache)
    }

    /// Reads a text and makes the first latent, in one pass.
    pub(super) fn begin(&self, ids: &[u32], cache: &mut Cache, noise: &mut Noise, deviation: f32) -> Result<Step> {
        let x = Tensor::cat(&[&self.text(ids)?, &self.begin], 0)?;
        self.step(&x, cache, noise, deviation)
    }

    /// Makes the latent after `latent`.
    pub(super) fn next(&self, latent: &Tensor, cache: &mut Cache, noise: &mut Noise, deviation: f32) -> Result<Step> {
        self.step(&self.input.forward(latent)?, cache, noise, deviation)
    }

    /// What the decoder makes sound of.
    pub(super) fn denormalise(&self, latent: &Tensor) -> Result<Tensor> {
        Ok(latent.broadcast_mul(&self.deviation)?.broadcast_add(&self.mean)?)
    }

    /// The rows of a text.
    pub(super) fn text(&self, ids: &[u32]) -> Result<Tensor> {
        let ids = Tensor::new(ids, self.table.device())?;
        let rows = self.table.index_select(&ids, 0)?;
        match &self.projection {
            Some(projection) => projection.forward(&rows),
            None => Ok(rows),
        }
    }

    /// What the heads see, (1, width), of the last of the positions.
    pub(super) fn condition(&self, x: &Tensor, cache: &mut Cache) -> Result<Tensor> {
        let y = self.transformer.forward(x, cache)?;
        let last = y.narrow(0, y.dim(0)? - 1, 1)?.contiguous()?;
        let y = self.norm.forward(&last)?;
        match &self.narrow {
            Some(narrow) => narrow.forward(&y),
            None => Ok(y),
        }
    }

    fn step(&self, x: &Tensor, cache: &mut Cache, noise: &mut Noise, deviation: f32) -> Result<Step> {
        let condition = self.condition(x, cache)?;
        let eos = self.eos.forward(&condition)?.flatten_all()?.to_vec1::<f32>()?[0];
        if eos.is_nan() {
            return Err(Error::Compute(candle_core::Error::Msg(
                "the speech model's output is not a number".into(),
            )));
        }
        let noise = noise.next(self.latent, deviation)?;
        Ok(Step {
            latent: self.head.sample(&condition, noise)?,
            eos,
        })
    }
}
