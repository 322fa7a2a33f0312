//! The inner loops of the 8-bit product, one for each instruction set, chosen when the program runs: the same binary is fast
//! on every machine.

use super::int8::{BLOCK, Block, Matrix, PANEL, padded, quantise};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// One product to work out.
pub(super) struct Job<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) rows: &'a [f32],
    pub(super) products: &'a mut [f32],
}

/// Instruction sets, the slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// What every machine of the architecture has: SSE2, NEON.
    Baseline,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with its dot products of bytes.
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

impl Level {
    /// All that this machine has.
    pub(super) fn all() -> impl DoubleEndedIterator<Item = Self> {
        [
            Some(Self::Baseline),
            #[cfg(target_arch = "x86_64")]
            x86::has_avx2().then_some(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            x86::has_vnni().then_some(Self::Vnni),
        ]
        .into_iter()
        .flatten()
    }

    /// The fastest that this machine has.
    pub(super) fn best() -> Self {
        Self::all().next_back().unwrap_or(Self::Baseline)
    }

    /// Works a product out; the baseline's way if the machine lacks the level.
    pub(super) fn run(self, job: Job<'_>) {
        match self {
            Self::Baseline => product::<_, 1>(Portable, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::avx2(job),
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => x86::vnni(job),
        }
    }
}

/// An instruction set's way to multiply.
pub(super) trait Kernel: Copy {
    /// 32 values of a row, as it wants them.
    type Values: Copy;

    /// Quantises them.
    fn values(self, scale: f32, values: &[i8; BLOCK]) -> Self::Values;

    /// The products of a few rows with one panel.
    fn panel<const ROWS: usize>(self, panel: &[Block], rows: [&[Self::Values]; ROWS]) -> [[f32; PANEL]; ROWS];
}

/// How many rows are quantised at a time: their integers stay in the second-level cache while all panels pass.
const CHUNK: usize = 64;

/// The whole product, `ROWS` rows at a time.
#[inline(always)]
pub(super) fn product<K: Kernel, const ROWS: usize>(kernel: K, job: Job<'_>) {
    let Job { matrix, rows, products } = job;
    let (inputs, outputs, across) = (matrix.inputs(), matrix.outputs(), matrix.across());
    if inputs == 0 || outputs == 0 {
        return;
    }
    let mut values = Vec::with_capacity(across * CHUNK.min(rows.len() / inputs));
    for (rows, products) in rows.chunks(inputs * CHUNK).zip(products.chunks_mut(outputs * CHUNK)) {
        values.clear();
        for row in rows.chunks_exact(inputs) {
            for block in row.chunks(BLOCK) {
                let (scale, block) = quantise(&padded(block));
                values.push(kernel.values(scale, &block));
            }
        }
        for (number, panel) in matrix.panels().enumerate() {
            let bias = matrix.bias(number);
            let columns = number * PANEL..outputs.min((number + 1) * PANEL);
            let mut values = values.chunks_exact(across * ROWS);
            let mut products = products.chunks_mut(outputs * ROWS);
            for (values, products) in values.by_ref().zip(products.by_ref()) {
                let rows = std::array::from_fn(|row| &values[row * across..][..across]);
                let sums = kernel.panel::<ROWS>(panel, rows);
                for (sums, product) in sums.iter().zip(products.chunks_exact_mut(outputs)) {
                    finish(sums, &bias, &mut product[columns.clone()]);
                }
            }
            let rest = products.next().unwrap_or_default();
            for (values, product) in values
                .remainder()
                .chunks_exact(across)
                .zip(rest.chunks_exact_mut(outputs))
            {
                let [sums] = kernel.panel::<1>(panel, [values]);
                finish(&sums, &bias, &mut product[columns.clone()]);
            }
        }
    }
}

#[inline(always)]
fn finish(sums: &[f32; PANEL], bias: &[f32; PANEL], product: &mut [f32]) {
    for ((product, sum), bias) in product.iter_mut().zip(sums).zip(bias) {
        *product = sum + bias;
    }
}

/// Plain loops in a shape that the compiler turns into vectors of whatever width there is.
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[derive(Clone, Copy)]
pub(super) struct Plain {
    scale: f32,
    values: [i16; BLOCK],
}

impl Kernel for Portable {
    type Values = Plain;

    #[inline(always)]
    fn values(self, scale: f32, values: &[i8; BLOCK]) -> Plain {
        Plain {
            scale,
            values: values.map(i16::from),
        }
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Block], rows: [&[Plain]; ROWS]) -> [[f32; PANEL]; ROWS] {
        rows.map(|row| {
            let mut sums = [0.0; PANEL];
            for (block, x) in panel.iter().zip(row) {
                let mut dots = [0i32; PANEL];
                for (weights, x) in block.weights.iter().zip(x.values.chunks_exact(4)) {
                    let wide = weights.map(i16::from);
                    for (dot, w) in dots.iter_mut().zip(wide.chunks_exact(4)) {
                        let low = i32::from(w[0]) * i32::from(x[0]) + i32::from(w[1]) * i32::from(x[1]);
                        let high = i32::from(w[2]) * i32::from(x[2]) + i32::from(w[3]) * i32::from(x[3]);
                        *dot = dot.wrapping_add(low.wrapping_add(high));
                    }
                }
                for ((sum, dot), scale) in sums.iter_mut().zip(&dots).zip(&block.scales) {
                    *sum += *dot as f32 * scale * x.scale;
                }
            }
            sums
        })
    }
}
