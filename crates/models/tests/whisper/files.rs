//! Files of other formats, and files that are not what they should be.

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device as Candle, Tensor};
use dragoman_models::Device;
use dragoman_models::linear::Precision;
use dragoman_models::whisper::{Ask, Files, Whisper};
use serde_json::{Value, json};

use super::script::{Copy, fixture, hear, noise, timeless};

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
