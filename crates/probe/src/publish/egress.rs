//! Encoded units to the router: two appsrcs, `flvmux`, `rtmp2sink`.
//!
//! The pipeline is not live: `flvmux` then waits for both tracks and interleaves them by their stamps, where in live mode
//! it clamps late sound to the last picture. Pacing happens before it.

use anyhow::{Context as _, Result, bail};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

use crate::element::{self, Running};

/// More than this unsent means that the router takes nothing any more; `rtmp2sink` shows no error for a frozen peer.
const STALLED: gst::ClockTime = gst::ClockTime::from_seconds(4);

/// One connection to the router.
pub(super) struct Egress {
    pipeline: Running,
    pub(super) video: Option<Track>,
    pub(super) audio: Option<Track>,
}

impl Egress {
    /// Begins to connect; a refusal comes by [`Egress::check`].
    pub(super) fn open(url: &str, video: bool, audio: bool) -> Result<Self> {
        let pipeline = Running(gst::Pipeline::new());
        let mux = element::make("flvmux")?
            .create()
            .property("streamable", true)
            .property("latency", 100_000_000u64)
            .build()?;
        let sink = element::make("rtmp2sink")?
            .create()
            .property("location", url)
            .property("sync", false)
            .property("async", false)
            .build()?;
        element::chain(&pipeline, &[&mux, &sink])?;
        let track = |pad: &str| -> Result<Track> {
            let source = app::AppSrc::builder()
                .name(pad)
                .format(gst::Format::Time)
                .is_live(false)
                .block(false)
                .build();
            pipeline.add(&source)?;
            source
                .link_pads(Some("src"), &mux, Some(pad))
                .context("cannot link to flvmux")?;
            Ok(Track { source })
        };
        let video = video.then(|| track("video")).transpose()?;
        let audio = audio.then(|| track("audio")).transpose()?;
        pipeline
            .set_state(gst::State::Playing)
            .context("cannot start to publish")?;
        Ok(Self { pipeline, video, audio })
    }

    /// Fails when the router refused or closed the connection, or takes nothing.
    pub(super) fn check(&self) -> Result<()> {
        match element::ended(&self.pipeline, gst::ClockTime::ZERO) {
            Some(element::Ended::Error(reason)) => bail!("the router ended the stream: {reason}"),
            Some(element::Ended::Eos) => bail!("the stream ended by itself"),
            None => {}
        }
        for track in self.video.iter().chain(&self.audio) {
            if track.source.current_level_time() > STALLED {
                bail!("the router has taken nothing for {STALLED}");
            }
        }
        Ok(())
    }

    /// Sends what is left and says goodbye.
    pub(super) fn finish(self) -> Result<()> {
        for track in self.video.iter().chain(&self.audio) {
            track.end();
        }
        match element::ended(&self.pipeline, gst::ClockTime::from_seconds(3)) {
            Some(element::Ended::Eos) => Ok(()),
            // A router may close the connection on our goodbye before we do.
            Some(element::Ended::Error(reason)) => {
                tracing::debug!(reason, "the router closed the connection at the end");
                Ok(())
            }
            None => bail!("the router did not take the end of the stream"),
        }
    }
}

/// One track of the connection. Its queue holds [`STALLED`] at most: then the publisher ends.
#[derive(Clone)]
pub(super) struct Track {
    source: app::AppSrc,
}

impl Track {
    /// Hands over a unit with its caps and stamps.
    pub(super) fn push(
        &self,
        caps: Option<&gst::CapsRef>,
        data: Vec<u8>,
        pts_ns: u64,
        dts_ns: Option<u64>,
        key: bool,
    ) -> Result<(), gst::FlowError> {
        if let Some(caps) = caps
            && self.source.caps().is_none_or(|known| known.as_ref() != caps)
        {
            self.source.set_caps(Some(&caps.to_owned()));
        }
        let mut buffer = gst::Buffer::from_mut_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(pts_ns));
            buffer.set_dts(dts_ns.map(gst::ClockTime::from_nseconds));
            if !key {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        self.source.push_buffer(buffer).map(|_| ())
    }

    /// No more units come.
    pub(super) fn end(&self) {
        // An error here means that the pipeline has ended already, which `finish` sees.
        let _ = self.source.end_of_stream();
    }
}
