//! `bench streams`: how many streams are held, what each costs, and what copies of the same streams cost.

mod copies;
mod cost;
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
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=30))]
    seconds: u64,
    /// Two minutes: up to four streams of 720p30, on all cores
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
    most: usize,
    steps: Vec<Step>,
    floor: Vec<Floor>,
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
            settle: Duration::from_secs(if self.quick { 4 } else { 10 }),
            measure: Duration::from_secs(if self.quick { 10 } else { self.seconds }),
        };
        while let Some(streams) = search::next(&series.tried(), series.most) {
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
                let cost = step::copies(&setting, copier, streams, interrupt)?;
                series.floor.push(Floor { copier, streams, cost });
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
        });
        let text = serde_json::to_string_pretty(&report).context("cannot write the figures as JSON")?;
        std::fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
    }
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
            "steps": self.steps.iter().map(Step::json).collect::<Vec<_>>(),
            "floor": self.floor.iter().map(floor).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_steps_in_order_and_the_ratio_to_the_copies() {
        let cost = |cpu| Cost {
            cpu,
            pss_mb: 80.0,
            rss_mb: 200.0,
        };
        let step = |streams: usize, broken: &[&str]| Step {
            streams,
            hold_ms: 2500.0,
            p99_ms: Some(2540.4),
            probed_p99_ms: None,
            workers: cost(streams as f64 * 5.0),
            orchestrator: cost(0.5),
            router: cost(3.0),
            speech: cost(1.0),
            machine_percent: Some(20.0),
            dubs: 9,
            dubs_on_time: 9,
            broken: broken.iter().map(|&reason| reason.to_owned()).collect(),
        };
        let series = Series {
            format: Format::P720,
            stretched: false,
            one_core: false,
            most: 8,
            steps: vec![step(8, &["2 gaps in the sound"]), step(4, &[])],
            floor: vec![Floor {
                copier: Copier::Ffmpeg,
                streams: 4,
                cost: cost(10.0),
            }],
        };
        let text = table::table(std::slice::from_ref(&series));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[2],
            "| 4 x 720p30 | all cores | as long | 2540 | ? | 5.0 | 20.0 | 3.0 | 1.0 | 0.5 | 20 % | yes |"
        );
        assert!(lines[3].ends_with("| no: 2 gaps in the sound |"), "{text}");
        assert!(text.contains("| 720p30 | all cores | as long | 4 |"), "{text}");
        assert!(
            text.ends_with("| ffmpeg -c copy | 4 x 720p30 | 2.5 | 20.0 | 2.0 times that |\n"),
            "{text}"
        );
        assert_eq!(series.json()["held"], 4);
    }
}
