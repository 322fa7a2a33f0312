use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::safetensors;
use serde::Deserialize;

use super::*;
use crate::seq2seq::{Detokenizer as _, Ends};

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/t5")
}

fn files(dir: &Path) -> Files {
    Files {
        config: dir.join("config.json"),
        tokenizer: dir.join("tokenizer.json"),
        weights: dir.join("model.safetensors"),
    }
}

fn tiny() -> Madlad {
    Madlad::load_in(&files(&fixture()), &Device::cpu(), Precision::Full).unwrap()
}

/// What the original computes; the script is beside it.
#[derive(Deserialize)]
struct Expected {
    forced: Vec<u32>,
    cases: Vec<Case>,
    /// For distances from -300 to 300.
    buckets: HashMap<bool, Vec<u32>>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    source: Vec<u32>,
    greedy: Vec<u32>,
    decoded: String,
}

fn expected() -> Expected {
    serde_json::from_slice(&fs::read(fixture().join("expected.json")).unwrap()).unwrap()
}

fn distance(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

fn say(model: &Madlad, source: &[u32], count: usize) -> Vec<u32> {
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
    let model = tiny();
    let tensors = safetensors::load(fixture().join("expected.safetensors"), &candle_core::Device::Cpu).unwrap();
    let Expected { forced, cases, .. } = expected();
    for (at, case) in cases.iter().enumerate() {
        let source = model.tokens.encode(&case.text, "es").unwrap();
        assert_eq!(source, case.source, "{}", case.text);
        let encoded = model.network.encode(&source).unwrap().squeeze(0).unwrap();
        let off = distance(&encoded, &tensors[&format!("{at}.encoder")]);
        assert!(off < 1e-5, "encoder off by {off}");
        if let Some(expected) = tensors.get(&format!("{at}.logits")) {
            let mut sentence = model.network.read(&source).unwrap();
            let off = distance(&sentence.forward(&forced, false).unwrap(), expected);
            assert!(off < 2e-5, "logits off by {off}");
        }
        let said = say(&model, &source, case.greedy.len());
        assert_eq!(said, case.greedy, "{}", case.text);
        assert_eq!(
            model.tokens.decode(&said),
            case.decoded.replace("<2en>", "").replace("<2es>", "")
        );
    }
}

#[test]
fn token_by_token_is_as_all_at_once() {
    let model = tiny();
    let Expected { forced, cases, .. } = expected();
    let whole = model
        .network
        .read(&cases[0].source)
        .unwrap()
        .forward(&forced, false)
        .unwrap();
    for first in [1, 9] {
        let mut sentence = model.network.read(&cases[0].source).unwrap();
        let mut rows = vec![sentence.forward(&forced[..first], false).unwrap()];
        rows.extend(
            forced[first..]
                .iter()
                .map(|token| sentence.forward(&[*token], true).unwrap()),
        );
        let off = distance(&Tensor::cat(&rows, 0).unwrap(), &whole);
        assert!(off < 1e-5, "off by {off} after {first} tokens at once");
    }
}

#[test]
fn distances_fall_into_the_buckets_of_the_original() {
    for (both_ways, expected) in expected().buckets {
        let found: Vec<u32> = (0..=600)
            .map(|to| layers::bucket(300, to, 32, 128, both_ways))
            .collect();
        assert_eq!(found, expected, "both ways: {both_ways}");
    }
}

/// The tiny model as GGUF, its matrices quantised where they can be.
fn gguf(path: &Path, kind: GgmlDType) {
    let tensors = safetensors::load(fixture().join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
    let quantised: Vec<(String, QTensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let kind = match tensor.dims() {
                [_, 32] => kind,
                _ => GgmlDType::F32,
            };
            (name.clone(), QTensor::quantize(tensor, kind).unwrap())
        })
        .collect();
    let tensors: Vec<(&str, &QTensor)> = quantised.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut fs::File::create(path).unwrap(), &[], &tensors).unwrap();
}

#[test]
fn a_quantised_file_is_read_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let weights = dir.path().join("model.gguf");
    let full = tiny();
    let Expected { forced, cases, .. } = expected();
    let source = &cases[0].source;
    let logits = |model: &Madlad| model.network.read(source).unwrap().forward(&forced, false).unwrap();
    for (kind, tolerance) in [(GgmlDType::F32, 1e-5), (GgmlDType::Q8_0, 0.5), (GgmlDType::Q4_0, 4.0)] {
        gguf(&weights, kind);
        let files = Files {
            weights: weights.clone(),
            ..files(&fixture())
        };
        let model = Madlad::load(&files, &Device::cpu()).unwrap();
        let off = distance(&logits(&model), &logits(&full));
        assert!(off < tolerance, "{kind:?}: off by {off}");
        assert!(kind == GgmlDType::F32 || off > 0.0);
    }
    let bytes = fs::read(&weights).unwrap();
    // The last 31 bytes may be padding.
    for len in [0, 3, 100, bytes.len() / 2, bytes.len() - 33] {
        fs::write(&weights, &bytes[..len]).unwrap();
        let files = Files {
            weights: weights.clone(),
            ..files(&fixture())
        };
        let error = Madlad::load(&files, &Device::cpu()).err().unwrap();
        assert!(error.to_string().contains("model.gguf"), "{error}");
    }
}

fn translated(model: &Madlad, text: &str, target: &str) -> (Vec<String>, String) {
    let mut reported = Vec::new();
    let whole = model.translate(text, target, &mut |text| {
        reported.push(text.to_owned());
        ControlFlow::Continue(())
    });
    (reported, whole.unwrap())
}

#[test]
fn a_text_goes_into_any_of_its_languages_and_no_other() {
    let model = tiny();
    assert_eq!(model.languages(), ["en", "es", "zh_Hant"]);
    let text = "The river rose two metres. Is the new tunnel safe?";
    let (reported, whole) = translated(&model, text, "es");
    assert!(reported.len() > 4, "{reported:?}");
    assert_eq!(reported.last(), Some(&whole));
    assert!(reported.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
    assert_ne!(translated(&model, text, "en").1, whole);
    // Nothing of one call is in the next.
    assert_eq!(translated(&model, text, "es").1, whole);
    assert_eq!(translated(&model, "  ", "es"), (vec![], String::new()));
    for target in ["fr", "", "es> <2en", "zh-Hant"] {
        let error = model
            .translate("a", target, &mut |_| ControlFlow::Continue(()))
            .unwrap_err();
        assert!(error.to_string().contains("en, es, zh_Hant"), "{error}");
    }
}

#[test]
fn any_text_is_translated_or_nothing() {
    let model = tiny();
    for text in [
        "<2en> <2fr> </s> <pad>",
        "\u{0}",
        "😀😀",
        "x\u{301}".repeat(900).as_str(),
        &"the river, ".repeat(90),
    ] {
        translated(&model, text, "en");
    }
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let refused = |file: &str, change: &dyn Fn(&str) -> String, why: &str| {
        let dir = tempfile::tempdir().unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            fs::copy(fixture().join(name), dir.path().join(name)).unwrap();
        }
        let path = dir.path().join(file);
        fs::write(&path, change(&fs::read_to_string(&path).unwrap_or_default())).unwrap();
        let error = Madlad::load(&files(dir.path()), &Device::cpu())
            .err()
            .unwrap_or_else(|| panic!("{file}: {why}"));
        let text = error.to_string();
        assert!(text.contains(why), "{text}, expected {file}: {why}");
        assert!(
            ["model_config", "model_malformed", "model_tensor"].contains(&error.code()),
            "{text}"
        );
    };
    let set = |field: &str, value: &str| {
        let (field, value) = (field.to_owned(), value.to_owned());
        move |config: &str| {
            let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_str(config).unwrap();
            config.insert(field.clone(), serde_json::from_str(&value).unwrap());
            serde_json::to_string(&config).unwrap()
        }
    };
    for (field, value) in [
        ("d_model", "0"),
        ("d_kv", "null"),
        ("num_heads", "-2"),
        ("num_layers", "1000000"),
        ("vocab_size", "\"many\""),
        ("relative_attention_num_buckets", "3"),
        ("relative_attention_max_distance", "4"),
        ("layer_norm_epsilon", "7"),
        ("feed_forward_proj", "\"gated-tanh\""),
        ("eos_token_id", "150"),
        ("pad_token_id", "null"),
        ("model_type", "\"marian\""),
        ("tie_word_embeddings", "1"),
    ] {
        refused("config.json", &set(field, value), &format!("config.json: {field}"));
    }
    // A vocabulary of another size than the table has; and of the tokenizer.
    refused("config.json", &set("vocab_size", "151"), "shared.weight");
    refused("config.json", &set("vocab_size", "149"), "tokenizer.json");
    refused("config.json", &set("num_decoder_layers", "3"), "decoder.block.2");
    refused(
        "tokenizer.json",
        &|text| text[..text.len() / 2].into(),
        "tokenizer.json",
    );
    refused("tokenizer.json", &|text| text.replace("<2", "<x"), "names a language");
    refused("model.safetensors", &|_| String::new(), "model.safetensors");
}

#[test]
fn random_weights_run() {
    let model = random(Size::Slice, &Device::cpu()).unwrap();
    model.rehearse(4, 3).unwrap();
}
