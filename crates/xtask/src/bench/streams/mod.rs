//! `bench streams`: how many streams are held, what each costs, and what copies of the same streams cost.

mod copies;
mod cores;
mod cost;
mod goals;
mod search;
mod source;
mod step;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use self::copies::Copier;
use self::cost::Cost;
use self::source::Format;
use self::step::{Setting, Step};
use super::machine;
use crate::cli::Starting;
use crate::interrupt::Interrupt;

/// The copies are counted at these numbers of streams, as far as the workers held them.
const FLOOR_AT: [usize; 2] = [1, 8];

/// Caches fill, and the probe's own start adds some seconds: what is late at the start is a hundredth of a worker's window
/// or less by the end.
const SETTLE: Duration = Duration::from_secs(4);

/// `cargo xtask bench streams`.
#[derive(Args)]
pub(crate) struct Streams {
    /// Sizes of the pictures, comma separated
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["720p30", "1080p30"])]
    formats: Vec<Format>,
    /// Never more streams than this
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    most: u16,
    /// How long each number of streams is measured, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(5..=30))]
    seconds: u64,
    /// Three minutes: up to four streams of 720p30, on all cores
    #[arg(long)]
    quick: bool,
    /// Write the figures as JSON as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    starting: Starting,
}

/// One kind of stream on one choice of cores.
struct Series {
    format: Format,
    stretched: bool,
    one_core: bool,
    /// About so many may be held; without a guess they are doubled from one on.
    guess: Option<usize>,
    most: usize,
    steps: Vec<Step>,
    floor: Vec<Floor>,
}

/// What a worker costs at the most streams, against what it costs at the fewest: 1 where cost grows linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Growth {
    from: usize,
    to: usize,
    ratio: f64,
}

impl Growth {
    fn json(self) -> Value {
        json!({ "from": self.from, "to": self.to, "ratio": (self.ratio * 100.0).round() / 100.0 })
    }
}

/// What copies cost.
struct Floor {
    copier: Copier,
    streams: usize,
    cost: Cost,
}

impl Streams {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.starting.ensure_binaries(false)?;
        let interrupt = Interrupt::install()?;
        let mut all = Vec::new();
        for mut series in self.series() {
            series.guess = guess(&all, &series);
            let outcome = self.follow(&mut series, &interrupt);
            all.push(series);
            // What was measured so far is not lost with what went wrong.
            self.write(&all)?;
            if let Err(error) = outcome {
                println!("{}", table::table(&all));
                return Err(error);
            }
            if interrupt.is_set() {
                break;
            }
        }
        println!("{}", table::table(&all));
        Ok(ExitCode::SUCCESS)
    }

    fn series(&self) -> Vec<Series> {
        let formats = if self.quick { &[Format::P720][..] } else { &self.formats };
        let cores: &[bool] = if self.quick { &[false] } else { &[false, true] };
        let mut all = Vec::new();
        for &format in formats {
            for &one_core in cores {
                for stretched in [false, true] {
                    all.push(Series {
                        format,
                        stretched,
                        one_core,
                        guess: None,
                        most: if self.quick { 4 } else { usize::from(self.most) },
                        steps: Vec::new(),
                        floor: Vec::new(),
                    });
                }
            }
        }
        all
    }

    fn follow(&self, series: &mut Series, interrupt: &Interrupt) -> Result<()> {
        let file = source::file(series.format)?;
        let setting = Setting {
            file: &file,
            stretched: series.stretched,
            one_core: series.one_core,
            settle: SETTLE,
            measure: Duration::from_secs(self.seconds),
        };
        while let Some(streams) = search::next(&series.tried(), series.guess, series.most) {
            if interrupt.is_set() {
                return Ok(());
            }
            eprintln!(
                "{streams} x {}, {}, {}",
                series.format.name(),
                series.on(),
                series.dubs()
            );
            let step = step::run(&setting, streams, interrupt)?;
            eprintln!("  {}", step.json());
            series.steps.push(step);
        }
        if series.stretched || series.one_core {
            return Ok(());
        }
        let counts = FLOOR_AT.map(|count| count.min(series.held()));
        for streams in counts.into_iter().filter(|count| *count > 0) {
            for copier in Copier::ALL {
                if interrupt.is_set()
                    || series
                        .floor
                        .iter()
                        .any(|one| (one.copier, one.streams) == (copier, streams))
                {
                    continue;
                }
                eprintln!("{streams} x {}, {}", series.format.name(), copier.name());
                match step::copies(&setting, copier, streams, interrupt) {
                    Ok(cost) => series.floor.push(Floor { copier, streams, cost }),
                    // The figures of what is ours do not depend on it.
                    Err(error) => eprintln!("  not counted: {error:#}"),
                }
            }
        }
        Ok(())
    }

    fn write(&self, all: &[Series]) -> Result<()> {
        let Some(file) = &self.report else { return Ok(()) };
        let report = json!({
            "machine": machine::describe(),
            "load": machine::load(),
            "optimised": !cfg!(debug_assertions),
            "latency_margin_ms": step::LATENCY_MARGIN_MS,
            "series": all.iter().map(Series::json).collect::<Vec<_>>(),
            "goals": goals::judge(all).iter().map(goals::Goal::json).collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&report).context("cannot write the figures as JSON")?;
        std::fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
    }
}

/// What an earlier series lets expect: of the same pictures on all cores, shared out; else of the smaller pictures.
fn guess(earlier: &[Series], series: &Series) -> Option<usize> {
    let held = |format, one_core| {
        let like = |one: &&Series| (one.format, one.one_core) == (format, one_core);
        earlier.iter().find(like).map(Series::held)
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let same = held(series.format, series.one_core);
    let shared = held(series.format, false).map(|held| held / cores);
    let smaller = earlier.first().and_then(|first| held(first.format, series.one_core));
    same.or(shared).or(smaller).map(|guess| guess.max(1))
}

impl Series {
    fn tried(&self) -> Vec<(usize, bool)> {
        self.steps.iter().map(|step| (step.streams, step.is_held())).collect()
    }

    fn held(&self) -> usize {
        search::held(&self.tried())
    }

    /// Whether more might have been held than were tried.
    fn is_open(&self) -> bool {
        self.steps.iter().all(Step::is_held)
    }

    /// How the cost of a worker changes from the fewest streams to the most that were held.
    fn growth(&self) -> Option<Growth> {
        let mut held: Vec<&Step> = self.steps.iter().filter(|step| step.is_held()).collect();
        held.sort_by_key(|step| step.streams);
        let (first, last) = (held.first()?, held.last()?);
        let each = |step: &Step| step.workers.each(step.streams).cpu;
        (first.streams < last.streams && each(first) > 0.0).then(|| Growth {
            from: first.streams,
            to: last.streams,
            ratio: each(last) / each(first),
        })
    }

    fn on(&self) -> &'static str {
        if self.one_core { "one core" } else { "all cores" }
    }

    fn dubs(&self) -> &'static str {
        if self.stretched { "stretched" } else { "as long" }
    }

    fn json(&self) -> Value {
        let floor = |one: &Floor| {
            json!({
                "copier": one.copier.name(),
                "streams": one.streams,
                "each": one.cost.each(one.streams).json(),
            })
        };
        json!({
            "format": self.format.name(),
            "stretched": self.stretched,
            "one_core": self.one_core,
            "held": self.held(),
            "open": self.is_open(),
            "growth": self.growth().map(|growth| growth.json()),
            "steps": self.steps.iter().map(Step::json).collect::<Vec<_>>(),
            "floor": self.floor.iter().map(floor).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
#[path = "streams_test.rs"]
mod tests;
