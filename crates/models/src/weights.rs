//! A model's weights by name, from safetensors, GGUF or PyTorch; every complaint names the file and the tensor.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::{QTensor, gguf_file};
use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Shape, Tensor};

use crate::linear::{Linear, Precision};
use crate::pytorch::PyTorch;
use crate::{Device, Error, Result};

/// Weights of one file, seen from a prefix.
#[derive(Clone)]
pub struct Weights {
    file: Arc<Opened>,
    prefix: String,
}

struct Opened {
    path: PathBuf,
    device: Device,
    source: Source,
}

enum Source {
    Safetensors(MmapedSafetensors),
    Gguf(gguf_file::Content),
    PyTorch(PyTorch),
    Memory(HashMap<String, Tensor>),
}

impl Weights {
    /// Opens a `.safetensors`, `.gguf` or `.bin` (PyTorch) file. Tensors are copied out of it as they are asked for.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let malformed = |error: candle_core::Error| Error::Malformed {
            path: path.to_owned(),
            why: error.to_string(),
        };
        // Opened first, so that a missing file is an I/O error and not a malformed one.
        let mut file = File::open(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        let source = if extension == Some("gguf") {
            Source::Gguf(gguf_file::Content::read(&mut file).map_err(malformed)?)
        } else if extension == Some("bin") {
            Source::PyTorch(PyTorch::open(path).map_err(malformed)?)
        } else {
            #[expect(
                unsafe_code,
                reason = "the file must not change while it is mapped: it lies in the verified cache, which nothing writes to in place"
            )]
            let mapped = unsafe { MmapedSafetensors::new(path) };
            Source::Safetensors(mapped.map_err(malformed)?)
        };
        Ok(Self::of(path.to_owned(), device, source))
    }

    /// Weights that are made and not read: full-size random ones for timing, for instance.
    pub fn from_tensors(name: &str, tensors: HashMap<String, Tensor>, device: &Device) -> Self {
        Self::of(PathBuf::from(name), device, Source::Memory(tensors))
    }

    fn of(path: PathBuf, device: &Device, source: Source) -> Self {
        Self {
            file: Arc::new(Opened {
                path,
                device: device.clone(),
                source,
            }),
            prefix: String::new(),
        }
    }

    /// The same file from a longer prefix: `at("decoder").at("layers.0")`.
    pub fn at(&self, part: impl std::fmt::Display) -> Self {
        Self {
            file: self.file.clone(),
            prefix: format!("{}{part}.", self.prefix),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Where its tensors go.
    pub fn device(&self) -> &Device {
        &self.file.device
    }

    /// Whether a tensor is there.
    pub fn has(&self, name: &str) -> bool {
        let full = self.full(name);
        match &self.file.source {
            Source::Safetensors(file) => file.get(&full).is_ok(),
            Source::Gguf(content) => content.tensor_infos.contains_key(&full),
            Source::PyTorch(file) => file.has(&full),
            Source::Memory(tensors) => tensors.contains_key(&full),
        }
    }

    /// A tensor of this shape, in F32.
    pub fn get(&self, shape: impl Into<Shape>, name: &str) -> Result<Tensor> {
        let tensor = self.any(name)?;
        self.check(name, tensor.shape(), &shape.into())?;
        Ok(tensor)
    }

    /// A tensor of any shape, in F32.
    pub fn any(&self, name: &str) -> Result<Tensor> {
        let full = self.full(name);
        let device = self.file.device.candle();
        let found = match &self.file.source {
            Source::Safetensors(file) => file.load(&full, device),
            Source::Gguf(content) => self.quantised(content, &full).and_then(|tensor| tensor.dequantize(device)),
            Source::PyTorch(file) => match file.get(&full) {
                Ok(Some(tensor)) => tensor.to_device(device),
                Ok(None) => return Err(self.error(name, "missing".into())),
                Err(error) => Err(error),
            },
            Source::Memory(tensors) => match tensors.get(&full) {
                Some(tensor) => tensor.to_device(device),
                None => return Err(self.error(name, "missing".into())),
            },
        };
        let tensor = found.map_err(|error| self.error(name, error.to_string()))?;
        Ok(tensor.to_dtype(DType::F32)?)
    }

    /// A tensor of this shape as a GGUF file keeps it; nothing from other files.
    pub fn packed(&self, shape: impl Into<Shape>, name: &str) -> Result<Option<QTensor>> {
        let full = self.full(name);
        let Source::Gguf(content) = &self.file.source else {
            return Ok(None);
        };
        let tensor = self.quantised(content, &full).map_err(|error| self.error(name, error.to_string()))?;
        self.check(name, tensor.shape(), &shape.into())?;
        Ok(Some(tensor))
    }

    /// The linear layer `name` with `name.weight` of shape (outputs, inputs) and, if asked for, `name.bias`.
    pub fn linear(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
        bias: bool,
        precision: Precision,
    ) -> Result<Linear> {
        let at = self.at(name);
        let bias = if bias { Some(at.get(outputs, "bias")?) } else { None };
        if let (Source::Gguf(content), Precision::Q8) = (&self.file.source, precision) {
            let weight = self
                .quantised(content, &at.full("weight"))
                .map_err(|error| at.error("weight", error.to_string()))?;
            at.check("weight", weight.shape(), &Shape::from((outputs, inputs)))?;
            return Linear::quantised(weight, bias);
        }
        Linear::new(&at.get((outputs, inputs), "weight")?, bias, precision)
    }

    /// An error about one of its tensors.
    pub fn error(&self, name: &str, why: String) -> Error {
        Error::Tensor {
            path: self.file.path.clone(),
            name: self.full(name),
            why,
        }
    }

    fn quantised(
        &self,
        content: &gguf_file::Content,
        full: &str,
    ) -> candle_core::Result<QTensor> {
        let mut file = File::open(&self.file.path)?;
        content.tensor(&mut file, full, self.file.device.candle())
    }

    fn check(&self, name: &str, found: &Shape, expected: &Shape) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        Err(self.error(
            name,
            format!("has shape {:?}, expected {:?}", found.dims(), expected.dims()),
        ))
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}
