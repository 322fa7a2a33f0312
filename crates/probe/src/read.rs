//! Reads a stream over RTMP as a viewer does and tells what arrives, when.
//!
//! `rtmp2src ! flvdemux`, the access units taken as they come out of it; the sound is decoded on a thread of its own so that
//! it delays no picture's arrival. A reader connects again by itself, with a new pipeline each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

use crate::element::{self, Running};
use crate::nal;
use crate::stamp::Unit;

/// Between two attempts to connect: a stream that is not there yet is the usual reason.
const RETRY: Duration = Duration::from_millis(100);

/// How long a reader may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// What a reader tells.
#[derive(Debug)]
pub enum Event {
    /// Connected: stamps begin anew.
    Up,
    /// An access unit.
    Picture {
        /// On the monotonic clock.
        arrival_ns: u64,
        /// The stream's presentation time, from the beginning of the connection.
        pts_ms: f64,
        /// The same as the stream has it.
        stamp_ms: f64,
        /// What was in it.
        unit: Unit,
    },
    /// An AAC frame, not yet decoded.
    Frame {
        /// The stream's presentation time.
        pts_ms: f64,
        /// How long it sounds.
        lasts_ms: f64,
    },
    /// Decoded sound, mixed to one channel.
    Sound {
        /// The stream's presentation time, from the beginning of the connection.
        pts_ms: f64,
        /// The same as the stream has it.
        stamp_ms: f64,
        /// Samples a second.
        rate: u32,
        /// The samples.
        pcm: Vec<f32>,
    },
    /// An access unit that is none.
    Malformed,
    /// The connection ended, or could not be made.
    Down {
        /// As GStreamer says it.
        reason: String,
    },
}

/// Where events go: `(id of the reader, event)`.
pub type Sink = SyncSender<(usize, Event)>;

/// A reader at work; dropping it ends it.
pub struct Reader {
    stop: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Reads `url`; sound is resampled to `rate` where one is given. The channel must be bounded: when it is full events
    /// are dropped and counted, since a reader that waits would measure itself.
    pub fn start(id: usize, url: &str, rate: Option<u32>, events: Sink) -> Result<Self> {
        element::init()?;
        let stop = Arc::new(AtomicBool::new(false));
        let dropped = Arc::new(AtomicU64::new(0));
        let out = Out {
            id,
            events,
            dropped: dropped.clone(),
        };
        let (url, stopped) = (url.to_owned(), stop.clone());
        let thread = std::thread::Builder::new().name(format!("read-{id}")).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                let reason = match session(&url, rate, &out, &stopped) {
                    Ok(reason) => reason,
                    Err(error) => format!("{error:#}"),
                };
                out.send(Event::Down { reason });
                std::thread::park_timeout(RETRY);
            }
        })?;
        Ok(Self {
            stop,
            dropped,
            thread: Some(thread),
        })
    }

    /// Events that found the channel full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Acquire)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // rtmp2src now and then never comes back from being stopped: such a thread is left behind.
            let deadline = Instant::now() + STOPS_WITHIN;
            while !thread.is_finished() {
                if Instant::now() > deadline {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            // A panicked reader has nothing more to tell.
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Out {
    id: usize,
    events: Sink,
    dropped: Arc<AtomicU64>,
}

impl Out {
    fn send(&self, event: Event) {
        if self.events.try_send((self.id, event)).is_err() {
            self.dropped.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// One connection from its beginning to its end; gives the reason for the end.
fn session(url: &str, rate: Option<u32>, out: &Out, stop: &AtomicBool) -> Result<String> {
    let pipeline = Running(gst::Pipeline::new());
    let source = element::make("rtmp2src")?
        .create()
        .property("location", url)
        .property("idle-timeout", 10u32)
        .build()?;
    let demux = element::plain("flvdemux")?;
    element::chain(&pipeline, &[&source, &demux])?;
    let_picture_go_first(&source)?;
    let weak = pipeline.downgrade();
    let (tracks, up) = (out.clone(), AtomicBool::new(false));
    demux.connect_pad_added(move |demux, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        if !up.swap(true, Ordering::AcqRel) {
            tracks.send(Event::Up);
        }
        if let Err(error) = track(&pipeline, pad, rate, &tracks) {
            gst::element_error!(demux, gst::StreamError::Failed, ["cannot read a track: {error:#}"]);
        }
    });
    pipeline
        .set_state(gst::State::Playing)
        .context("cannot start to read")?;
    loop {
        match element::ended(&pipeline, gst::ClockTime::from_mseconds(50)) {
            Some(element::Ended::Error(reason)) => return Ok(reason),
            Some(element::Ended::Eos) => return Ok("the stream ended".into()),
            None if stop.load(Ordering::Acquire) => return Ok("stopped".into()),
            None => {}
        }
    }
}

fn track(pipeline: &gst::Pipeline, pad: &gst::Pad, rate: Option<u32>, out: &Out) -> Result<()> {
    let caps = pad.current_caps().context("a track without caps")?;
    let name = caps
        .structure(0)
        .map(|structure| structure.name().to_string())
        .unwrap_or_default();
    let elements = match name.as_str() {
        "video/x-h264" => vec![pictures(out.clone()).upcast()],
        "audio/mpeg" => {
            watch_frames(pad, out.clone());
            let queue = element::make("queue")?
                .create()
                .property("max-size-buffers", 0u32)
                .build()?;
            let mut caps = gst::Caps::builder("audio/x-raw")
                .field("format", "F32LE")
                .field("layout", "interleaved")
                .field("channels", 1i32);
            let mut elements = vec![queue, element::plain("avdec_aac")?, element::plain("audioconvert")?];
            if let Some(rate) = rate {
                elements.push(element::plain("audioresample")?);
                caps = caps.field("rate", rate as i32);
            }
            elements.push(element::filter(&caps.build())?);
            elements.push(sounds(out.clone()).upcast());
            elements
        }
        _ => vec![
            element::make("fakesink")?
                .create()
                .property("sync", false)
                .property("async", false)
                .build()?,
        ],
    };
    element::attach(pipeline, pad, &elements)
}

fn pictures(out: Out) -> app::AppSink {
    let sink = element::sink(None, 60);
    let mut length_size = 4;
    let mut caps = None;
    sink.set_callbacks(
        app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let arrival_ns = element::now_ns();
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                if sample.caps_owned() != caps {
                    caps = sample.caps_owned();
                    length_size = avc_length_size(&sample);
                }
                let Some((Some(pts), _)) = element::running_times(&sample) else {
                    return Ok(gst::FlowSuccess::Ok);
                };
                let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
                let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                out.send(match Unit::read(&bytes, length_size) {
                    Ok(unit) => Event::Picture {
                        arrival_ns,
                        pts_ms: pts as f64 / 1e6,
                        stamp_ms: stamp_ms(buffer),
                        unit,
                    },
                    Err(nal::Malformed) => Event::Malformed,
                });
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    sink
}

fn sounds(out: Out) -> app::AppSink {
    let sink = element::sink(None, 200);
    sink.set_callbacks(
        app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let rate = sample
                    .caps()
                    .and_then(|caps| caps.structure(0)?.get::<i32>("rate").ok());
                let times = element::running_times(&sample);
                let (Some(rate), Some((Some(pts), _))) = (rate, times) else {
                    return Ok(gst::FlowSuccess::Ok);
                };
                let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
                let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                let (samples, _) = bytes.as_chunks::<4>();
                let pcm = samples.iter().map(|four| f32::from_le_bytes(*four)).collect();
                out.send(Event::Sound {
                    pts_ms: pts as f64 / 1e6,
                    stamp_ms: stamp_ms(buffer),
                    rate: rate as u32,
                    pcm,
                });
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    sink
}

fn stamp_ms(buffer: &gst::BufferRef) -> f64 {
    buffer.pts().map_or(0.0, |pts| pts.nseconds() as f64 / 1e6)
}

/// Tells the stamps of AAC frames as the stream has them: a decoder smooths its own.
fn watch_frames(pad: &gst::Pad, out: Out) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let rate = pad
            .current_caps()
            .and_then(|caps| caps.structure(0)?.get::<i32>("rate").ok());
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let running = info.buffer().and_then(|buffer| {
            let segment = segment?;
            let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
            segment.to_running_time(buffer.pts()?)
        });
        if let (Some(rate), Some(running)) = (rate, running) {
            let lasts_ms = 1024.0 * 1000.0 / f64::from(rate.max(1));
            out.send(Event::Frame {
                pts_ms: running.nseconds() as f64 / 1e6,
                lasts_ms,
            });
        }
        gst::PadProbeReturn::Ok
    });
}

/// The size of the length before each NAL unit, as a sample's caps tell it.
pub(crate) fn avc_length_size(sample: &gst::Sample) -> usize {
    sample
        .caps()
        .and_then(|caps| caps.structure(0)?.get::<gst::Buffer>("codec_data").ok())
        .and_then(|data| nal::length_size(data.map_readable().ok()?.as_slice()))
        .unwrap_or(4)
}

/// Lets no sound through before the first picture: flvdemux ignores a picture that comes after 6 s of sound alone, and a
/// reader may join up to a GOP before a keyframe.
fn let_picture_go_first(source: &gst::Element) -> Result<()> {
    const AUDIO_TAG: u8 = 8;
    const VIDEO_TAG: u8 = 9;
    const AAC: u8 = 10;
    let pad = source.static_pad("src").context("rtmp2src without a pad")?;
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        let map = info.buffer().and_then(|buffer| buffer.map_readable().ok());
        match map.as_ref().map(|tag| tag.as_slice()) {
            // The kind of the tag, eleven bytes of header, the codec, and 1 where it is a picture's.
            Some([VIDEO_TAG, _, _, _, _, _, _, _, _, _, _, _, 1, ..]) => gst::PadProbeReturn::Remove,
            // AAC's configuration is no sound.
            Some([AUDIO_TAG, _, _, _, _, _, _, _, _, _, _, format, 0, ..]) if format >> 4 == AAC => {
                gst::PadProbeReturn::Ok
            }
            Some([AUDIO_TAG, ..]) => gst::PadProbeReturn::Drop,
            _ => gst::PadProbeReturn::Ok,
        }
    });
    Ok(())
}
