//! `bench speech`.

use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::figures::Figures;
use super::{goals, machine};
use crate::compile;
use crate::stack;

/// Each in a process of its own, so that memory is told apart.
const PARTS: [&str; 4] = ["linear", "whisper", "translate", "pocket"];
const REFERENCE: &str = "crates/models/examples/bench/reference.py";

/// `cargo xtask bench speech`.
#[derive(Args)]
pub(crate) struct Speech {
    /// How often each thing is timed; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Only these parts
    #[arg(long, value_name = "PART", value_parser = PARTS)]
    only: Vec<String>,
    /// Time the originals too, with this Python: pocket-tts, transformers, faster-whisper, as far as it has them
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Time the development build instead of the release build, which is what is shipped
    #[arg(long)]
    dev: bool,
}

impl Speech {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut example = vec!["--package", "dragoman-models", "--example", "bench"];
        if !self.dev {
            example.push("--release");
        }
        compile::cargo(&[&["build"], example.as_slice()].concat())?;
        let rounds = self.rounds.to_string();
        let before = machine::load();
        let mut figures = Figures::default();
        for part in PARTS
            .into_iter()
            .filter(|part| self.only.is_empty() || self.only.iter().any(|only| only == part))
        {
            eprintln!("{part}…");
            let part_in = |rounds: &str| {
                compile::command(&[&["run", "--quiet"], example.as_slice(), &["--", part, rounds]].concat())
            };
            // GNU's C library would keep what was freed while loading. Told not to, it is slower: not for the timing.
            figures.memory(&report(part_in("0").env("MALLOC_MMAP_THRESHOLD_", "131072"))?)?;
            figures.times(&report(&mut part_in(&rounds))?)?;
            if let Some(python) = &self.python {
                let mut command = std::process::Command::new(python);
                command.arg(stack::repository().join(REFERENCE)).args([part, &rounds]);
                let report = report(&mut command)?;
                figures.memory(&report)?;
                figures.times(&report)?;
            }
        }
        let loads = [before, machine::load()];
        let described = machine::describe();
        self.show(&figures, &described, loads);
        if let Some(path) = &self.report {
            let goals: Vec<Value> = goals::goals(&figures).iter().map(goals::Goal::json).collect();
            let all = json!({
                "machine": described,
                "load": loads,
                "build": self.build(),
                "rounds": self.rounds,
                "figures": figures.json(),
                "goals": goals,
            });
            std::fs::write(path, format!("{all:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn build(&self) -> &'static str {
        match self.dev {
            true => "development",
            false => "release",
        }
    }

    fn show(&self, figures: &Figures, machine: &Value, loads: [Option<f64>; 2]) {
        let flags: Vec<&str> = machine["flags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let load = loads.map(|load| load.map_or_else(|| "?".to_owned(), |load| format!("{load:.1}")));
        println!(
            "{}, {} cores, {}; load {} before, {} after; {} build; one thread; medians of {} rounds\n",
            machine["processor"].as_str().unwrap_or("?"),
            machine["cores"],
            flags.join(" "),
            load[0],
            load[1],
            self.build(),
            self.rounds,
        );
        println!("{}", figures.table());
        println!("real-time factors: recognised + translated + spoken");
        for (seconds, who, stages) in goals::factors(figures) {
            let shown = stages.map(|stage| stage.map_or_else(|| "?".to_owned(), |factor| format!("{factor:.3}")));
            let sum = match stages.into_iter().sum::<Option<f64>>() {
                Some(sum) => format!("{sum:.3}"),
                None => "?".to_owned(),
            };
            println!("{seconds} s, {who:6}  {} = {sum}", shown.join(" + "));
        }
        println!();
        for goal in goals::goals(figures) {
            println!("{}", goal.show());
        }
    }
}

/// Runs one part on one thread and reads what it prints.
fn report(command: &mut std::process::Command) -> Result<Value> {
    let output = command
        .env("RAYON_NUM_THREADS", "1")
        .env("OMP_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{} ended with {}", command.get_program().display(), output.status);
    }
    serde_json::from_slice(&output.stdout).context("a part printed no report")
}
