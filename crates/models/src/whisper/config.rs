//! What `config.json` says of a Whisper model, and what the other files of its repository must agree with.

use std::path::Path;

use serde::Deserialize;

use crate::{Error, Result};

/// Frames of the mel for each position of the encoder: its second convolution has stride 2.
pub(super) const FRAMES_PER_POSITION: usize = 2;

/// The sizes of a model. Only `gelu` (the exact one) and unscaled embeddings exist among published models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bands of the mel: 80, or 128 since large-v3.
    pub mel_bins: usize,
    /// Width.
    pub width: usize,
    /// Tokens it knows; larger than the tokenizer where the vocabulary was rounded up.
    pub vocab: usize,
    /// Most positions of the encoder, 20 ms each.
    pub source_positions: usize,
    /// Most tokens of the decoder, prompt included.
    pub target_positions: usize,
    /// The encoder's layers.
    pub encoder: Stack,
    /// The decoder's layers.
    pub decoder: Stack,
    /// Whether the output projection is the token embedding.
    pub tied: bool,
    /// Tokens that are never said; `None` where the file has no list.
    pub suppress: Option<Vec<u32>>,
    /// Tokens that are never said first.
    pub suppress_first: Option<Vec<u32>>,
    /// `<|endoftext|>`, where the file tells it.
    pub end: Option<u32>,
    /// `<|startoftranscript|>`, where the file tells it.
    pub start: Option<u32>,
}

/// The layers of one half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// How many.
    pub layers: usize,
    /// Attention heads of each.
    pub heads: usize,
    /// Inner width of the feed-forward part.
    pub inner: usize,
}

/// `config.json` as it is written. Missing and `null` are the same for what is optional.
#[derive(Deserialize)]
struct Written {
    model_type: String,
    num_mel_bins: i64,
    d_model: i64,
    vocab_size: i64,
    max_source_positions: i64,
    max_target_positions: i64,
    encoder_layers: i64,
    encoder_attention_heads: i64,
    encoder_ffn_dim: Option<i64>,
    decoder_layers: i64,
    decoder_attention_heads: i64,
    decoder_ffn_dim: Option<i64>,
    activation_function: Option<String>,
    scale_embedding: Option<bool>,
    tie_word_embeddings: Option<bool>,
    suppress_tokens: Option<Vec<i64>>,
    begin_suppress_tokens: Option<Vec<i64>>,
    eos_token_id: Option<i64>,
    decoder_start_token_id: Option<i64>,
}

/// The parts of `generation_config.json` that matter here.
#[derive(Deserialize)]
struct Generation {
    suppress_tokens: Option<Vec<i64>>,
    begin_suppress_tokens: Option<Vec<i64>>,
    is_multilingual: Option<bool>,
    no_timestamps_token_id: Option<i64>,
}

/// What `generation_config.json` adds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extra {
    pub(super) multilingual: Option<bool>,
    pub(super) no_timestamps: Option<u32>,
}

impl Config {
    /// Reads `config.json`, and `generation_config.json` if it lies beside it: newer repositories keep their lists there.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::read_both(path)?.0)
    }

    pub(super) fn read_both(path: &Path) -> Result<(Self, Extra)> {
        let written: Written = parse(path)?;
        let mut config = written.judge(path)?;
        let mut extra = Extra::default();
        let beside = path.with_file_name("generation_config.json");
        if beside.exists() {
            let generation: Generation = parse(&beside)?;
            let ids = Ids {
                path: &beside,
                vocab: config.vocab,
            };
            config.suppress = ids
                .list("suppress_tokens", generation.suppress_tokens)?
                .or(config.suppress);
            config.suppress_first = ids
                .list("begin_suppress_tokens", generation.begin_suppress_tokens)?
                .or(config.suppress_first);
            extra.multilingual = generation.is_multilingual;
            extra.no_timestamps = ids.one("no_timestamps_token_id", generation.no_timestamps_token_id)?;
        }
        Ok((config, extra))
    }

    /// Longest window in seconds of sound.
    pub fn longest(&self) -> f32 {
        (self.source_positions * FRAMES_PER_POSITION) as f32 / super::mel::FRAMES_PER_SECOND as f32
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

impl Written {
    fn judge(self, path: &Path) -> Result<Config> {
        let wrong = |field: &str, why: String| Error::Config {
            path: path.to_owned(),
            field: field.into(),
            why,
        };
        if self.model_type != "whisper" {
            let why = format!("is {:?}, expected \"whisper\"", self.model_type);
            return Err(wrong("model_type", why));
        }
        if let Some(other) = self.activation_function.filter(|name| name != "gelu") {
            return Err(wrong("activation_function", format!("is {other:?}, expected \"gelu\"")));
        }
        if self.scale_embedding == Some(true) {
            return Err(wrong("scale_embedding", "is true, expected false".into()));
        }
        if self.num_mel_bins != 80 && self.num_mel_bins != 128 {
            return Err(wrong(
                "num_mel_bins",
                format!("is {}, expected 80 or 128", self.num_mel_bins),
            ));
        }
        // The bounds are far above every published model: what is beyond them is a damaged file, not a bigger model.
        let within = |field: &str, value: i64, least: i64, most: i64| match value {
            value if (least..=most).contains(&value) => Ok(value as usize),
            value => Err(wrong(field, format!("is {value}, expected {least} to {most}"))),
        };
        let width = within("d_model", self.d_model, 2, 16_384)?;
        let stack = |half: &str, layers: i64, heads: i64, inner: Option<i64>| {
            let heads = within(&format!("{half}_attention_heads"), heads, 1, 1_024)?;
            if !width.is_multiple_of(heads) {
                let why = format!("is {heads}, which does not divide d_model = {width}");
                return Err(wrong(&format!("{half}_attention_heads"), why));
            }
            Ok(Stack {
                layers: within(&format!("{half}_layers"), layers, 1, 256)?,
                heads,
                inner: within(&format!("{half}_ffn_dim"), inner.unwrap_or(4 * width as i64), 1, 65_536)?,
            })
        };
        let encoder = stack(
            "encoder",
            self.encoder_layers,
            self.encoder_attention_heads,
            self.encoder_ffn_dim,
        )?;
        let decoder = stack(
            "decoder",
            self.decoder_layers,
            self.decoder_attention_heads,
            self.decoder_ffn_dim,
        )?;
        let vocab = within("vocab_size", self.vocab_size, 16, 1_000_000)?;
        let ids = Ids { path, vocab };
        Ok(Config {
            mel_bins: self.num_mel_bins as usize,
            width,
            vocab,
            source_positions: within("max_source_positions", self.max_source_positions, 50, 1_500)?,
            target_positions: within("max_target_positions", self.max_target_positions, 16, 65_536)?,
            encoder,
            decoder,
            tied: self.tie_word_embeddings.unwrap_or(true),
            suppress: ids.list("suppress_tokens", self.suppress_tokens)?,
            suppress_first: ids.list("begin_suppress_tokens", self.begin_suppress_tokens)?,
            end: ids.one("eos_token_id", self.eos_token_id)?,
            start: ids.one("decoder_start_token_id", self.decoder_start_token_id)?,
        })
    }
}

struct Ids<'a> {
    path: &'a Path,
    vocab: usize,
}

impl Ids<'_> {
    /// An empty list, and a lone -1, mean that the file leaves the choice to whoever reads it.
    fn list(&self, field: &str, list: Option<Vec<i64>>) -> Result<Option<Vec<u32>>> {
        let list = list.unwrap_or_default();
        if list.is_empty() || list == [-1] {
            return Ok(None);
        }
        list.into_iter()
            .map(|id| self.check(field, id))
            .collect::<Result<_>>()
            .map(Some)
    }

    fn one(&self, field: &str, id: Option<i64>) -> Result<Option<u32>> {
        id.map(|id| self.check(field, id)).transpose()
    }

    fn check(&self, field: &str, id: i64) -> Result<u32> {
        u32::try_from(id)
            .ok()
            .filter(|id| (*id as usize) < self.vocab)
            .ok_or_else(|| Error::Config {
                path: self.path.to_owned(),
                field: field.into(),
                why: format!("has token {id}, the vocabulary ends at {}", self.vocab - 1),
            })
    }
}
