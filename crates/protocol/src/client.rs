//! What the client says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{TargetId, UtteranceId, limits};

/// Control messages of the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// First frame of a connection.
    Start(Start),
    /// How the playout is doing.
    Status(Status),
    /// Stop what is not yet sent.
    Cancel(Cancel),
    /// No more audio.
    End(End),
    /// A type of a later version; ignored and counted.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// Opens a session or goes on with one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// Stream id.
    pub stream: String,
    /// Session id.
    pub session: String,
    /// Spoken language (BCP-47) or `auto`.
    pub source: String,
    /// Languages to dub into.
    pub targets: Vec<Target>,
    /// Source samples per second.
    pub rate: u32,
    /// Milliseconds by which the programme is held.
    pub hold_ms: u32,
    /// Milliseconds after its end until which an utterance is worth starting.
    pub max_stale_ms: u32,
    /// Milliseconds of queued dub at which a target is paused.
    #[serde(default = "default_window_ms")]
    pub window_ms: u32,
    /// Media time of the first audio that the client can send.
    pub from_ns: i64,
    /// The token of the connection that was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Dub audio that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<Vec<Have>>,
    /// What the server must understand.
    #[serde(default)]
    pub features: Vec<String>,
}

fn default_window_ms() -> u32 {
    limits::DEFAULT_WINDOW_MS
}

/// A language to dub into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Number of the target in this session, below 255.
    pub id: TargetId,
    /// BCP-47.
    pub lang: String,
    /// The engine's name of a voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
}

/// How much of a dub arrived before the connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Have {
    /// Of the lost connection's session.
    pub utterance: UtteranceId,
    /// Which dub.
    pub target: TargetId,
    /// Samples at dub_rate.
    pub samples: u64,
}

/// How the playout is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Media time that viewers hear now.
    pub playhead_ns: i64,
    /// One entry for each target.
    pub targets: Vec<TargetStatus>,
}

/// How one target's playout is doing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetStatus {
    /// Which target.
    pub id: TargetId,
    /// Milliseconds of dub held unplayed.
    pub queued_ms: u32,
    /// Milliseconds that the next dub is late.
    pub wait_ms: u32,
    /// Playout speed, 1 to 1.25.
    pub rate: f64,
    /// Source time up to which dubs were played or given up.
    pub dubbed_to_ns: i64,
}

/// Stops what is not yet sent of an utterance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancel {
    /// Which utterance.
    pub utterance: UtteranceId,
    /// Which target; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetId>,
    /// Why.
    pub reason: CancelReason,
}

/// Why a dub is no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Dropped to catch up.
    Shed,
    /// Too long after its end.
    Stale,
    /// Audio came too late to go on with it.
    Truncated,
    /// The operator's bypass.
    Muted,
    /// A reason of a later version.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// No more audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Media time of the end.
    pub at_ns: i64,
}
