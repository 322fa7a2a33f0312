//! A matrix of 8-bit integers, and its product with rows of F32.
//!
//! Every 32 inputs of an output share one F32 scale, and so do every 32 values of a row that is multiplied: a large value
//! coarsens its 31 neighbours and nothing else. The weights of 16 outputs lie together, so that one vector register holds one
//! value of each and no sum runs across a register. What is added in which order is fixed, and products are never fused with
//! sums: every level of [`Level`] gives the same bits.

use super::kernel::{Job, Level};

/// How many inputs share a scale.
pub(super) const BLOCK: usize = 32;
/// How many outputs lie together.
pub(super) const PANEL: usize = 16;

/// 32 inputs of 16 outputs: for every 4 inputs, the 4 weights of the first output, of the second and so on.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Block {
    pub(super) weights: [[i8; 4 * PANEL]; BLOCK / 4],
    pub(super) scales: [f32; PANEL],
}

/// The matrix: (outputs, inputs), with an optional bias of its outputs.
#[derive(Debug)]
pub(super) struct Matrix {
    blocks: Vec<Block>,
    bias: Option<Vec<f32>>,
    inputs: usize,
    outputs: usize,
}

impl Matrix {
    /// Quantises row-major weights; `None` if one of them is not finite. An incomplete block or panel is filled with zeros.
    pub(super) fn quantise(weights: &[f32], inputs: usize, bias: Option<Vec<f32>>) -> Option<Self> {
        let outputs = weights.len() / inputs.max(1);
        let across = inputs.div_ceil(BLOCK);
        let mut blocks = Vec::with_capacity(outputs.div_ceil(PANEL) * across);
        for panel in weights.chunks(inputs * PANEL) {
            for block in 0..across {
                let mut packed = Block {
                    weights: [[0; 4 * PANEL]; BLOCK / 4],
                    scales: [0.0; PANEL],
                };
                for (lane, row) in panel.chunks(inputs).enumerate() {
                    let values = padded(&row[block * BLOCK..inputs.min((block + 1) * BLOCK)]);
                    let (scale, quantised) = quantise(&values);
                    if !scale.is_finite() {
                        return None;
                    }
                    packed.scales[lane] = scale;
                    for (group, four) in packed.weights.iter_mut().zip(quantised.chunks_exact(4)) {
                        group[lane * 4..lane * 4 + 4].copy_from_slice(four);
                    }
                }
                blocks.push(packed);
            }
        }
        Some(Self {
            blocks,
            bias,
            inputs,
            outputs,
        })
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many blocks a row has.
    pub(super) fn across(&self) -> usize {
        self.inputs.div_ceil(BLOCK)
    }

    /// The blocks of 16 outputs at a time, in order.
    pub(super) fn panels(&self) -> impl ExactSizeIterator<Item = &[Block]> {
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

    /// `rows W^T + bias`, row by row. A row with a NaN or an infinity becomes NaN as a whole.
    pub(super) fn product(&self, rows: &[f32]) -> Vec<f32> {
        self.product_on(Level::best(), rows)
    }

    /// The same by the instructions of one level.
    pub(super) fn product_on(&self, level: Level, rows: &[f32]) -> Vec<f32> {
        let count = rows.len() / self.inputs.max(1);
        let mut products = vec![0.0; count * self.outputs];
        level.run(Job {
            matrix: self,
            rows,
            products: &mut products,
        });
        products
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").finish_non_exhaustive()
    }
}

/// Up to 32 values and zeros after them.
#[inline(always)]
pub(super) fn padded(values: &[f32]) -> [f32; BLOCK] {
    let mut all = [0.0; BLOCK];
    all[..values.len()].copy_from_slice(values);
    all
}

/// The scale and the integers from -127 to 127 whose products are nearest to the values. The scale is NaN if a value is not
/// finite, and 0 if all are so small that 127 / value would overflow.
#[inline(always)]
pub(super) fn quantise(values: &[f32; BLOCK]) -> (f32, [i8; BLOCK]) {
    // Magnitudes compare as integers, and NaN is the largest of them.
    let mut largest = 0;
    for value in values {
        largest = largest.max(value.to_bits() & 0x7fff_ffff);
    }
    let largest = f32::from_bits(largest);
    if !largest.is_finite() {
        return (f32::NAN, [0; BLOCK]);
    }
    if largest < 1e-36 {
        return (0.0, [0; BLOCK]);
    }
    // Adding 1.5 * 2^23 leaves the value, rounded to even, in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let steps = 127.0 / largest;
    let mut quantised = [0; BLOCK];
    for (to, value) in quantised.iter_mut().zip(values) {
        *to = (value * steps + ROUND).to_bits() as i8;
    }
    (largest / 127.0, quantised)
}

#[cfg(test)]
#[path = "int8_test.rs"]
mod tests;
