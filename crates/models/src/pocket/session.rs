//! One utterance: from text to sound, by one thread or by two.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use candle_core::Tensor;

use super::chunk::{Chunk, split};
use super::mimi::{self, Decoder};
use super::noise::Noise;
use super::{Model, SAMPLE_RATE, Voice};
use crate::{Error, Result};

/// Steps in which the end of speech is not believed: before a voice begins it may sound like one.
const MIN_FRAMES: usize = 6;
/// For the cap on frames: slow speech, and time to begin and end.
const TOKENS_PER_SECOND: f64 = 3.0;
const SPARE_SECONDS: f64 = 2.0;
/// A fresh decoder begins with a small step, which would be heard as a click.
const FADE_IN: usize = SAMPLE_RATE as usize / 200;
/// Latents that wait for the decoder: enough to even out its pace, few enough to waste little when speech is broken off.
const AHEAD: usize = 4;

/// What was said and what it took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spoken {
    /// Chunks that the text was cut into.
    pub chunks: usize,
    /// Tokens of all of them.
    pub tokens: usize,
    /// Pieces of sound that `on_pcm` got.
    pub frames: usize,
    /// Chunks that came to no end and were cut off: as a rule they are nonsense.
    pub capped: usize,
    /// Whether `on_pcm` broke it off.
    pub cancelled: bool,
    /// Times.
    pub took: Took,
}

/// Where the time went. With two threads, the parts overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// Until the first sound.
    pub first_pcm: Duration,
    /// Reading the text, with the first latent of each chunk.
    pub prefill: Duration,
    /// All other latents.
    pub lm: Duration,
    /// The decoder.
    pub decoder: Duration,
    /// All in all.
    pub total: Duration,
}

/// A latent on its way to the decoder.
struct Latent {
    value: Tensor,
    /// The first of a chunk, which starts from a fresh decoder.
    first: bool,
}

/// What the language model's half did.
#[derive(Default)]
struct Generated {
    prefill: Duration,
    lm: Duration,
    capped: usize,
}

pub(super) fn speak(
    model: &Model,
    two_threads: bool,
    text: &str,
    voice: &Voice,
    mut noise: Noise,
    on_pcm: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<Spoken> {
    let begun = Instant::now();
    if voice.model() != model.weights {
        return Err(Error::Input(format!(
            "voice {} belongs to {}, not to {}",
            voice.name(),
            voice.model().display(),
            model.weights.display()
        )));
    }
    let chunks = split(text, &model.tokenizer, &model.config)?;
    let mut spoken = Spoken {
        chunks: chunks.len(),
        tokens: chunks.iter().map(|chunk| chunk.ids.len()).sum(),
        ..Spoken::default()
    };
    let mut sound = Sound::new(&model.decoder);
    let mut hear = |latent: Latent, spoken: &mut Spoken| -> Result<ControlFlow<()>> {
        let pcm = sound.next(&latent)?;
        if spoken.frames == 0 {
            spoken.took.first_pcm = begun.elapsed();
        }
        spoken.frames += 1;
        let flow = on_pcm(&pcm);
        spoken.cancelled = flow.is_break();
        Ok(flow)
    };

    let generated = if two_threads {
        let stop = AtomicBool::new(false);
        let (sender, latents) = sync_channel(AHEAD);
        std::thread::scope(|scope| {
            let (chunks, noise, stop) = (&chunks, &mut noise, &stop);
            let thread = std::thread::Builder::new()
                .name("pocket-lm".into())
                .spawn_scoped(scope, move || {
                    generate(model, chunks, voice, noise, stop, &mut |latent| {
                        Ok(match sender.send(latent) {
                            Ok(()) => ControlFlow::Continue(()),
                            Err(_) => ControlFlow::Break(()),
                        })
                    })
                })
                .map_err(|error| Error::Input(format!("no thread for the speech model: {error}")))?;
            let mut heard = Ok(());
            for latent in latents {
                match hear(latent, &mut spoken) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => break,
                    Err(error) => {
                        heard = Err(error);
                        break;
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
            let generated = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            heard.and(generated)
        })
    } else {
        let stop = AtomicBool::new(false);
        generate(model, &chunks, voice, &mut noise, &stop, &mut |latent| {
            hear(latent, &mut spoken)
        })
    }?;

    spoken.capped = generated.capped;
    spoken.took = Took {
        prefill: generated.prefill,
        lm: generated.lm,
        decoder: sound.took,
        total: begun.elapsed(),
        ..spoken.took
    };
    Ok(spoken)
}

/// Makes the latents of all chunks, until `out` breaks off or `stop` is set.
fn generate(
    model: &Model,
    chunks: &[Chunk],
    voice: &Voice,
    noise: &mut Noise,
    stop: &AtomicBool,
    out: &mut dyn FnMut(Latent) -> Result<ControlFlow<()>>,
) -> Result<Generated> {
    let (lm, config) = (&model.lm, &model.config);
    let cap = |chunk: &Chunk| {
        let seconds = chunk.ids.len() as f64 / TOKENS_PER_SECOND + SPARE_SECONDS;
        (seconds * config.mimi.frame_rate).ceil() as usize
    };
    let room = chunks
        .iter()
        .map(|chunk| chunk.ids.len() + cap(chunk))
        .max()
        .unwrap_or(0);
    let mut cache = lm.listen(voice, room)?;
    let deviation = config.default_temperature.sqrt();
    let mut done = Generated::default();
    for chunk in chunks {
        cache.rewind(voice.positions());
        let cap = cap(chunk);
        let mut eos = None;
        let mut latent: Option<Tensor> = None;
        for frame in 0.. {
            if stop.load(Ordering::Relaxed) {
                return Ok(done);
            }
            if frame == cap {
                tracing::warn!(
                    tokens = chunk.ids.len(),
                    frames = cap,
                    "a text was spoken without an end"
                );
                done.capped += 1;
                break;
            }
            let begun = Instant::now();
            let step = match &latent {
                None => lm.begin(&chunk.ids, &mut cache, noise, deviation)?,
                Some(latent) => lm.next(latent, &mut cache, noise, deviation)?,
            };
            let took = if frame == 0 { &mut done.prefill } else { &mut done.lm };
            *took += begun.elapsed();
            if eos.is_none() && frame >= MIN_FRAMES && step.eos > config.default_eos_threshold {
                eos = Some(frame);
            }
            if eos.is_some_and(|eos| frame >= eos + chunk.frames_after_eos) {
                break;
            }
            let value = lm.denormalise(&step.latent)?;
            latent = Some(step.latent);
            if out(Latent {
                value,
                first: frame == 0,
            })?
            .is_break()
            {
                return Ok(done);
            }
        }
    }
    Ok(done)
}

/// The decoder's half.
struct Sound<'a> {
    decoder: &'a Decoder,
    state: Option<mimi::State>,
    took: Duration,
}

impl<'a> Sound<'a> {
    fn new(decoder: &'a Decoder) -> Self {
        Self {
            decoder,
            state: None,
            took: Duration::ZERO,
        }
    }

    fn next(&mut self, latent: &Latent) -> Result<Vec<f32>> {
        let begun = Instant::now();
        let state = match &mut self.state {
            Some(state) if !latent.first => state,
            state => state.insert(self.decoder.state()?),
        };
        let mut pcm = self.decoder.decode(&latent.value, state)?.to_vec1::<f32>()?;
        if latent.first {
            for (at, sample) in pcm.iter_mut().take(FADE_IN).enumerate() {
                *sample *= at as f32 / (FADE_IN - 1) as f32;
            }
        }
        self.took += begun.elapsed();
        Ok(pcm)
    }
}
