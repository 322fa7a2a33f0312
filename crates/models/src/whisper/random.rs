//! Models of the published sizes with random weights: they cost what real ones cost and say nothing.

use std::collections::HashMap;

use candle_core::Tensor;

use super::config::{Config, Stack};
use crate::weights::Weights;
use crate::{Device, Result};

/// The sizes that were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 39 M parameters.
    Tiny,
    /// 74 M.
    Base,
    /// 244 M.
    Small,
    /// 769 M.
    Medium,
    /// 1.5 G.
    LargeV3,
    /// 809 M: large-v3 with four of its decoder's layers.
    LargeV3Turbo,
}

impl Size {
    /// All, the smallest first.
    pub const ALL: [Self; 6] = [
        Self::Tiny,
        Self::Base,
        Self::Small,
        Self::Medium,
        Self::LargeV3,
        Self::LargeV3Turbo,
    ];

    /// As in `openai/whisper-…`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Base => "base",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::LargeV3 => "large-v3",
            Self::LargeV3Turbo => "large-v3-turbo",
        }
    }

    /// Its configuration.
    pub fn config(self) -> Config {
        let (width, encoder, decoder) = match self {
            Self::Tiny => (384, 4, 4),
            Self::Base => (512, 6, 6),
            Self::Small => (768, 12, 12),
            Self::Medium => (1024, 24, 24),
            Self::LargeV3 => (1280, 32, 32),
            Self::LargeV3Turbo => (1280, 32, 4),
        };
        let stack = |layers| Stack {
            layers,
            heads: width / 64,
            inner: 4 * width,
        };
        let v3 = matches!(self, Self::LargeV3 | Self::LargeV3Turbo);
        Config {
            mel_bins: if v3 { 128 } else { 80 },
            width,
            vocab: if v3 { 51_866 } else { 51_865 },
            source_positions: 1_500,
            target_positions: 448,
            encoder: stack(encoder),
            decoder: stack(decoder),
            tied: true,
            suppress: None,
            suppress_first: None,
            end: None,
            start: None,
        }
    }
}

/// Names and shapes of all tensors of a model, as published.
pub fn tensors(config: &Config) -> Vec<(String, Vec<usize>)> {
    let width = config.width;
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[usize]| all.push((name, shape.to_vec()));
    for (half, stack) in [("encoder", config.encoder), ("decoder", config.decoder)] {
        let at = format!("model.{half}");
        for layer in 0..stack.layers {
            let at = format!("{at}.layers.{layer}");
            let attentions: &[&str] = if half == "encoder" {
                &["self_attn"]
            } else {
                &["self_attn", "encoder_attn"]
            };
            for attention in attentions {
                for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                    add(format!("{at}.{attention}.{part}.weight"), &[width, width]);
                    if part != "k_proj" {
                        add(format!("{at}.{attention}.{part}.bias"), &[width]);
                    }
                }
            }
            add(format!("{at}.fc1.weight"), &[stack.inner, width]);
            add(format!("{at}.fc1.bias"), &[stack.inner]);
            add(format!("{at}.fc2.weight"), &[width, stack.inner]);
            add(format!("{at}.fc2.bias"), &[width]);
            for norm in attentions
                .iter()
                .map(|name| format!("{name}_layer_norm"))
                .chain(["final_layer_norm".into()])
            {
                add(format!("{at}.{norm}.weight"), &[width]);
                add(format!("{at}.{norm}.bias"), &[width]);
            }
        }
        add(format!("{at}.layer_norm.weight"), &[width]);
        add(format!("{at}.layer_norm.bias"), &[width]);
    }
    add("model.encoder.conv1.weight".into(), &[width, config.mel_bins, 3]);
    add("model.encoder.conv1.bias".into(), &[width]);
    add("model.encoder.conv2.weight".into(), &[width, width, 3]);
    add("model.encoder.conv2.bias".into(), &[width]);
    add(
        "model.encoder.embed_positions.weight".into(),
        &[config.source_positions, width],
    );
    add(
        "model.decoder.embed_positions.weight".into(),
        &[config.target_positions, width],
    );
    add("model.decoder.embed_tokens.weight".into(), &[config.vocab, width]);
    all
}

/// Weights of this shape, the same ones each time.
pub fn weights(config: &Config, device: &Device) -> Result<Weights> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut made = HashMap::new();
    for (name, shape) in tensors(config) {
        let count: usize = shape.iter().product();
        // As large as keeps the values of all layers near one.
        let spread = (3.0 / shape[1..].iter().product::<usize>().max(1) as f32).sqrt();
        let values: Vec<f32> = if name.ends_with("norm.weight") {
            vec![1.0; count]
        } else if name.ends_with("bias") {
            (0..count).map(|_| 0.1 * next()).collect()
        } else {
            (0..count).map(|_| spread * next()).collect()
        };
        made.insert(name, Tensor::from_vec(values, shape, &candle_core::Device::Cpu)?);
    }
    Ok(Weights::from_tensors("random whisper", made, device))
}
