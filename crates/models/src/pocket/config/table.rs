//! The released models.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::{Backbone, Config, Flow, FlowKind, FlowLm, LookupTable, Mimi, MimiTransformer, PadMode, Quantizer, Seanet};

/// The names of the models that [`Config::named`] knows. Those with `_24l` are better and about 3.5 times as slow.
pub const NAMES: [&str; 27] = [
    "english",
    "english_2026-01",
    "english_2026-04",
    "english_2026-04_24l",
    "english_2026-09",
    "english_2026-09_2",
    "english_2026-09_24l",
    "english_2026-10",
    "english_drifting_26-09",
    "english_18m_2026-10",
    "english_18m_refl_2026-10",
    "english_7m_2026-10",
    "english_7m_refl_2026-10",
    "english_2m_2026-10",
    "english_2m_refl_2026-10",
    "dutch",
    "dutch_24l",
    "french",
    "french_24l",
    "german",
    "german_24l",
    "italian",
    "italian_24l",
    "portuguese",
    "portuguese_24l",
    "spanish",
    "spanish_24l",
];

/// The small model of a language, by its ISO code.
pub fn for_language(code: &str) -> Option<&'static str> {
    Some(match code {
        "de" => "german",
        "en" => "english",
        "es" => "spanish",
        "fr" => "french",
        "it" => "italian",
        "nl" => "dutch",
        "pt" => "portuguese",
        _ => return None,
    })
}

/// The voice that speaks a model's language without an accent.
pub fn default_voice(name: &str) -> &'static str {
    match language(name) {
        "dutch" => "daan",
        "french" => "estelle",
        "german" => "juergen",
        "italian" => "giovanni",
        "portuguese" => "rafael",
        "spanish" => "lola",
        _ => "alba",
    }
}

fn language(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

impl Config {
    /// A released model.
    pub fn named(name: &str) -> Option<Self> {
        if !NAMES.contains(&name) {
            return None;
        }
        let size = ["18m", "7m", "2m"]
            .into_iter()
            .find(|size| name.split('_').nth(1) == Some(size));
        let mut config = match size {
            Some(size) => small(size),
            None => large(if name.ends_with("_24l") { 24 } else { 6 }),
        };
        match name {
            "english_2026-01" => {
                config.flow_lm.insert_bos_before_voice = false;
                config.pad_with_spaces_for_short_inputs = true;
                config.mimi.inner_dim = Some(512);
            }
            "english_drifting_26-09" => config.flow_lm.flow.kind = FlowKind::Drifting,
            _ => {}
        }
        config.remove_semicolons = matches!(language(name), "french" | "german");
        config.replace_characters = replacements(language(name), size.is_some());
        Some(config)
    }
}

/// Characters that are absent from the training data of a language.
fn replacements(language: &str, small: bool) -> BTreeMap<char, String> {
    let mut map = BTreeMap::new();
    let mut replace = |from: &str, to: &str| map.extend(from.chars().map(|from| (from, to.to_owned())));
    replace("’‘", "'");
    if language == "english" {
        if small {
            replace("–—", ",");
        }
        return map;
    }
    replace("\"“”„«»()[]", "");
    replace("–", ",");
    match language {
        "french" => replace(":", ","),
        "german" => replace("—", ","),
        "spanish" => replace("¡¿", ""),
        _ => {}
    }
    map
}

/// 100M parameters with 6 layers, 340M with 24.
fn large(layers: usize) -> Config {
    Config {
        flow_lm: FlowLm {
            flow: Flow {
                dim: 512,
                depth: 6,
                kind: FlowKind::Lsd,
            },
            transformer: Backbone {
                d_model: 1024,
                hidden_scale: 4,
                max_period: 10_000.0,
                num_heads: 16,
                num_layers: layers,
                attn_dim: None,
                num_kv_heads: None,
                dim_feedforward: None,
            },
            lookup_table: table(1024, None),
            z_dim: None,
            insert_bos_before_voice: true,
            _dtype: IgnoredAny,
            _weights: IgnoredAny,
        },
        mimi: mimi(),
        pad_with_spaces_for_short_inputs: false,
        remove_semicolons: false,
        append_terminal_punctuation: true,
        capitalize_first_letter: true,
        replace_characters: BTreeMap::new(),
        model_recommended_frames_after_eos: None,
        default_temperature: 0.3,
        default_eos_threshold: -4.0,
        _weights: IgnoredAny,
        _open_weights: IgnoredAny,
    }
}

/// 18M, 7M or 2M parameters, each with a small decoder of its own.
fn small(size: &str) -> Config {
    let mut config = large(8);
    let backbone = &mut config.flow_lm.transformer;
    backbone.hidden_scale = 1;
    backbone.num_heads = 8;
    config.flow_lm.z_dim = Some(64);
    config.flow_lm.flow = Flow {
        dim: 192,
        depth: 4,
        kind: FlowKind::Drifting,
    };
    let (rank, filters, layers) = match size {
        "18m" => {
            backbone.d_model = 512;
            (None, 32, 12)
        }
        "7m" => {
            backbone.d_model = 224;
            backbone.attn_dim = Some(512);
            backbone.num_kv_heads = Some(2);
            (Some(64), 32, 12)
        }
        _ => {
            backbone.d_model = 112;
            backbone.num_heads = 3;
            backbone.attn_dim = Some(192);
            backbone.num_kv_heads = Some(1);
            backbone.dim_feedforward = Some(96);
            config.flow_lm.flow.dim = 64;
            config.flow_lm.flow.kind = FlowKind::Pointwise;
            (Some(32), 24, 4)
        }
    };
    config.flow_lm.lookup_table = table(config.flow_lm.transformer.d_model, rank);
    config.mimi.outer_dim = Some(128);
    config.mimi.quantizer.output_dimension = 128;
    config.mimi.decoder_seanet = Some(seanet(128, filters, 3));
    config.mimi.decoder_transformer = Some(transformer(128, 4, layers, 50, 384));
    config.default_eos_threshold = -1.0;
    config
}

fn table(dim: usize, rank: Option<usize>) -> LookupTable {
    LookupTable {
        dim,
        n_bins: 4000,
        rank,
        _tokenizer: IgnoredAny,
        _tokenizer_path: IgnoredAny,
    }
}

fn mimi() -> Mimi {
    Mimi {
        sample_rate: 24_000,
        channels: 1,
        frame_rate: 12.5,
        seanet: seanet(512, 64, 7),
        transformer: transformer(512, 8, 2, 250, 2048),
        quantizer: Quantizer {
            dimension: 32,
            output_dimension: 512,
        },
        inner_dim: Some(32),
        outer_dim: Some(512),
        decoder_seanet: None,
        decoder_transformer: None,
        _dtype: IgnoredAny,
        _weights: IgnoredAny,
    }
}

fn seanet(dimension: usize, n_filters: usize, kernel_size: usize) -> Seanet {
    Seanet {
        dimension,
        channels: 1,
        n_filters,
        n_residual_layers: 1,
        ratios: vec![6, 5, 4],
        kernel_size,
        residual_kernel_size: 3,
        last_kernel_size: 3,
        dilation_base: 2,
        pad_mode: PadMode::Constant,
        compress: 2,
    }
}

fn transformer(d_model: usize, heads: usize, layers: usize, context: usize, feed_forward: usize) -> MimiTransformer {
    MimiTransformer {
        d_model,
        num_heads: heads,
        num_layers: layers,
        context,
        dim_feedforward: feed_forward,
        input_dimension: d_model,
        output_dimensions: [d_model],
        max_period: 10_000.0,
        _layer_scale: IgnoredAny,
    }
}

#[cfg(test)]
#[path = "table_test.rs"]
mod test;
