//! GStreamer elements with errors that say what to install, and what all our pipelines do alike.

use anyhow::{Context as _, Result, anyhow};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

/// Starts GStreamer; every entry point of the crate calls it, and calling it again does nothing.
pub fn init() -> Result<()> {
    gst::init().context("cannot start GStreamer")
}

/// Nanoseconds on the machine's monotonic clock, which all its processes share.
#[must_use]
pub fn now_ns() -> u64 {
    gst::SystemClock::obtain().time().nseconds()
}

/// A builder for an element that is known to exist.
pub(crate) fn make(name: &'static str) -> Result<gst::ElementFactory> {
    let package = match name {
        "x264enc" => "gstreamer1.0-plugins-ugly",
        "avenc_aac" | "avdec_aac" => "gstreamer1.0-libav",
        "flvmux" | "flvdemux" | "aacparse" => "gstreamer1.0-plugins-good",
        "rtmp2src" | "rtmp2sink" | "h264parse" | "h264timestamper" => "gstreamer1.0-plugins-bad",
        _ => "gstreamer1.0-plugins-base",
    };
    gst::ElementFactory::find(name)
        .ok_or_else(|| anyhow!("GStreamer has no element {name}: install the package {package}"))
}

/// An element without properties to set.
pub(crate) fn plain(name: &'static str) -> Result<gst::Element> {
    make(name)?
        .create()
        .build()
        .with_context(|| format!("cannot create the element {name}"))
}

/// Lets only these caps through.
pub(crate) fn filter(caps: &gst::Caps) -> Result<gst::Element> {
    make("capsfilter")?
        .create()
        .property("caps", caps)
        .build()
        .context("cannot create a caps filter")
}

/// Adds elements to a pipeline and links them in a row.
pub(crate) fn chain(pipeline: &gst::Pipeline, elements: &[&gst::Element]) -> Result<()> {
    pipeline.add_many(elements)?;
    gst::Element::link_many(elements).context("cannot link elements")
}

/// Adds a row of elements to a running pipeline behind a new pad.
pub(crate) fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, row: &[gst::Element]) -> Result<()> {
    let elements: Vec<&gst::Element> = row.iter().collect();
    pipeline.add_many(&elements)?;
    gst::Element::link_many(&elements)?;
    let first = row
        .first()
        .and_then(|element| element.static_pad("sink"))
        .context("no pad to link")?;
    pad.link(&first)?;
    for element in row.iter().rev() {
        element.sync_state_with_parent()?;
    }
    Ok(())
}

/// H.264 as FLV carries it.
pub(crate) fn avc() -> gst::Caps {
    gst::Caps::builder("video/x-h264")
        .field("stream-format", "avc")
        .field("alignment", "au")
        .build()
}

/// AAC as FLV carries it.
pub(crate) fn raw_aac() -> gst::Caps {
    gst::Caps::builder("audio/mpeg")
        .field("mpegversion", 4i32)
        .field("stream-format", "raw")
        .build()
}

/// Running times of a sample's buffer: presentation, decoding. Before the start of the segment they are negative.
pub(crate) fn running_times(sample: &gst::Sample) -> Option<(Option<i64>, Option<i64>)> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let buffer = sample.buffer()?;
    let running = |time: Option<gst::ClockTime>| {
        segment.to_running_time_full(time?).map(|time| match time {
            gst::Signed::Positive(time) => time.nseconds() as i64,
            gst::Signed::Negative(time) => -(time.nseconds() as i64),
        })
    };
    Some((running(buffer.pts()), running(buffer.dts())))
}

/// The error that a pipeline has posted, or its end.
pub(crate) enum Ended {
    /// All sinks are at their end.
    Eos,
    /// Something broke; the text names the element and holds no URL.
    Error(String),
}

/// Takes what is on the bus; waits at most `wait` for it.
pub(crate) fn ended(pipeline: &gst::Pipeline, wait: gst::ClockTime) -> Option<Ended> {
    let bus = pipeline.bus()?;
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    // With a timeout of zero the timed call looks at nothing.
    let message = match wait {
        gst::ClockTime::ZERO => bus.pop_filtered(&wanted),
        wait => bus.timed_pop_filtered(wait, &wanted),
    }?;
    match message.view() {
        gst::MessageView::Error(error) => {
            let element = error.src().map(|src| src.name().to_string()).unwrap_or_default();
            // The first line says where in GStreamer it was, the next one what it was.
            let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
            let detail = debug
                .lines()
                .nth(1)
                .map(|line| format!(" ({})", line.trim()))
                .unwrap_or_default();
            Some(Ended::Error(format!("{element}: {}{detail}", error.error())))
        }
        _ => Some(Ended::Eos),
    }
}

/// An appsink that hands over each buffer at once.
pub(crate) fn sink(caps: Option<&gst::Caps>, max_buffers: u32) -> app::AppSink {
    let sink = app::AppSink::builder()
        .sync(false)
        .async_(false)
        .max_buffers(max_buffers)
        .build();
    sink.set_caps(caps);
    sink
}

/// Ends a pipeline whose state must be `Null` before it is freed.
pub(crate) struct Running(pub(crate) gst::Pipeline);

impl Drop for Running {
    fn drop(&mut self) {
        // Best effort: nothing is left to be done when stopping fails.
        let _ = self.0.set_state(gst::State::Null);
    }
}

impl std::ops::Deref for Running {
    type Target = gst::Pipeline;

    fn deref(&self) -> &gst::Pipeline {
        &self.0
    }
}
