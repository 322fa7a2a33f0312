use proptest::prelude::*;

use super::*;

/// A sound that differs with its seed.
fn sound(seed: u64, length: usize) -> Vec<f32> {
    let mut state = seed | 1;
    let noise = std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    });
    noise.take(length).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn silence_that_is_meant_is_silence_that_is_there(seed: u64, length in 0_usize..20_000, frames in 2_usize..160) {
        let pcm = sound(seed, length);
        let mut padded = pcm.clone();
        padded.resize(frames * HOP, 0.0);
        let mel = Mel::new(80);
        prop_assert_eq!(mel.window(&pcm, frames), mel.window(&padded, frames));
    }

    #[test]
    fn values_keep_to_their_range(seed: u64, gain in 0.0_f32..2.0, length in 0_usize..9_000, frames in 2_usize..100) {
        let pcm: Vec<f32> = sound(seed, length).into_iter().map(|sample| sample * gain).collect();
        let spectrogram = Mel::new(128).window(&pcm, frames);
        prop_assert_eq!(spectrogram.values.len(), spectrogram.frames * spectrogram.bands);
        let most = spectrogram.values.iter().copied().fold(f32::MIN, f32::max);
        let least = spectrogram.values.iter().copied().fold(f32::MAX, f32::min);
        prop_assert!(least >= -1.5 && most - least <= 2.0 + 1e-6, "{} to {}", least, most);
    }

    #[test]
    fn what_comes_a_frame_later_is_seen_a_frame_later(seed: u64) {
        let pcm = sound(seed, 8_000);
        let late: Vec<f32> = std::iter::repeat_n(0.0, HOP).chain(pcm.iter().copied()).collect();
        let mel = Mel::new(80);
        let (early, late) = (mel.window(&pcm, 100), mel.window(&late, 100));
        // Where the mirror before the beginning does not reach, up to the end of the sound: the floor hangs on the loudest frame,
        // which may be one that the mirror made.
        let shifted = late.values[4 * 80..49 * 80].iter().zip(&early.values[3 * 80..48 * 80]);
        for (late, early) in shifted {
            prop_assert!((late - early).abs() < 1e-3, "{} and {}", late, early);
        }
    }
}

#[test]
fn ten_times_louder_is_two_decades() {
    let pcm = sound(7, 16_000);
    let loud: Vec<f32> = pcm.iter().map(|sample| sample * 10.0).collect();
    let mel = Mel::new(80);
    let (quiet, loud) = (mel.window(&pcm, 100), mel.window(&loud, 100));
    for (loud, quiet) in loud.values.iter().zip(&quiet.values) {
        assert!((loud - quiet - 0.5).abs() < 1e-3, "{loud} and {quiet}");
    }
}

#[test]
fn a_tone_is_in_its_band() {
    let pcm: Vec<f32> = (0..16_000)
        .map(|n| (TAU * 1_000.0 * n as f64 / 16_000.0).sin() as f32)
        .collect();
    let spectrogram = Mel::new(80).window(&pcm, 100);
    let frame = &spectrogram.values[50 * 80..51 * 80];
    let loudest = (0..80).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
    let band = |n: usize| to_hz(to_mel(8_000.0) * n as f64 / 81.0);
    assert!((band(loudest)..band(loudest + 2)).contains(&1_000.0), "band {loudest}");
}

/// Not a bound that a busy machine could break: what it costs is for the benchmark to say.
#[test]
#[ignore = "timing, by hand: cargo test --release -p dragoman-models mel -- --ignored --nocapture"]
fn faster_than_candles() {
    let pcm = sound(3, 32_000);
    let mel = Mel::new(80);
    let config = candle_transformers::models::whisper::Config {
        num_mel_bins: 80,
        max_source_positions: 1500,
        d_model: 512,
        encoder_attention_heads: 8,
        encoder_layers: 6,
        vocab_size: 51_865,
        max_target_positions: 448,
        decoder_attention_heads: 8,
        decoder_layers: 6,
        suppress_tokens: Vec::new(),
    };
    // Candle's takes the triangles as a whole matrix.
    let mut matrix = vec![0.0_f32; 80 * BINS];
    for (row, band) in matrix.chunks_exact_mut(BINS).zip(mel.bands.iter()) {
        row[band.first..band.first + band.weights.len()].copy_from_slice(&band.weights);
    }
    let best = |mut run: Box<dyn FnMut() + '_>| {
        let times = (0..10).map(|_| {
            let begun = std::time::Instant::now();
            run();
            begun.elapsed().as_secs_f64() * 1e3
        });
        times.fold(f64::MAX, f64::min)
    };
    let ours_2 = best(Box::new(|| drop(std::hint::black_box(mel.window(&pcm, 200)))));
    let ours_5 = best(Box::new(|| drop(std::hint::black_box(mel.window(&pcm, 500)))));
    let theirs = best(Box::new(|| {
        let made = candle_transformers::models::whisper::audio::pcm_to_mel(&config, &pcm, &matrix);
        drop(std::hint::black_box(made));
    }));
    println!(
        "2 s of sound, best of 10: ours {ours_2:.2} ms (window 2 s), {ours_5:.2} ms (window 5 s), candle's {theirs:.0} ms"
    );
    assert!(theirs > 20.0 * ours_5);
}
