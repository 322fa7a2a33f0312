//! Weights of F32.

use super::kernel::{Job, Kernel, Level, product};
use super::matrix::{self, BLOCK, PANEL};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// For every input, its weight for each output.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Full {
    pub(super) weights: [[f32; PANEL]; BLOCK],
}

impl matrix::Block for Full {
    fn pack(weights: &[[f32; BLOCK]; PANEL]) -> Option<Self> {
        Some(Self {
            weights: std::array::from_fn(|input| weights.map(|output| output[input])),
        })
    }

    fn run(level: Level, job: Job<'_, Self>) {
        match level {
            Level::Baseline => product::<_, 2>(Portable, job),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Vnni => x86::avx2::<_, 6>(x86::Avx2Full, job),
        }
    }
}

/// Plain loops in a shape that the compiler turns into vectors of whatever width there is.
#[derive(Clone, Copy)]
struct Portable;

impl Kernel for Portable {
    type Block = Full;
    type Values = [f32; BLOCK];

    #[inline(always)]
    fn values(self, values: &[f32; BLOCK]) -> [f32; BLOCK] {
        *values
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Full], rows: [&[[f32; BLOCK]]; ROWS]) -> [[f32; PANEL]; ROWS] {
        let mut sums = [[0.0f32; PANEL]; ROWS];
        for (number, block) in panel.iter().enumerate() {
            for (input, weights) in block.weights.iter().enumerate() {
                for (sums, row) in sums.iter_mut().zip(&rows) {
                    let x = row[number][input];
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        // Where it is one instruction; elsewhere it would be a call.
                        *sum = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                            weight.mul_add(x, *sum)
                        } else {
                            *sum + weight * x
                        };
                    }
                }
            }
        }
        sums
    }
}
