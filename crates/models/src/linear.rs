//! Linear layers in full or quantised precision.

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Module, Tensor};

use crate::Result;

/// How the weights of linear layers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As F32.
    Full,
    /// As 8-bit integers with a scale for every 32 of them: a quarter of the memory to read for each step.
    Q8,
}

/// `y = x W^T + b` over the last dimension of `x`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: QMatMul,
    bias: Option<Tensor>,
}

impl Linear {
    /// From a weight of shape (out, in) in F32 and a bias of shape (out).
    pub fn new(weight: &Tensor, bias: Option<Tensor>, precision: Precision) -> Result<Self> {
        let inputs = weight.dim(1)?;
        let weight = match precision {
            // Blocks are 32 long; narrower layers stay as they are.
            Precision::Q8 if inputs % 32 == 0 => QMatMul::from_qtensor(QTensor::quantize(weight, GgmlDType::Q8_0)?)?,
            _ => QMatMul::Tensor(weight.clone()),
        };
        Ok(Self { weight, bias })
    }

    /// From a weight that is already quantised.
    pub fn quantised(weight: QTensor, bias: Option<Tensor>) -> Result<Self> {
        Ok(Self {
            weight: QMatMul::from_qtensor(weight)?,
            bias,
        })
    }

    /// Applies it; `x` is (..., in) in F32, contiguous or not.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.weight.forward(&x.contiguous()?)?;
        Ok(match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        })
    }
}
