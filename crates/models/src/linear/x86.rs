//! AVX2 and AVX-512 VNNI.

use std::arch::x86_64::{__m256, __m256i, _mm256_dpbusd_epi32};

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use super::int8::{BLOCK, Block, PANEL};
use super::kernel::{Job, Kernel, Portable, product};

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

pub(super) fn avx2(job: Job<'_>) {
    struct With<'a>(V3, Job<'a>);
    impl NullaryFnOnce for With<'_> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            product::<_, 3>(Avx2(self.0), self.1);
        }
    }
    match V3::try_new() {
        Some(simd) => simd.vectorize(With(simd, job)),
        None => product::<_, 1>(Portable, job),
    }
}

pub(super) fn vnni(job: Job<'_>) {
    match V3::try_new() {
        Some(simd) if has_vnni() => {
            #[expect(
                unsafe_code,
                reason = "the processor has just been asked for every feature that it is compiled with"
            )]
            unsafe {
                vnni_product(simd, job);
            }
        }
        _ => avx2(job),
    }
}

#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt,fxsr,avx512f,avx512bw,avx512vl,avx512vnni")]
fn vnni_product(simd: V3, job: Job<'_>) {
    let dot = |sum, unsigned, signed| _mm256_dpbusd_epi32(sum, unsigned, signed);
    product::<_, 4>(Vnni { simd, dot }, job);
}

/// The sums of 16 outputs.
type Sums = [__m256; 2];

#[inline(always)]
fn none(simd: V3) -> Sums {
    [simd.avx._mm256_setzero_ps(); 2]
}

/// Adds a block's dot products, scaled.
#[inline(always)]
fn add(simd: V3, sums: &mut Sums, dots: [__m256i; 2], block: &Block, scale: f32) {
    let scales: [__m256; 2] = cast!(block.scales);
    let scale = simd.avx._mm256_set1_ps(scale);
    for half in 0..2 {
        let dot = simd.avx._mm256_cvtepi32_ps(dots[half]);
        let scaled = simd.avx._mm256_mul_ps(simd.avx._mm256_mul_ps(dot, scales[half]), scale);
        sums[half] = simd.avx._mm256_add_ps(sums[half], scaled);
    }
}

/// AVX2: bytes are widened to 16 bits, and pairs of these multiplied and added.
#[derive(Clone, Copy)]
struct Avx2(V3);

/// Of every 4 values, the first and third in one word, the second and fourth in another.
#[derive(Clone, Copy)]
struct Pairs {
    scale: f32,
    even: [i32; BLOCK / 4],
    odd: [i32; BLOCK / 4],
}

impl Kernel for Avx2 {
    type Values = Pairs;

    #[inline(always)]
    fn values(self, scale: f32, values: &[i8; BLOCK]) -> Pairs {
        let pair = |low: i8, high: i8| i32::from(low) & 0xffff | i32::from(high) << 16;
        Pairs {
            scale,
            even: std::array::from_fn(|group| pair(values[group * 4], values[group * 4 + 2])),
            odd: std::array::from_fn(|group| pair(values[group * 4 + 1], values[group * 4 + 3])),
        }
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Block], rows: [&[Pairs]; ROWS]) -> [[f32; PANEL]; ROWS] {
        let Self(simd) = self;
        let mut sums = [none(simd); ROWS];
        for (number, block) in panel.iter().enumerate() {
            let mut dots = [[simd.avx._mm256_setzero_si256(); 2]; ROWS];
            for (group, weights) in block.weights.iter().enumerate() {
                let weights: [__m256i; 2] = cast!(*weights);
                for half in 0..2 {
                    let even = simd.avx2._mm256_slli_epi16::<8>(weights[half]);
                    let even = simd.avx2._mm256_srai_epi16::<8>(even);
                    let odd = simd.avx2._mm256_srai_epi16::<8>(weights[half]);
                    for row in 0..ROWS {
                        let x = &rows[row][number];
                        let even = simd
                            .avx2
                            ._mm256_madd_epi16(even, simd.avx._mm256_set1_epi32(x.even[group]));
                        let odd = simd
                            .avx2
                            ._mm256_madd_epi16(odd, simd.avx._mm256_set1_epi32(x.odd[group]));
                        let dot = simd.avx2._mm256_add_epi32(dots[row][half], even);
                        dots[row][half] = simd.avx2._mm256_add_epi32(dot, odd);
                    }
                }
            }
            for row in 0..ROWS {
                add(simd, &mut sums[row], dots[row], block, rows[row][number].scale);
            }
        }
        sums.map(|sums| cast!(sums))
    }
}

/// VNNI: four products of an unsigned and a signed byte at a time. The weights are made unsigned by adding 128, which adds 128
/// times the sum of the values; every dot product starts with that taken away.
#[derive(Clone, Copy)]
struct Vnni<D> {
    simd: V3,
    dot: D,
}

#[derive(Clone, Copy)]
struct Quads {
    scale: f32,
    start: i32,
    quads: [i32; BLOCK / 4],
}

impl<D: Copy + Fn(__m256i, __m256i, __m256i) -> __m256i> Kernel for Vnni<D> {
    type Values = Quads;

    #[inline(always)]
    fn values(self, scale: f32, values: &[i8; BLOCK]) -> Quads {
        Quads {
            scale,
            start: -128 * values.iter().map(|value| i32::from(*value)).sum::<i32>(),
            quads: cast!(*values),
        }
    }

    #[inline(always)]
    fn panel<const ROWS: usize>(self, panel: &[Block], rows: [&[Quads]; ROWS]) -> [[f32; PANEL]; ROWS] {
        let Self { simd, dot } = self;
        let flip = simd.avx._mm256_set1_epi8(i8::MIN);
        let mut sums = [none(simd); ROWS];
        for (number, block) in panel.iter().enumerate() {
            let mut dots: [_; ROWS] =
                std::array::from_fn(|row| [simd.avx._mm256_set1_epi32(rows[row][number].start); 2]);
            for (group, weights) in block.weights.iter().enumerate() {
                let weights: [__m256i; 2] = cast!(*weights);
                let weights = weights.map(|weights| simd.avx2._mm256_xor_si256(weights, flip));
                for row in 0..ROWS {
                    let x = simd.avx._mm256_set1_epi32(rows[row][number].quads[group]);
                    for half in 0..2 {
                        dots[row][half] = dot(dots[row][half], weights[half], x);
                    }
                }
            }
            for row in 0..ROWS {
                add(simd, &mut sums[row], dots[row], block, rows[row][number].scale);
            }
        }
        sums.map(|sums| cast!(sums))
    }
}
