//! Pocket TTS as its users see it: speech with tiny models, and files that are wrong.

#![expect(clippy::unwrap_used, reason = "what tests share fails like a test")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dragoman_models::linear::Precision;
use dragoman_models::pocket::{Files, Noise, PocketTts, Spoken, Voice};
use dragoman_models::{Device, Error};

const LONG: &str = "Good evening, and welcome to the news. The minister said that the talks will go on until Friday. \
    The price rose by 3.5 percent; in May it was 2.75. Nobody answered!";

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pocket").join(path)
}

fn files(model: &str) -> Files {
    Files {
        weights: fixture(model).join("model.safetensors"),
        tokenizer: fixture("tokenizer.json"),
        voices: fixture(model).join("voices"),
    }
}

fn try_load(files: &Files) -> Result<PocketTts, Error> {
    PocketTts::load("tiny", files, &Device::cpu(), Precision::Full)
}

fn load(model: &str) -> (PocketTts, Voice) {
    let tts = try_load(&files(model)).unwrap();
    let voice = tts.voice("new").unwrap();
    (tts, voice)
}

/// All of it, and what there is to say about it.
fn speak(tts: &PocketTts, text: &str, voice: &Voice, seed: u64) -> (Vec<f32>, Spoken) {
    let mut pcm = Vec::new();
    let mut hear = |piece: &[f32]| {
        pcm.extend_from_slice(piece);
        ControlFlow::Continue(())
    };
    let spoken = tts.speak(text, voice, Noise::seeded(seed), &mut hear).unwrap();
    (pcm, spoken)
}

/// A copy of a fixture model that may be spoiled.
struct Spoiled {
    directory: tempfile::TempDir,
}

impl Spoiled {
    fn of(model: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = files(model);
        std::fs::create_dir(directory.path().join("voices")).unwrap();
        for (from, to) in [
            (files.weights.clone(), "model.safetensors"),
            (files.weights.with_file_name("config.json"), "config.json"),
            (files.tokenizer, "tokenizer.json"),
            (files.voices.join("new.safetensors"), "voices/new.safetensors"),
        ] {
            std::fs::copy(from, directory.path().join(to)).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn files(&self) -> Files {
        Files {
            weights: self.path("model.safetensors"),
            tokenizer: self.path("tokenizer.json"),
            voices: self.path("voices"),
        }
    }

    fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        let edited = edit(text.clone());
        assert_ne!(text, edited, "nothing was spoiled");
        std::fs::write(self.path(name), edited).unwrap();
    }

    fn truncate(&self, name: &str) {
        let bytes = std::fs::read(self.path(name)).unwrap();
        std::fs::write(self.path(name), &bytes[..bytes.len() / 2]).unwrap();
    }

    #[track_caller]
    fn refused(&self, code: &str, words: &[&str]) {
        complaint(&try_load(&self.files()).unwrap_err(), code, words);
    }

    #[track_caller]
    fn voice_refused(&self, name: &str, code: &str, words: &[&str]) {
        complaint(&try_load(&self.files()).unwrap().voice(name).unwrap_err(), code, words);
    }
}

#[track_caller]
fn complaint(error: &Error, code: &str, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    for word in words {
        assert!(text.contains(word), "{text:?} does not say {word:?}");
    }
}

#[test]
fn speech_comes_in_frames_of_80_ms_and_says_what_it_took() {
    let (tts, voice) = load("a");
    assert_eq!(tts.frame(), 1920);
    let mut pieces = 0;
    let mut hear = |piece: &[f32]| {
        assert_eq!(piece.len(), 1920);
        assert!(piece.iter().all(|sample| sample.is_finite()));
        pieces += 1;
        ControlFlow::Continue(())
    };
    let spoken = tts.speak(LONG, &voice, Noise::seeded(3), &mut hear).unwrap();
    assert_eq!(spoken.frames, pieces);
    assert!(spoken.chunks > 1 && spoken.tokens > 50 && !spoken.cancelled);
    assert!(spoken.took.first_pcm > std::time::Duration::ZERO);
    assert!(spoken.took.first_pcm <= spoken.took.total);
}

#[test]
fn a_seed_gives_the_same_speech_by_one_thread_or_by_two() {
    for model in ["a", "b"] {
        let (tts, voice) = load(model);
        let (one, _) = speak(&tts.clone().with_two_threads(false), LONG, &voice, 5);
        let (two, _) = speak(&tts.clone().with_two_threads(true), LONG, &voice, 5);
        assert_eq!(one, two);
        assert_ne!(one, speak(&tts, LONG, &voice, 6).0);
    }
}

#[test]
fn both_layouts_of_voice_files_are_the_same_voice() {
    for model in ["a", "b"] {
        let (tts, voice) = load(model);
        let old = tts.voice("old").unwrap();
        assert_eq!(old.positions(), voice.positions());
        assert_eq!(speak(&tts, "Hello.", &old, 1).0, speak(&tts, "Hello.", &voice, 1).0);
    }
}

#[test]
fn speech_that_is_broken_off_stops_at_once_and_leaves_nothing_behind() {
    for two_threads in [false, true] {
        let (tts, voice) = load("a");
        let tts = tts.with_two_threads(two_threads);
        let (whole, _) = speak(&tts, LONG, &voice, 9);
        for stop in [1, 4] {
            let mut pcm = Vec::new();
            let mut hear = |piece: &[f32]| {
                pcm.extend_from_slice(piece);
                if pcm.len() == stop * 1920 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let spoken = tts.speak(LONG, &voice, Noise::seeded(9), &mut hear).unwrap();
            assert!(spoken.cancelled);
            assert_eq!((spoken.frames, pcm.len()), (stop, stop * 1920));
            assert_eq!(pcm, whole[..pcm.len()]);
            assert_eq!(speak(&tts, LONG, &voice, 9).0, whole, "the next utterance is another");
        }
    }
}

#[test]
fn utterances_at_the_same_time_do_not_mix() {
    let (tts, voice) = load("a");
    let texts = [
        LONG,
        "Wait... what? Yes.",
        "Nobody answered, they said.",
        "Hello world.",
    ];
    let alone: Vec<_> = texts
        .iter()
        .zip(0..)
        .map(|(text, seed)| speak(&tts, text, &voice, seed).0)
        .collect();
    std::thread::scope(|scope| {
        let spoken: Vec<_> = texts
            .iter()
            .zip(0..)
            .map(|(text, seed)| {
                let (tts, voice) = (&tts, &voice);
                scope.spawn(move || [speak(tts, text, voice, seed).0, speak(tts, text, voice, seed).0])
            })
            .collect();
        for (thread, alone) in spoken.into_iter().zip(&alone) {
            let [first, second] = thread.join().unwrap();
            assert!(&first == alone && &second == alone);
        }
    });
}

#[test]
fn each_chunk_fades_in() {
    let (tts, voice) = load("a");
    let (pcm, _) = speak(&tts, "Hello world.", &voice, 2);
    assert_eq!(pcm[0], 0.0);
    assert!(pcm[1..120].iter().any(|sample| *sample != 0.0));
}

#[test]
fn a_text_that_never_ends_is_cut_off_at_its_cap() {
    let spoiled = Spoiled::of("b");
    spoiled.edit("config.json", |text| {
        text.replace("\"default_eos_threshold\": 0.0", "\"default_eos_threshold\": 1e9")
    });
    let tts = try_load(&spoiled.files()).unwrap();
    let (pcm, spoken) = speak(&tts, "Hello world.", &tts.voice("new").unwrap(), 1);
    assert_eq!(spoken.capped, 1);
    // Two seconds, and one for every three tokens.
    let frames = ((spoken.tokens as f64 / 3.0 + 2.0) * 12.5).ceil() as usize;
    assert_eq!((spoken.frames, pcm.len()), (frames, frames * 1920));
}

#[test]
fn a_very_long_text_is_spoken_chunk_by_chunk() {
    let (tts, voice) = load("b");
    let text = LONG.repeat(12);
    let (pcm, spoken) = speak(&tts, &text, &voice, 4);
    assert!(spoken.chunks >= 30, "{}", spoken.chunks);
    assert_eq!(pcm.len(), spoken.frames * 1920);
}

#[test]
fn nothing_to_say_is_an_error() {
    let (tts, voice) = load("a");
    for text in ["", "  ", "?!", "- \"...\""] {
        let mut hear = |_: &[f32]| ControlFlow::Continue(());
        let error = tts.speak(text, &voice, Noise::seeded(1), &mut hear).unwrap_err();
        complaint(&error, "model_input", &["nothing to say"]);
    }
}

#[test]
fn noise_that_runs_out_is_an_error() {
    let (tts, voice) = load("a");
    for two_threads in [false, true] {
        let mut pieces = 0;
        let mut hear = |_: &[f32]| {
            pieces += 1;
            ControlFlow::Continue(())
        };
        let noise = Noise::recorded(vec![vec![0.0; 8]; 3]);
        let error = tts
            .clone()
            .with_two_threads(two_threads)
            .speak("Hello.", &voice, noise, &mut hear)
            .unwrap_err();
        complaint(&error, "model_input", &["noise ended"]);
        assert_eq!(pieces, 3);
    }
}

#[test]
fn a_voice_of_another_model_is_refused() {
    let (a, voice_a) = load("a");
    let (b, voice_b) = load("b");
    for (tts, voice) in [(&a, &voice_b), (&b, &voice_a)] {
        let error = tts
            .speak("Hello.", voice, Noise::seeded(1), &mut |_| ControlFlow::Continue(()))
            .unwrap_err();
        complaint(&error, "model_input", &["voice new belongs to"]);
    }
    let spoiled = Spoiled::of("a");
    std::fs::copy(
        files("b").voices.join("new.safetensors"),
        spoiled.path("voices/other.safetensors"),
    )
    .unwrap();
    let heads = "has 1 heads of 16, expected 4 of 8";
    spoiled.voice_refused(
        "other",
        "model_tensor",
        &["other.safetensors", "layers.0.self_attn/cache", heads],
    );
    assert_eq!(try_load(&spoiled.files()).unwrap().voices().unwrap(), ["new", "other"]);
}

#[test]
fn a_voice_with_other_layers_is_refused() {
    // A model with one layer less, whose voice then has one too many.
    let spoiled = Spoiled::of("a");
    spoiled.edit("config.json", |text| {
        text.replacen("\"num_layers\": 2", "\"num_layers\": 1", 1)
    });
    spoiled.refused(
        "model_tensor",
        &[
            "model.safetensors",
            "transformer.layers.1",
            "one layer more than the 1 expected",
        ],
    );

    let path = spoiled.path("voices/more.safetensors");
    let mut tensors =
        candle_core::safetensors::load(files("a").voices.join("new.safetensors"), &candle_core::Device::Cpu).unwrap();
    let cache = "transformer.layers.0.self_attn/cache";
    tensors.insert(cache.replace('0', "2"), tensors[cache].clone());
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let spoiled = Spoiled::of("a");
    std::fs::copy(&path, spoiled.path("voices/more.safetensors")).unwrap();
    spoiled.voice_refused(
        "more",
        "model_tensor",
        &["layers.2.self_attn/cache", "the model has 2 layers"],
    );

    tensors.retain(|name, _| !name.contains("layers.1") && !name.contains("layers.2"));
    candle_core::safetensors::save(&tensors, spoiled.path("voices/less.safetensors")).unwrap();
    spoiled.voice_refused("less", "model_tensor", &["layers.1.self_attn/cache", "missing"]);
}

#[test]
fn voices_with_impossible_contents_are_refused() {
    let spoiled = Spoiled::of("a");
    let good =
        candle_core::safetensors::load(spoiled.path("voices/new.safetensors"), &candle_core::Device::Cpu).unwrap();
    let layer = "transformer.layers.1.self_attn";
    let write = |part: &str, value: candle_core::Tensor| {
        let mut tensors = good.clone();
        tensors.insert(format!("{layer}/{part}"), value);
        candle_core::safetensors::save(&tensors, spoiled.path("voices/bad.safetensors")).unwrap();
    };
    let cpu = &candle_core::Device::Cpu;
    for offset in [0i64, -3, 1000] {
        write("offset", candle_core::Tensor::new(&[offset], cpu).unwrap());
        spoiled.voice_refused("bad", "model_tensor", &["layers.1.self_attn/offset"]);
    }
    let cache = &good[&format!("{layer}/cache")];
    write("cache", (cache * f64::NAN).unwrap());
    spoiled.voice_refused("bad", "model_tensor", &["layers.1.self_attn/cache", "not finite"]);
    write("cache", cache.get(0).unwrap());
    spoiled.voice_refused("bad", "model_tensor", &["layers.1.self_attn/cache", "shape"]);

    spoiled.truncate("voices/new.safetensors");
    spoiled.voice_refused("new", "model_malformed", &["new.safetensors"]);
}

#[test]
fn an_unknown_voice_is_refused_with_those_that_there_are() {
    let (tts, _) = load("a");
    for name in ["nobody", "", "../voices/new", "new.safetensors", "/etc/passwd", "a\0b"] {
        complaint(
            &tts.voice(name).unwrap_err(),
            "model_input",
            &["unknown voice", "known: new, old"],
        );
    }
}

#[test]
fn an_unknown_model_is_refused_with_those_that_there_are() {
    let spoiled = Spoiled::of("a");
    std::fs::remove_file(spoiled.path("config.json")).unwrap();
    spoiled.refused("model_input", &["unknown speech model tiny", "english", "dutch_24l"]);
    // With a known name the tiny file is the wrong one.
    let error = PocketTts::load("english", &spoiled.files(), &Device::cpu(), Precision::Full).unwrap_err();
    complaint(
        &error,
        "model_malformed",
        &["tokenizer.json", "420 pieces, the model has 4000"],
    );
}

#[test]
fn broken_weights_are_refused() {
    let spoiled = Spoiled::of("a");
    spoiled.truncate("model.safetensors");
    spoiled.refused("model_malformed", &["model.safetensors"]);
    std::fs::remove_file(spoiled.path("model.safetensors")).unwrap();
    spoiled.refused("model_file", &["model.safetensors"]);
    std::fs::write(spoiled.path("model.safetensors"), b"<html>not found</html>").unwrap();
    spoiled.refused("model_malformed", &["model.safetensors"]);
}

#[test]
fn weights_of_another_model_are_refused_by_tensor() {
    let spoiled = Spoiled::of("a");
    std::fs::copy(files("b").weights, spoiled.path("model.safetensors")).unwrap();
    spoiled.refused(
        "model_tensor",
        &["model.safetensors", "flow_lm.input_linear.weight", "[28, 8]", "[32, 8]"],
    );
}

#[test]
fn a_broken_tokenizer_is_refused() {
    let spoiled = Spoiled::of("a");
    spoiled.truncate("tokenizer.json");
    spoiled.refused("model_malformed", &["tokenizer.json"]);
    std::fs::remove_file(spoiled.path("tokenizer.json")).unwrap();
    spoiled.refused("model_file", &["tokenizer.json"]);
}

#[test]
fn impossible_configurations_are_refused_by_field() {
    for (from, to, code, words) in [
        (
            "\"num_heads\": 4",
            "\"num_heads\": 5",
            "model_config",
            ["flow_lm.transformer.num_heads", "5 heads"],
        ),
        (
            "\"num_heads\": 4",
            "\"num_heads\": 0",
            "model_config",
            ["flow_lm.transformer.num_heads", "zero"],
        ),
        (
            "\"frame_rate\": 12.5",
            "\"frame_rate\": 13",
            "model_config",
            ["mimi.frame_rate", "13"],
        ),
        (
            "\"frame_rate\": 12.5",
            "\"frame_rate\": 0",
            "model_config",
            ["mimi.frame_rate", "0"],
        ),
        (
            "\"sample_rate\": 24000",
            "\"sample_rate\": 16000",
            "model_config",
            ["mimi.sample_rate", "24000"],
        ),
        (
            "\"max_period\": 10000",
            "\"max_period\": -1",
            "model_config",
            ["max_period", "period"],
        ),
        (
            "\"d_model\": 32",
            "\"d_model\": -32",
            "model_malformed",
            ["config.json", "line"],
        ),
        (
            "\"dim\": 24",
            "\"dim\": 24, \"type\": \"magic\"",
            "model_malformed",
            ["config.json", "magic"],
        ),
        (
            "\"depth\": 2",
            "\"depth\": 2, \"deep\": 3",
            "model_malformed",
            ["config.json", "deep"],
        ),
        (
            "\"n_bins\": 420",
            "\"n_bins\": 421",
            "model_malformed",
            ["tokenizer.json", "421"],
        ),
        (
            "\"depth\": 2",
            "\"depth\": 3",
            "model_tensor",
            ["flow_lm.flow_net.res_blocks.2", "model.safetensors"],
        ),
        (
            "\"kernel_size\": 7",
            "\"kernel_size\": 5",
            "model_tensor",
            ["mimi.decoder.model.0.conv.weight", "5"],
        ),
    ] {
        let spoiled = Spoiled::of("a");
        spoiled.edit("config.json", |text| text.replacen(from, to, 1));
        spoiled.refused(code, &words);
    }
}
