//! A file's tracks as encoded units, in the order in which they are sent.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

use super::track::{ENCODED, PASSED, UNKNOWN, track};
use super::{Options, encode};
use crate::element::{self, Running};
use crate::read::avc_length_size;

/// The demuxers do not say when they have shown all tracks: how long the second one may take.
const SECOND_TRACK: Duration = Duration::from_millis(1000);

/// An encoded unit with the file's times.
pub(super) struct Unit {
    pub(super) pts_ns: i64,
    pub(super) dts_ns: Option<i64>,
    pub(super) lasts_ns: i64,
    pub(super) bytes: Vec<u8>,
    pub(super) caps: Option<gst::Caps>,
    pub(super) length_size: usize,
    pub(super) key: bool,
}

impl Unit {
    /// What units are sent in the order of.
    pub(super) fn order_ns(&self) -> i64 {
        self.dts_ns.unwrap_or(self.pts_ns)
    }
}

/// An open file.
pub(super) struct Input {
    pipeline: Running,
    video: Source,
    audio: Source,
}

/// One kind of track: what of it is ready, and how it came to be.
struct Source {
    sink: app::AppSink,
    how: Arc<AtomicU8>,
    expected: bool,
    head: Option<Unit>,
    ended: bool,
}

impl Source {
    fn new() -> Self {
        Self {
            sink: element::sink(None, 20),
            how: Arc::default(),
            expected: false,
            head: None,
            ended: false,
        }
    }

    fn is_there(&self) -> bool {
        self.how.load(Ordering::Acquire) != UNKNOWN
    }

    fn how(&self) -> &'static str {
        match self.how.load(Ordering::Acquire) {
            PASSED => "passed through",
            ENCODED => "encoded",
            _ => "none",
        }
    }

    fn wants(&self) -> bool {
        self.expected && self.head.is_none() && !self.ended
    }

    fn fill(&mut self) {
        // A sink that is not linked yet says that it is at its end.
        if self.sink.current_state() < gst::State::Paused {
            std::thread::sleep(Duration::from_millis(5));
            return;
        }
        match self.sink.try_pull_sample(gst::ClockTime::from_mseconds(20)) {
            Some(sample) => {
                self.head = unit(&sample);
                // Of pictures this is nothing: they have no rate.
                if let (Some(unit), ENCODED) = (&mut self.head, self.how.load(Ordering::Acquire)) {
                    unit.pts_ns -= priming_ns(&sample);
                }
            }
            None => self.ended = self.sink.is_eos(),
        }
    }
}

impl Input {
    /// Begins to read a file.
    pub(super) fn open(options: &Options, path: &Path) -> Result<Self> {
        let pipeline = Running(gst::Pipeline::new());
        let location = path.to_str().context("the file's name is not UTF-8")?;
        let file = element::make("filesrc")?
            .create()
            .property("location", location)
            .build()?;
        let parse = element::plain("parsebin")?;
        element::chain(&pipeline, &[&file, &parse])?;
        let input = Self {
            pipeline,
            video: Source::new(),
            audio: Source::new(),
        };
        let weak = input.pipeline.downgrade();
        let options = options.clone();
        let video = (input.video.sink.clone(), input.video.how.clone());
        let audio = (input.audio.sink.clone(), input.audio.how.clone());
        parse.connect_pad_added(move |parse, pad| {
            let Some(pipeline) = weak.upgrade() else { return };
            if let Err(error) = track(&pipeline, pad, &options, &video, &audio) {
                gst::element_error!(parse, gst::StreamError::Failed, ["cannot read a track: {error:#}"]);
            }
        });
        input
            .pipeline
            .set_state(gst::State::Playing)
            .context("cannot open the file")?;
        Ok(input)
    }

    /// Waits until it is known which tracks the file has.
    pub(super) fn discover(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        let mut first = None;
        loop {
            let (video, audio) = (self.video.is_there(), self.audio.is_there());
            if video || audio {
                first.get_or_insert_with(Instant::now);
            }
            if (video && audio) || first.is_some_and(|first| first.elapsed() > SECOND_TRACK) {
                self.expect(video, audio);
                return Ok(());
            }
            self.check(gst::ClockTime::from_mseconds(10))?;
            if Instant::now() > deadline {
                bail!("the file has neither video nor audio");
            }
        }
    }

    /// Says which tracks the file has where that is known from the last round.
    pub(super) fn expect(&mut self, video: bool, audio: bool) {
        self.video.expected = video;
        self.audio.expected = audio;
    }

    pub(super) fn has_video(&self) -> bool {
        self.video.expected
    }

    pub(super) fn has_audio(&self) -> bool {
        self.audio.expected
    }

    pub(super) fn video_how(&self) -> &'static str {
        self.video.how()
    }

    pub(super) fn audio_how(&self) -> &'static str {
        self.audio.how()
    }

    pub(super) fn audio_ended(&self) -> bool {
        self.audio.ended
    }

    /// Waits until the next unit of each track is there, or the track has ended.
    pub(super) fn fill(&mut self, stop: &AtomicBool, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while (self.video.wants() || self.audio.wants()) && !stop.load(Ordering::Acquire) {
            for source in [&mut self.video, &mut self.audio] {
                if source.wants() {
                    source.fill();
                }
            }
            self.check(gst::ClockTime::ZERO)?;
            if Instant::now() > deadline {
                bail!("the file gives nothing more");
            }
        }
        Ok(())
    }

    /// The time of the first of the units that are ready.
    pub(super) fn first_ns(&self) -> Option<i64> {
        let heads = [&self.video.head, &self.audio.head];
        heads.into_iter().flatten().map(Unit::order_ns).min()
    }

    /// The unit that is to be sent next; whether it is a picture.
    pub(super) fn pop(&mut self) -> Option<(Unit, bool)> {
        let (video, audio) = (self.video.head.as_ref(), self.audio.head.as_ref());
        let is_video = match (video, audio) {
            (Some(video), Some(audio)) => video.order_ns() <= audio.order_ns(),
            (video, _) => video.is_some(),
        };
        let source = if is_video { &mut self.video } else { &mut self.audio };
        source.head.take().map(|unit| (unit, is_video))
    }

    /// How much of the file is left, as far as its container says.
    pub(super) fn remaining_ns(&self) -> Option<i64> {
        let duration = self.pipeline.query_duration::<gst::ClockTime>()?;
        let heads = [&self.video.head, &self.audio.head];
        let position = heads.into_iter().flatten().map(Unit::order_ns).max();
        Some(position.map_or(0, |position| duration.nseconds() as i64 - position))
    }

    fn check(&self, wait: gst::ClockTime) -> Result<()> {
        match element::ended(&self.pipeline, wait) {
            Some(element::Ended::Error(reason)) => bail!("cannot read the file: {reason}"),
            _ => Ok(()),
        }
    }
}

fn unit(sample: &gst::Sample) -> Option<Unit> {
    let (pts, dts) = element::running_times(sample)?;
    let buffer = sample.buffer()?;
    let bytes = buffer.map_readable().ok()?.to_vec();
    Some(Unit {
        pts_ns: pts.or(dts)?,
        dts_ns: dts,
        lasts_ns: buffer
            .duration()
            .map_or_else(|| frame_ns(sample), |duration| duration.nseconds() as i64),
        bytes,
        caps: sample.caps_owned(),
        length_size: avc_length_size(sample),
        key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
    })
}

/// What our own AAC encoder is late by.
fn priming_ns(sample: &gst::Sample) -> i64 {
    let rate = sample
        .caps()
        .and_then(|caps| caps.structure(0)?.get::<i32>("rate").ok())
        .filter(|rate| *rate > 0);
    rate.map_or(0, |rate| encode::PRIMING as i64 * 1_000_000_000 / i64::from(rate))
}

/// How long a unit lasts by its caps, where the buffer does not say.
fn frame_ns(sample: &gst::Sample) -> i64 {
    let structure = sample.caps().and_then(|caps| caps.structure(0));
    let rate = structure
        .and_then(|structure| structure.get::<i32>("rate").ok())
        .filter(|rate| *rate > 0);
    let fps = structure.and_then(|structure| structure.get::<gst::Fraction>("framerate").ok());
    match (rate, fps) {
        (Some(rate), _) => 1024 * 1_000_000_000 / i64::from(rate),
        (None, Some(fps)) if fps.numer() > 0 => i64::from(fps.denom()) * 1_000_000_000 / i64::from(fps.numer()),
        _ => 33_333_333,
    }
}
