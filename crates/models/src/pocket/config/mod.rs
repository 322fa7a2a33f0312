//! What a Pocket TTS model is made of: the released ones, or one that a `config.json` describes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::transformer::Shape;
use crate::{Error, Result};

mod check;
mod table;

pub use self::table::{NAMES, default_voice, for_language};

/// A model's widths and habits. The fields are those of the original package's YAML files, with the same names and defaults, so
/// a model that somebody trained is described by its own file, written as JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The language model over latents.
    pub flow_lm: FlowLm,
    /// The codec, of which only the decoder is used.
    pub mimi: Mimi,
    /// Eight spaces before texts of less than five words.
    #[serde(default)]
    pub pad_with_spaces_for_short_inputs: bool,
    /// Semicolons become commas.
    #[serde(default)]
    pub remove_semicolons: bool,
    /// A text without sentence end gets a full stop.
    #[serde(default = "yes")]
    pub append_terminal_punctuation: bool,
    /// The first letter becomes a capital.
    #[serde(default = "yes")]
    pub capitalize_first_letter: bool,
    /// Characters that the model never saw, and what is read instead.
    #[serde(default)]
    pub replace_characters: BTreeMap<char, String>,
    /// Frames from the end of speech to the end of sound, where the model has an opinion.
    #[serde(default)]
    pub model_recommended_frames_after_eos: Option<usize>,
    /// Variance of the noise.
    #[serde(default = "default_temperature")]
    pub default_temperature: f32,
    /// Logit above which speech has ended.
    #[serde(default = "default_eos_threshold")]
    pub default_eos_threshold: f32,
    #[serde(default, rename = "weights_path")]
    _weights: IgnoredAny,
    #[serde(default, rename = "weights_path_without_voice_cloning")]
    _open_weights: IgnoredAny,
}

/// The language model over latents.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowLm {
    /// The head that makes a latent out of noise.
    pub flow: Flow,
    /// The backbone.
    pub transformer: Backbone,
    /// The text conditioner.
    pub lookup_table: LookupTable,
    /// Width after the backbone, if it is another than the backbone's.
    #[serde(default)]
    pub z_dim: Option<usize>,
    /// Whether voices begin with a learned vector; that is in the voice file already.
    #[serde(default)]
    pub insert_bos_before_voice: bool,
    #[serde(default, rename = "dtype")]
    _dtype: IgnoredAny,
    #[serde(default, rename = "weights_path")]
    _weights: IgnoredAny,
}

/// The head that makes a latent out of noise.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Width.
    pub dim: usize,
    /// Blocks.
    pub depth: usize,
    /// How its output is read.
    #[serde(default, rename = "type")]
    pub kind: FlowKind,
}

/// How a head's output is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowKind {
    /// The way from time 0 to time 1, which the head is told.
    #[default]
    Lsd,
    /// The same without times.
    Pointwise,
    /// The latent itself.
    Drifting,
}

/// The backbone's transformer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backbone {
    /// Width.
    pub d_model: usize,
    /// Feed-forward width over `d_model`.
    pub hidden_scale: usize,
    /// Longest period of the rotary positions.
    pub max_period: f64,
    /// Query heads.
    pub num_heads: usize,
    /// Layers.
    pub num_layers: usize,
    /// Width of all query heads, if it is another than `d_model`.
    #[serde(default)]
    pub attn_dim: Option<usize>,
    /// Heads of keys and values, if there are fewer.
    #[serde(default)]
    pub num_kv_heads: Option<usize>,
    /// Feed-forward width, if it is another than `d_model * hidden_scale`.
    #[serde(default)]
    pub dim_feedforward: Option<usize>,
}

/// The text conditioner.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupTable {
    /// Width of its output.
    pub dim: usize,
    /// Pieces of the tokenizer.
    pub n_bins: usize,
    /// Width of its rows, if they are projected.
    #[serde(default)]
    pub rank: Option<usize>,
    #[serde(default, rename = "tokenizer")]
    _tokenizer: IgnoredAny,
    #[serde(default, rename = "tokenizer_path")]
    _tokenizer_path: IgnoredAny,
}

/// The codec.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mimi {
    /// Samples per second.
    pub sample_rate: u32,
    /// Channels of sound.
    pub channels: usize,
    /// Latents per second.
    pub frame_rate: f64,
    /// Convolutions of the encoder, and of the decoder unless that has its own.
    pub seanet: Seanet,
    /// Transformer of the encoder, and of the decoder unless that has its own.
    pub transformer: MimiTransformer,
    /// From latents to the codec's width.
    pub quantizer: Quantizer,
    /// Width of a latent on the encoder's side.
    #[serde(default)]
    pub inner_dim: Option<usize>,
    /// Width before upsampling.
    #[serde(default)]
    pub outer_dim: Option<usize>,
    /// Convolutions of the decoder.
    #[serde(default)]
    pub decoder_seanet: Option<Seanet>,
    /// Transformer of the decoder.
    #[serde(default)]
    pub decoder_transformer: Option<MimiTransformer>,
    #[serde(default, rename = "dtype")]
    _dtype: IgnoredAny,
    #[serde(default, rename = "weights_path")]
    _weights: IgnoredAny,
}

/// The convolutions of one side of the codec.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seanet {
    /// Width on the inner side.
    pub dimension: usize,
    /// Channels of sound.
    pub channels: usize,
    /// Channels next to the sound.
    pub n_filters: usize,
    /// Residual blocks for each ratio.
    pub n_residual_layers: usize,
    /// How much faster each stage is than the one before.
    pub ratios: Vec<usize>,
    /// Taps of the innermost convolution.
    pub kernel_size: usize,
    /// Taps in the residual blocks.
    pub residual_kernel_size: usize,
    /// Taps of the convolution next to the sound.
    pub last_kernel_size: usize,
    /// Dilation of the second residual block over that of the first.
    pub dilation_base: usize,
    /// Padding.
    pub pad_mode: PadMode,
    /// How much narrower residual blocks are inside.
    pub compress: usize,
}

/// How convolutions are padded at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadMode {
    /// With zeros.
    Constant,
}

/// The transformer of one side of the codec.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MimiTransformer {
    /// Width.
    pub d_model: usize,
    /// Heads.
    pub num_heads: usize,
    /// Layers.
    pub num_layers: usize,
    /// Positions that are seen, the own one among them.
    pub context: usize,
    /// Feed-forward width.
    pub dim_feedforward: usize,
    /// Width of the input.
    pub input_dimension: usize,
    /// Width of the one output.
    pub output_dimensions: [usize; 1],
    /// Longest period of the rotary positions.
    #[serde(default = "default_period")]
    pub max_period: f64,
    #[serde(default, rename = "layer_scale")]
    _layer_scale: IgnoredAny,
}

/// From latents to the codec's width.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantizer {
    /// Width of a latent.
    pub dimension: usize,
    /// Width after it.
    pub output_dimension: usize,
}

fn yes() -> bool {
    true
}

fn default_temperature() -> f32 {
    0.3
}

fn default_eos_threshold() -> f32 {
    -4.0
}

fn default_period() -> f64 {
    10_000.0
}

impl Config {
    /// Reads a `config.json`; unknown fields and impossible values are errors.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = serde_json::from_str(&text).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        config.check(path)?;
        Ok(config)
    }

    /// Width of a latent.
    pub fn latent(&self) -> usize {
        self.mimi.quantizer.dimension
    }

    /// Width that the heads see.
    pub(super) fn condition(&self) -> usize {
        self.flow_lm.z_dim.unwrap_or(self.flow_lm.transformer.d_model)
    }

    /// The backbone's transformer.
    pub(super) fn backbone(&self) -> Shape {
        let of = &self.flow_lm.transformer;
        Shape {
            d_model: of.d_model,
            heads: of.num_heads,
            kv_heads: of.num_kv_heads.unwrap_or(of.num_heads),
            head_dim: of.attn_dim.unwrap_or(of.d_model) / of.num_heads,
            feed_forward: of.dim_feedforward.unwrap_or(of.d_model * of.hidden_scale),
            layers: of.num_layers,
            max_period: of.max_period,
            context: None,
            layer_scale: false,
        }
    }
}

impl Mimi {
    /// The decoder's convolutions.
    pub(super) fn decoder_seanet(&self) -> &Seanet {
        self.decoder_seanet.as_ref().unwrap_or(&self.seanet)
    }

    /// The decoder's transformer.
    pub(super) fn decoder_transformer(&self) -> &MimiTransformer {
        self.decoder_transformer.as_ref().unwrap_or(&self.transformer)
    }

    /// Positions of the decoder's transformer for each latent.
    pub(super) fn positions(&self) -> Option<usize> {
        let hop: usize = self.decoder_seanet().ratios.iter().product();
        let positions = f64::from(self.sample_rate) / hop as f64 / self.frame_rate;
        ((1.0..=1024.0).contains(&positions) && positions.fract() == 0.0).then_some(positions as usize)
    }
}

impl MimiTransformer {
    /// As the transformer wants it.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            d_model: self.d_model,
            heads: self.num_heads,
            kv_heads: self.num_heads,
            head_dim: self.d_model / self.num_heads,
            feed_forward: self.dim_feedforward,
            layers: self.num_layers,
            max_period: self.max_period,
            context: Some(self.context),
            layer_scale: true,
        }
    }
}
