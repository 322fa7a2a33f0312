//! Tries a translation model by hand: each line of the standard input is translated, words as they come.
//!
//! ```text
//! translate opus-mt DIR [LANGUAGE]     a directory with config.json, vocab.json, source.spm, target.spm and the weights
//! translate madlad DIR LANGUAGE        a directory with config.json, tokenizer.json and a .gguf
//! translate time                       OPUS-MT's base size with random weights: 14 tokens in, 16 out
//! ```
//!
//! `Q8=1` keeps OPUS-MT's weights in 8 bits.

use std::io::{BufRead as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dragoman_models::linear::Precision;
use dragoman_models::marian::{self, Marian};
use dragoman_models::t5::{self, Madlad};
use dragoman_models::{Device, Error, Result};

type OnText<'a> = &'a mut dyn FnMut(&str) -> ControlFlow<()>;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let precision = match std::env::var_os("Q8") {
        Some(_) => Precision::Q8,
        None => Precision::Full,
    };
    let device = Device::cpu();
    match words[..] {
        ["opus-mt", dir] => lines(&opus_mt(dir, &device, precision)?),
        ["opus-mt", dir, language] => lines(&opus_mt(dir, &device, precision)?.with_target(language)?),
        ["madlad", dir, language] => {
            let model = madlad(dir, &device)?;
            each_line(|line, on_text| model.translate(line, language, on_text))
        }
        ["time"] => time(&device),
        _ => Err(Error::Input(
            "translate opus-mt DIR [LANGUAGE] | madlad DIR LANGUAGE | time".into(),
        )),
    }
}

fn opus_mt(dir: &str, device: &Device, precision: Precision) -> Result<Marian> {
    let dir = Path::new(dir);
    let weights = ["model.safetensors", "pytorch_model.bin"].map(|name| dir.join(name));
    let files = marian::Files {
        config: dir.join("config.json"),
        vocab: dir.join("vocab.json"),
        source_spm: dir.join("source.spm"),
        target_spm: dir.join("target.spm"),
        weights: weights.iter().find(|path| path.exists()).unwrap_or(&weights[0]).clone(),
    };
    Marian::load(&files, device, precision)
}

fn madlad(dir: &str, device: &Device) -> Result<Madlad> {
    let dir = Path::new(dir);
    let found = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let weights = found
        .filter(|path| path.extension().is_some_and(|extension| extension == "gguf"))
        .min();
    let files = t5::Files {
        config: dir.join("config.json"),
        tokenizer: dir.join("tokenizer.json"),
        weights: weights.unwrap_or_else(|| PathBuf::from("model.safetensors")),
    };
    Madlad::load(&files, device)
}

fn lines(model: &Marian) -> Result<()> {
    each_line(|line, on_text| model.translate(line, on_text))
}

fn each_line(translate: impl Fn(&str, OnText<'_>) -> Result<String>) -> Result<()> {
    for line in std::io::stdin().lock().lines().map_while(std::io::Result::ok) {
        let start = Instant::now();
        let mut shown = 0;
        translate(&line, &mut |text| {
            print!("{}", text.get(shown..).unwrap_or_default());
            let _shown = std::io::stdout().flush();
            shown = text.len();
            ControlFlow::Continue(())
        })?;
        println!("   ({:.0?})", start.elapsed());
    }
    Ok(())
}

/// The best of several runs: the machine may have other work.
fn time(device: &Device) -> Result<()> {
    for precision in [Precision::Full, Precision::Q8] {
        let model = marian::random(device, precision)?;
        let best = |source, said| -> Result<Duration> {
            let mut best = Duration::MAX;
            for _ in 0..12 {
                let start = Instant::now();
                model.rehearse(source, said)?;
                best = best.min(start.elapsed());
            }
            Ok(best)
        };
        let (read, whole) = (best(14, 0)?, best(14, 16)?);
        let token = (whole - read) / 16;
        println!("{precision:?}: 14 tokens read in {read:.1?}, 16 said in {token:.2?} each, {whole:.1?} in all");
    }
    Ok(())
}
