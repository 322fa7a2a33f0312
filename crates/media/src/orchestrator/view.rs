//! What the API shows of a stream: machine, worker's report and process, put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::plan::{in_path, out_path};
use super::room::Capacity;
use super::session::{Life, Machine, Slot, State, Then};
use crate::control::{
    ArtifactsStatus, DubStatus, EgressState, ForwardStatus, IngestStatus, Percentiles, ProgrammeStatus, SpeechState,
    SpeechStatus, Status, WorkerState,
};
use crate::forward::Forward;

/// All that is shown, as of the last event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// By id.
    pub(crate) streams: BTreeMap<String, Arc<StreamView>>,
    /// By stream, also of those that are not there.
    pub(crate) forwards: BTreeMap<String, Arc<Vec<ForwardView>>>,
    /// The router, as the last poll saw it.
    pub(crate) router: RouterView,
    /// What is taken of what there is.
    pub(crate) capacity: Capacity,
}

/// The router, as the last poll saw it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RouterView {
    /// Whether it answered.
    pub(crate) reachable: bool,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What a stream is doing, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamState {
    Starting,
    Live,
    Reconnecting,
    Degraded,
    Refused,
    Ended,
}

impl StreamState {
    pub(crate) const ALL: [StreamState; 6] = [
        Self::Starting,
        Self::Live,
        Self::Reconnecting,
        Self::Degraded,
        Self::Refused,
        Self::Ended,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Degraded => "degraded",
            Self::Refused => "refused",
            Self::Ended => "ended",
        }
    }
}

/// One stream.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StreamView {
    pub(crate) id: String,
    pub(crate) session: Option<String>,
    pub(crate) state: StreamState,
    pub(crate) reason: Option<String>,
    /// The engine that really runs; `null` while none does.
    pub(crate) engine: Option<String>,
    /// The source language.
    pub(crate) source: Option<String>,
    /// The router path of the source, and where to watch it.
    pub(crate) path: String,
    pub(crate) watch: String,
    pub(crate) programmes: Vec<ProgrammeView>,
    pub(crate) forwards: Arc<Vec<ForwardView>>,
    pub(crate) hold_ms: Option<u64>,
    pub(crate) added_latency_ms: Option<Percentiles>,
    /// All targets together: counts added, the largest lags.
    pub(crate) dub: Option<DubStatus>,
    pub(crate) worker: Option<WorkerView>,
    pub(crate) ingest: Option<IngestStatus>,
    pub(crate) speech: Option<SpeechView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifacts: Option<ArtifactsStatus>,
}

/// One target.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProgrammeView {
    pub(crate) target: String,
    pub(crate) path: String,
    pub(crate) watch: String,
    /// `connecting`, `live`, `reconnecting`, or `off` while there is no worker.
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    /// False: an operator wants the original.
    pub(crate) enabled: bool,
    pub(crate) video_units: u64,
    pub(crate) audio_frames: u64,
    pub(crate) connects: u64,
    pub(crate) dropped_units: u64,
    pub(crate) dub: DubStatus,
}

/// One third party.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ForwardView {
    pub(crate) name: String,
    /// Scheme, host and port: the rest of the URL is a secret.
    pub(crate) url: String,
    /// What was asked for, or the language of the programme that goes there by default.
    pub(crate) target: Option<String>,
    /// `connecting`, `live`, `reconnecting`, `refused`, or `off` while there is nothing to send.
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) video_units: u64,
    pub(crate) audio_frames: u64,
    pub(crate) connects: u64,
    pub(crate) failures: u64,
    pub(crate) dropped_units: u64,
}

impl ForwardView {
    /// Shows `forward`, of which a worker that is on air says `status`.
    pub(crate) fn of(forward: &Forward, status: Option<&ForwardStatus>) -> ForwardView {
        let reported = status.cloned().unwrap_or_else(|| ForwardStatus {
            state: EgressState::Off,
            ..ForwardStatus::default()
        });
        ForwardView {
            name: forward.name.clone(),
            url: forward.url.to_string(),
            target: forward.target.clone().or(reported.target),
            state: egress(reported.state),
            reason: reported.reason,
            video_units: reported.video_units,
            audio_frames: reported.audio_frames,
            connects: reported.connects,
            failures: reported.failures,
            dropped_units: reported.dropped_units,
        }
    }
}

/// The worker's process.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WorkerView {
    pub(crate) pid: i32,
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) rss_kb: Option<u64>,
    pub(crate) pss_kb: Option<u64>,
    pub(crate) uptime_ms: Option<u64>,
    pub(crate) restarts: u64,
}

/// The speech session.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SpeechView(SpeechStatus);

impl SpeechView {
    pub(crate) fn is_ready(&self) -> bool {
        self.0.state == SpeechState::Ready
    }

    /// Whether there is anything to dub.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.state != SpeechState::Off
    }
}

impl std::ops::Deref for SpeechView {
    type Target = SpeechStatus;

    fn deref(&self) -> &SpeechStatus {
        &self.0
    }
}

/// What is known of a worker's process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProcessFacts {
    pub(crate) pid: i32,
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) rss_kb: Option<u64>,
    pub(crate) pss_kb: Option<u64>,
    pub(crate) uptime_ms: Option<u64>,
}

impl StreamView {
    /// Shows `machine`; nothing for a stream of which nothing is known. `watch` makes a link of a router path.
    pub(crate) fn of(
        id: &str,
        machine: &Machine,
        process: Option<ProcessFacts>,
        forwards: Arc<Vec<ForwardView>>,
        watch: impl Fn(&str) -> String,
    ) -> Option<StreamView> {
        let (state, reason) = state(machine)?;
        let life = match machine.state() {
            State::On(life) => Some(&**life),
            State::Ended { last, .. } => last.as_deref(),
            State::Idle | State::Adopting | State::Refused { .. } => None,
        };
        let status = machine.status();
        // What a worker that is gone had counted stays to be seen; what it was doing does not.
        let on_air = machine.has_worker();
        let current = status.filter(|_| on_air);
        let programmes = life
            .map(|life| programmes(id, life, status, on_air, &watch))
            .unwrap_or_default();
        let restarts = life.map_or(0, |life| life.restarts);
        let speech = current.map(|status| SpeechView(status.speech.clone()));
        let path = in_path(id);
        Some(StreamView {
            id: id.to_owned(),
            session: life.map(|life| life.session.clone()),
            state,
            reason,
            engine: speech.as_ref().filter(|s| s.is_ready()).and_then(|s| s.engine.clone()),
            source: life.map(|life| life.settings.source.clone()),
            watch: watch(&path),
            path,
            dub: life.map(|_| sum(programmes.iter().map(|p| &p.dub))),
            programmes,
            forwards,
            hold_ms: life.map(|life| u64::try_from(life.settings.hold.as_millis()).unwrap_or(u64::MAX)),
            added_latency_ms: current.map(|status| status.added_latency_ms),
            worker: process.filter(|_| on_air).map(|p| WorkerView {
                pid: p.pid,
                cpu_percent: p.cpu_percent,
                rss_kb: p.rss_kb,
                pss_kb: p.pss_kb,
                uptime_ms: p.uptime_ms,
                restarts,
            }),
            ingest: current.map(|status| status.ingest.clone()),
            speech,
            artifacts: current.and_then(|status| status.artifacts),
        })
    }
}

fn state(machine: &Machine) -> Option<(StreamState, Option<String>)> {
    let some = |text: &str| Some(text.to_owned());
    Some(match machine.state() {
        State::Idle => return None,
        State::Adopting => (StreamState::Starting, some("a running worker was found")),
        State::Refused { refusal, .. } => (StreamState::Refused, Some(refusal.reason.clone())),
        State::Ended { reason, .. } => (StreamState::Ended, Some(reason.clone())),
        State::On(life) => match &life.slot {
            Slot::Empty {
                why, degraded: true, ..
            } => (StreamState::Degraded, Some(why.clone())),
            _ if life.away_since.is_some() => (StreamState::Reconnecting, some("the publisher is away")),
            Slot::Empty { why, .. } => (StreamState::Starting, Some(why.clone()).filter(|why| !why.is_empty())),
            Slot::Leaving {
                then: Then::Restart, ..
            } => (StreamState::Starting, some("being restarted by an operator")),
            Slot::Leaving {
                then: Then::End(why), ..
            } => (StreamState::Live, Some(format!("ending: {why}"))),
            Slot::Leaving {
                then: Then::Refuse(refusal),
                ..
            } => (StreamState::Refused, Some(refusal.reason.clone())),
            Slot::Busy { .. } => match machine.status() {
                None => (StreamState::Starting, None),
                Some(status) => (worker_state(status.state), status.reason.clone()),
            },
        },
    })
}

fn egress(state: EgressState) -> &'static str {
    match state {
        EgressState::Connecting => "connecting",
        EgressState::Live => "live",
        EgressState::Reconnecting => "reconnecting",
        EgressState::Refused => "refused",
        EgressState::Off => "off",
    }
}

fn worker_state(state: WorkerState) -> StreamState {
    match state {
        WorkerState::Starting => StreamState::Starting,
        WorkerState::Live | WorkerState::Draining => StreamState::Live,
        WorkerState::Reconnecting => StreamState::Reconnecting,
    }
}

fn programmes(
    id: &str,
    life: &Life,
    status: Option<&Status>,
    on_air: bool,
    watch: impl Fn(&str) -> String,
) -> Vec<ProgrammeView> {
    let view = |(index, target): (usize, &String)| {
        let reported = status.and_then(|status| status.programmes.iter().find(|p| p.target == *target));
        let p = reported.cloned().unwrap_or_else(|| ProgrammeStatus {
            path: out_path(id, index, target),
            ..ProgrammeStatus::default()
        });
        ProgrammeView {
            target: target.clone(),
            watch: watch(&p.path),
            path: p.path,
            state: if on_air { egress(p.state) } else { "off" },
            reason: p.reason,
            enabled: !life.muted.get(target).copied().unwrap_or_default(),
            video_units: p.video_units,
            audio_frames: p.audio_frames,
            connects: p.connects,
            dropped_units: p.dropped_units,
            dub: p.dub,
        }
    };
    life.settings.targets.iter().enumerate().map(view).collect()
}

fn sum<'a>(dubs: impl Iterator<Item = &'a DubStatus>) -> DubStatus {
    dubs.fold(DubStatus::default(), |mut sum, dub| {
        sum.utterances += dub.utterances;
        sum.open += dub.open;
        sum.heard_original += dub.heard_original;
        sum.lost += dub.lost;
        for (outcome, count) in &dub.outcomes {
            *sum.outcomes.entry(outcome.clone()).or_default() += count;
        }
        sum.lag_ms.p50 = sum.lag_ms.p50.max(dub.lag_ms.p50);
        sum.lag_ms.p95 = sum.lag_ms.p95.max(dub.lag_ms.p95);
        sum.lag_ms.p99 = sum.lag_ms.p99.max(dub.lag_ms.p99);
        sum.rate = sum.rate.max(dub.rate);
        sum.queued_ms = sum.queued_ms.max(dub.queued_ms);
        sum.wait_ms = sum.wait_ms.max(dub.wait_ms);
        sum.last_text = sum.last_text.or_else(|| dub.last_text.clone());
        sum.last_dub = sum.last_dub.or_else(|| dub.last_dub.clone());
        sum
    })
}
