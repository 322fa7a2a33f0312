//! Publishes a live stream over RTMP, each access unit stamped.
//!
//! Either the test pattern (`pattern`) or a file as if it were live (`file`); both give encoded units to `egress`.
//! Everything is paced by the monotonic clock against the media timeline, so nothing drifts. A lost connection ends the
//! publisher with the reason: whoever started it decides what then.

mod demux;
mod egress;
mod encode;
mod file;
mod pace;
mod pattern;
mod track;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::element;

/// What to publish.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Where to publish, as `rtmp://host/live/<id>/in`
    pub url: String,
    /// Loop this file as a live source instead of the test pattern
    #[arg(long)]
    pub input: Option<PathBuf>,
    /// Stop after this many seconds of media
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Size of the pictures
    #[arg(long, default_value = "1280x720", value_parser = parse_size)]
    pub size: (usize, usize),
    /// Pictures a second
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Pictures from one keyframe to the next; 0 for one keyframe ever
    #[arg(long, default_value_t = 30)]
    pub gop: u32,
    /// B-frames between reference pictures
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=4))]
    pub bframes: u32,
    /// Refresh pictures in columns instead of by keyframes
    #[arg(long)]
    pub intra_refresh: bool,
    /// Video bit rate in kbit/s
    #[arg(long, default_value_t = 2000)]
    pub bitrate: u32,
    /// One channel instead of two
    #[arg(long)]
    pub mono: bool,
    /// Sample rate of the sound
    #[arg(long, default_value_t = 44_100, value_parser = clap::value_parser!(u32).range(8000..=96_000))]
    pub rate: u32,
    /// Pictures only
    #[arg(long, conflicts_with = "no_video")]
    pub no_audio: bool,
    /// Sound only
    #[arg(long)]
    pub no_video: bool,
    /// How much faster than the machine's clock the stream runs, in millionths; negative: slower
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-10_000..=10_000))]
    pub clock_ppm: i32,
    /// Music and ticks only: espeak-ng is not needed
    #[arg(long)]
    pub no_talk: bool,
}

impl Options {
    /// The talking test stream with its defaults.
    #[must_use]
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            input: None,
            seconds: None,
            size: (1280, 720),
            fps: 30,
            gop: 30,
            bframes: 0,
            intra_refresh: false,
            bitrate: 2000,
            mono: false,
            rate: 44_100,
            no_audio: false,
            no_video: false,
            clock_ppm: 0,
            no_talk: false,
        }
    }
}

/// What is being published: the first line that the command prints.
#[derive(Debug, Clone, Serialize)]
pub struct Started {
    /// Always `publishing`.
    pub event: &'static str,
    /// `pattern`, or the file's name.
    pub input: String,
    /// `encoded`, `passed through`, or `none`.
    pub video: &'static str,
    /// As `video`.
    pub audio: &'static str,
    /// Identifies this publisher in the stamps.
    pub run: u32,
    /// When the media timeline began, on the monotonic clock.
    pub start_ns: u64,
}

/// What was published: the last line.
#[derive(Debug, Clone, Serialize)]
pub struct Ended {
    /// Always `ended`.
    pub event: &'static str,
    /// Access units sent.
    pub access_units: u64,
    /// Length of the media timeline.
    pub seconds: f64,
}

/// Publishes until `stop` is set, the seconds are over, or the router ends it (an error with the reason).
pub fn run(options: &Options, stop: &AtomicBool, on_start: &mut dyn FnMut(&Started)) -> Result<Ended> {
    element::init()?;
    let (width, height) = options.size;
    ensure!(
        width % 2 == 0 && height % 2 == 0 && width >= 64 && height >= 64,
        "--size must be even and at least 64x64"
    );
    ensure!(
        options.url.starts_with("rtmp://") || options.url.starts_with("rtmps://"),
        "the URL must be rtmp:// or rtmps://"
    );
    match &options.input {
        None => pattern::run(options, stop, on_start),
        Some(path) => file::run(options, path, stop, on_start),
    }
}

/// The stamps begin here: encoders may give decoding times before the first picture, and FLV has none below zero.
const ORIGIN_NS: u64 = 1_000_000_000;

/// A number that two publishers will not share.
fn draw_run() -> u32 {
    use std::hash::{BuildHasher as _, Hasher as _};
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u64(element::now_ns());
    hasher.finish() as u32
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let (width, height) = text.split_once('x').ok_or("expected WIDTHxHEIGHT")?;
    match (width.parse(), height.parse()) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err("expected WIDTHxHEIGHT".into()),
    }
}
