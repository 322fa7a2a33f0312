//! Weights of 8 bits.
//!
//! Every 32 inputs of an output share one F32 scale, and so do every 32 values of a row that is multiplied: a large value
//! coarsens its 31 neighbours and nothing else. Integers are summed exactly and products of F32 are never fused with sums, so
//! that every level gives the same bits.

use super::kernel::{Job, Kernel, Level, product};
use super::matrix::{self, BLOCK, PANEL};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// For every 4 inputs, the 4 weights of the first output, of the second and so on.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Int8 {
    pub(super) weights: [[i8; 4 * PANEL]; BLOCK / 4],
    pub(super) scales: [f32; PANEL],
}

impl matrix::Block for Int8 {
    /// `None` if a weight is not finite.
    fn pack(weights: &[[f32; BLOCK]; PANEL]) -> Option<Self> {
        let mut packed = Self {
            weights: [[0; 4 * PANEL]; BLOCK / 4],
            scales: [0.0; PANEL],
        };
        for (lane, values) in weights.iter().enumerate() {
            let (scale, quantised) = quantise(values);
            if !scale.is_finite() {
                return None;
            }
            packed.scales[lane] = scale;
            for (group, four) in packed.weights.iter_mut().zip(quantised.chunks_exact(4)) {
                group[lane * 4..lane * 4 + 4].copy_from_slice(four);
            }
        }
        Some(packed)
    }

    fn run(level: Level, job: Job<'_, Self>) {
        match level {
            Level::Baseline => product::<_, 1>(Portable, job),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => x86::avx2::<_, 3>(x86::Avx2Int8, job),
            #[cfg(target_arch = "x86_64")]
            Level::Vnni => x86::vnni(job),
        }
    }
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

/// Plain loops in a shape that the compiler turns into vectors of whatever width there is.
#[derive(Clone, Copy)]
struct Portable;

#[derive(Clone, Copy)]
struct Wide {
    scale: f32,
    values: [i16; BLOCK],
}

impl Kernel for Portable {
    type Block = Int8;
    type Values = Wide;

    #[inline(always)]
    fn values(self, values: &[f32; BLOCK]) -> Wide {
        let (scale, values) = quantise(values);
        Wide {
            scale,
            values: values.map(i16::from),
        }
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Int8], rows: [&[Wide]; ROWS]) -> [[f32; PANEL]; ROWS] {
        let mut sums = [[0.0; PANEL]; ROWS];
        for (number, block) in panel.iter().enumerate() {
            let mut dots = [[0i32; PANEL]; ROWS];
            for (group, weights) in block.weights.iter().enumerate() {
                // Of every two weights, the low and the high byte of a word; words are multiplied in pairs.
                let words: [i16; 2 * PANEL] = std::array::from_fn(|pair| {
                    i16::from_le_bytes([weights[pair * 2] as u8, weights[pair * 2 + 1] as u8])
                });
                let (low, high) = (words.map(|word| word << 8 >> 8), words.map(|word| word >> 8));
                for (dots, row) in dots.iter_mut().zip(&rows) {
                    let x = &row[number].values[group * 4..group * 4 + 4];
                    for (output, dot) in dots.iter_mut().enumerate() {
                        let pair = |words: &[i16; 2 * PANEL], first: i16, second: i16| {
                            (i32::from(words[output * 2]) * i32::from(first))
                                .wrapping_add(i32::from(words[output * 2 + 1]) * i32::from(second))
                        };
                        *dot = dot
                            .wrapping_add(pair(&low, x[0], x[2]))
                            .wrapping_add(pair(&high, x[1], x[3]));
                    }
                }
            }
            for ((sums, dots), row) in sums.iter_mut().zip(&dots).zip(&rows) {
                for ((sum, dot), scale) in sums.iter_mut().zip(dots).zip(&block.scales) {
                    *sum += *dot as f32 * scale * row[number].scale;
                }
            }
        }
        sums
    }
}
