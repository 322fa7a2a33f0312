//! Voices: what the backbone remembers after it has heard one, computed once and kept in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::transformer::Shape;
use crate::{Device, Error, Result};

/// A voice of one model. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Voice(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    /// The weights that it belongs to: to any others it is noise.
    model: PathBuf,
    /// Keys and values of each layer, (kv_heads, positions, head_dim).
    layers: Vec<(Tensor, Tensor)>,
    positions: usize,
}

impl Voice {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Positions that it takes in front of every text.
    pub fn positions(&self) -> usize {
        self.0.positions
    }

    /// Reads a voice file, in which `cache` of each layer is (2, 1, slots, kv_heads, head_dim): keys after rotation, then values.
    /// How many slots count is the value of `offset`, or, in older files, the length of `current_end`.
    pub(super) fn read(path: &Path, name: &str, model: &Path, shape: &Shape, device: &Device) -> Result<Self> {
        let file = std::fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let mut tensors = candle_core::safetensors::load_buffer(&file, &candle_core::Device::Cpu).map_err(|error| {
            Error::Malformed {
                path: path.to_owned(),
                why: error.to_string(),
            }
        })?;
        let wrong = |name: String, why: String| Error::Tensor {
            path: path.to_owned(),
            name,
            why,
        };
        let mut layers = Vec::new();
        let mut positions = None;
        for layer in 0..shape.layers {
            let key = |part: &str| format!("transformer.layers.{layer}.self_attn/{part}");
            let mut take = |part: &str| tensors.remove(&key(part));
            let cache = take("cache").ok_or_else(|| wrong(key("cache"), "missing".into()))?;
            let (offset, end) = (take("offset"), take("current_end"));
            take("pad");
            let length = match (offset, end) {
                (Some(offset), _) => offset
                    .flatten_all()?
                    .to_dtype(DType::I64)?
                    .to_vec1::<i64>()?
                    .first()
                    .copied(),
                (None, Some(end)) => Some(end.elem_count() as i64),
                (None, None) => None,
            };
            let length = length.ok_or_else(|| wrong(key("offset"), "missing, and current_end too".into()))?;
            let &[2, 1, slots, heads, width] = cache.dims() else {
                return Err(wrong(key("cache"), format!("has shape {:?}", cache.dims())));
            };
            if (heads, width) != (shape.kv_heads, shape.head_dim) {
                let expected = (shape.kv_heads, shape.head_dim);
                let why = format!(
                    "has {heads} heads of {width}, expected {} of {}",
                    expected.0, expected.1
                );
                return Err(wrong(key("cache"), why));
            }
            let length = usize::try_from(length).unwrap_or(0);
            if length == 0 || length > slots || positions.is_some_and(|positions| positions != length) {
                return Err(wrong(key("offset"), format!("says {length} of {slots} positions")));
            }
            positions = Some(length);
            let half = |at: usize| -> Result<Tensor> {
                let half = cache.get(at)?.squeeze(0)?.narrow(0, 0, length)?.to_dtype(DType::F32)?;
                let half = half.transpose(0, 1)?.contiguous()?;
                let finite = half.abs()?.max_all()?.to_scalar::<f32>()?.is_finite();
                // A largest value hides what is not a number; a sum does not.
                if !finite || !half.sum_all()?.to_scalar::<f32>()?.is_finite() {
                    return Err(wrong(key("cache"), "is not finite".into()));
                }
                Ok(half.to_device(device.candle())?)
            };
            layers.push((half(0)?, half(1)?));
        }
        if let Some(extra) = tensors.keys().min() {
            return Err(wrong(
                extra.clone(),
                format!("unknown: the model has {} layers", shape.layers),
            ));
        }
        Ok(Self::of(name, model, layers, positions.unwrap_or(0)))
    }

    pub(super) fn of(name: &str, model: &Path, layers: Vec<(Tensor, Tensor)>, positions: usize) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            model: model.to_owned(),
            layers,
            positions,
        }))
    }

    pub(super) fn layers(&self) -> &[(Tensor, Tensor)] {
        &self.0.layers
    }

    pub(super) fn model(&self) -> &Path {
        &self.0.model
    }
}
