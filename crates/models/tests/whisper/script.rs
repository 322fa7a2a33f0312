//! Copies of the tiny model that a test may damage, and models that say what a test wants.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device as Candle, Tensor};
use dragoman_models::linear::Precision;
use dragoman_models::whisper::{Ask, Config, Files, Heard, Took, Whisper, tensors};
use dragoman_models::{Device, Error};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenizers::Tokenizer;

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/whisper")
        .join(name)
}

/// A copy of the tiny model that a test may damage.
pub(crate) struct Copy(TempDir);

impl Copy {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) -> &Self {
        let mut value: Value = serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap();
        change(&mut value);
        std::fs::write(self.path(name), serde_json::to_vec(&value).unwrap()).unwrap();
        self
    }

    pub(crate) fn load_weights(&self, name: &str, precision: Precision) -> Result<Whisper, Error> {
        let files = Files {
            config: self.path("config.json"),
            tokenizer: self.path("tokenizer.json"),
            weights: self.path(name),
        };
        Whisper::load(&files, &Device::cpu(), precision)
    }

    pub(crate) fn load(&self) -> Result<Whisper, Error> {
        self.load_weights("model.safetensors", Precision::Full)
    }

    pub(crate) fn tokenizer(&self) -> Tokenizer {
        Tokenizer::from_file(self.path("tokenizer.json")).unwrap()
    }
}

/// A model whose layers do nothing: what comes next depends on the position alone.
pub(crate) struct Script {
    pub(crate) copy: Copy,
    embedding: Tensor,
    width: usize,
    positions: Vec<Vec<f32>>,
}

impl Script {
    const WIDTH: usize = 96;
    const POSITIONS: usize = 64;

    pub(crate) fn new() -> Self {
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

    pub(crate) fn id(&self, token: &str) -> u32 {
        let tokenizer = self.copy.tokenizer();
        tokenizer
            .token_to_id(token)
            .unwrap_or_else(|| panic!("no token {token}"))
    }

    pub(crate) fn ids(&self, text: &str) -> Vec<u32> {
        self.copy.tokenizer().encode(text, false).unwrap().get_ids().to_vec()
    }

    /// Makes `token` likely after the token at `position`.
    pub(crate) fn likely(&mut self, position: usize, token: u32, weight: f32) -> &mut Self {
        let row: Vec<f32> = self.embedding.get(token as usize).unwrap().to_vec1().unwrap();
        for (value, x) in self.positions[position].iter_mut().zip(row) {
            *value += 20.0 * weight * x;
        }
        self
    }

    /// Says these tokens after a prompt of `prompt` tokens.
    pub(crate) fn say(&mut self, prompt: usize, tokens: &[u32]) -> &mut Self {
        for (n, token) in tokens.iter().enumerate() {
            self.likely(prompt - 1 + n, *token, 1.0);
        }
        self
    }

    pub(crate) fn say_text(&mut self, text: &str) -> &mut Self {
        let mut ids = self.ids(text);
        ids.push(self.id("<|endoftext|>"));
        self.say(4, &ids)
    }

    pub(crate) fn load(&self) -> Whisper {
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
pub(crate) fn noise() -> Vec<f32> {
    (0..8_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0 - 0.5)
        .collect()
}

pub(crate) fn hear(whisper: &Whisper, language: Option<&str>) -> Heard {
    let ask = Ask {
        language,
        ..Ask::default()
    };
    whisper.hear(&noise(), &ask).unwrap()
}

/// Without what differs each time.
pub(crate) fn timeless(heard: Heard) -> Heard {
    Heard {
        took: Took::default(),
        ..heard
    }
}
