//! A matrix packed for multiplication, and its product with rows of F32.
//!
//! The weights of 16 outputs lie together, 32 inputs at a time, so that one vector register holds one value of each output and
//! no sum runs across a register. The sums of one row are taken in the same order whatever rows are beside it: what is worked
//! out in one go and what is worked out step by step come to the same bits.

use super::kernel::{Job, Level};

/// How many inputs are in a block.
pub(super) const BLOCK: usize = 32;
/// How many outputs lie together.
pub(super) const PANEL: usize = 16;

/// 32 inputs of 16 outputs, in some number format.
pub(super) trait Block: Clone + Send + Sync {
    /// From the weights of each output; `None` if the format cannot hold them.
    fn pack(weights: &[[f32; BLOCK]; PANEL]) -> Option<Self>;

    /// Works a product out by the instructions of a level that the machine has.
    fn run(level: Level, job: Job<'_, Self>);
}

/// The matrix: (outputs, inputs), with an optional bias of its outputs.
pub(super) struct Matrix<B> {
    blocks: Vec<B>,
    bias: Option<Vec<f32>>,
    inputs: usize,
    outputs: usize,
}

impl<B: Block> Matrix<B> {
    /// Packs row-major weights; `None` if the format cannot hold them. An incomplete block or panel is filled with zeros.
    pub(super) fn pack(weights: &[f32], inputs: usize, bias: Option<Vec<f32>>) -> Option<Self> {
        let outputs = weights.len() / inputs.max(1);
        let across = inputs.div_ceil(BLOCK);
        let mut blocks = Vec::with_capacity(outputs.div_ceil(PANEL) * across);
        for panel in weights.chunks((inputs * PANEL).max(1)) {
            for block in 0..across {
                let mut packed = [[0.0; BLOCK]; PANEL];
                for (packed, row) in packed.iter_mut().zip(panel.chunks(inputs)) {
                    *packed = padded(&row[block * BLOCK..inputs.min((block + 1) * BLOCK)]);
                }
                blocks.push(B::pack(&packed)?);
            }
        }
        Some(Self {
            blocks,
            bias,
            inputs,
            outputs,
        })
    }

    /// How many blocks a row has.
    pub(super) fn across(&self) -> usize {
        self.inputs.div_ceil(BLOCK)
    }

    /// The blocks of 16 outputs at a time, in order.
    pub(super) fn panels(&self) -> impl ExactSizeIterator<Item = &[B]> {
        // A matrix without inputs has no blocks either.
        self.blocks.chunks(self.across().max(1))
    }

    /// The bias of one panel's outputs.
    pub(super) fn bias(&self, panel: usize) -> [f32; PANEL] {
        let mut bias = [0.0; PANEL];
        if let Some(all) = &self.bias {
            let some = &all[panel * PANEL..all.len().min((panel + 1) * PANEL)];
            bias[..some.len()].copy_from_slice(some);
        }
        bias
    }

    /// `rows W^T + bias`, row by row.
    pub(super) fn product(&self, rows: &[f32]) -> Vec<f32> {
        self.product_on(Level::best(), rows)
    }

    /// The same by the instructions of one level.
    pub(super) fn product_on(&self, level: Level, rows: &[f32]) -> Vec<f32> {
        let count = rows.len() / self.inputs.max(1);
        let mut products = vec![0.0; count * self.outputs];
        if self.inputs > 0 && self.outputs > 0 {
            B::run(
                level,
                Job {
                    matrix: self,
                    rows,
                    products: &mut products,
                },
            );
        }
        products
    }
}

impl<B> Matrix<B> {
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }
}

impl<B> std::fmt::Debug for Matrix<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix({}, {})", self.outputs, self.inputs)
    }
}

/// Up to 32 values and zeros after them.
#[inline(always)]
pub(super) fn padded(values: &[f32]) -> [f32; BLOCK] {
    let mut all = [0.0; BLOCK];
    all[..values.len()].copy_from_slice(values);
    all
}

#[cfg(test)]
#[path = "matrix_test.rs"]
mod tests;
