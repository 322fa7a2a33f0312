//! Says a text with Pocket TTS and writes a WAV.
//!
//! ```text
//! say [--name english] [--q8] [--one-thread] [--seed N] [--times N] <model directory | random> <voice> <text> <out.wav>
//! ```
//!
//! The directory holds `model.safetensors`, `tokenizer.json` and `voices/` (or `embeddings/`). `random` stands for a full-size model
//! with random weights: noise, at the cost of speech.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use dragoman_models::device::{Device, Wanted};
use dragoman_models::linear::Precision;
use dragoman_models::pocket::{self, Files, Noise, PocketTts, SAMPLE_RATE, Voice};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match say() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("say: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say() -> Result<(), Failure> {
    let (mut name, mut precision, mut one_thread) = ("english".to_owned(), Precision::Full, false);
    let (mut seed, mut times) = (1, 1);
    let mut words = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--name" => name = arguments.next().ok_or("--name needs a model")?,
            "--seed" => seed = arguments.next().ok_or("--seed needs a number")?.parse()?,
            "--times" => times = arguments.next().ok_or("--times needs a number")?.parse()?,
            "--q8" => precision = Precision::Q8,
            "--one-thread" => one_thread = true,
            _ => words.push(argument),
        }
    }
    let [directory, voice, text, out] = words.as_slice() else {
        return Err(
            "usage: say [--name english] [--q8] [--one-thread] [--seed N] <directory | random> <voice> <text> <out>"
                .into(),
        );
    };

    let begun = Instant::now();
    let device = Device::open(Wanted::Auto)?;
    let (model, voice) = load(&name, directory, voice, &device, precision)?;
    println!("loaded on {} in {:.2} s", device.name(), begun.elapsed().as_secs_f64());
    let model = if one_thread {
        model.with_two_threads(false)
    } else {
        model
    };

    for _ in 0..times {
        report(&model, text, &voice, seed, out)?;
    }
    Ok(())
}

/// Says it, writes it and prints what it took.
fn report(model: &PocketTts, text: &str, voice: &Voice, seed: u64, out: &str) -> Result<(), Failure> {
    let specification = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(out, specification)?;
    let mut written = Ok(());
    let mut write = |pcm: &[f32]| {
        for sample in pcm {
            written = wav.write_sample((sample.clamp(-1.0, 1.0) * 32767.0) as i16);
            if written.is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    };
    let busy = processor_seconds();
    let spoken = model.speak(text, voice, Noise::seeded(seed), &mut write)?;
    let busy = processor_seconds() - busy;
    written?;
    wav.finalize()?;

    let took = spoken.took;
    let sound = (spoken.frames * model.frame()) as f64 / f64::from(SAMPLE_RATE);
    let steps = spoken.frames.saturating_sub(spoken.chunks).max(1) as u32;
    println!(
        "{} tokens in {} chunks, {} of them without an end; {sound:.2} s of sound in {:.2} s: {:.2}x real time; \
         {busy:.2} s of processor: {:.2}x",
        spoken.tokens,
        spoken.chunks,
        spoken.capped,
        took.total.as_secs_f64(),
        sound / took.total.as_secs_f64(),
        sound / busy,
    );
    println!(
        "first sound {:.1} ms, text {:.1} ms, step {:.2} ms, decoder {:.2} ms a frame",
        took.first_pcm.as_secs_f64() * 1e3,
        took.prefill.as_secs_f64() * 1e3 / spoken.chunks.max(1) as f64,
        (took.lm / steps).as_secs_f64() * 1e3,
        (took.decoder / spoken.frames.max(1) as u32).as_secs_f64() * 1e3,
    );
    Ok(())
}

/// What all threads of this process have worked: a busy machine makes that longer too, but not as much as it makes the clock.
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn load(
    name: &str,
    directory: &str,
    voice: &str,
    device: &Device,
    precision: Precision,
) -> Result<(PocketTts, Voice), Failure> {
    if directory == "random" {
        return Ok(pocket::random(name, device, precision)?);
    }
    let directory = Path::new(directory);
    let voices = ["voices", "embeddings"].map(|name| directory.join(name));
    let files = Files {
        weights: directory.join("model.safetensors"),
        tokenizer: directory.join("tokenizer.json"),
        voices: voices
            .into_iter()
            .find(|path| path.is_dir())
            .ok_or("no voices/ in the directory")?,
    };
    let model = PocketTts::load(name, &files, device, precision)?;
    let voice = model.voice(voice)?;
    Ok((model, voice))
}
