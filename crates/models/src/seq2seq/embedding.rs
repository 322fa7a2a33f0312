//! The table of token vectors.

use std::sync::Arc;

use candle_core::Tensor;
use candle_core::quantized::{GgmlDType, QTensor};

use crate::Result;
use crate::linear::Precision;

/// A row for each token.
#[derive(Clone, Debug)]
pub(crate) enum Embedding {
    /// In F32.
    Full(Tensor),
    /// Quantised: only the rows that are asked for become F32.
    Quantised(Arc<QTensor>),
}

impl Embedding {
    /// From a table of shape (tokens, width) in F32.
    pub(crate) fn new(table: &Tensor, precision: Precision) -> Result<Self> {
        // Blocks are 32 long; narrower tables stay as they are.
        Ok(match precision {
            Precision::Q8 if table.dim(1)? % 32 == 0 => {
                Self::Quantised(Arc::new(QTensor::quantize(table, GgmlDType::Q8_0)?))
            }
            _ => Self::Full(table.clone()),
        })
    }

    /// The rows of tokens, of shape (1, tokens, width) in F32.
    pub(crate) fn forward(&self, tokens: &Tensor) -> Result<Tensor> {
        let rows = match self {
            Self::Full(table) => table.index_select(tokens, 0)?,
            Self::Quantised(table) => table.embedding(tokens)?,
        };
        Ok(rows.unsqueeze(0)?)
    }
}
