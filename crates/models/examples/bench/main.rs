//! Times the models with full-size random weights, which cost what real ones cost: one part, named by the first argument, in how
//! many rounds by the second; with none it only tells the memory. `cargo xtask bench speech` runs the parts, each in a process of
//! its own, and makes the table.
//!
//! What is compared is timed in turn, round by round, so that a busy machine slows both. The output is one JSON object.

mod linear;
mod measure;
mod pocket;
mod translate;
mod whisper;

use std::process::ExitCode;

use measure::Figures;

/// Utterances: (seconds, tokens) of ordinary speech.
const UTTERANCES: [(usize, usize); 2] = [(2, 10), (5, 19)];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().unwrap_or_default();
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let mut figures = Figures::default();
    let outcome = match part.as_str() {
        "linear" => linear::run(&mut figures, rounds),
        "whisper" => whisper::run(&mut figures, rounds),
        "translate" => translate::run(&mut figures, rounds),
        "pocket" => pocket::run(&mut figures, rounds),
        _ => Err(anyhow::anyhow!("linear, whisper, translate or pocket?")),
    };
    match outcome {
        Ok(()) => {
            println!("{}", figures.report());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
