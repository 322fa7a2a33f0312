//! ELU, GELU and SiLU. Candle's ask the C library for every element; these are plain arithmetic that the compiler turns into whatever
//! vectors the processor has, which is found out when the program runs.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

use crate::Result;

/// x, or e^x - 1 below zero.
pub(super) fn elu(x: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(x.elu(1.0)?);
    }
    Ok(x.contiguous()?.apply_op1_no_bwd(&Elementwise("elu", elu_all))?)
}

/// The approximation with the hyperbolic tangent.
pub(super) fn gelu(x: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(x.gelu()?);
    }
    Ok(x.contiguous()?.apply_op1_no_bwd(&Elementwise("gelu", gelu_all))?)
}

/// x / (1 + e^-x)
pub(super) fn silu(x: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(x.silu()?);
    }
    Ok(x.contiguous()?.apply_op1_no_bwd(&Elementwise("silu", silu_all))?)
}

struct Elementwise(&'static str, fn(&[f32], &mut [f32]));

impl CustomOp1 for Elementwise {
    fn name(&self) -> &'static str {
        self.0
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let values = storage.as_slice::<f32>()?;
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("{} needs a contiguous tensor", self.0);
        };
        let mut out = vec![0.0; end - start];
        (self.1)(&values[start..end], &mut out);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

fn elu_all(values: &[f32], out: &mut [f32]) {
    pulp::Arch::new().dispatch(|| {
        for (out, &x) in out.iter_mut().zip(values) {
            // Both sides are computed, so that there is no branch.
            let below = exp(x.min(0.0)) - 1.0;
            *out = if x > 0.0 { x } else { below };
        }
    });
}

fn gelu_all(values: &[f32], out: &mut [f32]) {
    pulp::Arch::new().dispatch(|| {
        for (out, &x) in out.iter_mut().zip(values) {
            let inner = (2.0 / std::f32::consts::PI).sqrt() * x * (1.0 + 0.044_715 * x * x);
            // (1 + tanh y) / 2 = 1 / (1 + e^-2y)
            *out = x / (1.0 + exp((-2.0 * inner).clamp(-87.0, 87.0)));
        }
    });
}

fn silu_all(values: &[f32], out: &mut [f32]) {
    pulp::Arch::new().dispatch(|| {
        for (out, &x) in out.iter_mut().zip(values) {
            *out = x / (1.0 + exp((-x).clamp(-87.0, 87.0)));
        }
    });
}

/// e^x for -87 <= x <= 88, within 2 units in the last place: 2^n times a polynomial on half an octave to each side.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts; the first has so few digits that its product with n is exact.
    let r = x - n * (355.0 / 512.0) + n * 2.121_944_4e-4;
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    p * power
}

#[cfg(test)]
#[path = "activation_test.rs"]
mod test;
