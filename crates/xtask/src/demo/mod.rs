//! `demo`: a live stream goes in, is dubbed, is measured like a viewer would see it, and a report is the end.

mod line;
mod report;
mod usage;
pub(crate) mod verdict;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::process::Signal;
use serde_json::Value;

use crate::child::Child;
use crate::cli::{Input, Routing, Starting};
use crate::interrupt::Interrupt;
use crate::stack::{self, PortChoice, Stack};
use crate::up::Dubbing;

use line::Display;
use usage::Usage;

/// The demo's stream.
const STREAM: &str = "demo";
/// The hold, the silence before it, MediaMTX's look at the publisher, a keyframe, a busy machine: all of it fits.
const PICTURE_WITHIN: Duration = Duration::from_secs(40);
/// How long the probe may take to write its report.
const REPORT_WITHIN: Duration = Duration::from_secs(10);
/// Lines of the probe that wait for us; it writes one a second.
const LINES: usize = 64;

/// `cargo xtask demo`.
#[derive(Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    input: Input,
    /// End after this many seconds of programme; without it Ctrl-C is the end
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    #[command(flatten)]
    dubbing: Dubbing,
    #[command(flatten)]
    routing: Routing,
    /// Write the report as JSON as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    starting: Starting,
}

impl Demo {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.check_files()?;
        self.starting.ensure_binaries(self.dubbing.needs_models())?;
        let interrupt = Interrupt::install()?;
        let mut stack = Stack::start(&self.dubbing.options(self.routing.router, PortChoice::UsualOrFree))?;
        self.announce(&stack);

        let mut run = Run::start(&self, &stack)?;
        let outcome = run.follow(&mut stack, &interrupt, self.seconds);
        let report = match outcome {
            Ok(()) => run.report(&self, &stack),
            Err(error) => Err(error),
        };
        drop(run);
        stack.stop();
        let report = report?;
        let verdicts = verdict::judge(&report);
        let _ = writeln!(std::io::stdout(), "\n{}", verdict::table(&verdicts));
        if let Some(file) = &self.report {
            let json = serde_json::to_string_pretty(&report).context("cannot write the report as JSON")?;
            std::fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
        }
        let broken = verdicts.iter().any(|verdict| verdict.hard && verdict.is_broken());
        Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// What a build of minutes should not come before.
    fn check_files(&self) -> Result<()> {
        if let Some(file) = self.input.input.as_ref().filter(|file| !file.is_file()) {
            bail!("there is no file {}", file.display());
        }
        let dir = self.report.as_ref().and_then(|file| file.parent());
        if let Some(dir) = dir.filter(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()) {
            bail!("there is no directory {} for the report", dir.display());
        }
        Ok(())
    }

    fn announce(&self, stack: &Stack) {
        println!("\nready after {} ms", stack.ready_after().as_millis());
        match self.routing.router {
            stack::Router::Own => println!("  watch and listen   {}", stack.watch_url("live/demo")),
            stack::Router::MediaMtx => {
                println!("  watch and listen   {}", stack.watch_url("live/demo/out"));
                println!("  the original       {}", stack.watch_url("live/demo/in"));
            }
        }
        println!("  any player         {}", stack.rtmp_url("live/demo/out"));
        println!("  operate            {}/", stack.media_url());
        println!("  logs               {}", stack.dir().display());
        println!("Ctrl-C ends it with the report.\n");
    }

    /// The programmes' paths: the first target is `out`, each further one below it.
    fn programmes(&self) -> Vec<(String, String)> {
        let targets = self.dubbing.targets.iter().enumerate();
        targets
            .map(|(index, target)| match index {
                0 => (target.clone(), format!("live/{STREAM}/out")),
                _ => (target.clone(), format!("live/{STREAM}/out/{target}")),
            })
            .collect()
    }
}

/// Tells the probe what to publish where.
pub(crate) fn publish_arguments(command: &mut Command, url: &str, input: &Input) {
    command.arg("publish").arg(url);
    if let Some(file) = &input.input {
        command.arg("--input").arg(file);
    }
}

/// The publisher, the probe and what they told so far.
struct Run {
    measure: Child,
    publish: Child,
    lines: Receiver<Value>,
    report_file: PathBuf,
    usage: Usage,
    stream: Value,
}

impl Run {
    fn start(demo: &Demo, stack: &Stack) -> Result<Self> {
        let probe = stack::binary("dragoman-probe")?;
        let source = stack.rtmp_url(&format!("live/{STREAM}/in"));

        let mut publish = Command::new(&probe);
        publish_arguments(&mut publish, &source, &demo.input);
        let publish = Child::spawn("publish", &mut publish, stack.dir(), false)?;

        let report_file = stack.dir().join("measured.json");
        let mut measure = Command::new(&probe);
        measure.args(["measure", "--source", &source]);
        for (target, path) in demo.programmes() {
            measure
                .arg("--programme")
                .arg(format!("{target}={}", stack.rtmp_url(&path)));
        }
        measure.arg("--report").arg(&report_file);
        let mut measure = Child::spawn("measure", &mut measure, stack.dir(), true)?;
        let lines = read_lines(&mut measure)?;
        Ok(Self {
            measure,
            publish,
            lines,
            report_file,
            usage: Usage::default(),
            stream: Value::Null,
        })
    }

    /// Shows a line a second until the time is over or the user ends it.
    fn follow(&mut self, stack: &mut Stack, interrupt: &Interrupt, seconds: Option<u64>) -> Result<()> {
        let started = Instant::now();
        let mut first_picture: Option<Instant> = None;
        let mut display = Display::default();
        while !interrupt.is_set() {
            stack.check()?;
            self.publish.check()?;
            self.measure.check()?;
            let now = Instant::now();
            match first_picture {
                Some(first)
                    if seconds.is_some_and(|seconds| now.duration_since(first) >= Duration::from_secs(seconds)) =>
                {
                    break;
                }
                None if now.duration_since(started) > PICTURE_WITHIN => {
                    bail!(
                        "no picture of the programme within {PICTURE_WITHIN:?}; the stream is {}: {}\nlogs: {}",
                        self.stream["state"]
                            .as_str()
                            .unwrap_or("not known to the media service"),
                        self.stream["reason"].as_str().unwrap_or("no reason is given"),
                        stack.dir().display()
                    );
                }
                _ => {}
            }
            let line = match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.measure.wait(Duration::from_secs(1));
                    self.measure.check()?;
                    bail!("the probe closed its output");
                }
            };
            if let Some(stream) = stack.stream(STREAM) {
                self.stream = stream;
            }
            if line::has_picture(&line) {
                first_picture.get_or_insert(now);
                if let Some(pid) = self.stream["worker"]["pid"].as_u64() {
                    self.usage.look(pid, now);
                }
            }
            display.show(&line::describe(&line, &self.stream));
        }
        drop(display);
        // The services play out what they have, which takes about as long as the hold.
        let _ = writeln!(std::io::stdout(), "ending");
        Ok(())
    }

    /// Ends the probe, and merges what it and the media service say.
    fn report(&mut self, demo: &Demo, stack: &Stack) -> Result<Value> {
        self.stream = stack.stream(STREAM).unwrap_or_else(|| self.stream.take());
        self.measure.signal(Signal::INT);
        if self.measure.wait(REPORT_WITHIN).is_none() {
            bail!(
                "the probe wrote no report within {REPORT_WITHIN:?}\n{}",
                self.measure.tail()
            );
        }
        let text = std::fs::read_to_string(&self.report_file)
            .with_context(|| format!("the probe wrote no report\n{}", self.measure.tail()))?;
        let probe: Value = serde_json::from_str(&text).context("the probe's report is no JSON")?;
        Ok(report::build(&report::Facts {
            probe: &probe,
            stream: &self.stream,
            worker: self.usage.report(),
            router: demo.routing.router,
            stack_ready_ms: stack.ready_after().as_secs_f64() * 1000.0,
            first_programme_frame_ms: probe["startup_ms"]["first_programme_frame"].as_f64(),
        }))
    }
}

/// The probe's lines, as they come; one that finds no room is left out, the next one says the same and more.
pub(crate) fn read_lines(child: &mut Child) -> Result<Receiver<Value>> {
    let out = child.stdout().context("the probe's output is not piped")?;
    let (sender, receiver) = sync_channel(LINES);
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(std::result::Result::ok) {
            let Ok(line) = serde_json::from_str(&line) else {
                continue;
            };
            if matches!(sender.try_send(line), Err(TrySendError::Disconnected(_))) {
                return;
            }
        }
    });
    Ok(receiver)
}
