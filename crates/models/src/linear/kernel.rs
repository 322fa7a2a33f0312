//! The walk over rows and panels, and the instruction set that it is done with: chosen when the program runs, so that the same
//! binary is fast on every machine.

use super::matrix::{BLOCK, Block, Matrix, PANEL, padded};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// One product to work out, of a matrix that is not empty.
pub(super) struct Job<'a, B> {
    pub(super) matrix: &'a Matrix<B>,
    pub(super) rows: &'a [f32],
    pub(super) products: &'a mut [f32],
}

/// Instruction sets, the slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// What every machine of the architecture has: SSE2, NEON.
    Baseline,
    /// AVX2 and fused multiply-add.
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
}

/// An instruction set's way to multiply one number format.
pub(super) trait Kernel: Copy {
    /// 32 inputs of 16 outputs.
    type Block: Block;
    /// 32 values of a row, as it wants them.
    type Values: Copy;

    /// Makes them.
    fn values(self, values: &[f32; BLOCK]) -> Self::Values;

    /// The products of a few rows with one panel.
    fn panel<const ROWS: usize>(self, panel: &[Self::Block], rows: [&[Self::Values]; ROWS]) -> [[f32; PANEL]; ROWS];
}

/// How many rows are prepared at a time: they stay in the second-level cache while all panels pass.
const CHUNK: usize = 48;

/// The whole product, `ROWS` rows at a time.
#[inline(always)]
pub(super) fn product<K: Kernel, const ROWS: usize>(kernel: K, job: Job<'_, K::Block>) {
    let Job { matrix, rows, products } = job;
    let (inputs, outputs, across) = (matrix.inputs(), matrix.outputs(), matrix.across());
    let mut values = Vec::with_capacity(across * CHUNK.min(rows.len() / inputs));
    for (rows, products) in rows.chunks(inputs * CHUNK).zip(products.chunks_mut(outputs * CHUNK)) {
        values.clear();
        for row in rows.chunks_exact(inputs) {
            for block in row.chunks(BLOCK) {
                values.push(kernel.values(&padded(block)));
            }
        }
        for (number, panel) in matrix.panels().enumerate() {
            let to = Columns {
                bias: matrix.bias(number),
                outputs,
                from: number * PANEL,
                to: outputs.min((number + 1) * PANEL),
            };
            let (values, products) = to.fill::<K, ROWS>(kernel, panel, &values, products);
            let (values, products) = to.fill::<K, 2>(kernel, panel, values, products);
            to.fill::<K, 1>(kernel, panel, values, products);
        }
    }
}

/// The outputs of one panel.
struct Columns {
    bias: [f32; PANEL],
    outputs: usize,
    from: usize,
    to: usize,
}

impl Columns {
    /// Fills them in `ROWS` rows at a time; returns what is left of the rows.
    #[inline(always)]
    fn fill<'a, K: Kernel, const ROWS: usize>(
        &self,
        kernel: K,
        panel: &[K::Block],
        values: &'a [K::Values],
        products: &'a mut [f32],
    ) -> (&'a [K::Values], &'a mut [f32]) {
        let across = panel.len();
        let mut values = values.chunks_exact(across * ROWS);
        let mut products = products.chunks_exact_mut(self.outputs * ROWS);
        for (values, products) in values.by_ref().zip(products.by_ref()) {
            let sums = kernel.panel(
                panel,
                std::array::from_fn::<_, ROWS, _>(|row| &values[row * across..][..across]),
            );
            for (sums, product) in sums.iter().zip(products.chunks_exact_mut(self.outputs)) {
                for ((product, sum), bias) in product[self.from..self.to].iter_mut().zip(sums).zip(&self.bias) {
                    *product = sum + bias;
                }
            }
        }
        (values.remainder(), products.into_remainder())
    }
}
