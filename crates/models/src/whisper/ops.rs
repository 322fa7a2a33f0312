//! The two pointwise functions that cost most between Whisper's matrices, for the processor's widest vectors.
//!
//! Candle's own softmax and exact GELU call the scalar `exp` and `erf`; on the processor that is a third of the encoder's time.

use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor};

use crate::Result;

/// Values that are worked on side by side: two vectors of AVX2.
const LANES: usize = 16;

/// `x Φ(x)`, with the exact error function and not its approximation by tanh: Whisper was trained with it. On the processor `x`
/// is written over: it must be nobody else's.
pub(super) fn gelu(x: Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(x.gelu_erf()?);
    }
    x.inplace_op1(&Gelu)?;
    Ok(x)
}

/// Over the last dimension; as [`gelu`] it writes over `x`.
pub(super) fn softmax(x: Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(candle_nn::ops::softmax_last_dim(&x)?);
    }
    x.inplace_op1(&Softmax)?;
    Ok(x)
}

struct Gelu;

impl InplaceOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu-exact"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let values = contiguous(storage, layout)?;
        pulp::Arch::new().dispatch(|| gelu_of(values));
        Ok(())
    }
}

struct Softmax;

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax-last"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let row = layout.dims().last().copied().unwrap_or(1).max(1);
        let values = contiguous(storage, layout)?;
        pulp::Arch::new().dispatch(|| values.chunks_exact_mut(row).for_each(softmax_of));
        Ok(())
    }
}

fn contiguous<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> candle_core::Result<&'a mut [f32]> {
    let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
        candle_core::bail!("expected contiguous F32");
    };
    Ok(&mut values[start..end])
}

#[inline(always)]
fn gelu_of(values: &mut [f32]) {
    for x in values {
        *x *= 0.5 + 0.5 * erf(*x * std::f32::consts::FRAC_1_SQRT_2);
    }
}

#[inline(always)]
fn softmax_of(row: &mut [f32]) {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (wide, rest) = row.as_chunks::<LANES>();
    for chunk in wide {
        for (most, x) in most.iter_mut().zip(chunk) {
            *most = if *x > *most { *x } else { *most };
        }
    }
    let most = most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0; LANES];
    let (wide, rest) = row.as_chunks_mut::<LANES>();
    for chunk in wide {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *x = exp(*x - most);
            *sum += *x;
        }
    }
    for x in rest.iter_mut() {
        *x = exp(*x - most);
    }
    let scale = 1.0 / (sums.iter().sum::<f32>() + rest.iter().sum::<f32>());
    for x in row {
        *x *= scale;
    }
}

/// For `x <= 0`, to 2e-7 of the value: 2^n times a polynomial over half an octave on each side.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding it rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first with so few digits that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let tail = 1.0 / 120.0 + r * (1.0 / 720.0 + r / 5040.0);
    let poly = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * tail))));
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    poly * power
}

/// To 5e-7: an odd rational function up to 4, beyond which an F32 cannot tell it from 1.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let s = x * x;
    let top = -2.726_142_4e-10 * s + 2.770_681_5e-8;
    let top = ((top * s - 2.101_024e-6) * s - 5.692_506_4e-5) * s - 7.349_906_3e-4;
    let top = (top * s - 2.954_6e-3) * s - 1.609_603_3e-2;
    let bottom = (-1.456_607_1e-5 * s - 2.133_740_6e-4) * s - 1.682_827e-3;
    let bottom = (bottom * s - 7.373_329e-3) * s - 1.426_473_9e-2;
    x * top / bottom
}

#[cfg(test)]
#[path = "ops_test.rs"]
mod tests;
