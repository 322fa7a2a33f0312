//! AVX2 and AVX-512 VNNI.

use std::arch::x86_64::{__m256, __m256i, _mm256_dpbusd_epi32};

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use super::full::Full;
use super::int8::{Int8, quantise};
use super::kernel::{Job, Kernel, product};
use super::matrix::{BLOCK, PANEL};

pub(super) fn has_avx2() -> bool {
    V3::is_available()
}

pub(super) fn has_vnni() -> bool {
    has_avx2()
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}

/// Works a product out by AVX2, which the machine has.
pub(super) fn avx2<K: Kernel, const ROWS: usize>(kernel: impl FnOnce(V3) -> K, job: Job<'_, K::Block>) {
    struct With<'a, K: Kernel, const ROWS: usize>(K, Job<'a, K::Block>);
    impl<K: Kernel, const ROWS: usize> NullaryFnOnce for With<'_, K, ROWS> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            product::<K, ROWS>(self.0, self.1);
        }
    }
    if let Some(simd) = V3::try_new() {
        simd.vectorize(With::<K, ROWS>(kernel(simd), job));
    }
}

/// Works a product out by VNNI, which the machine has.
pub(super) fn vnni(job: Job<'_, Int8>) {
    if let Some(simd) = V3::try_new().filter(|_| has_vnni()) {
        #[expect(
            unsafe_code,
            reason = "the processor has just been asked for every feature that it is compiled for"
        )]
        unsafe {
            vnni_product(simd, job);
        }
    }
}

#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt,fxsr,avx512f,avx512bw,avx512vl,avx512vnni")]
fn vnni_product(simd: V3, job: Job<'_, Int8>) {
    let dot = |sum, unsigned, signed| _mm256_dpbusd_epi32(sum, unsigned, signed);
    product::<_, 4>(Vnni { simd, dot }, job);
}

/// F32 by fused multiply-add.
#[derive(Clone, Copy)]
pub(super) struct Avx2Full(pub(super) V3);

impl Kernel for Avx2Full {
    type Block = Full;
    type Values = [f32; BLOCK];

    #[inline(always)]
    fn values(self, values: &[f32; BLOCK]) -> [f32; BLOCK] {
        *values
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Full], rows: [&[[f32; BLOCK]]; ROWS]) -> [[f32; PANEL]; ROWS] {
        let Self(simd) = self;
        let mut sums = [none(simd); ROWS];
        for (number, block) in panel.iter().enumerate() {
            let rows = rows.map(|row| &row[number]);
            for (input, weights) in block.weights.iter().enumerate() {
                let weights: Sums = cast!(*weights);
                for row in 0..ROWS {
                    let x = simd.avx._mm256_set1_ps(rows[row][input]);
                    for half in 0..2 {
                        sums[row][half] = simd.fma._mm256_fmadd_ps(weights[half], x, sums[row][half]);
                    }
                }
            }
        }
        sums.map(|sums| cast!(sums))
    }
}

/// The sums of 16 outputs.
type Sums = [__m256; 2];

#[inline(always)]
fn none(simd: V3) -> Sums {
    [simd.avx._mm256_setzero_ps(); 2]
}

/// Adds a block's dot products, scaled.
#[inline(always)]
fn add(simd: V3, sums: &mut Sums, dots: [__m256i; 2], block: &Int8, scale: f32) {
    let scales: Sums = cast!(block.scales);
    let scale = simd.avx._mm256_set1_ps(scale);
    for half in 0..2 {
        let dot = simd.avx._mm256_cvtepi32_ps(dots[half]);
        let scaled = simd.avx._mm256_mul_ps(simd.avx._mm256_mul_ps(dot, scales[half]), scale);
        sums[half] = simd.avx._mm256_add_ps(sums[half], scaled);
    }
}

/// Four values in one word, eight times.
#[derive(Clone, Copy)]
pub(super) struct Quads {
    scale: f32,
    sum: i32,
    quads: [i32; BLOCK / 4],
}

impl Quads {
    #[inline(always)]
    fn new(values: &[f32; BLOCK]) -> Self {
        let (scale, values) = quantise(values);
        Self {
            scale,
            sum: values.iter().map(|value| i32::from(*value)).sum(),
            quads: cast!(values),
        }
    }
}

/// 8 bits by AVX2, which multiplies unsigned by signed bytes: magnitudes of weights by values that took their signs. As neither
/// is ever -128, a sum of two products fits 16 bits.
#[derive(Clone, Copy)]
pub(super) struct Avx2Int8(pub(super) V3);

impl Kernel for Avx2Int8 {
    type Block = Int8;
    type Values = Quads;

    #[inline(always)]
    fn values(self, values: &[f32; BLOCK]) -> Quads {
        Quads::new(values)
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Int8], rows: [&[Quads]; ROWS]) -> [[f32; PANEL]; ROWS] {
        let Self(simd) = self;
        let ones = simd.avx._mm256_set1_epi16(1);
        let mut sums = [none(simd); ROWS];
        for (number, block) in panel.iter().enumerate() {
            let rows = rows.map(|row| &row[number]);
            let mut dots = [[simd.avx._mm256_setzero_si256(); 2]; ROWS];
            for (group, weights) in block.weights.iter().enumerate() {
                let weights: [__m256i; 2] = cast!(*weights);
                let magnitudes = weights.map(|weights| simd.avx2._mm256_abs_epi8(weights));
                for row in 0..ROWS {
                    let x = simd.avx._mm256_set1_epi32(rows[row].quads[group]);
                    for half in 0..2 {
                        let x = simd.avx2._mm256_sign_epi8(x, weights[half]);
                        let pairs = simd.avx2._mm256_maddubs_epi16(magnitudes[half], x);
                        let dot = simd.avx2._mm256_madd_epi16(pairs, ones);
                        dots[row][half] = simd.avx2._mm256_add_epi32(dots[row][half], dot);
                    }
                }
            }
            for row in 0..ROWS {
                add(simd, &mut sums[row], dots[row], block, rows[row].scale);
            }
        }
        sums.map(|sums| cast!(sums))
    }
}

/// 8 bits by VNNI: four products of an unsigned and a signed byte at a time. The weights are made unsigned by adding 128, which
/// adds 128 times the sum of the values; every dot product starts with that taken away.
#[derive(Clone, Copy)]
struct Vnni<D> {
    simd: V3,
    dot: D,
}

impl<D: Copy + Fn(__m256i, __m256i, __m256i) -> __m256i> Kernel for Vnni<D> {
    type Block = Int8;
    type Values = Quads;

    #[inline(always)]
    fn values(self, values: &[f32; BLOCK]) -> Quads {
        Quads::new(values)
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Int8], rows: [&[Quads]; ROWS]) -> [[f32; PANEL]; ROWS] {
        let Self { simd, dot } = self;
        let flip = simd.avx._mm256_set1_epi8(i8::MIN);
        let mut sums = [none(simd); ROWS];
        for (number, block) in panel.iter().enumerate() {
            let rows = rows.map(|row| &row[number]);
            // Two sums in turn, as one would wait for itself.
            let mut dots = [
                rows.map(|row| [simd.avx._mm256_set1_epi32(-128 * row.sum); 2]),
                [[simd.avx._mm256_setzero_si256(); 2]; ROWS],
            ];
            for (group, weights) in block.weights.iter().enumerate() {
                let weights: [__m256i; 2] = cast!(*weights);
                let weights = weights.map(|weights| simd.avx2._mm256_xor_si256(weights, flip));
                let turn = if ROWS == 1 { group % 2 } else { 0 };
                for row in 0..ROWS {
                    let x = simd.avx._mm256_set1_epi32(rows[row].quads[group]);
                    for half in 0..2 {
                        dots[turn][row][half] = dot(dots[turn][row][half], weights[half], x);
                    }
                }
            }
            for row in 0..ROWS {
                let mut sum = dots[0][row];
                if ROWS == 1 {
                    sum = [0, 1].map(|half| simd.avx2._mm256_add_epi32(sum[half], dots[1][row][half]));
                }
                add(simd, &mut sums[row], sum, block, rows[row].scale);
            }
        }
        sums.map(|sums| cast!(sums))
    }
}
