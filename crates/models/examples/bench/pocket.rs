//! Pocket TTS, its six-layer model: until the first sound, each step and each frame, and speech of 2 and 5 s.

use std::ops::ControlFlow;

use dragoman_models::Device;
use dragoman_models::linear::Precision;
use dragoman_models::pocket::{self, Noise};

use crate::UTTERANCES;
use crate::measure::Figures;

const FRAMES_PER_SECOND: f64 = 12.5;

pub(crate) fn run(figures: &mut Figures, rounds: usize) -> anyhow::Result<()> {
    let device = Device::cpu();
    let load = |precision| Ok(pocket::random("english", &device, precision)?);
    let (q8, voice) = figures.load("pocket-tts", "q8", || load(Precision::Q8))?;
    let (full, _) = figures.load("pocket-tts", "f32", || load(Precision::Full))?;
    let models = [
        ("q8", "", q8.clone().with_two_threads(false)),
        ("f32", "", full.with_two_threads(false)),
        ("q8", " on two threads", q8.with_two_threads(true)),
    ];
    for _ in 0..rounds {
        for (seconds, tokens) in UTTERANCES {
            // With the model's tokenizer, two tokens a word.
            let text = vec!["word"; tokens / 2].join(" ");
            let frames = (seconds as f64 * FRAMES_PER_SECOND).ceil() as usize;
            for (who, how, model) in &models {
                let mut heard = 0;
                let spoken = model.speak(&text, &voice, Noise::seeded(1), &mut |_| {
                    heard += 1;
                    match heard < frames {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                })?;
                anyhow::ensure!(spoken.frames == frames, "{} frames of {frames}", spoken.frames);
                let (took, steps) = (spoken.took, frames as f64);
                let speed = steps / FRAMES_PER_SECOND / took.total.as_secs_f64();
                figures.add(&format!("pocket-tts whole, {seconds} s{how}"), who, took.total);
                figures.add(&format!("pocket-tts first audio{how}"), who, took.first_pcm);
                figures.value(
                    &format!("pocket-tts LM step{how}"),
                    who,
                    took.lm.as_secs_f64() / (steps - 1.0),
                );
                figures.value(
                    &format!("pocket-tts Mimi frame{how}"),
                    who,
                    took.decoder.as_secs_f64() / steps,
                );
                figures.value(&format!("pocket-tts times real time{how}"), who, speed);
            }
        }
    }
    Ok(())
}
