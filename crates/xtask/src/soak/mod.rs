//! `soak`: hours of two streams, and whether anything grows, drifts or tears.

mod plot;
mod publisher;
mod row;
mod slope;
mod verdict;
mod watched;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};

use self::publisher::{Event, GRACE};
use self::row::{Process, Row};
use self::watched::Watched;
use crate::cli::Starting;
use crate::interrupt::Interrupt;
use crate::process;
use crate::stack::{self, Options, PortChoice, Router, Service, Stack};

/// From one sample to the next.
const EVERY: Duration = Duration::from_secs(5);

/// `cargo xtask soak`.
#[derive(Args)]
pub(crate) struct Soak {
    /// How long, in hours or parts of them
    #[arg(long, value_name = "HOURS", required_unless_present_any = ["minutes", "judge"])]
    hours: Option<f64>,
    /// How long, in minutes or parts of them
    #[arg(long, value_name = "MINUTES", conflicts_with = "hours")]
    minutes: Option<f64>,
    /// Let publishers' clocks run fast and slow by 200 ppm, and disturb a third one each minute: it loses its connection, or
    /// stays away until its session ends, and comes back with another clock
    #[arg(long)]
    accelerate: bool,
    /// Where rows (soak.jsonl), verdict (soak.json) and plot (soak.png) go; beside the binaries, or the judged rows, if not set
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,
    /// Soak nothing: judge and plot the rows of a soak that was killed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hours", "minutes", "accelerate"])]
    judge: Option<PathBuf>,
    #[command(flatten)]
    starting: Starting,
}

impl Soak {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let beside = self.judge.as_ref().and_then(|file| file.parent()).map(Path::to_owned);
        let out = match self.report.clone().or(beside) {
            Some(out) => out,
            None => stack::bin_dir()?.join("soak"),
        };
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        let rows = match &self.judge {
            Some(file) => file.clone(),
            None => out.join("soak.jsonl"),
        };
        let outcome = match &self.judge {
            Some(_) => Ok(()),
            None => {
                self.starting.ensure_binaries(false)?;
                // What an earlier soak left is not this one's.
                std::fs::write(&rows, "").with_context(|| format!("cannot write {}", rows.display()))?;
                self.soak(&rows)
            }
        };
        // Whatever ended it, what was seen until then is judged.
        let kept = finish(&rows, &out)?;
        outcome?;
        Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn soak(&self, file: &Path) -> Result<()> {
        let interrupt = Interrupt::install()?;
        let hours = self
            .hours
            .or(self.minutes.map(|minutes| minutes / 60.0))
            .unwrap_or_default();
        let mut rows = std::fs::File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
        let mut stack = Stack::start(&options(self.accelerate))?;
        // GStreamer's reader, which the viewers are, keeps sockets of refused connections; a day of them is more than the
        // usual limit. What is soaked keeps the usual one.
        raise_descriptors();
        let mut watched = publisher::roles(self.accelerate)
            .iter()
            .map(|role| Watched::start(*role, &stack))
            .collect::<Result<Vec<_>>>()?;
        let began = Instant::now();
        let until = began + Duration::try_from_secs_f64(hours * 3600.0).context("not a length of time")?;
        println!(
            "soaking for {hours:.2} h; rows in {}, logs in {}; Ctrl-C ends it with the verdict",
            file.display(),
            stack.dir().display()
        );
        let mut next = began + EVERY;
        let mut event = None;
        while Instant::now() < until && !interrupt.is_set() {
            stack.check()?;
            for one in &mut watched {
                event = one.turn()?.or(event);
            }
            if Instant::now() >= next {
                next += EVERY;
                let row = sample(&stack, &watched, began, event.take());
                // Each line is whole before the next begins: a soak may be killed at any time.
                writeln!(rows, "{}", row.json()).context("cannot write a row")?;
            }
            interrupt.wait_until(next.min(Instant::now() + Duration::from_millis(250)));
        }
        drop(watched);
        stack.stop();
        Ok(())
    }
}

fn sample(stack: &Stack, watched: &[Watched], began: Instant, event: Option<Event>) -> Row {
    let mut pids = BTreeMap::new();
    let mut streams = BTreeMap::new();
    for one in watched {
        let view = stack.stream(one.name()).unwrap_or_default();
        if let Some(pid) = view["worker"]["pid"].as_u64() {
            pids.insert(verdict::worker(one.name()), pid);
        }
        streams.insert(one.name().to_owned(), one.look(&view));
    }
    for (name, service) in [
        ("speech", Service::Speech),
        ("router", Service::Router),
        ("guardian", Service::Media),
    ] {
        pids.extend(stack.pid(service).map(|pid| (name.to_owned(), u64::from(pid))));
    }
    let media = stack
        .pid(Service::Media)
        .map_or_else(Vec::new, |pid| process::family(u64::from(pid)));
    let orchestrator = media
        .into_iter()
        .find(|pid| process::has_argument(*pid, "orchestrator"));
    pids.extend(orchestrator.map(|pid| ("orchestrator".to_owned(), pid)));
    let look = |(name, pid): (String, u64)| {
        let found = process::read(pid)?;
        let quantities = [found.pss_mb, found.rss_mb, found.descriptors, found.threads];
        Some((name, Process { pid, quantities }))
    };
    Row {
        at_s: began.elapsed().as_secs_f64(),
        processes: pids.into_iter().filter_map(look).collect(),
        streams,
        event,
    }
}

/// Lets what is started from now on have as many descriptors as the system gives.
fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("the limit of descriptors stays as it is: {error}");
    }
}

fn options(accelerate: bool) -> Options {
    let mut media = BTreeMap::from([("TARGETS".to_owned(), "es".to_owned())]);
    if accelerate {
        media.insert("GRACE".to_owned(), format!("{}s", GRACE.as_secs()));
    }
    Options {
        router: Router::Own,
        ports: PortChoice::Free,
        media,
        speech: BTreeMap::from([("SPEECH_ENGINE".to_owned(), "mock".to_owned())]),
        keep_logs: true,
    }
}

/// Verdict and plot of the rows in a file; whether all promises were kept.
fn finish(file: &Path, out: &Path) -> Result<bool> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let rows = row::read(&text);
    let verdicts = verdict::judge(&rows);
    println!("\n{}", verdict::table(&verdicts));
    let kept = verdicts.iter().all(|verdict| verdict.kept);
    println!("{}", if kept { "kept" } else { "BROKEN" });
    let picture = out.join("soak.png");
    plot::write(&rows, &picture)?;
    println!("plot: {}", picture.display());
    let list: Vec<Value> = verdicts
        .iter()
        .map(|one| json!({ "name": one.name, "found": one.found, "limit": one.limit, "kept": one.kept }))
        .collect();
    let report = json!({ "kept": kept, "hours": rows.last().map(|row| row.at_s / 3600.0), "verdicts": list });
    let report_file = out.join("soak.json");
    std::fs::write(&report_file, format!("{report:#}\n"))
        .with_context(|| format!("cannot write {}", report_file.display()))?;
    Ok(kept)
}
