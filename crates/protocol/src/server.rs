//! What the server says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{TargetId, UtteranceId};

/// Control messages of the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Answers `start`.
    Ready(Ready),
    /// Voice began or ended.
    Activity(Activity),
    /// An utterance was cut, or its text was recognised.
    Utterance(Utterance),
    /// A dub begins, or its text or estimate grew.
    Dub(Dub),
    /// A dub is complete or will not be.
    DubEnd(DubEnd),
    /// Once a second.
    Stats(Stats),
    /// The server will go away.
    Draining(Draining),
    /// Something went wrong.
    Error(ServerError),
    /// All is settled.
    Done(Done),
    /// A type of a later version; ignored and counted.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// The session is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// Token for a lost connection.
    pub resume: String,
    /// Milliseconds that the token holds after a loss.
    pub resume_ms: u32,
    /// The client sends audio from here on.
    pub audio_from_ns: i64,
    /// Whether the session goes on with its utterance ids.
    #[serde(default)]
    pub resumed: bool,
    /// Name of the engine that runs.
    pub engine: String,
    /// Models by name.
    pub models: Vec<String>,
    /// Samples per second of dub audio.
    pub dub_rate: u32,
    /// Milliseconds from an utterance's end to its first dub sample, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<LagMs>,
    /// What the client must understand.
    #[serde(default)]
    pub features: Vec<String>,
}

/// Quantiles of the engine's lag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LagMs {
    /// Median.
    pub p50: u32,
    /// 95th percentile.
    pub p95: u32,
}

/// Voice began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Activity {
    /// Whether there is speech from `at_ns` on.
    pub speech: bool,
    /// Media time.
    pub at_ns: i64,
}

/// A stretch of speech that is dubbed as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Utterance {
    /// Its id.
    pub utterance: UtteranceId,
    /// Media time of its first sample.
    pub start_ns: i64,
    /// Media time after its last sample.
    pub end_ns: i64,
    /// Why it ends there.
    pub cut: Cut,
    /// Spoken language, as far as known.
    pub lang: String,
    /// What was said; empty until recognised.
    #[serde(default)]
    pub text: String,
}

/// Why an utterance ends where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// The speaker paused.
    Pause,
    /// A clause ended.
    Clause,
    /// It reached the longest length.
    Cap,
    /// The audio ended or broke off.
    End,
    /// A reason of a later version.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// A dub begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dub {
    /// Of which utterance.
    pub utterance: UtteranceId,
    /// For which target.
    pub target: TargetId,
    /// What the dub says.
    pub text: String,
    /// Milliseconds that the dub will last.
    pub estimate_ms: u32,
    /// Where the time went.
    #[serde(default)]
    pub stage_ms: StageMs,
}

/// Milliseconds that each stage took until the dub's first sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageMs {
    /// Recognition.
    pub asr: u32,
    /// Translation.
    pub mt: u32,
    /// Synthesis.
    pub tts: u32,
}

/// A dub is complete or will not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DubEnd {
    /// Of which utterance.
    pub utterance: UtteranceId,
    /// For which target.
    pub target: TargetId,
    /// How it ended.
    pub outcome: Outcome,
    /// Samples of the dub.
    pub samples: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// How a dub ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All samples were sent.
    Done,
    /// There was nothing to say.
    Empty,
    /// The client cancelled it.
    Cancelled,
    /// It could not start in time.
    Late,
    /// The engine failed.
    Failed,
    /// An outcome of a later version.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// Once a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// Media time before which all is settled.
    pub settled_ns: i64,
    /// Utterances that are not.
    pub open: u32,
    /// Milliseconds of source audio in them.
    pub backlog_ms: u32,
}

/// The server will go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Draining {
    /// Milliseconds until it closes.
    pub deadline_ms: u32,
}

/// Something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerError {
    /// Stable.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether the same request can succeed later.
    pub retryable: bool,
    /// What it concerns, if one utterance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utterance: Option<UtteranceId>,
}

/// All that was said is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// How many utterances there were.
    pub utterances: u32,
}
