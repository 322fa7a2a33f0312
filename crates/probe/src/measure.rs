//! Measures programmes beside their source, all read in one process so that one clock judges both.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::compare::{Comparison, Live};
use crate::read::{Event, Reader};
use crate::report::Report;

/// Some seconds of events of several readers; a full channel is counted and shows in the report.
const EVENTS: usize = 16_384;

/// A name for something, as `NAME=VALUE` on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T> {
    /// The language.
    pub language: String,
    /// What belongs to it.
    pub value: T,
}

impl<T: std::str::FromStr> std::str::FromStr for Named<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (language, value) = text.split_once('=').ok_or("expected LANG=VALUE")?;
        let value = value
            .parse()
            .map_err(|_| format!("{value} is not what belongs after {language}="))?;
        Ok(Self {
            language: language.into(),
            value,
        })
    }
}

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The stream that goes in, as `rtmp://host/live/<id>/in`
    #[arg(long)]
    pub source: String,
    /// A stream that comes out, as `es=rtmp://host/live/<id>/out`; may be given several times
    #[arg(long = "programme", required = true, value_name = "LANG=URL")]
    pub programmes: Vec<Named<String>>,
    /// Stop after this many seconds, counted from the first picture that all programmes have
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Give up when there is no such picture after this many seconds
    #[arg(long, default_value_t = 60.0)]
    pub wait: f64,
    /// The hold that the programmes should have: copied into the report
    #[arg(long)]
    pub hold_ms: Option<f64>,
    /// Listen for a tone in a programme, as `es=880`
    #[arg(long = "tone", value_name = "LANG=HZ")]
    pub tones: Vec<Named<f64>>,
    /// Write the report to this file too
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Measures until the seconds are over or `stop` is set; `on_second` gets a line each second.
///
/// Fails only when it cannot measure. Whether the figures are good is for the caller to judge.
pub fn run(options: &Options, stop: &AtomicBool, on_second: &mut dyn FnMut(&Live)) -> Result<Report> {
    let (events, incoming) = sync_channel(EVENTS);
    let urls = std::iter::once(&options.source).chain(options.programmes.iter().map(|named| &named.value));
    let readers: Vec<Reader> = urls
        .enumerate()
        .map(|(id, url)| Reader::start(id, url, None, events.clone()))
        .collect::<Result<_>>()?;
    drop(events);
    let mut comparison = Comparison::new(options.programmes.iter().map(|named| {
        let tone = options.tones.iter().find(|tone| tone.language == named.language);
        (named.language.clone(), tone.map(|tone| tone.value))
    }));
    let reached = follow(options, stop, &incoming, &mut comparison, on_second);
    let mut report = comparison.report();
    report.hold_ms = options.hold_ms;
    report.events_dropped = readers.iter().map(Reader::dropped).sum();
    if let Some(path) = &options.report {
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    reached.map(|()| report)
}

fn follow(
    options: &Options,
    stop: &AtomicBool,
    incoming: &Receiver<(usize, Event)>,
    comparison: &mut Comparison,
    on_second: &mut dyn FnMut(&Live),
) -> Result<()> {
    let started = Instant::now();
    let mut next_line = started + Duration::from_secs(1);
    while !stop.load(Ordering::Acquire) {
        let now = Instant::now();
        if now >= next_line {
            next_line += Duration::from_secs(1);
            on_second(&comparison.second());
        }
        match comparison.seconds() {
            Some(seconds) if options.seconds.is_some_and(|wanted| seconds >= wanted) => return Ok(()),
            None if started.elapsed().as_secs_f64() > options.wait => {
                bail!(
                    "no picture of the source was seen in every programme: {}",
                    comparison.missing()
                )
            }
            _ => {}
        }
        // Often enough to see `stop` soon.
        match incoming.recv_timeout(next_line.saturating_duration_since(now).min(Duration::from_millis(100))) {
            Ok((id, event)) => comparison.on(id, event),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("all readers have ended"),
        }
    }
    Ok(())
}
