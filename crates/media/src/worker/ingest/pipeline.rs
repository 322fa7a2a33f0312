//! The ingest pipeline: one connection to the router, built anew for each attempt, since a used source does not heal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use super::branch::{self, Stamps};
use super::{Ended, Sink, reader};
use crate::worker::clock;
use crate::worker::egress::flv;

/// Elements that an ingest needs in any case; those of rarer codecs are asked for when they come.
pub(crate) const ELEMENTS: [&str; 13] = [
    "appsrc",
    "flvdemux",
    "rtspsrc",
    "rtph264depay",
    "rtpmp4gdepay",
    "h264parse",
    "h264timestamper",
    "aacparse",
    "avdec_aac",
    "audioconvert",
    "audioresample",
    "appsink",
    "fakesink",
];
/// How long sound waits for a listed picture: longer than the usual GOP.
const SOUND_WAITS_MS: u32 = 11_000;
/// rtspsrc's own patience with a silent connection, in microseconds; ours is shorter.
const RTSP_TIMEOUT_US: u64 = 5_000_000;
/// A pipeline that does not stop by then is left to itself: a stuck network source must not hold up the session.
const STOP: Duration = Duration::from_secs(2);

/// A running ingest. [`Pipeline::stop`] ends it.
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    /// Reads what the pipeline demuxes, until this is dropped.
    feeding: Option<DropGuard>,
}

impl Pipeline {
    /// Connects to `url`; how it ends is told on `ended`.
    pub(super) fn start(url: &str, sink: &Sink, ended: mpsc::Sender<Ended>) -> Result<Self> {
        let mut this = Self {
            pipeline: gst::Pipeline::with_name("ingest"),
            feeding: None,
        };
        this.watch(ended.clone())?;
        let mut fed = None;
        if url.starts_with("rtsp") {
            this.build_rtsp(url, sink, ended.clone())?;
        } else {
            let source = gst_app::AppSrc::builder().format(gst::Format::Bytes).build();
            this.build_rtmp(&source, sink, ended.clone())?;
            fed = Some(source);
        }
        this.pipeline
            .set_state(gst::State::Playing)
            .context("start the ingest")?;
        if let Some(source) = fed {
            this.feed(url.to_owned(), source, ended);
        }
        Ok(this)
    }

    /// Reads the stream into the pipeline for as long as this lives.
    fn feed(&mut self, url: String, source: gst_app::AppSrc, ended: mpsc::Sender<Ended>) {
        let stop = CancellationToken::new();
        self.feeding = Some(stop.clone().drop_guard());
        let feed = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                (error, has_come) = reader::feed(&url, &source) => {
                    // What has come is played out first; the bus tells when that is done.
                    if !has_come || source.end_of_stream().is_err() {
                        let _ = ended.try_send(Ended::Lost(format!("{error:#}")));
                    }
                }
            }
        };
        tokio::spawn(feed.in_current_span());
    }

    fn build_rtmp(&self, source: &gst_app::AppSrc, sink: &Sink, ended: mpsc::Sender<Ended>) -> Result<()> {
        let demux = gst::ElementFactory::make("flvdemux").build()?;
        self.pipeline.add_many([source.upcast_ref(), &demux])?;
        source.link(&demux)?;
        if sink.awaits_picture() {
            let_picture_go_first(source.upcast_ref(), sink, ended.clone())?;
        }
        self.attach_pads_of(&demux, Stamps::Buffers, sink, ended);
        Ok(())
    }

    fn build_rtsp(&self, url: &str, sink: &Sink, ended: mpsc::Sender<Ended>) -> Result<()> {
        let source = gst::ElementFactory::make("rtspsrc")
            .property("location", url)
            .property("latency", 0_u32)
            .property("tcp-timeout", RTSP_TIMEOUT_US)
            .build()?;
        source.set_property_from_str("protocols", "tcp");
        // The default estimates a clock for each stream by itself, and picture and sound drift apart under load.
        source.set_property_from_str("buffer-mode", "none");
        self.pipeline.add(&source)?;
        self.attach_pads_of(&source, Stamps::Running, sink, ended);
        Ok(())
    }

    fn attach_pads_of(&self, source: &gst::Element, stamps: Stamps, sink: &Sink, ended: mpsc::Sender<Ended>) {
        let pipeline = self.pipeline.downgrade();
        let sink = sink.clone();
        source.connect_pad_added(move |_, pad| {
            let Some(pipeline) = pipeline.upgrade() else { return };
            if let Err(error) = branch::attach(&pipeline, pad, stamps, &sink) {
                // Capacity 1: the first end is the reason, later ones follow from it.
                let _ = ended.try_send(Ended::Refused(error.to_string()));
            }
        });
    }

    fn watch(&self, ended: mpsc::Sender<Ended>) -> Result<()> {
        let bus = self.pipeline.bus().ok_or_else(|| anyhow!("a pipeline without a bus"))?;
        bus.set_sync_handler(move |_, message| {
            use gst::MessageView;
            match message.view() {
                MessageView::Error(error) => {
                    let _ = ended.try_send(Ended::Lost(error.error().message().to_owned()));
                }
                MessageView::Eos(_) => {
                    let _ = ended.try_send(Ended::Lost("the source ended".to_owned()));
                }
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
        Ok(())
    }

    /// Stops it, off the calling thread: a source may wait for its network.
    pub(super) async fn stop(mut self) {
        self.feeding = None;
        let stop = tokio::task::spawn_blocking(move || {
            let _ = self.pipeline.set_state(gst::State::Null);
        });
        let _ = tokio::time::timeout(STOP, stop).await;
    }
}

/// Lets no sound through before the first picture, for [`SOUND_WAITS_MS`] at most: a demuxer that has had 6 s of sound alone
/// ignores the picture for good, and a reader may join up to a GOP before a keyframe.
fn let_picture_go_first(source: &gst::Element, sink: &Sink, ended: mpsc::Sender<Ended>) -> Result<()> {
    let pad = source
        .static_pad("src")
        .ok_or_else(|| anyhow!("a source without an exit"))?;
    let sink = sink.clone();
    let first_sound_ms = Mutex::new(None);
    let is_given_up = AtomicBool::new(false);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(map) = info.buffer().and_then(|b| b.map_readable().ok()) else {
            return gst::PadProbeReturn::Ok;
        };
        match flv::tag_of(&map) {
            Some((flv::TagKind::Picture, _)) => {
                if is_given_up.load(Ordering::Relaxed) {
                    let _ = ended.try_send(Ended::Lost("the picture has come late".to_owned()));
                }
                gst::PadProbeReturn::Remove
            }
            Some((flv::TagKind::Sound, at_ms)) if !is_given_up.load(Ordering::Relaxed) => {
                sink.came(clock::now());
                let first_ms = *first_sound_ms
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(at_ms);
                is_given_up.store(at_ms.wrapping_sub(first_ms) >= SOUND_WAITS_MS, Ordering::Relaxed);
                gst::PadProbeReturn::Drop
            }
            _ => gst::PadProbeReturn::Ok,
        }
    });
    Ok(())
}
