//! Whisper as its users see it: scripted models that say what a test wants, and files that are not what they should be.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device as Candle, Tensor};
use dragoman_models::linear::Precision;
use dragoman_models::whisper::{Ask, Config, Files, Filter, Heard, Task, Took, Whisper, tensors};
use dragoman_models::{Device, Error};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenizers::Tokenizer;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/whisper")
        .join(name)
}

/// A copy of the tiny model that a test may damage.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for name in [
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "model.safetensors",
        ] {
            std::fs::copy(fixture(name), copy.path(name)).unwrap();
        }
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) -> &Self {
        let mut value: Value = serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap();
        change(&mut value);
        std::fs::write(self.path(name), serde_json::to_vec(&value).unwrap()).unwrap();
        self
    }

    fn load_weights(&self, name: &str, precision: Precision) -> Result<Whisper, Error> {
        let files = Files {
            config: self.path("config.json"),
            tokenizer: self.path("tokenizer.json"),
            weights: self.path(name),
        };
        Whisper::load(&files, &Device::cpu(), precision)
    }

    fn load(&self) -> Result<Whisper, Error> {
        self.load_weights("model.safetensors", Precision::Full)
    }

    fn tokenizer(&self) -> Tokenizer {
        Tokenizer::from_file(self.path("tokenizer.json")).unwrap()
    }
}

/// A model whose layers do nothing: what comes next depends on the position alone.
struct Script {
    copy: Copy,
    embedding: Tensor,
    width: usize,
    positions: Vec<Vec<f32>>,
}

impl Script {
    const WIDTH: usize = 96;
    const POSITIONS: usize = 64;

    fn new() -> Self {
        let copy = Copy::new();
        copy.edit("config.json", |config| {
            for half in ["encoder", "decoder"] {
                config[format!("{half}_layers")] = json!(1);
                config[format!("{half}_attention_heads")] = json!(2);
                config[format!("{half}_ffn_dim")] = json!(8);
            }
            config["d_model"] = json!(Self::WIDTH);
            config["max_source_positions"] = json!(250);
            config["max_target_positions"] = json!(Self::POSITIONS);
        });
        let vocab = Config::read(&copy.path("config.json")).unwrap().vocab;
        let mut state = 11_u64;
        let rows = (0..vocab).flat_map(|_| {
            let row: Vec<f32> = (0..Self::WIDTH)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    (state >> 40) as f32 / (1 << 24) as f32 - 0.5
                })
                .collect();
            let mean = row.iter().sum::<f32>() / row.len() as f32;
            let length = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>().sqrt();
            row.into_iter().map(move |x| (x - mean) / length).collect::<Vec<_>>()
        });
        let values: Vec<f32> = rows.collect();
        Self {
            copy,
            embedding: Tensor::from_vec(values, (vocab, Self::WIDTH), &Candle::Cpu).unwrap(),
            width: Self::WIDTH,
            positions: vec![vec![0.0; Self::WIDTH]; Self::POSITIONS],
        }
    }

    fn id(&self, token: &str) -> u32 {
        let tokenizer = self.copy.tokenizer();
        tokenizer
            .token_to_id(token)
            .unwrap_or_else(|| panic!("no token {token}"))
    }

    fn ids(&self, text: &str) -> Vec<u32> {
        self.copy.tokenizer().encode(text, false).unwrap().get_ids().to_vec()
    }

    /// Makes `token` likely after the token at `position`.
    fn likely(&mut self, position: usize, token: u32, weight: f32) -> &mut Self {
        let row: Vec<f32> = self.embedding.get(token as usize).unwrap().to_vec1().unwrap();
        for (value, x) in self.positions[position].iter_mut().zip(row) {
            *value += 20.0 * weight * x;
        }
        self
    }

    /// Says these tokens after a prompt of `prompt` tokens.
    fn say(&mut self, prompt: usize, tokens: &[u32]) -> &mut Self {
        for (n, token) in tokens.iter().enumerate() {
            self.likely(prompt - 1 + n, *token, 1.0);
        }
        self
    }

    fn say_text(&mut self, text: &str) -> &mut Self {
        let mut ids = self.ids(text);
        ids.push(self.id("<|endoftext|>"));
        self.say(4, &ids)
    }

    fn load(&self) -> Whisper {
        let config = Config::read(&self.copy.path("config.json")).unwrap();
        let made = tensors(&config).into_iter().map(|(name, shape)| {
            let tensor = match name.as_str() {
                "model.decoder.embed_tokens.weight" => self.embedding.clone(),
                "model.decoder.embed_positions.weight" => {
                    Tensor::from_vec(self.positions.concat(), (Self::POSITIONS, self.width), &Candle::Cpu).unwrap()
                }
                "model.decoder.layer_norm.weight" => Tensor::full(2.0_f32, shape, &Candle::Cpu).unwrap(),
                _ => Tensor::zeros(shape, DType::F32, &Candle::Cpu).unwrap(),
            };
            (name, tensor)
        });
        let made: HashMap<_, _> = made.collect();
        candle_core::safetensors::save(&made, self.copy.path("model.safetensors")).unwrap();
        self.copy.load().unwrap()
    }
}

/// Half a second that is no silence.
fn noise() -> Vec<f32> {
    (0..8_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0 - 0.5)
        .collect()
}

fn hear(whisper: &Whisper, language: Option<&str>) -> Heard {
    let ask = Ask {
        language,
        ..Ask::default()
    };
    whisper.hear(&noise(), &ask).unwrap()
}

/// Without what differs each time.
fn timeless(heard: Heard) -> Heard {
    Heard {
        took: Took::default(),
        ..heard
    }
}

#[test]
fn writes_what_was_said() {
    let whisper = Script::new().say_text(" the news is late").load();
    let heard = hear(&whisper, Some("es"));
    assert_eq!(
        (heard.text.as_str(), heard.language.as_str(), heard.filtered),
        ("the news is late", "es", None)
    );
    assert!(
        heard.tokens > 3 && heard.log_prob > -0.5 && heard.no_speech < 0.1,
        "{heard:?}"
    );
    assert_eq!(hear(&whisper, Some("ES-mx")).language, "es");
    assert_eq!(hear(&whisper, Some("jv")).language, "jv");
    let error = whisper
        .hear(
            &noise(),
            &Ask {
                language: Some("xx"),
                ..Ask::default()
            },
        )
        .unwrap_err();
    assert!(error.to_string().contains("en zh de es fr jv"), "{error}");
    assert_eq!(whisper.languages(), ["en", "zh", "de", "es", "fr", "jv"]);
}

#[test]
fn finds_the_language_among_its_languages_only() {
    let mut script = Script::new();
    let (de, word) = (script.id("<|de|>"), script.ids("evening")[0]);
    let whisper = script
        .say_text(" welcome")
        .likely(0, de, 0.6)
        .likely(0, word, 1.0)
        .load();
    let heard = hear(&whisper, None);
    assert_eq!((heard.language.as_str(), heard.text.as_str()), ("de", "welcome"));
}

#[test]
fn a_decoder_that_does_not_stop_is_stopped() {
    let mut script = Script::new();
    let sentence = script.ids("so good");
    assert!((4..=6).contains(&sentence.len()), "{sentence:?}");
    let heard = hear(&script.say(4, &sentence.repeat(3)).load(), Some("en"));
    assert_eq!(
        (heard.text.as_str(), heard.filtered),
        ("so good", Some(Filter::Repetition))
    );
    assert_eq!(heard.tokens, 2 * sentence.len());

    // Half a second has room for twelve tokens.
    let mut script = Script::new();
    let letters = script.ids("qwxyzjkvbpQWXYZJKVBP");
    let heard = hear(&script.say(4, &letters).load(), Some("en"));
    assert_eq!(
        (heard.text.as_str(), heard.filtered, heard.tokens),
        ("qwxyzjkvbpQW", Some(Filter::Length), 12)
    );
}

#[test]
fn what_is_no_speech_is_not_said() {
    let mut script = Script::new();
    let no_speech = script.id("<|nospeech|>");
    let heard = hear(&script.say_text(" you").likely(0, no_speech, 1.0).load(), Some("en"));
    assert!(heard.no_speech > 0.6 && heard.log_prob > -1.0, "{heard:?}");
    assert_eq!((heard.text.as_str(), heard.filtered), ("", Some(Filter::Hallucination)));

    let mut script = Script::new();
    script.say_text(" welcome to the news").likely(0, no_speech, 1.0);
    let heard = hear(&script.load(), Some("en"));
    assert_eq!((heard.text.as_str(), heard.filtered), ("welcome to the news", None));
    // The same, with other words that are nearly as likely at each place.
    let others = script.ids("qxzjkvwy");
    for (position, other) in (4..11).flat_map(|position| others.iter().map(move |other| (position, *other))) {
        script.likely(position, other, 0.95);
    }
    let heard = hear(&script.load(), Some("en"));
    assert!(
        heard.no_speech > 0.6 && heard.log_prob < -1.0 && heard.tokens > 2,
        "{heard:?}"
    );
    assert_eq!((heard.text.as_str(), heard.filtered), ("", Some(Filter::NoSpeech)));

    let heard = hear(&Script::new().say_text(".!").load(), Some("en"));
    assert_eq!((heard.text.as_str(), heard.filtered), ("", Some(Filter::Wordless)));
}

#[test]
fn silence_asks_no_model() {
    let whisper = Copy::new().load().unwrap();
    for pcm in [vec![], vec![0.0; 16_000], vec![1e-5; 16_000]] {
        let heard = whisper.hear(&pcm, &Ask::default()).unwrap();
        assert_eq!(
            (heard.text.as_str(), heard.filtered, heard.tokens),
            ("", Some(Filter::Silence), 0)
        );
        assert_eq!(heard.took, Took::default());
    }
}

#[test]
fn bad_sound_is_refused() {
    let whisper = Copy::new().load().unwrap();
    let refused = |pcm: &[f32]| {
        let error = whisper.hear(pcm, &Ask::default()).unwrap_err();
        assert_eq!(error.code(), "model_input");
        error.to_string()
    };
    assert!(refused(&[0.1, f32::NAN]).contains("sample 1"));
    assert!(refused(&[f32::INFINITY; 3]).contains("sample 0"));
    // This model's window is 2 s.
    assert!(refused(&vec![0.1; 32_161]).contains("at most 2 s"));
    assert!(
        whisper.hear(&vec![1.0; 32_000], &Ask::default()).is_ok(),
        "clipped, a whole window"
    );
    assert!(whisper.hear(&[0.5], &Ask::default()).is_ok(), "one sample");
}

#[test]
fn steering_tokens_are_never_said() {
    let mut script = Script::new();
    let steering = ["<|startoftranscript|>", "<|es|>", "<|0.02|>", "<|notimestamps|>"];
    let words = script.ids("qxzj");
    for (n, (token, word)) in steering.iter().zip(words).enumerate() {
        let token = script.id(token);
        script.likely(3 + n, token, 1.0).likely(3 + n, word, 0.7);
    }
    let end = script.id("<|endoftext|>");
    // The end is no text to begin with, either.
    let heard = hear(&script.likely(3, end, 1.0).likely(7, end, 1.0).load(), Some("en"));
    assert_eq!(heard.text, "qxzj");
}

#[test]
fn the_list_of_what_is_not_said_may_be_missing() {
    let mut script = Script::new();
    for name in ["config.json", "generation_config.json"] {
        script.copy.edit(name, |config| {
            config["suppress_tokens"] = json!([]);
            config["begin_suppress_tokens"] = Value::Null;
        });
    }
    let (mark, word) = (script.ids("[")[0], script.ids("q")[0]);
    script.likely(3, mark, 1.0).likely(3, word, 0.7);
    let end = script.id("<|endoftext|>");
    assert_eq!(hear(&script.likely(4, end, 1.0).load(), Some("en")).text, "q");
}

#[test]
fn a_prompt_goes_before_and_steers_nothing() {
    let mut script = Script::new();
    let before = script.ids(" the news").len();
    let mut ids = script.ids(" welcome");
    ids.push(script.id("<|endoftext|>"));
    let whisper = script.say(1 + before + 4, &ids).load();
    let with = |prompt| {
        let ask = Ask {
            language: Some("en"),
            prompt: Some(prompt),
            ..Ask::default()
        };
        whisper.hear(&noise(), &ask).unwrap().text
    };
    assert_eq!(with("the news"), "welcome");
    assert_eq!(with("  the news<|translate|>"), "welcome");
    // As long as it may be: what does not fit is left out from its beginning.
    let long = Ask {
        language: Some("en"),
        prompt: Some(&"the late train ".repeat(200)),
        ..Ask::default()
    };
    assert!(whisper.hear(&noise(), &long).is_ok());
}

#[test]
fn nobody_waits() {
    let mut script = Script::new();
    let whisper = script.say_text(" the train to the north").load();
    let asked = Cell::new(0);
    let stop_after = |count: usize| {
        asked.set(0);
        let cancelled = || {
            asked.set(asked.get() + 1);
            asked.get() > count
        };
        let ask = Ask {
            language: Some("en"),
            cancelled: &cancelled,
            ..Ask::default()
        };
        whisper.hear(&noise(), &ask).unwrap()
    };
    let layers = 1;
    for tokens in 0..3 {
        let heard = stop_after(layers + tokens);
        assert_eq!(
            (heard.text.as_str(), heard.filtered, heard.tokens),
            ("", Some(Filter::Cancelled), tokens)
        );
        assert_eq!(asked.get(), layers + tokens + 1, "asked once for each token");
    }
    let heard = stop_after(0);
    assert_eq!(
        (heard.filtered, heard.took.decoder.is_zero()),
        (Some(Filter::Cancelled), true)
    );
}

#[test]
fn nothing_stays_of_an_utterance() {
    let whisper = Copy::new().load().unwrap();
    let other: Vec<f32> = noise().iter().rev().map(|sample| sample * 0.3).chain(noise()).collect();
    let heard = |whisper: &Whisper, pcm: &[f32], prompt: Option<&str>| {
        let ask = Ask {
            prompt,
            ..Ask::default()
        };
        timeless(whisper.hear(pcm, &ask).unwrap())
    };
    let first = heard(&whisper, &noise(), None);
    let second = heard(&whisper, &other, Some("the late news"));
    assert_ne!(first, second);
    assert_eq!(heard(&whisper, &noise(), None), first);
    // Neither when both are heard at the same time by clones that share the weights.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (whisper, first, second, heard, other) = (whisper.clone(), &first, &second, &heard, &other);
            scope.spawn(move || {
                for _ in 0..3 {
                    assert_eq!(heard(&whisper, other, Some("the late news")), *second);
                    assert_eq!(heard(&whisper, &noise(), None), *first);
                }
            });
        }
    });
}

#[test]
fn english_models_know_english() {
    let mut script = Script::new();
    script.copy.edit("generation_config.json", |config| {
        config["is_multilingual"] = json!(false)
    });
    let mut ids = script.ids(" welcome");
    ids.push(script.id("<|endoftext|>"));
    // Their prompt has neither language nor task.
    let whisper = script.say(2, &ids).load();
    assert_eq!(whisper.languages(), ["en"]);
    for language in [None, Some("en"), Some("en-GB")] {
        let heard = hear(&whisper, language);
        assert_eq!((heard.language.as_str(), heard.text.as_str()), ("en", "welcome"));
    }
    assert!(
        whisper
            .hear(
                &noise(),
                &Ask {
                    language: Some("es"),
                    ..Ask::default()
                }
            )
            .is_err()
    );
}

#[test]
fn translates_if_it_was_trained_to() {
    let mut script = Script::new();
    let whisper = script.say_text(" welcome").load();
    let ask = Ask {
        language: Some("es"),
        task: Task::Translate,
        ..Ask::default()
    };
    assert!(whisper.translates());
    assert_eq!(whisper.hear(&noise(), &ask).unwrap().text, "welcome");
    // A decoder that was cut down, as turbo's.
    script
        .copy
        .edit("config.json", |config| config["encoder_layers"] = json!(2));
    let whisper = script.load();
    assert!(!whisper.translates());
    assert!(
        whisper
            .hear(&noise(), &ask)
            .unwrap_err()
            .to_string()
            .contains("does not translate")
    );
}

#[test]
fn f32_and_gguf_say_what_f16_says() {
    let copy = Copy::new();
    let heard = timeless(hear(&copy.load().unwrap(), None));
    let tensors = candle_core::safetensors::load(copy.path("model.safetensors"), &Candle::Cpu).unwrap();
    let full: HashMap<_, _> = tensors
        .iter()
        .map(|(name, t)| (name.clone(), t.to_dtype(DType::F32).unwrap()))
        .collect();
    candle_core::safetensors::save(&full, copy.path("full.safetensors")).unwrap();
    let gguf = |name: &str, matrices: GgmlDType| {
        let quantised = full.iter().map(|(name, tensor)| {
            let matrix = tensor.rank() == 2 && tensor.dims()[1].is_multiple_of(32) && !name.contains("positions");
            let kind = if matrix { matrices } else { GgmlDType::F32 };
            (name.as_str(), QTensor::quantize(tensor, kind).unwrap())
        });
        let quantised: Vec<_> = quantised.collect();
        let tensors: Vec<_> = quantised.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let mut file = std::fs::File::create(copy.path(name)).unwrap();
        gguf_file::write(&mut file, &[], &tensors).unwrap();
    };
    gguf("full.gguf", GgmlDType::F32);
    gguf("q8.gguf", GgmlDType::Q8_0);
    for name in ["full.safetensors", "full.gguf"] {
        let whisper = copy.load_weights(name, Precision::Full).unwrap();
        assert_eq!(timeless(hear(&whisper, None)), heard, "{name}");
    }
    for precision in [Precision::Full, Precision::Q8] {
        let whisper = copy.load_weights("q8.gguf", precision).unwrap();
        let near = hear(&whisper, None);
        assert!(
            (near.log_prob - heard.log_prob).abs() < 0.3,
            "{precision:?}: {near:?}, exactly {heard:?}"
        );
    }
}

/// The error of a model that cannot be loaded: its code, and that it names the file and the field or tensor.
fn refused(copy: &Copy, code: &str, file: &str, names: &[&str]) {
    let error = copy.load().expect_err(&format!("{names:?}"));
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    assert!(text.contains(&*copy.path(file).to_string_lossy()), "{text}");
    for name in names {
        assert!(text.contains(name), "{text}: no {name}");
    }
}

#[test]
fn configurations_that_cannot_be() {
    for (field, value) in [
        ("model_type", json!("marian")),
        ("num_mel_bins", json!(81)),
        ("num_mel_bins", json!(-80)),
        ("d_model", json!(0)),
        ("d_model", json!(1_i64 << 40)),
        ("vocab_size", json!(-1)),
        ("max_source_positions", json!(0)),
        ("max_source_positions", json!(3_000_000)),
        ("max_target_positions", json!(3)),
        ("encoder_layers", json!(0)),
        ("decoder_layers", json!(100_000)),
        ("encoder_attention_heads", json!(5)),
        ("decoder_attention_heads", json!(0)),
        ("decoder_ffn_dim", json!(-4)),
        ("activation_function", json!("relu")),
        ("scale_embedding", json!(true)),
        ("suppress_tokens", json!([1, 99_999])),
        ("begin_suppress_tokens", json!([-7])),
        ("eos_token_id", json!(-2)),
    ] {
        let copy = Copy::new();
        copy.edit("config.json", |config| config[field] = value);
        refused(&copy, "model_config", "config.json", &[field]);
    }
    for (field, value) in [
        ("d_model", json!("wide")),
        ("vocab_size", Value::Null),
        ("decoder_layers", json!(1.5)),
    ] {
        let copy = Copy::new();
        copy.edit("config.json", |config| config[field] = value);
        refused(&copy, "model_malformed", "config.json", &[]);
    }
    let copy = Copy::new();
    copy.edit("config.json", |config| {
        drop(config.as_object_mut().unwrap().remove("d_model"))
    });
    refused(&copy, "model_malformed", "config.json", &["d_model"]);
    let copy = Copy::new();
    copy.edit("generation_config.json", |config| {
        config["suppress_tokens"] = json!([99_999])
    });
    refused(&copy, "model_config", "generation_config.json", &["suppress_tokens"]);
    let copy = Copy::new();
    std::fs::remove_file(copy.path("config.json")).unwrap();
    refused(&copy, "model_file", "config.json", &[]);
}

#[test]
fn tokenizers_that_do_not_fit() {
    for name in [
        "<|endoftext|>",
        "<|startoftranscript|>",
        "<|transcribe|>",
        "<|translate|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
    ] {
        let copy = Copy::new();
        copy.edit("tokenizer.json", |tokenizer| {
            let added = tokenizer["added_tokens"].as_array_mut().unwrap();
            added.iter_mut().find(|token| token["content"] == name).unwrap()["content"] = json!("<|other|>");
        });
        refused(&copy, "model_config", "tokenizer.json", &["added_tokens", name]);
    }
    let copy = Copy::new();
    copy.edit("tokenizer.json", |tokenizer| {
        for token in tokenizer["added_tokens"].as_array_mut().unwrap() {
            if token["content"].as_str().unwrap().len() == 6 {
                token["content"] = json!(format!("{}!", token["content"]));
            }
        }
    });
    refused(&copy, "model_config", "tokenizer.json", &["language"]);

    let copy = Copy::new();
    copy.edit("config.json", |config| config["vocab_size"] = json!(316));
    refused(&copy, "model_config", "tokenizer.json", &["317", "316", "vocab_size"]);
    let copy = Copy::new();
    copy.edit("config.json", |config| config["eos_token_id"] = json!(299));
    refused(
        &copy,
        "model_config",
        "tokenizer.json",
        &["eos_token_id", "<|endoftext|>", "299"],
    );
    let copy = Copy::new();
    copy.edit("generation_config.json", |config| {
        config["no_timestamps_token_id"] = json!(300)
    });
    refused(
        &copy,
        "model_config",
        "tokenizer.json",
        &["no_timestamps_token_id", "<|notimestamps|>"],
    );
    // The vocabulary of a published model, the tokenizer of another one.
    let copy = Copy::new();
    copy.edit("config.json", |config| config["vocab_size"] = json!(51_865));
    refused(&copy, "model_config", "tokenizer.json", &["<|notimestamps|>", "50363"]);

    let copy = Copy::new();
    std::fs::write(copy.path("tokenizer.json"), b"{\"version\": \"1.0\", \"model").unwrap();
    refused(&copy, "model_malformed", "tokenizer.json", &[]);
    std::fs::remove_file(copy.path("tokenizer.json")).unwrap();
    refused(&copy, "model_file", "tokenizer.json", &[]);
}

#[test]
fn weights_that_do_not_fit() {
    let change = |copy: &Copy, change: &dyn Fn(&mut HashMap<String, Tensor>)| {
        let path = copy.path("model.safetensors");
        let mut tensors = candle_core::safetensors::load(&path, &Candle::Cpu).unwrap();
        change(&mut tensors);
        // Not over the mapped file.
        std::fs::remove_file(&path).unwrap();
        candle_core::safetensors::save(&tensors, &path).unwrap();
    };
    for name in [
        "model.encoder.conv1.weight",
        "model.encoder.layers.1.self_attn.k_proj.weight",
        "model.decoder.layers.0.encoder_attn.v_proj.bias",
        "model.decoder.embed_tokens.weight",
        "model.decoder.layer_norm.bias",
    ] {
        let copy = Copy::new();
        change(&copy, &|tensors| drop(tensors.remove(name)));
        refused(&copy, "model_tensor", "model.safetensors", &[name]);
    }
    let copy = Copy::new();
    let name = "model.decoder.layers.1.fc1.weight";
    change(&copy, &|tensors| {
        let turned = tensors[name].t().unwrap().contiguous().unwrap();
        tensors.insert(name.into(), turned);
    });
    refused(
        &copy,
        "model_tensor",
        "model.safetensors",
        &[name, "[32, 96]", "[96, 32]"],
    );

    let copy = Copy::new();
    let whole = std::fs::read(copy.path("model.safetensors")).unwrap();
    for length in [0, 5, 1_000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(copy.path("model.safetensors"), &whole[..length]).unwrap();
        refused(&copy, "model_malformed", "model.safetensors", &[]);
        std::fs::write(copy.path("model.gguf"), &whole[..length]).unwrap();
        assert!(copy.load_weights("model.gguf", Precision::Q8).is_err());
    }
    std::fs::remove_file(copy.path("model.safetensors")).unwrap();
    refused(&copy, "model_file", "model.safetensors", &[]);
}

#[test]
fn weights_that_are_no_numbers() {
    let copy = Copy::new();
    let path = copy.path("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Candle::Cpu).unwrap();
    let name = "model.encoder.layer_norm.bias";
    let damaged = Tensor::full(f32::NAN, tensors[name].shape(), &Candle::Cpu).unwrap();
    tensors.insert(name.into(), damaged);
    std::fs::remove_file(&path).unwrap();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let error = copy.load().unwrap().hear(&noise(), &Ask::default()).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().contains("not a number")),
        ("compute", true),
        "{error}"
    );
}

#[test]
fn a_truncated_gguf_is_refused() {
    let copy = Copy::new();
    let tensors = candle_core::safetensors::load(copy.path("model.safetensors"), &Candle::Cpu).unwrap();
    let plain: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| {
            let tensor = tensor.to_dtype(DType::F32).unwrap();
            (name.as_str(), QTensor::quantize(&tensor, GgmlDType::F32).unwrap())
        })
        .collect();
    let tensors: Vec<_> = plain.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let path = copy.path("model.gguf");
    gguf_file::write(&mut std::fs::File::create(&path).unwrap(), &[], &tensors).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in [10, 500, whole.len() / 2] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = copy.load_weights("model.gguf", Precision::Q8).unwrap_err();
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    }
}

#[test]
fn the_published_layout_is_read() {
    let files = |directory: &Path| Files {
        config: directory.join("config.json"),
        tokenizer: directory.join("tokenizer.json"),
        weights: directory.join("model.safetensors"),
    };
    let whisper = Whisper::load(&files(&fixture("")), &Device::cpu(), Precision::Q8).unwrap();
    assert_eq!(whisper.config().longest(), 2.0);
    assert!(whisper.rehearse(&noise(), 3).unwrap().decoder.as_nanos() > 0);
}
