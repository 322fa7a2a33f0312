//! From encoders to the router: encoder elements, and the stamp on each access unit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use gstreamer as gst;
use gstreamer_app as app;

use super::egress::Track;
use super::{ORIGIN_NS, Options, pace};
use crate::element;
use crate::nal;
use crate::read::avc_length_size;
use crate::stamp::{self, Stamp};

/// What an AAC encoder is late by: its output starts with one frame that no sound was in.
pub(super) const PRIMING: u64 = 1024;

/// An H.264 encoder that a publisher's program might be: low latency unless there are B-frames.
pub(super) fn x264(options: &Options) -> Result<gst::Element> {
    let key = if options.gop == 0 { i32::MAX as u32 } else { options.gop };
    let factory = element::make("x264enc")?;
    let encoder = factory
        .create()
        .property("bitrate", options.bitrate)
        .property("key-int-max", key)
        .property("bframes", options.bframes)
        .property("b-adapt", false)
        .property("intra-refresh", options.intra_refresh)
        .property("aud", false)
        .property("threads", 2u32)
        .property("option-string", "scenecut=0")
        .property_from_str("speed-preset", "ultrafast");
    if options.bframes == 0 {
        encoder.property_from_str("tune", "zerolatency")
    } else {
        encoder.property("rc-lookahead", 5i32).property("sync-lookahead", 0i32)
    }
    .build()
    .context("cannot create the video encoder")
}

/// An AAC encoder behind what converts to its format.
pub(super) fn aac() -> Result<[gst::Element; 3]> {
    let encoder = element::make("avenc_aac")?
        .create()
        .property("bitrate", 128_000i32)
        .build()?;
    Ok([
        element::plain("audioconvert")?,
        encoder,
        element::filter(&element::raw_aac())?,
    ])
}

/// Stamps access units in the order in which they are sent.
#[derive(Clone)]
pub(super) struct Stamper {
    run: u32,
    ticks: bool,
    clock_ppm: i32,
    frame: Arc<AtomicU64>,
    /// When the media timeline begins, on the monotonic clock.
    start_ns: Arc<AtomicU64>,
}

impl Stamper {
    /// For a publisher whose clock runs faster than the machine's by `clock_ppm` millionths.
    pub(super) fn new(run: u32, ticks: bool, clock_ppm: i32) -> Self {
        Self {
            run,
            ticks,
            clock_ppm,
            frame: Arc::default(),
            start_ns: Arc::default(),
        }
    }

    /// The media timeline begins.
    pub(super) fn start(&self, start_ns: u64) {
        self.start_ns.store(start_ns, Ordering::Release);
    }

    /// Units stamped.
    pub(super) fn frames(&self) -> u64 {
        self.frame.load(Ordering::Acquire)
    }

    /// The unit with stamp and caption before its slices.
    pub(super) fn stamp(&self, unit: &[u8], length_size: usize, media_ns: u64) -> Result<Vec<u8>, nal::Malformed> {
        let frame = self.frame.fetch_add(1, Ordering::AcqRel);
        let first_ns = self.start_ns.load(Ordering::Acquire);
        let mark = Stamp {
            run: self.run,
            frame,
            captured_ns: first_ns + pace::lasts(media_ns, self.clock_ppm),
            media_ns,
            first_ns,
            ticks: self.ticks,
        };
        nal::insert_before_slices(unit, length_size, &[stamp::caption_nal(frame), mark.nal()])
    }
}

/// A sink that stamps what the video encoder gives and hands it to the router.
pub(super) fn video_sink(track: Track, stamper: Stamper) -> app::AppSink {
    let ended = track.clone();
    let sink = element::sink(None, 30);
    sink.set_callbacks(
        app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let (pts, dts) = times(&sample).ok_or(gst::FlowError::Error)?;
                let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
                let unit = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                let stamped = stamper
                    .stamp(&unit, avc_length_size(&sample), pts.saturating_sub(ORIGIN_NS))
                    .map_err(|_| gst::FlowError::Error)?;
                let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                track.push(sample.caps(), stamped, pts, dts, key)?;
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| ended.end())
            .build(),
    );
    sink
}

/// A sink that hands what the audio encoder gives to the router.
pub(super) fn audio_sink(track: Track) -> app::AppSink {
    let ended = track.clone();
    let sink = element::sink(None, 30);
    sink.set_callbacks(
        app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let (pts, _) = times(&sample).ok_or(gst::FlowError::Error)?;
                let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
                let frame = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                track.push(sample.caps(), frame.to_vec(), pts, None, true)?;
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| ended.end())
            .build(),
    );
    sink
}

fn times(sample: &gst::Sample) -> Option<(u64, Option<u64>)> {
    let (pts, dts) = element::running_times(sample)?;
    Some((pts?.max(0) as u64, dts.map(|dts| dts.max(0) as u64)))
}
