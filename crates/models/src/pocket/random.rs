//! Full-size models with random weights: they cost what real ones cost, and say nothing.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;

use super::config::{Config, FlowKind, NAMES};
use super::tokenizer::Tokenizer;
use super::transformer::Shape;
use super::{PocketTts, Voice};
use crate::linear::Precision;
use crate::weights::Weights;
use crate::{Device, Error, Result};

/// Positions of a voice that was made from ten seconds.
const VOICE: usize = 127;

/// A model of [`NAMES`] for timing, and a voice for it. It never ends by itself: a text is spoken up to its cap.
pub fn random(name: &str, device: &Device, precision: Precision) -> Result<(PocketTts, Voice)> {
    let config = Config::named(name)
        .ok_or_else(|| Error::Input(format!("unknown speech model {name}; known: {}", NAMES.join(", "))))?;
    let mut values = Values(0x2545_f491_4f6c_dd1d);
    let mut tensors = HashMap::new();
    for (name, dims) in names(&config) {
        let (centre, spread) = match name.as_str() {
            name if name.ends_with("freqs") => (0.5, 0.5),
            name if name.ends_with("out_eos.bias") => (-1000.0, 0.0),
            name if name.ends_with("bias") || name.ends_with("emb_mean") => (0.0, 0.05),
            name if name.ends_with("emb_std") || name.ends_with("alpha") => (1.0, 0.1),
            name if name.ends_with("scale") => (0.1, 0.02),
            _ if dims.len() == 1 => (1.0, 0.1),
            _ => (0.0, (3.0 / dims[1..].iter().product::<usize>() as f32).sqrt()),
        };
        tensors.insert(name, values.tensor(&dims, centre, spread)?);
    }
    let path = Path::new("random");
    let pieces = config.flow_lm.lookup_table.n_bins;
    let tokenizer = Tokenizer::of(tokenizer(pieces)?, path, pieces)?;
    let shape = config.backbone();
    let weights = Weights::from_tensors("random", tensors, device);
    let model = PocketTts::of(name, config, &weights, tokenizer, path, precision)?;
    let voice = voice(&mut values, &shape, device)?;
    Ok((model, voice))
}

fn voice(values: &mut Values, shape: &Shape, device: &Device) -> Result<Voice> {
    let mut half = || values.tensor(&[shape.kv_heads, VOICE, shape.head_dim], 0.0, 1.0);
    let mut layers = Vec::new();
    for _ in 0..shape.layers {
        layers.push((half()?.to_device(device.candle())?, half()?.to_device(device.candle())?));
    }
    Ok(Voice::of("random", Path::new("random"), layers, VOICE))
}

/// Uniform values; their quality does not matter, the time that 100 million of them take does.
struct Values(u64);

impl Values {
    fn tensor(&mut self, dims: &[usize], centre: f32, spread: f32) -> Result<Tensor> {
        let count = dims.iter().product();
        let values: Vec<f32> = (0..count).map(|_| centre + spread * self.next()).collect();
        Ok(Tensor::from_vec(values, dims, &candle_core::Device::Cpu)?)
    }

    /// In [-1, 1), by xorshift.
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Pieces of one to three letters, so that a text has about as many tokens as with a real tokenizer.
fn tokenizer(pieces: usize) -> Result<tokenizers::Tokenizer> {
    let letters = 'a'..='z';
    let two = || {
        letters
            .clone()
            .flat_map(|a| ('a'..='z').map(move |b| format!("{a}{b}")))
    };
    let vowels = ['a', 'e', 'i', 'o', 'u'];
    let mut vocabulary: Vec<String> = [
        "<unk>", "<s>", "</s>", "<pad>", "▁", ".", "!", "...", "?", ",", ";", ":", "'",
    ]
    .map(str::to_owned)
    .to_vec();
    vocabulary.extend(letters.clone().chain('A'..='Z').map(String::from));
    vocabulary.extend(('A'..='Z').chain('a'..='z').map(|a| format!("▁{a}")));
    vocabulary.extend(two());
    vocabulary.extend(two().map(|two| format!("▁{two}")));
    vocabulary.extend(two().flat_map(|two| vowels.map(|vowel| format!("{two}{vowel}"))));
    let missing = pieces.saturating_sub(vocabulary.len());
    vocabulary.truncate(pieces);
    vocabulary.extend((0..missing).map(|at| format!("<unused{at}>")));
    let described = serde_json::json!({
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false},
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false},
        "model": {
            "type": "Unigram",
            "unk_id": 0,
            "vocab": vocabulary.iter().map(|piece| (piece, -10.0)).collect::<Vec<_>>(),
        },
    });
    tokenizers::Tokenizer::from_bytes(described.to_string()).map_err(|error| Error::Malformed {
        path: "random".into(),
        why: error.to_string(),
    })
}

/// The names and shapes of all tensors that a model reads.
pub(super) fn names(config: &Config) -> Vec<(String, Vec<usize>)> {
    let mut list = List(Vec::new());
    let (lm, latent, condition) = (&config.flow_lm, config.latent(), config.condition());
    let (width, flow) = (lm.transformer.d_model, &lm.flow);
    let table = lm.lookup_table.rank.unwrap_or(width);
    list.add("flow_lm.conditioner.embed.weight", &[lm.lookup_table.n_bins + 1, table]);
    if let Some(rank) = lm.lookup_table.rank {
        list.add("flow_lm.conditioner.proj.weight", &[width, rank]);
    }
    for name in ["bos_emb", "emb_mean", "emb_std"] {
        list.add(&format!("flow_lm.{name}"), &[latent]);
    }
    list.add("flow_lm.input_linear.weight", &[width, latent]);
    list.transformer("flow_lm.transformer", &config.backbone());
    list.norm("flow_lm.out_norm", width);
    if lm.z_dim.is_some() {
        list.add("flow_lm.z_proj.weight", &[condition, width]);
    }
    list.linear("flow_lm.out_eos", condition, 1);

    let net = "flow_lm.flow_net";
    list.linear(&format!("{net}.input_proj"), latent, flow.dim);
    list.linear(&format!("{net}.cond_embed"), condition, flow.dim);
    let times = if flow.kind == FlowKind::Lsd { 2 } else { 0 };
    for time in 0..times {
        list.add(&format!("{net}.time_embed.{time}.freqs"), &[128]);
        list.linear(&format!("{net}.time_embed.{time}.mlp.0"), 256, flow.dim);
        list.linear(&format!("{net}.time_embed.{time}.mlp.2"), flow.dim, flow.dim);
        list.add(&format!("{net}.time_embed.{time}.mlp.3.alpha"), &[flow.dim]);
    }
    for block in 0..flow.depth {
        let block = format!("{net}.res_blocks.{block}");
        list.norm(&format!("{block}.in_ln"), flow.dim);
        list.linear(&format!("{block}.mlp.0"), flow.dim, flow.dim);
        list.linear(&format!("{block}.mlp.2"), flow.dim, flow.dim);
        list.linear(&format!("{block}.adaLN_modulation.1"), flow.dim, 3 * flow.dim);
    }
    list.linear(&format!("{net}.final_layer.adaLN_modulation.1"), flow.dim, 2 * flow.dim);
    list.linear(&format!("{net}.final_layer.linear"), flow.dim, latent);
    list.decoder(config);
    list.0
}

struct List(Vec<(String, Vec<usize>)>);

impl List {
    fn add(&mut self, name: &str, dims: &[usize]) {
        self.0.push((name.to_owned(), dims.to_vec()));
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(&format!("{name}.weight"), &[width]);
        self.add(&format!("{name}.bias"), &[width]);
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.add(&format!("{name}.weight"), &[outputs, inputs]);
        self.add(&format!("{name}.bias"), &[outputs]);
    }

    fn conv(&mut self, name: &str, inputs: usize, outputs: usize, taps: usize) {
        self.add(&format!("{name}.conv.weight"), &[outputs, inputs, taps]);
        self.add(&format!("{name}.conv.bias"), &[outputs]);
    }

    fn transformer(&mut self, name: &str, shape: &Shape) {
        let (d, query) = (shape.d_model, shape.heads * shape.head_dim);
        for layer in 0..shape.layers {
            let layer = format!("{name}.layers.{layer}");
            let all = query + 2 * shape.kv_heads * shape.head_dim;
            self.norm(&format!("{layer}.norm1"), d);
            self.norm(&format!("{layer}.norm2"), d);
            self.add(&format!("{layer}.self_attn.in_proj.weight"), &[all, d]);
            self.add(&format!("{layer}.self_attn.out_proj.weight"), &[d, query]);
            self.add(&format!("{layer}.linear1.weight"), &[shape.feed_forward, d]);
            self.add(&format!("{layer}.linear2.weight"), &[d, shape.feed_forward]);
            if shape.layer_scale {
                self.add(&format!("{layer}.layer_scale_1.scale"), &[d]);
                self.add(&format!("{layer}.layer_scale_2.scale"), &[d]);
            }
        }
    }

    fn decoder(&mut self, config: &Config) {
        let (mimi, seanet) = (&config.mimi, config.mimi.decoder_seanet());
        let shape = mimi.decoder_transformer().shape();
        self.add(
            "mimi.quantizer.output_proj.weight",
            &[seanet.dimension, config.latent(), 1],
        );
        let kernel = 2 * mimi.positions().unwrap_or(1);
        self.add("mimi.upsample.convtr.convtr.weight", &[seanet.dimension, 1, kernel]);
        if shape.d_model != seanet.dimension {
            let (inside, outside) = (shape.d_model, seanet.dimension);
            self.add("mimi.decoder_transformer.input_proj.weight", &[inside, outside]);
            self.add("mimi.decoder_transformer.output_projs.0.weight", &[outside, inside]);
        }
        self.transformer("mimi.decoder_transformer.transformer", &shape);
        let model = "mimi.decoder.model";
        let mut channels = seanet.n_filters << seanet.ratios.len();
        self.conv(&format!("{model}.0"), seanet.dimension, channels, seanet.kernel_size);
        let mut index = 2;
        for ratio in &seanet.ratios {
            self.add(
                &format!("{model}.{index}.convtr.weight"),
                &[channels, channels / 2, 2 * ratio],
            );
            channels /= 2;
            self.add(&format!("{model}.{index}.convtr.bias"), &[channels]);
            for _ in 0..seanet.n_residual_layers {
                index += 1;
                let inside = channels / seanet.compress;
                let taps = seanet.residual_kernel_size;
                self.conv(&format!("{model}.{index}.block.1"), channels, inside, taps);
                self.conv(&format!("{model}.{index}.block.3"), inside, channels, 1);
            }
            index += 2;
        }
        self.conv(&format!("{model}.{index}"), channels, 1, seanet.last_kernel_size);
    }
}
