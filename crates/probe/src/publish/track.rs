//! Links the tracks of a file to sinks for encoded units, through decoder and encoder where it has to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context as _, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

use super::{Options, encode};
use crate::element;

/// How far a track may be read ahead of the other one.
const QUEUE_NS: u64 = 5_000_000_000;
const QUEUE_BYTES: u32 = 64 << 20;

pub(super) const UNKNOWN: u8 = 0;
pub(super) const PASSED: u8 = 1;
pub(super) const ENCODED: u8 = 2;

/// Where a kind of track goes, and how it got there.
pub(super) type Target = (app::AppSink, Arc<AtomicU8>);

/// Links a track of the file, through decoder and encoder where it has to be. The first of each kind counts.
pub(super) fn track(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    options: &Options,
    video: &Target,
    audio: &Target,
) -> Result<()> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let structure = caps.structure(0).context("a track without caps")?;
    let name = structure.name().as_str();
    let is_aac = name == "audio/mpeg" && structure.get::<i32>("mpegversion") != Ok(1);
    let target = if name.starts_with("video/") && !options.no_video {
        video
    } else if name.starts_with("audio/") && !options.no_audio {
        audio
    } else {
        return ignore(pipeline, pad);
    };
    let how = if name == "video/x-h264" || is_aac {
        PASSED
    } else {
        ENCODED
    };
    if target
        .1
        .compare_exchange(UNKNOWN, how, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        return ignore(pipeline, pad);
    }
    if how == ENCODED {
        return transcode(pipeline, pad, options, &target.0, name.starts_with("video/"));
    }
    let mut row = Vec::new();
    if is_aac {
        row.extend([element::plain("aacparse")?, element::filter(&element::raw_aac())?]);
    } else {
        row.push(element::plain("h264parse")?);
        // Some containers have no decoding times.
        if element::make("h264timestamper").is_ok() {
            row.push(element::plain("h264timestamper")?);
            row.push(element::plain("h264parse")?);
        }
        row.push(element::filter(&element::avc())?);
    }
    row.push(queue()?);
    row.push(target.0.clone().upcast());
    element::attach(pipeline, pad, &row)
}

fn transcode(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    options: &Options,
    sink: &app::AppSink,
    video: bool,
) -> Result<()> {
    let decode = element::plain("decodebin")?;
    let (weak, options, sink) = (pipeline.downgrade(), options.clone(), sink.clone());
    decode.connect_pad_added(move |decode, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        let encoded = if video { encode_video(&options) } else { encode_audio() };
        let linked = encoded.and_then(|mut row| {
            row.push(queue()?);
            row.push(sink.clone().upcast());
            element::attach(&pipeline, pad, &row)
        });
        if let Err(error) = linked {
            gst::element_error!(decode, gst::StreamError::Failed, ["cannot encode a track: {error:#}"]);
        }
    });
    element::attach(pipeline, pad, &[decode])
}

fn encode_video(options: &Options) -> Result<Vec<gst::Element>> {
    let i420 = gst::Caps::builder("video/x-raw").field("format", "I420").build();
    Ok(vec![
        element::plain("videoconvert")?,
        element::filter(&i420)?,
        encode::x264(options)?,
        element::filter(&element::avc())?,
    ])
}

fn encode_audio() -> Result<Vec<gst::Element>> {
    let stereo = gst::Caps::builder("audio/x-raw")
        .field("channels", 2i32)
        .field("rate", 48_000i32)
        .build();
    let mut row = vec![
        element::plain("audioconvert")?,
        element::plain("audioresample")?,
        element::filter(&stereo)?,
    ];
    row.extend(encode::aac()?);
    Ok(row)
}

fn ignore(pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<()> {
    let sink = element::make("fakesink")?
        .create()
        .property("sync", false)
        .property("async", false)
        .build()?;
    element::attach(pipeline, pad, &[sink])
}

fn queue() -> Result<gst::Element> {
    element::make("queue")?
        .create()
        .property("max-size-buffers", 0u32)
        .property("max-size-bytes", QUEUE_BYTES)
        .property("max-size-time", QUEUE_NS)
        .build()
        .context("cannot create a queue")
}
