//! The decoder: tokens in, what comes next out, one step at a time.

use candle_core::{DType, Tensor};

use super::attention::{Attention, FeedForward, Norm};
use super::config::Config;
use crate::linear::{Linear, Precision};
use crate::weights::Weights;
use crate::{Error, Result};

#[derive(Clone, Debug)]
pub(super) struct Decoder {
    embedding: Tensor,
    positions: Tensor,
    layers: Vec<Layer>,
    norm: Norm,
    project: Linear,
}

#[derive(Clone, Debug)]
struct Layer {
    own: Attention,
    cross: Attention,
    feed_forward: FeedForward,
}

/// Keys and values of one utterance's sound for each layer: made once, shared by all that is said about it.
pub(super) struct Sound(Vec<(Tensor, Tensor)>);

/// Keys and values of what was said so far, with room for the rest.
pub(super) struct Said {
    layers: Vec<(Tensor, Tensor)>,
    length: usize,
    room: usize,
}

impl Decoder {
    pub(super) fn load(weights: &Weights, config: &Config, precision: Precision) -> Result<Self> {
        let at = weights.at("model.decoder");
        let (width, vocab) = (config.width, config.vocab);
        let layers = (0..config.decoder.layers).map(|n| {
            let layer = at.at("layers").at(n);
            Ok(Layer {
                own: Attention::load(&layer, "self_attn", config, config.decoder, precision)?,
                cross: Attention::load(&layer, "encoder_attn", config, config.decoder, precision)?,
                feed_forward: FeedForward::load(&layer, config, config.decoder, precision)?,
            })
        });
        let table = at.get((vocab, width), "embed_tokens.weight")?;
        // In full precision the table and the projection are one tensor. Beside a quantised projection the table is only
        // looked up, a row for each token: the published weights are F16, which keeps them whole at half the memory.
        let (embedding, project) = match (precision, config.tied) {
            (Precision::Full, true) => (table.clone(), Linear::new(&table, None, precision)?),
            (Precision::Q8, true) => (
                table.to_dtype(DType::F16)?,
                at.linear("embed_tokens", width, vocab, false, precision)?,
            ),
            (_, false) => (
                table.to_dtype(DType::F16)?,
                weights.linear("proj_out", width, vocab, false, precision)?,
            ),
        };
        Ok(Self {
            embedding,
            positions: at.get((config.target_positions, width), "embed_positions.weight")?,
            layers: layers.collect::<Result<_>>()?,
            norm: Norm::load(&at.at("layer_norm"), width)?,
            project,
        })
    }

    /// What the layers need of the encoder's output.
    pub(super) fn listen(&self, encoded: &Tensor) -> Result<Sound> {
        let each = self.layers.iter().map(|layer| layer.cross.keys_values(encoded));
        Ok(Sound(each.collect::<Result<_>>()?))
    }

    /// Nothing said, room for so many tokens.
    pub(super) fn begin(&self, sound: &Sound, room: usize) -> Result<Said> {
        let room = room.min(self.positions.dim(0)?);
        let each = sound.0.iter().map(|(keys, _)| {
            let (heads, _, head) = keys.dims3()?;
            let empty = || Tensor::zeros((heads, room, head), keys.dtype(), keys.device());
            Ok((empty()?, empty()?))
        });
        Ok(Said {
            layers: each.collect::<Result<_>>()?,
            length: 0,
            room,
        })
    }

    /// Says `tokens` after what was said; (tokens, width), for [`Decoder::logits`].
    pub(super) fn forward(&self, tokens: &[u32], sound: &Sound, said: &mut Said) -> Result<Tensor> {
        let (before, count) = (said.length, tokens.len());
        if before + count > said.room {
            return Err(Error::Input(format!(
                "{} tokens, room for {}",
                before + count,
                said.room
            )));
        }
        let device = self.positions.device();
        let ids = Tensor::new(tokens, device)?;
        let mut x =
            (self.embedding.embedding(&ids)?.to_dtype(DType::F32)? + self.positions.narrow(0, before, count)?)?;
        let mask = if count > 1 {
            Some(self.mask(before, count)?)
        } else {
            None
        };
        for ((layer, (keys, values)), (sound_keys, sound_values)) in self.layers.iter().zip(&said.layers).zip(&sound.0)
        {
            let normed = layer.own.norm(&x)?;
            let (new_keys, new_values) = layer.own.keys_values(&normed)?;
            keys.slice_set(&new_keys, 1, before)?;
            values.slice_set(&new_values, 1, before)?;
            let (keys, values) = (keys.narrow(1, 0, before + count)?, values.narrow(1, 0, before + count)?);
            x = (x + layer.own.attend(&normed, &keys, &values, mask.as_ref())?)?;
            let normed = layer.cross.norm(&x)?;
            x = (x + layer.cross.attend(&normed, sound_keys, sound_values, None)?)?;
            x = layer.feed_forward.forward(&x)?;
        }
        said.length += count;
        Ok(x)
    }

    /// (rows, vocabulary) for the rows of `x`.
    pub(super) fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.project.forward(&self.norm.forward(&x.contiguous()?)?)
    }

    /// No token sees a later one.
    fn mask(&self, before: usize, count: usize) -> Result<Tensor> {
        let width = before + count;
        let hidden = |row: usize, column: usize| if column > before + row { f32::NEG_INFINITY } else { 0.0 };
        let values: Vec<f32> = (0..count * width).map(|n| hidden(n / width, n % width)).collect();
        Ok(Tensor::from_vec(values, (count, width), self.positions.device())?)
    }
}
