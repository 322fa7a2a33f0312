//! What Whisper hears in a file, and how long it takes:
//!
//! ```text
//! cargo run --release -p dragoman-models --example hear -- whisper-base [--q8] [--lang es] [--translate] [--prompt TEXT] [--times 5] a.wav
//! ```
//!
//! The first word is a directory with `config.json`, `tokenizer.json` and `model.safetensors` (or one `.gguf`), the WAVs are at
//! 16 kHz; of several channels the first is heard. With `--times` the fastest of so many hearings is shown.

use std::path::{Path, PathBuf};

use dragoman_models::Device;
use dragoman_models::device::Wanted;
use dragoman_models::linear::Precision;
use dragoman_models::whisper::{Ask, Files, RATE, Task, Whisper};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (mut precision, mut task) = (Precision::Full, Task::Transcribe);
    let (mut language, mut prompt) = (None, None);
    let mut paths = Vec::new();
    let mut times = 1;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--q8" => precision = Precision::Q8,
            "--translate" => task = Task::Translate,
            "--lang" => language = words.next(),
            "--prompt" => prompt = words.next(),
            "--times" => times = words.next().unwrap_or_default().parse()?,
            _ => paths.push(PathBuf::from(word)),
        }
    }
    let [directory, waves @ ..] = paths.as_slice() else {
        return Err(
            "usage: hear MODEL-DIRECTORY [--q8] [--lang CODE] [--translate] [--prompt TEXT] [--times N] WAV...".into(),
        );
    };
    let device = Device::open(Wanted::Auto)?;
    let begun = std::time::Instant::now();
    let whisper = Whisper::load(&files(directory)?, &device, precision)?;
    eprintln!("loaded on {} in {:.1} s", device.name(), begun.elapsed().as_secs_f32());
    for path in waves {
        let pcm = read(path)?;
        let ask = Ask {
            language: language.as_deref(),
            task,
            prompt: prompt.as_deref(),
            ..Ask::default()
        };
        let mut heard = whisper.hear(&pcm, &ask)?;
        for _ in 1..times {
            let again = whisper.hear(&pcm, &ask)?;
            if again.took.whole() < heard.took.whole() {
                heard = again;
            }
        }
        let (seconds, took) = (pcm.len() as f32 / RATE as f32, heard.took);
        println!("{}\t{}\t{}", path.display(), heard.language, heard.text);
        eprintln!(
            "  {seconds:.2} s: mel {:.1} ms, encoder {:.0} ms, decoder {:.0} ms for {} tokens, {:.3}x; no speech {:.2}, \
             log-probability {:.2}{}",
            took.mel.as_secs_f32() * 1e3,
            took.encoder.as_secs_f32() * 1e3,
            took.decoder.as_secs_f32() * 1e3,
            heard.tokens,
            took.whole().as_secs_f32() / seconds,
            heard.no_speech,
            heard.log_prob,
            heard
                .filtered
                .map(|why| format!("; {}", why.as_str()))
                .unwrap_or_default(),
        );
    }
    Ok(())
}

fn files(directory: &Path) -> Result<Files> {
    let mut names = std::fs::read_dir(directory)?
        .collect::<std::io::Result<Vec<_>>>()?
        .into_iter()
        .map(|e| e.path());
    let gguf = names.find(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    Ok(Files {
        config: directory.join("config.json"),
        tokenizer: directory.join("tokenizer.json"),
        weights: gguf.unwrap_or_else(|| directory.join("model.safetensors")),
    })
}

fn read(path: &Path) -> Result<Vec<f32>> {
    let mut wave = hound::WavReader::open(path)?;
    let spec = wave.spec();
    if spec.sample_rate as usize != RATE {
        return Err(format!("{}: {} Hz, expected {RATE}", path.display(), spec.sample_rate).into());
    }
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => wave.samples::<f32>().collect::<std::result::Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let full = 1.0 / (1_i64 << (spec.bits_per_sample - 1)) as f32;
            let scaled = wave
                .samples::<i32>()
                .map(|sample| sample.map(|sample| sample as f32 * full));
            scaled.collect::<std::result::Result<_, _>>()?
        }
    };
    Ok(samples.into_iter().step_by(spec.channels.into()).collect())
}
