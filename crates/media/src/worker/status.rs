//! The worker's report, out of what its parts show of themselves.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::artifacts::Counts;
use super::ingest::Pace;
use super::latency::Latency;
use super::pacer::Report;
use crate::control::{IngestStatus, SpeechState, SpeechStatus, Status, WorkerState};

/// Where the parts leave what they show.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) pacer: Arc<Mutex<Report>>,
    pub(crate) pace: Arc<Pace>,
    /// None: no speech service is configured.
    pub(crate) speech: Option<Arc<Mutex<SpeechStatus>>>,
    pub(crate) latency: Arc<Mutex<Latency>>,
    /// None: they are off.
    pub(crate) artifacts: Option<Arc<Counts>>,
}

fn read<T: Clone>(shared: &Mutex<T>) -> T {
    shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Sources {
    /// The report as of now.
    pub(crate) fn status(&self) -> Status {
        let pacer = read(&self.pacer);
        let latency = self
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .percentiles();
        let state = match &pacer {
            p if p.is_draining => WorkerState::Draining,
            p if !p.has_begun => WorkerState::Starting,
            p if p.is_lost => WorkerState::Reconnecting,
            _ => WorkerState::Live,
        };
        Status {
            state,
            reason: reason(&pacer),
            shift_ns: pacer.shift.ns(),
            out_ns: pacer.out.ns(),
            ingest: self.ingest(&pacer),
            speech: self.speech(&pacer),
            programmes: pacer.programmes.into_iter().map(|p| p.status).collect(),
            added_latency_ms: latency,
            artifacts: self.artifacts.as_ref().map(|counts| counts.status()),
        }
    }

    fn ingest(&self, pacer: &Report) -> IngestStatus {
        IngestStatus {
            transport: if self.pace.is_rtsp.load(Ordering::Relaxed) {
                "rtsp"
            } else {
                "rtmp"
            }
            .to_owned(),
            video: pacer.video.map(|(width, height)| format!("H264 {width}x{height}")),
            audio: pacer.audio.clone(),
            video_units: pacer.video_units,
            audio_samples: pacer.audio_samples,
            connects: self.pace.connects.load(Ordering::Relaxed),
            reanchored: pacer.reanchored,
            discontinuities: pacer.discontinuities,
            silence_samples: pacer.silence_samples,
            dropped_units: pacer.dropped_units + self.pace.dropped.load(Ordering::Relaxed),
        }
    }

    fn speech(&self, pacer: &Report) -> SpeechStatus {
        let is_mute = pacer.tracks.is_some_and(|t| !t.audio);
        match &self.speech {
            Some(speech) if !is_mute => {
                let mut speech = read(speech);
                speech.dropped_samples += pacer.unheard_samples;
                speech
            }
            _ => SpeechStatus {
                state: SpeechState::Off,
                ..SpeechStatus::default()
            },
        }
    }
}

fn reason(pacer: &Report) -> Option<String> {
    let tracks = pacer.tracks?;
    if pacer.is_lost {
        return Some("the publisher is away".to_owned());
    }
    match (tracks.video, tracks.audio) {
        (true, false) => Some("the source has no sound: nothing to dub".to_owned()),
        (false, true) => Some("the source has no picture".to_owned()),
        _ if tracks.video && !pacer.has_picture => {
            Some("no keyframe has come: viewers have the sound alone".to_owned())
        }
        _ => None,
    }
}
