//! The lines between orchestrator and worker on `$RUN_DIR/<stream>.sock`: one JSON object a line, both ways.
//!
//! The worker serves the socket; whoever connects gets [`FromWorker::Hello`] first, then a status every
//! [`STATUS_EVERY`]. An end of file without [`FromWorker::Bye`] is a crash; [`FROZEN_AFTER`] without a status is a
//! frozen worker. Unknown types are ignored, so that an orchestrator and a worker of different builds get along.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::forward::Forwards;
use crate::spec::Spec;

/// The version in `hello`.
pub const CONTROL_VERSION: u32 = 1;
/// How often a worker reports.
pub const STATUS_EVERY: Duration = Duration::from_millis(500);
/// A worker that has not reported for this long is killed.
pub const FROZEN_AFTER: Duration = Duration::from_secs(2);

/// Exit codes of a worker; each says what its orchestrator should do.
pub mod exit {
    /// The session ended: nothing to do.
    pub const ENDED: i32 = 0;
    /// The spec is wrong: restarting cannot help.
    pub const SPEC: i32 = 64;
    /// The media cannot be dubbed: restarting cannot help.
    pub const MEDIA_REFUSED: i32 = 65;
    /// The router does not answer: try again.
    pub const ROUTER_AWAY: i32 = 69;
    /// A fault of ours: try again.
    pub const INTERNAL: i32 = 70;
    /// Another worker serves this stream.
    pub const LOCK_HELD: i32 = 73;
    /// Somebody else publishes to `out`.
    pub const OUT_TAKEN: i32 = 75;
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromWorker {
    /// Who is there; first on each connection.
    Hello(Box<Hello>),
    /// How it goes; every [`STATUS_EVERY`].
    Status(Box<Status>),
    /// Something that a log reader or the operator's page wants to know at once.
    Event {
        /// One lower-case sentence.
        message: String,
    },
    /// The last line of a worker that ends by itself.
    Bye {
        /// One of [`exit`].
        code: i32,
        /// Why, for the API.
        reason: String,
    },
}

/// The answer to "who are you?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`CONTROL_VERSION`].
    pub control: u32,
    /// Version of the worker's build.
    pub build: String,
    /// The stream it serves.
    pub stream: String,
    /// The session it serves.
    pub session: String,
    /// The publisher connection that it knows of.
    pub source_id: String,
    /// Hash of the spec it was started with.
    pub spec_hash: String,
    /// Programme time minus the router's time stamp.
    pub shift_ns: i64,
    /// The spec's source language.
    #[serde(default)]
    pub source: String,
    /// The spec's target languages.
    #[serde(default)]
    pub targets: Vec<String>,
    /// The spec's hold.
    #[serde(default)]
    pub hold_ms: u64,
    /// Where the programmes also go, with their keys: an orchestrator that has lost its list takes this one over.
    #[serde(default)]
    pub forwards: Forwards,
}

impl Hello {
    /// The answer of a worker with this spec, whose source now is `source_id`.
    pub fn of(spec: &Spec, source_id: &str, shift_ns: i64) -> Hello {
        Hello {
            control: CONTROL_VERSION,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            stream: spec.stream.clone(),
            session: spec.session.clone(),
            source_id: source_id.to_owned(),
            spec_hash: spec.hash(),
            shift_ns,
            source: spec.source.clone(),
            targets: spec.programmes.iter().map(|p| p.target.clone()).collect(),
            hold_ms: spec.hold_ms,
            forwards: spec.forwards.clone(),
        }
    }
}

/// What an orchestrator says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// Play out what is in flight and end, within the deadline.
    Drain {
        /// Milliseconds from now.
        deadline_ms: u64,
    },
    /// The stream has another publisher connection: pull again.
    Source {
        /// Its id at the router.
        id: String,
    },
    /// The list of speech hosts changed.
    Speech {
        /// In order of preference.
        urls: Vec<String>,
    },
    /// The operator's bypass of one target.
    Mute {
        /// The target language.
        target: String,
        /// True: the original at full level.
        on: bool,
    },
    /// The list of third parties changed.
    Forwards {
        /// All of them, with their keys.
        forwards: Forwards,
    },
}

/// A worker's report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What the session is doing.
    pub state: WorkerState,
    /// Why, where the state needs a reason.
    pub reason: Option<String>,
    /// Programme time minus the router's time stamp.
    pub shift_ns: i64,
    /// Programme time of the latest unit handed to egress.
    pub out_ns: i64,
    /// What comes in.
    pub ingest: IngestStatus,
    /// The speech session.
    pub speech: SpeechStatus,
    /// One per target, in the spec's order.
    pub programmes: Vec<ProgrammeStatus>,
    /// One per third party, in the list's order.
    #[serde(default)]
    pub forwards: Vec<ForwardStatus>,
    /// [`Forwards::hash`] of the list that the worker has: another one than the orchestrator's is told again.
    #[serde(default)]
    pub forwards_hash: String,
    /// From a unit's arrival to its hand-over to the socket, hold included.
    pub added_latency_ms: Percentiles,
    /// What was said, written down; none where that is off.
    #[serde(default)]
    pub artifacts: Option<ArtifactsStatus>,
}

/// What became of the lines that a session writes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactsStatus {
    /// Utterances that are in a file.
    pub written: u64,
    /// Utterances that are not: the disk took none, or was too slow.
    pub dropped: u64,
}

/// A worker's view of its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// No unit has left yet.
    #[default]
    Starting,
    /// Media flows.
    Live,
    /// The publisher is away, within the grace period; silence goes out.
    Reconnecting,
    /// The last units are played out.
    Draining,
}

/// Half, 19 in 20 and 99 in 100 of the measurements are at or below these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// What comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestStatus {
    /// `rtmp` or `rtsp`.
    pub transport: String,
    /// `H264 1280x720`, as far as known.
    pub video: Option<String>,
    /// `AAC 48000 Hz 2 ch`, as far as known.
    pub audio: Option<String>,
    /// Access units that came in.
    pub video_units: u64,
    /// Seconds of PCM that came in, in samples at 48 kHz.
    pub audio_samples: u64,
    /// Connections to the router, the first included.
    pub connects: u64,
    /// R1: steps of the offset because every unit was late.
    pub reanchored: u64,
    /// Jumps of the source's time stamps that were mended.
    pub discontinuities: u64,
    /// Samples of silence put in for sound that did not come.
    pub silence_samples: u64,
    /// Units thrown away because a bounded queue was full.
    pub dropped_units: u64,
}

/// The speech session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpeechStatus {
    /// What the connection is doing.
    pub state: SpeechState,
    /// The host that serves it, without credentials.
    pub host: Option<String>,
    /// The engine that really runs, as the service names it.
    pub engine: Option<String>,
    /// Why it is away, or why the list of hosts does not count.
    pub reason: Option<String>,
    /// Connections made.
    pub connects: u64,
    /// Source samples (16 kHz) thrown away because the service did not take them.
    pub dropped_samples: u64,
    /// Messages of unknown type or with faults that were skipped.
    pub ignored_messages: u64,
}

/// What the connection to the speech service is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeechState {
    /// Not wanted: no sound, or no service configured.
    #[default]
    Off,
    /// Being set up, or set up again.
    Connecting,
    /// Dubbing.
    Ready,
}

/// One target's programme.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProgrammeStatus {
    /// The target language.
    pub target: String,
    /// The router path.
    pub path: String,
    /// Whether it is on air.
    pub state: EgressState,
    /// Why it is not.
    pub reason: Option<String>,
    /// The operator's bypass.
    pub muted: bool,
    /// Access units written to the socket.
    pub video_units: u64,
    /// AAC frames written to the socket.
    pub audio_frames: u64,
    /// Connections to the router, the first included.
    pub connects: u64,
    /// Units that viewers did not get: the router was away or took none.
    pub dropped_units: u64,
    /// What became of the utterances.
    pub dub: DubStatus,
}

/// One third party.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForwardStatus {
    /// The forward's name.
    pub name: String,
    /// The language of the programme that goes there; none when the stream has no such programme.
    pub target: Option<String>,
    /// Whether it is on air there.
    pub state: EgressState,
    /// Why it is not.
    pub reason: Option<String>,
    /// Access units written to the socket.
    pub video_units: u64,
    /// AAC frames written to the socket.
    pub audio_frames: u64,
    /// Connections made, the first included.
    pub connects: u64,
    /// Connections that could not be made, or were lost.
    pub failures: u64,
    /// Units that were not sent: it was away, refused, or took none.
    pub dropped_units: u64,
}

/// Whether a programme reaches a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressState {
    /// Not yet there.
    #[default]
    Connecting,
    /// On air.
    Live,
    /// Was on air, is being connected again.
    Reconnecting,
    /// A third party that may not be connected to, as it is resolved now.
    Refused,
    /// There is nothing to send yet.
    Off,
}

/// What became of the utterances of one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DubStatus {
    /// Utterances that the service announced.
    pub utterances: u64,
    /// R12: each utterance ends in exactly one outcome, by its name.
    pub outcomes: BTreeMap<String, u64>,
    /// Announced, without an outcome yet.
    pub open: u64,
    /// Shed or dropped utterances whose original was heard.
    pub heard_original: u64,
    /// Shed or dropped utterances that were not heard at all.
    pub lost: u64,
    /// From the start of a source utterance to the start of its dub, on the media timeline; last 100.
    pub lag_ms: Percentiles,
    /// R5: how fast the current dub is played.
    pub rate: f64,
    /// Dub buffered and not yet played.
    pub queued_ms: u64,
    /// How late the next dub would start.
    pub wait_ms: u64,
    /// What was last heard in the source.
    pub last_text: Option<String>,
    /// What was last said in the target language.
    pub last_dub: Option<String>,
}
