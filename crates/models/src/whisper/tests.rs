//! Against the original: `fixtures/whisper/make.py` wrote what it makes of the same weights.

use candle_core::{DType, Tensor};

use super::*;

const CPU: candle_core::Device = candle_core::Device::Cpu;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/whisper")
        .join(name)
}

fn tiny(precision: Precision) -> Whisper {
    let files = Files {
        config: fixture("config.json"),
        tokenizer: fixture("tokenizer.json"),
        weights: fixture("model.safetensors"),
    };
    Whisper::load(&files, &Device::cpu(), precision).unwrap()
}

fn reference(name: &str) -> Tensor {
    let all = candle_core::safetensors::load(fixture("reference.safetensors"), &CPU).unwrap();
    all[name].clone()
}

fn pcm() -> Vec<f32> {
    let samples: Vec<f32> = reference("pcm").to_dtype(DType::F32).unwrap().to_vec1().unwrap();
    samples.into_iter().map(|sample| sample / 32768.0).collect()
}

/// The largest difference.
fn apart(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).unwrap().abs().unwrap();
    difference.flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

fn as_tensor(mel: &Spectrogram) -> Tensor {
    Tensor::from_slice(&mel.values, (mel.frames, mel.bands), &CPU).unwrap()
}

#[test]
fn mel_is_the_originals() {
    let ours = as_tensor(&Mel::new(80).window(&pcm(), 200));
    let difference = apart(&ours, &reference("mel_80"));
    assert!(difference < 1e-4, "80 bands: {difference}");
    // A window that ends within the sound: its last frame sees the mirror.
    let ours = as_tensor(&Mel::new(128).window(&pcm(), 100));
    let picked: Vec<u32> = (0..100).step_by(5).chain([99]).collect();
    let ours = ours.index_select(&Tensor::new(picked, &CPU).unwrap(), 0).unwrap();
    let difference = apart(&ours, &reference("mel_128"));
    assert!(difference < 1e-4, "128 bands: {difference}");
}

fn encoded(whisper: &Whisper) -> Tensor {
    let mel = Spectrogram {
        values: reference("mel_80").flatten_all().unwrap().to_vec1().unwrap(),
        frames: 200,
        bands: 80,
    };
    whisper.0.encoder.forward(&mel, &|| false).unwrap().unwrap()
}

#[test]
fn encoder_is_the_originals() {
    let difference = apart(&encoded(&tiny(Precision::Full)), &reference("encoded"));
    assert!(difference < 1e-5, "{difference}");
}

/// The logits after each token, said in steps of these lengths.
fn logits(whisper: &Whisper, steps: &[usize]) -> Tensor {
    let decoder = &whisper.0.decoder;
    let tokens: Vec<u32> = reference("tokens").to_dtype(DType::U32).unwrap().to_vec1().unwrap();
    assert_eq!(steps.iter().sum::<usize>(), tokens.len());
    let sound = decoder.listen(&encoded(whisper)).unwrap();
    let mut said = decoder.begin(&sound, tokens.len()).unwrap();
    let mut rest = tokens.as_slice();
    let rows = steps.iter().map(|step| {
        let (now, later) = rest.split_at(*step);
        rest = later;
        let x = decoder.forward(now, &sound, &mut said).unwrap();
        decoder.logits(&x).unwrap()
    });
    Tensor::cat(&rows.collect::<Vec<_>>(), 0).unwrap()
}

#[test]
fn decoder_is_the_originals_in_steps_or_at_once() {
    let whisper = tiny(Precision::Full);
    let reference = reference("logits");
    for steps in [&[13][..], &[1; 13], &[4, 1, 1, 1, 1, 1, 1, 1, 1, 1], &[3, 5, 5]] {
        let difference = apart(&logits(&whisper, steps), &reference);
        assert!(difference < 3e-5, "{steps:?}: {difference}");
    }
}

#[test]
fn quantised_is_near() {
    let (full, q8) = (tiny(Precision::Full), tiny(Precision::Q8));
    let (full, q8) = (logits(&full, &[13]), logits(&q8, &[1; 13]));
    let spread = full.abs().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
    let difference = (&full - &q8)
        .unwrap()
        .abs()
        .unwrap()
        .mean_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    assert!(difference < 0.05 * spread, "{difference} of {spread}");
}

/// All published sizes have the tensors that they are read with; the tiniest stands for them.
#[test]
fn random_weights_have_the_names_that_are_read() {
    let config = Config::read(&fixture("config.json")).unwrap();
    let weights = weights(&config, &Device::cpu()).unwrap();
    let tokens = tiny(Precision::Full).0.tokens.clone();
    let whisper = Whisper::assemble(config.clone(), tokens, &weights, Precision::Full).unwrap();
    let took = whisper.rehearse(&pcm(), 5).unwrap();
    assert!(took.whole() > Duration::ZERO);
    let published = candle_core::safetensors::load(fixture("model.safetensors"), &CPU).unwrap();
    let mut found: Vec<_> = published
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()))
        .collect();
    let mut made = tensors(&config);
    found.sort();
    made.sort();
    assert_eq!(made, found);
}

#[test]
fn parameters_are_the_published_number() {
    let count = |size: Size| -> usize {
        let all = tensors(&size.config());
        all.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    let published = [
        37_760_640,
        72_593_920,
        241_734_912,
        763_857_920,
        1_543_490_560,
        808_878_080,
    ];
    for (size, published) in Size::ALL.into_iter().zip(published) {
        assert_eq!(count(size), published, "{}", size.name());
    }
}

#[test]
fn steering_tokens_of_the_published_vocabularies() {
    for (size, [end, start, no_speech, no_timestamps]) in [
        (Size::Base, [50_257, 50_258, 50_362, 50_363]),
        (Size::LargeV3, [50_257, 50_258, 50_363, 50_364]),
    ] {
        let tokens = Tokens::without_text(&size.config());
        let (prompt, at) = tokens.prompt(tokens.languages[3].1, Task::Translate, &[5, 6]);
        assert_eq!((tokens.end, tokens.start, tokens.no_speech), (end, start, no_speech));
        let translate = no_timestamps - 5;
        assert_eq!(
            prompt,
            [no_timestamps - 2, 5, 6, start, 50_262, translate, no_timestamps]
        );
        assert_eq!((at, tokens.languages[3].0.as_str()), (3, "es"));
        assert!(
            tokens.allowed(100, true) && tokens.allowed(end as usize, false) && !tokens.allowed(end as usize, true)
        );
        assert!(!tokens.allowed(start as usize, false) && !tokens.allowed(no_timestamps as usize + 1, false));
    }
}

#[test]
fn windows() {
    let config = Config {
        source_positions: 1_500,
        ..Config::read(&fixture("config.json")).unwrap()
    };
    let tokens = tiny(Precision::Full).0.tokens.clone();
    let weights = weights(&config, &Device::cpu()).unwrap();
    let model = Whisper::assemble(config, tokens, &weights, Precision::Full).unwrap();
    let frames = |seconds: f32| model.frames((seconds * RATE as f32) as usize).ok();
    assert_eq!(frames(0.0), Some(500));
    assert_eq!(frames(2.9), Some(500));
    assert_eq!(frames(4.0), Some(600));
    assert_eq!(frames(4.005), Some(602));
    assert_eq!(frames(29.0), Some(3_000));
    assert_eq!(frames(30.0), Some(3_000));
    assert_eq!(frames(30.01), None);
    assert_eq!(cap(2 * RATE), 24);
}
