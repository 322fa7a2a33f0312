//! Linear layers in full or quantised precision.

mod full;
mod int8;
mod kernel;
mod matrix;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Module, Storage, Tensor};

use self::full::Full;
use self::int8::Int8;
use self::matrix::{Block, Matrix};
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
/// On the processor it works on the thread that calls, by the best instructions that the machine has, whatever the program was
/// compiled for; a row's result does not depend on the rows beside it. With 8-bit weights `x` is quantised too, 32 values at a
/// time: 32 products of values up to X with weights up to W are then off by at most 0.26 X W, and a row with a NaN or an infinity
/// becomes NaN as a whole.
#[derive(Clone, Debug)]
pub struct Linear(Weight);

#[derive(Clone, Debug)]
enum Weight {
    Full(Arc<Matrix<Full>>),
    Int8(Arc<Matrix<Int8>>),
    /// On a GPU, and in formats of fewer bits.
    Candle(QMatMul, Option<Tensor>),
}

impl Linear {
    /// From a weight of shape (out, in) in F32 and a bias of shape (out).
    pub fn new(weight: &Tensor, bias: Option<Tensor>, precision: Precision) -> Result<Self> {
        let inputs = weight.dim(1)?;
        if weight.device().is_cpu() {
            return Ok(Self(match precision {
                Precision::Full => Weight::Full(pack(weight, bias)?),
                Precision::Q8 => Weight::Int8(pack(weight, bias)?),
            }));
        }
        let weight = match precision {
            // Candle's blocks are 32 long; narrower layers stay as they are.
            Precision::Q8 if inputs % 32 == 0 => QMatMul::from_qtensor(QTensor::quantize(weight, GgmlDType::Q8_0)?)?,
            _ => QMatMul::Tensor(weight.clone()),
        };
        Ok(Self(Weight::Candle(weight, bias)))
    }

    /// From a weight that is already quantised. On the processor, weights of 8 bits keep their values.
    pub fn quantised(weight: QTensor, bias: Option<Tensor>) -> Result<Self> {
        Ok(Self(match (weight.device().is_cpu(), weight.dtype()) {
            (true, GgmlDType::F32) => Weight::Full(pack(&weight.dequantize(&weight.device())?, bias)?),
            (true, GgmlDType::Q8_0) => Weight::Int8(pack(&weight.dequantize(&weight.device())?, bias)?),
            _ => Weight::Candle(QMatMul::from_qtensor(weight)?, bias),
        }))
    }

    /// Applies it; `x` is (..., in) in F32, contiguous or not.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?;
        match &self.0 {
            Weight::Full(matrix) => multiply(matrix, &x),
            Weight::Int8(matrix) => multiply(matrix, &x),
            Weight::Candle(weight, bias) => {
                let y = weight.forward(&x)?;
                Ok(match bias {
                    Some(bias) => y.broadcast_add(bias)?,
                    None => y,
                })
            }
        }
    }
}

fn pack<B: Block>(weight: &Tensor, bias: Option<Tensor>) -> Result<Arc<Matrix<B>>> {
    let (outputs, inputs) = weight.dims2()?;
    let bias = match bias {
        Some(bias) if bias.elem_count() != outputs => {
            let biases = bias.elem_count();
            return Err(Error::Input(format!("{outputs} outputs with {biases} biases")));
        }
        Some(bias) => Some(bias.flatten_all()?.to_vec1()?),
        None => None,
    };
    let weight: Vec<f32> = weight.flatten_all()?.to_vec1()?;
    let matrix = Matrix::pack(&weight, inputs, bias).ok_or_else(|| Error::Input("a weight is not finite".into()))?;
    Ok(Arc::new(matrix))
}

fn multiply<B: Block>(matrix: &Matrix<B>, x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    match shape.last_mut() {
        Some(last) if *last == matrix.inputs() => *last = matrix.outputs(),
        _ => {
            let inputs = matrix.inputs();
            return Err(Error::Input(format!("shape {shape:?} for a layer of {inputs} inputs")));
        }
    }
    let (storage, layout) = x.storage_and_layout();
    let product = match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((from, to))) => matrix.product(&storage.as_slice::<f32>()?[from..to]),
        _ => {
            let at = x.device().location();
            return Err(Error::Input(format!("a tensor on {at:?} for a layer on the processor")));
        }
    };
    Ok(Tensor::from_vec(product, shape, x.device())?)
}

#[cfg(test)]
#[path = "linear/linear_test.rs"]
mod tests;
