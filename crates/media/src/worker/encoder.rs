//! PCM in, AAC frames with programme time out: one encoder per target, from the session's begin to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use dragoman_timeline::Pts;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::egress::{Tag, flv};
use super::forwarding::Outlet;
use super::playhead::{BLOCK, Frame, ORIGIN, RATE};

/// Frames that the encoder's first output runs ahead of its first input. Without this the sound would be 21.3 ms late
/// after each encoder.
const PRIMING: i64 = BLOCK as i64;
/// PCM that may wait for the encoder: the lead is pushed at once where the hold is short, and as much again. A fuller
/// queue means a stuck encoder, which only a new worker can mend.
const MAX_QUEUE: u64 = 256;
const BITRATE: i32 = 128_000;

/// Elements that an encoder is made of.
pub(crate) const ELEMENTS: [&str; 4] = ["appsrc", "audioconvert", "avenc_aac", "appsink"];

/// Programme time in milliseconds of frame number `at` on the media timeline.
pub(crate) fn programme_ms(at: Pts) -> u32 {
    let ms = (at + ORIGIN).ms();
    // RTMP's clock has 32 bits and wraps.
    (ms.max(0) & i64::from(u32::MAX)) as u32
}

/// A running encoder; dropping it ends it.
pub(crate) struct Encoder {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    in_flight: Arc<AtomicU64>,
}

impl Encoder {
    /// An encoder whose first frame has number `first` and which hands its output to `outlet`.
    pub(crate) fn start(first: i64, outlet: Outlet) -> Result<Self> {
        let caps = gst::Caps::builder("audio/x-raw")
            .field("format", "F32LE")
            .field("rate", RATE as i32)
            .field("channels", 2)
            .field("layout", "interleaved")
            .field("channel-mask", gst::Bitmask::new(3))
            .build();
        let source = gst_app::AppSrc::builder()
            .name("programme-sound")
            .caps(&caps)
            .format(gst::Format::Time)
            .is_live(false)
            .block(false)
            .build();
        let convert = gst::ElementFactory::make("audioconvert").build()?;
        let encode = gst::ElementFactory::make("avenc_aac")
            .property("bitrate", BITRATE)
            .build()?;
        // The two-loop search costs more than twice as much and is not heard at this bit rate.
        encode.set_property_from_str("aac-coder", "fast");
        let sink = gst_app::AppSink::builder()
            .name("programme-aac")
            .sync(false)
            .async_(false)
            .build();
        let pipeline = gst::Pipeline::with_name("encoder");
        pipeline.add_many([source.upcast_ref(), &convert, &encode, sink.upcast_ref()])?;
        gst::Element::link_many([source.upcast_ref(), &convert, &encode, sink.upcast_ref()])?;

        let in_flight = Arc::<AtomicU64>::default();
        let output = Output {
            next: AtomicI64::new(first - PRIMING),
            in_flight: in_flight.clone(),
            outlet,
        };
        let mut config: Option<Bytes> = None;
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    output.announce(&sample, &mut config);
                    output.send(&sample).ok_or(gst::FlowError::Error)
                })
                .build(),
        );
        pipeline
            .set_state(gst::State::Playing)
            .context("start the AAC encoder")?;
        Ok(Self {
            pipeline,
            source,
            in_flight,
        })
    }

    /// Encodes the next [`BLOCK`] frames.
    pub(crate) fn push(&mut self, at: i64, block: &[Frame; BLOCK]) -> Result<()> {
        if self.in_flight.load(Ordering::Relaxed) >= MAX_QUEUE {
            return Err(anyhow!("the AAC encoder is stuck"));
        }
        let bytes: Vec<u8> = block.iter().flatten().flat_map(|s| s.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            let at = (Pts::from_samples(at, RATE) + ORIGIN).ns();
            buffer.set_pts(gst::ClockTime::from_nseconds(u64::try_from(at).unwrap_or(0)));
            buffer.set_duration(gst::ClockTime::from_nseconds(
                BLOCK as u64 * 1_000_000_000 / u64::from(RATE),
            ));
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.source
            .push_buffer(buffer)
            .map(drop)
            .map_err(|e| anyhow!("the AAC encoder takes no sound: {e}"))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // Nothing to do about a pipeline that does not stop: the process ends with it.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

struct Output {
    /// Number of the frame with which the next AAC frame begins.
    next: AtomicI64,
    in_flight: Arc<AtomicU64>,
    outlet: Outlet,
}

impl Output {
    fn announce(&self, sample: &gst::Sample, known: &mut Option<Bytes>) {
        let codec_data = sample
            .caps()
            .and_then(|c| c.structure(0)?.get::<gst::Buffer>("codec_data").ok());
        let Some(map) = codec_data.as_ref().and_then(|b| b.map_readable().ok()) else {
            return;
        };
        if known.as_deref() != Some(map.as_slice()) {
            *known = Some(Bytes::copy_from_slice(&map));
            self.outlet.send(Tag::AudioHeader(flv::sound_header(&map)));
        }
    }

    fn send(&self, sample: &gst::Sample) -> Option<gst::FlowSuccess> {
        let map = sample.buffer()?.map_readable().ok()?;
        let at = Pts::from_samples(self.next.fetch_add(BLOCK as i64, Ordering::Relaxed), RATE);
        let _ = self
            .in_flight
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        self.outlet.send(Tag::Audio {
            at_ms: programme_ms(at),
            body: flv::sound(&map),
        });
        Some(gst::FlowSuccess::Ok)
    }
}
