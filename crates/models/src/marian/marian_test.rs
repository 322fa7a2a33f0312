use std::fs;
use std::path::Path;

use candle_core::{IndexOp as _, safetensors};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::seq2seq::{Detokenizer as _, Ends};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/marian")
        .join(name)
}

fn files(dir: &Path) -> Files {
    Files {
        config: dir.join("config.json"),
        vocab: dir.join("vocab.json"),
        source_spm: dir.join("source.spm"),
        target_spm: dir.join("target.spm"),
        weights: dir.join("model.safetensors"),
    }
}

fn load(dir: &Path) -> Result<Marian> {
    Marian::load(&files(dir), &Device::cpu(), Precision::Full)
}

fn tiny(name: &str) -> Marian {
    load(&fixture(name)).unwrap()
}

/// What the original computes; the script is beside it.
#[derive(Deserialize)]
struct Expected {
    forced: Vec<u32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    source: Vec<u32>,
    greedy: Vec<u32>,
    decoded: String,
}

fn expected(name: &str) -> Expected {
    serde_json::from_slice(&fs::read(fixture(name).join("expected.json")).unwrap()).unwrap()
}

fn distance(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

fn source(model: &Marian, text: &str) -> Vec<u32> {
    let mut source = model.vocabulary.encode(text);
    source.push(model.vocabulary.end());
    source
}

/// Says `count` tokens, whatever they are.
fn say(model: &Marian, source: &[u32], count: usize) -> Vec<u32> {
    let Ends { start, end, pad } = model.network.config.ends;
    let mut sentence = model.network.read(source).unwrap();
    let mut said = vec![start];
    while said.len() <= count {
        let mut scores = sentence.next(*said.last().unwrap()).unwrap();
        scores[pad as usize] = f32::NEG_INFINITY;
        let best = (0..).zip(&scores).max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        if best == end {
            break;
        }
        said.push(best);
    }
    said.split_off(1)
}

#[test]
fn numbers_agree_with_the_original() {
    for name in ["base", "separate"] {
        let model = tiny(name);
        let tensors = safetensors::load(fixture(name).join("expected.safetensors"), &candle_core::Device::Cpu).unwrap();
        let Expected { forced, cases } = expected(name);
        for (at, case) in cases.iter().enumerate() {
            let source = source(&model, &case.text);
            assert_eq!(source, case.source, "{name}: {}", case.text);
            let encoded = model.network.encode(&source).unwrap().squeeze(0).unwrap();
            let off = distance(&encoded, &tensors[&format!("{at}.encoder")]);
            assert!(off < 1e-5, "{name}: encoder off by {off}");
            let mut sentence = model.network.read(&source).unwrap();
            let logits = sentence.forward(&forced, false).unwrap();
            let off = distance(&logits, &tensors[&format!("{at}.logits")]);
            assert!(off < 2e-5, "{name}: logits off by {off}");
            let said = say(&model, &source, case.greedy.len());
            assert_eq!(said, case.greedy, "{name}: {}", case.text);
            assert_eq!(model.vocabulary.decode(&said), case.decoded);
        }
    }
}

#[test]
fn token_by_token_is_as_all_at_once() {
    let model = tiny("base");
    let Expected { forced, cases } = expected("base");
    let source = source(&model, &cases[0].text);
    let whole = model.network.read(&source).unwrap().forward(&forced, false).unwrap();
    for first in [1, 5] {
        let mut sentence = model.network.read(&source).unwrap();
        let mut rows = vec![sentence.forward(&forced[..first], false).unwrap()];
        rows.extend(
            forced[first..]
                .iter()
                .map(|token| sentence.forward(&[*token], true).unwrap()),
        );
        let rows = Tensor::cat(&rows, 0).unwrap();
        let off = distance(&rows, &whole);
        assert!(off < 1e-5, "off by {off} after {first} tokens at once");
    }
}

#[test]
fn padding_is_never_said_though_it_is_the_likeliest() {
    let model = tiny("base");
    let pad = model.network.config.ends.pad;
    let source = source(&model, "The river rose.");
    let mut sentence = model.network.read(&source).unwrap();
    let scores = sentence.forward(&[pad], true).unwrap();
    assert_eq!(scores.i(0).unwrap().argmax(0).unwrap().to_scalar::<u32>().unwrap(), pad);
    assert!(!say(&model, &source, 20).contains(&pad));
}

#[test]
fn eight_bits_are_close_and_every_file_format_is_the_same() {
    let dir = fixture("base");
    let full = tiny("base");
    let text = "The river rose two metres during the night.";
    let source = source(&full, text);
    let logits = |model: &Marian| model.network.read(&source).unwrap().forward(&[3, 4, 5], false).unwrap();
    // PyTorch's zip, and what it wrote before there was one.
    for name in ["pytorch_model.bin", "legacy.bin"] {
        let files = Files {
            weights: dir.join(name),
            ..files(&dir)
        };
        let pytorch = Marian::load(&files, &Device::cpu(), Precision::Full).unwrap();
        assert_eq!(distance(&logits(&pytorch), &logits(&full)), 0.0, "{name}");
    }
    let q8 = Marian::load(&files(&dir), &Device::cpu(), Precision::Q8).unwrap();
    let off = distance(&logits(&q8), &logits(&full));
    assert!(off < 0.2, "off by {off}");
}

fn translated(model: &Marian, text: &str) -> (Vec<String>, String) {
    let mut reported = Vec::new();
    let whole = model.translate(text, &mut |text| {
        reported.push(text.to_owned());
        ControlFlow::Continue(())
    });
    (reported, whole.unwrap())
}

#[test]
fn words_are_reported_as_they_come_and_a_break_ends_it() {
    let model = tiny("base");
    let text = "The river rose two metres during the night. Is the new tunnel safe?";
    let (reported, whole) = translated(&model, text);
    assert!(reported.len() > 4, "{reported:?}");
    assert_eq!(reported.last(), Some(&whole));
    assert!(
        reported
            .windows(2)
            .all(|pair| pair[1].starts_with(&pair[0]) && pair[1].len() > pair[0].len())
    );
    // Each is whole words: what comes next begins with a space.
    assert!(
        reported[..2].iter().all(|text| whole[text.len()..].starts_with(' ')),
        "{reported:?}"
    );

    let mut calls = 0;
    let stopped = model.translate(text, &mut |_| {
        calls += 1;
        if calls == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(calls, 3);
    assert!(whole.starts_with(&stopped.unwrap()));
}

#[test]
fn nothing_of_one_call_is_in_the_next() {
    let model = tiny("base");
    let texts = ["The river rose.", "Is the new tunnel safe?", "a"];
    let alone: Vec<_> = texts.iter().map(|text| translated(&tiny("base"), text)).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for (text, alone) in texts.iter().zip(&alone).chain(texts.iter().zip(&alone).rev()) {
                    assert_eq!(&translated(&model, text), alone);
                }
            });
        }
    });
}

#[test]
fn any_length_of_text_fits_the_positions() {
    let model = tiny("base");
    let (reported, whole) = translated(&model, "");
    assert!(reported.is_empty() && whole.is_empty());
    assert_eq!(translated(&model, " \n\t ").1, "");
    // One sentence of more tokens than there are positions, with and without a place to cut it.
    translated(&model, &"the river and the harbour, ".repeat(30));
    translated(&model, &"x".repeat(400));
}

#[test]
fn a_model_of_several_targets_is_told_which() {
    let dir = changed("vocab.json", |vocab| {
        let mut numbers: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&vocab).unwrap();
        for (piece, number) in [(">>spa<<", 5), (">>pt_BR<<", 6)] {
            numbers.retain(|_, found| *found != number);
            numbers.insert(piece.into(), number.into());
        }
        serde_json::to_string(&numbers).unwrap()
    });
    let model = load(dir.path()).unwrap();
    assert_eq!(model.targets(), ["pt_BR", "spa"]);
    let error = model.translate("a", &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("pt_BR, spa"), "{error}");
    let error = model.with_target("de").err().unwrap();
    assert!(error.to_string().contains("into de, only into pt_BR, spa"), "{error}");
    assert_eq!(model.with_target("es").unwrap().target, Some(5));
    assert_eq!(model.with_target("pt_BR").unwrap().target, Some(6));
    let (spanish, portuguese) = (model.with_target("spa").unwrap(), model.with_target("pt_BR").unwrap());
    assert_ne!(
        translated(&spanish, "The river rose.").1,
        translated(&portuguese, "The river rose.").1
    );
    assert!(tiny("base").targets().is_empty() && tiny("base").with_target("es").is_err());
}

/// The tiny model with one file changed.
fn changed(file: &str, change: impl FnOnce(String) -> String) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture("base")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    let path = dir.path().join(file);
    fs::write(&path, change(fs::read_to_string(&path).unwrap_or_default())).unwrap();
    dir
}

#[test]
fn an_impossible_configuration_is_refused_by_field() {
    for (field, value, code) in [
        ("d_model", "15", "model_config"),
        ("d_model", "\"16\"", "model_config"),
        ("d_model", "0", "model_config"),
        ("d_model", "18446744073709551615", "model_config"),
        ("d_model", "32", "model_tensor"),
        ("d_model", "null", "model_config"),
        ("vocab_size", "-1", "model_config"),
        ("vocab_size", "100", "model_config"),
        ("encoder_layers", "0", "model_config"),
        ("encoder_layers", "3", "model_tensor"),
        ("decoder_attention_heads", "3", "model_config"),
        ("encoder_attention_heads", "0", "model_config"),
        ("max_position_embeddings", "1", "model_config"),
        ("eos_token_id", "9999", "model_config"),
        ("eos_token_id", "[0, 1]", "model_config"),
        ("pad_token_id", "9999", "model_config"),
        ("pad_token_id", "null", "model_config"),
        ("decoder_start_token_id", "1e3", "model_config"),
        ("activation_function", "\"tanhish\"", "model_config"),
        ("scale_embedding", "\"yes\"", "model_config"),
        ("model_type", "\"whisper\"", "model_config"),
        ("decoder_vocab_size", "100", "model_config"),
        ("tie_word_embeddings", "false", "model_config"),
    ] {
        let dir = changed("config.json", |config| {
            let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&config).unwrap();
            config.insert(field.into(), serde_json::from_str(value).unwrap());
            serde_json::to_string(&config).unwrap()
        });
        let error = load(dir.path())
            .err()
            .unwrap_or_else(|| panic!("{field} = {value} is taken"));
        assert_eq!(error.code(), code, "{field} = {value}: {error}");
        let named = if code == "model_config" {
            "config.json"
        } else {
            "model.safetensors"
        };
        assert!(error.to_string().contains(named), "{error}");
        if code == "model_config" && field != "vocab_size" {
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}

#[test]
fn files_that_are_broken_or_of_another_model_are_refused_by_name() {
    let refused = |file: &str, change: &dyn Fn(String) -> String, why: &str| {
        let dir = changed(file, change);
        let error = load(dir.path())
            .err()
            .unwrap_or_else(|| panic!("{file} is taken: {why}"));
        let text = error.to_string();
        assert!(
            text.contains(file) && text.contains(why),
            "{text}, expected {file}: {why}"
        );
    };
    let half = |text: String| text.chars().take(text.chars().count() / 2).collect();
    refused("config.json", &half, "EOF");
    refused("config.json", &|_| "[]".into(), "map");
    refused("vocab.json", &half, "EOF");
    refused("vocab.json", &|vocab| vocab.replace("</s>", "</x>"), "no </s>");
    refused(
        "vocab.json",
        &|vocab| vocab.replace("\"</s>\":0", "\"</s>\":3"),
        "eos_token_id",
    );
    refused("vocab.json", &|vocab| vocab.replace(":3,", ":3000,"), "size of 188");
    refused("vocab.json", &|vocab| vocab.replace(":3,", ":-3,"), "invalid");
    refused(
        "target.spm",
        &|_| fs::read_to_string(fixture("base").join("config.json")).unwrap(),
        "protobuf",
    );
    refused("model.safetensors", &|_| "{}".into(), "");

    let with = |file: &str, bytes: &[u8]| {
        let dir = changed("config.json", |config| config);
        fs::write(dir.path().join(file), bytes).unwrap();
        load(dir.path()).err().unwrap().to_string()
    };
    let other = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/sentencepiece/marks.model");
    let text = with("source.spm", &fs::read(other).unwrap());
    assert!(text.contains("source.spm") && text.contains("pieces are in"), "{text}");
    let weights = fs::read(fixture("base").join("model.safetensors")).unwrap();
    let text = with("model.safetensors", &weights[..weights.len() - 9]);
    assert!(text.contains("model.safetensors"), "{text}");
    let text = with(
        "model.safetensors",
        &fs::read(fixture("separate").join("model.safetensors")).unwrap(),
    );
    assert!(text.contains("model.safetensors") && text.contains("tensor"), "{text}");

    for name in ["pytorch_model.bin", "legacy.bin"] {
        let whole = fs::read(fixture("base").join(name)).unwrap();
        for len in [0, 4, 16, 1000, whole.len() / 2, whole.len() - 30] {
            let dir = changed("config.json", |config| config);
            let weights = dir.path().join(name);
            fs::write(&weights, &whole[..len]).unwrap();
            let files = Files {
                weights,
                ..files(dir.path())
            };
            let error = Marian::load(&files, &Device::cpu(), Precision::Full).err().unwrap();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_text_is_translated_or_nothing(text in "\\PC{0,40}") {
        let (reported, whole) = translated(&tiny("base"), &text);
        prop_assert!(reported.iter().all(|text| whole.starts_with(text)));
    }
}
