//! Linear layers in full or quantised precision.

mod int8;
mod kernel;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Module, Storage, Tensor};

use crate::{Error, Result};

/// How the weights of linear layers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As F32.
    Full,
    /// As 8-bit integers with a scale for every 32 of them: a quarter of the memory to read for each step.
    Q8,
}

/// `y = x W^T + b` over the last dimension of `x`.
///
/// With 8-bit weights on the processor, `x` is quantised too, 32 values at a time, on one thread and by the best instructions
/// that the machine has, whatever the program was compiled for. An output is then off by at most 1/127 of the sum of
/// |x| |w| with the largest |x| and |w| of each 32 inputs, and a row with a NaN or an infinity becomes NaN as a whole.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

#[derive(Clone, Debug)]
enum Weight {
    /// Candle's: F32 anywhere, quantised on a GPU.
    Candle(QMatMul),
    /// Ours, with the bias in it: quantised on the processor.
    Int8(Arc<int8::Matrix>),
}

impl Linear {
    /// From a weight of shape (out, in) in F32 and a bias of shape (out).
    pub fn new(weight: &Tensor, bias: Option<Tensor>, precision: Precision) -> Result<Self> {
        let inputs = weight.dim(1)?;
        if precision == Precision::Q8 && weight.device().is_cpu() {
            return Self::int8(weight, bias);
        }
        let weight = match precision {
            // Candle's blocks are 32 long; narrower layers stay as they are.
            Precision::Q8 if inputs % 32 == 0 => QMatMul::from_qtensor(QTensor::quantize(weight, GgmlDType::Q8_0)?)?,
            _ => QMatMul::Tensor(weight.clone()),
        };
        Ok(Self {
            weight: Weight::Candle(weight),
            bias,
        })
    }

    /// From a weight that is already quantised. On the processor, 8-bit weights keep their values.
    pub fn quantised(weight: QTensor, bias: Option<Tensor>) -> Result<Self> {
        if weight.device().is_cpu() && weight.dtype() == GgmlDType::Q8_0 {
            return Self::int8(&weight.dequantize(&weight.device())?, bias);
        }
        Ok(Self {
            weight: Weight::Candle(QMatMul::from_qtensor(weight)?),
            bias,
        })
    }

    fn int8(weight: &Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (outputs, inputs) = weight.dims2()?;
        let bias = match bias {
            Some(bias) if bias.elem_count() != outputs => {
                return Err(Error::Input(format!(
                    "{outputs} outputs with {} biases",
                    bias.elem_count()
                )));
            }
            Some(bias) => Some(bias.flatten_all()?.to_vec1()?),
            None => None,
        };
        let weight = weight.flatten_all()?.to_vec1()?;
        let matrix = int8::Matrix::quantise(&weight, inputs, bias)
            .ok_or_else(|| Error::Input("a weight is not finite".into()))?;
        Ok(Self {
            weight: Weight::Int8(Arc::new(matrix)),
            bias: None,
        })
    }

    /// Applies it; `x` is (..., in) in F32, contiguous or not.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = match &self.weight {
            Weight::Candle(weight) => weight.forward(&x.contiguous()?)?,
            Weight::Int8(matrix) => multiply(matrix, &x.contiguous()?)?,
        };
        Ok(match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        })
    }
}

fn multiply(matrix: &int8::Matrix, x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    match shape.last_mut() {
        Some(last) if *last == matrix.inputs() => *last = matrix.outputs(),
        _ => {
            return Err(Error::Input(format!(
                "shape {shape:?} for a layer of {} inputs",
                matrix.inputs()
            )));
        }
    }
    let (storage, layout) = x.storage_and_layout();
    let product = match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((from, to))) => matrix.product(&storage.as_slice::<f32>()?[from..to]),
        _ => {
            return Err(Error::Input(format!(
                "{} on {:?} for a layer of {} on the processor",
                x.dtype().as_str(),
                x.device().location(),
                DType::F32.as_str()
            )));
        }
    };
    Ok(Tensor::from_vec(product, shape, x.device())?)
}

#[cfg(test)]
#[path = "linear/linear_test.rs"]
mod tests;
