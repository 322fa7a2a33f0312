//! A full-size model with random weights: what it says is noise, but it takes the time that a real one takes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;

use super::config::{Config, Stack};
use super::vocabulary::Vocabulary;
use super::{Marian, Network};
use crate::linear::Precision;
use crate::sentencepiece::SentencePiece;
use crate::weights::Weights;
use crate::{Device, Result};

const NAME: &str = "random OPUS-MT";

/// OPUS-MT in its base size: 6 + 6 layers, width 512, 65,001 tokens.
pub fn random(device: &Device, precision: Precision) -> Result<Marian> {
    let config = Config::base();
    let weights = Weights::from_tensors(NAME, tensors(&config)?, device);
    Ok(Marian {
        vocabulary: vocabulary(&config)?,
        network: Arc::new(Network::load(&weights, config, precision)?),
        target: None,
    })
}

fn tensors(config: &Config) -> Result<HashMap<String, Tensor>> {
    let mut tensors = HashMap::new();
    let width = config.width;
    let cpu = candle_core::Device::Cpu;
    let mut put = |name: String, outputs: usize, inputs: usize| -> Result<()> {
        let spread = (inputs as f32).sqrt().recip();
        tensors.insert(
            format!("{name}.weight"),
            Tensor::randn(0f32, spread, (outputs, inputs), &cpu)?,
        );
        tensors.insert(
            format!("{name}.bias"),
            Tensor::zeros(outputs, candle_core::DType::F32, &cpu)?,
        );
        Ok(())
    };
    let mut norms = Vec::new();
    for (side, Stack { layers, inner, .. }) in [("encoder", config.encoder), ("decoder", config.decoder)] {
        for layer in 0..layers {
            let at = format!("model.{side}.layers.{layer}");
            let attentions: &[&str] = if side == "encoder" {
                &["self_attn"]
            } else {
                &["self_attn", "encoder_attn"]
            };
            for attention in attentions {
                for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                    put(format!("{at}.{attention}.{projection}"), width, width)?;
                }
                norms.push(format!("{at}.{attention}_layer_norm"));
            }
            put(format!("{at}.fc1"), inner, width)?;
            put(format!("{at}.fc2"), width, inner)?;
            norms.push(format!("{at}.final_layer_norm"));
        }
    }
    for norm in norms {
        tensors.insert(
            format!("{norm}.weight"),
            Tensor::ones(width, candle_core::DType::F32, &cpu)?,
        );
        tensors.insert(
            format!("{norm}.bias"),
            Tensor::zeros(width, candle_core::DType::F32, &cpu)?,
        );
    }
    let table = Tensor::randn(0f32, 0.02, (config.vocab, width), &cpu)?;
    tensors.insert("model.shared.weight".into(), table);
    tensors.insert(
        "final_logits_bias".into(),
        Tensor::zeros((1, config.vocab), candle_core::DType::F32, &cpu)?,
    );
    Ok(tensors)
}

/// Pieces of one letter, and of many words that nobody says.
fn vocabulary(config: &Config) -> Result<Vocabulary> {
    let letters = (' '..='~').map(|c| {
        if c == ' ' {
            crate::sentencepiece::SPACE.to_string()
        } else {
            c.to_string()
        }
    });
    let words = (0..)
        .map(|at| format!("{}{at}", crate::sentencepiece::SPACE))
        .filter(|word| word.chars().count() > 2);
    let pieces = ["</s>", "<unk>"]
        .into_iter()
        .map(str::to_owned)
        .chain(letters)
        .chain(words)
        .take(config.vocab - 1);
    let pieces: Vec<String> = pieces.collect();
    let mut file = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let kind = match at {
            0 => 3,
            1 => 2,
            _ => 1,
        };
        // A piece is at most a few letters long, so that every length fits a byte.
        let mut entry = vec![0x0a, piece.len() as u8];
        entry.extend(piece.bytes());
        entry.extend([0x18, kind]);
        file.extend([0x0a, entry.len() as u8]);
        file.extend(entry);
    }
    let name = Path::new(NAME);
    let spm = SentencePiece::from_bytes(&file, name)?;
    let numbers = (0..)
        .zip(pieces)
        .map(|(number, piece)| (piece, number))
        .chain([("<pad>".into(), config.ends.pad)]);
    let numbers = numbers.map(|(piece, number): (String, u32)| (piece, number)).collect();
    Vocabulary::new(spm.clone(), spm, numbers, None, name, config)
}
