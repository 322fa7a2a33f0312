//! Whisper base: the spectrogram, the encoder in a short window and in 30 s, the whole for utterances of 2 and 5 s; ours in both
//! precisions, and candle's own with the same weights, window and number of tokens.

use std::collections::HashMap;
use std::time::Instant;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::whisper as candle;
use dragoman_models::Device;
use dragoman_models::linear::Precision;
use dragoman_models::whisper::{Mel, Size, Whisper, tensors, weights};

use crate::UTTERANCES;
use crate::measure::Figures;

const RATE: usize = 16_000;
const FRAMES_PER_SECOND: usize = 100;
/// Start, language, task, no timestamps.
const PROMPT: usize = 4;

pub(crate) fn run(figures: &mut Figures, rounds: usize) -> anyhow::Result<()> {
    let device = Device::cpu();
    let mut theirs = Candle::new(figures, &device)?;
    let q8 = figures.load("whisper-base", "q8", || {
        Ok(Whisper::random(Size::Base, &device, Precision::Q8)?)
    })?;
    let full = figures.load("whisper-base", "f32", || {
        Ok(Whisper::random(Size::Base, &device, Precision::Full)?)
    })?;
    let mel = Mel::new(80);
    for round in 0..rounds {
        let two = sound(2);
        for _ in 0..5 {
            figures.time("mel, 2 s", "f32", || Ok(mel.window(&two, 2 * FRAMES_PER_SECOND)))?;
        }
        figures.time("mel, 2 s", "candle f32", || Ok(theirs.mel(&two)))?;
        for (seconds, tokens) in UTTERANCES {
            let pcm = sound(seconds);
            let whole = format!("whisper-base whole, {seconds} s, {tokens} tokens");
            let encoder = format!("whisper-base encoder, {seconds} s");
            for (who, model) in [("q8", &q8), ("f32", &full)] {
                let took = model.rehearse(&pcm, tokens)?;
                figures.add(&whole, who, took.whole());
                figures.add(&encoder, who, took.encoder);
                figures.add(
                    &format!("whisper-base token, {seconds} s"),
                    who,
                    took.decoder / (tokens as u32 + 1),
                );
            }
            theirs.hear(figures, &pcm, tokens, [&whole, &encoder])?;
        }
        // Seconds each: not as often.
        if round % 3 == 0 {
            let long = sound(30);
            for (who, model) in [("q8", &q8), ("f32", &full)] {
                figures.add("whisper-base encoder, 30 s", who, model.rehearse(&long, 1)?.encoder);
            }
        }
    }
    Ok(())
}

/// A tone with some noise: what is heard does not matter for the time it takes.
fn sound(seconds: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..seconds * RATE)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            0.3 * (at as f32 * 0.05).sin() + 0.1 * noise
        })
        .collect()
}

/// Candle's own Whisper.
struct Candle {
    config: candle::Config,
    model: candle::model::Whisper,
    filters: Vec<f32>,
}

impl Candle {
    fn new(figures: &mut Figures, device: &Device) -> anyhow::Result<Self> {
        let size = Size::Base.config();
        let config = candle::Config {
            num_mel_bins: size.mel_bins,
            max_source_positions: size.source_positions,
            d_model: size.width,
            encoder_attention_heads: size.encoder.heads,
            encoder_layers: size.encoder.layers,
            vocab_size: size.vocab,
            max_target_positions: size.target_positions,
            decoder_attention_heads: size.decoder.heads,
            decoder_layers: size.decoder.layers,
            suppress_tokens: Vec::new(),
        };
        let model = figures.load("whisper-base", "candle f32", || {
            let weights = weights(&size, device)?;
            let all: HashMap<String, Tensor> = tensors(&size)
                .into_iter()
                .map(|(name, _)| Ok((name.clone(), weights.any(&name)?)))
                .collect::<anyhow::Result<_>>()?;
            let all = VarBuilder::from_tensors(all, DType::F32, device.candle());
            Ok(candle::model::Whisper::load(&all, config.clone())?)
        })?;
        Ok(Self {
            // What the filters hold does not matter for the time they take.
            filters: vec![0.01; size.mel_bins * (candle::N_FFT / 2 + 1)],
            config,
            model,
        })
    }

    fn mel(&self, pcm: &[f32]) -> Vec<f32> {
        candle::audio::pcm_to_mel(&self.config, pcm, &self.filters)
    }

    /// Its greedy decoder works the whole text out anew for each token.
    fn hear(
        &mut self,
        figures: &mut Figures,
        pcm: &[f32],
        tokens: usize,
        [whole, encoder]: [&str; 2],
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mel = self.mel(pcm);
        let frames = mel.len() / self.config.num_mel_bins;
        let mel = Tensor::from_vec(mel, (1, self.config.num_mel_bins, frames), &candle_core::Device::Cpu)?;
        // The window that ours has: the utterance and 2 s of silence, at least 5 s.
        let window = ((pcm.len() / RATE + 2) * FRAMES_PER_SECOND).max(5 * FRAMES_PER_SECOND);
        let mel = mel.narrow(2, 0, window)?.contiguous()?;
        let sound = figures.time(encoder, "candle f32", || Ok(self.model.encoder.forward(&mel, true)?))?;
        for step in 0..=tokens {
            let text = Tensor::zeros((1, PROMPT + step), DType::U32, &candle_core::Device::Cpu)?;
            let x = self.model.decoder.forward(&text, &sound, step == 0)?;
            let last = x.narrow(1, PROMPT + step - 1, 1)?;
            let logits: Vec<f32> = self.model.decoder.final_linear(&last)?.flatten_all()?.to_vec1()?;
            std::hint::black_box(logits);
        }
        figures.add(whole, "candle f32", begun.elapsed());
        Ok(())
    }
}
