//! Sample formats, channel layouts and decibels.

const FULL_SCALE: f32 = 32_768.0;

/// One 16-bit sample as a float in `-1.0..1.0`.
pub fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / FULL_SCALE
}

/// One float as the nearest 16-bit sample; what is beyond full scale is clipped, NaN is silence.
pub fn to_i16(sample: f32) -> i16 {
    (sample * FULL_SCALE).round_ties_even() as i16
}

/// Appends 16-bit samples to `out` as floats.
pub fn extend_f32(samples: &[i16], out: &mut Vec<f32>) {
    out.extend(samples.iter().map(|&s| to_f32(s)));
}

/// Appends floats to `out` as 16-bit samples.
pub fn extend_i16(samples: &[f32], out: &mut Vec<i16>) {
    out.extend(samples.iter().map(|&s| to_i16(s)));
}

/// Appends the mean of each stereo frame to `out`.
pub fn extend_mono(stereo: &[f32], out: &mut Vec<f32>) {
    out.extend(stereo.chunks_exact(2).map(|f| (f[0] + f[1]) * 0.5));
}

/// Appends each mono sample twice, as a stereo frame, to `out`.
pub fn extend_stereo(mono: &[f32], out: &mut Vec<f32>) {
    out.extend(mono.iter().flat_map(|&s| [s, s]));
}

/// The amplitude factor of a level in dB.
pub fn from_db(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

/// The level of an amplitude factor in dB; `-inf` for zero.
pub fn to_db(factor: f32) -> f32 {
    20.0 * factor.abs().log10()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sixteen_bits_survive_the_way_through_floats(sample in any::<i16>()) {
            prop_assert_eq!(to_i16(to_f32(sample)), sample);
        }

        #[test]
        fn decibels_turn_back(db in -60.0_f32..20.0) {
            prop_assert!((to_db(from_db(db)) - db).abs() < 1e-3);
        }
    }

    #[test]
    fn beyond_full_scale_clips_and_nan_is_silence() {
        assert_eq!(to_i16(1.5), i16::MAX);
        assert_eq!(to_i16(-1.5), i16::MIN);
        assert_eq!(to_i16(f32::NAN), 0);
    }

    #[test]
    fn mono_is_the_mean_and_stereo_is_twice_the_same() {
        let (mut mono, mut stereo) = (Vec::new(), Vec::new());
        extend_mono(&[1.0, 0.0, -0.5, -0.5], &mut mono);
        assert_eq!(mono, [0.5, -0.5]);
        extend_stereo(&mono, &mut stereo);
        assert_eq!(stereo, [0.5, 0.5, -0.5, -0.5]);
    }
}
