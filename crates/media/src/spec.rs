//! What a worker is told: one JSON line on its standard input, secrets included, nothing in its arguments.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::forward::Forwards;

/// Everything one worker needs to serve one session.
///
/// All URLs may carry credentials, so a spec is never logged; [`Spec::hash`] is what logs and `hello` show.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The `<id>` of `live/<id>/in`.
    pub stream: String,
    /// The session's id, new for each life of the stream, kept by a replacement worker.
    pub session: String,
    /// The router's id of the publisher connection that this session began with.
    pub source_id: String,
    /// Where the source is pulled from.
    pub ingest: Ingest,
    /// One programme per target language, the first at `live/<id>/out`.
    pub programmes: Vec<Programme>,
    /// Source language (BCP-47) or `auto`.
    pub source: String,
    /// `H` in milliseconds.
    pub hold_ms: u64,
    /// R7 of the playout: a forecast wait above this sheds.
    pub max_wait_ms: u64,
    /// R7 of the playout: a dub staler than this is dropped.
    pub max_stale_ms: u64,
    /// How long the worker waits for a publisher that went away.
    pub grace_ms: u64,
    /// The speech service; without it the programme is the original.
    pub speech: Option<Speech>,
    /// Holds `<stream>.lock` and `<stream>.sock`.
    pub run_dir: PathBuf,
    /// Where what was said is written down; nowhere without it.
    #[serde(default)]
    pub artifacts: Option<Artifacts>,
    /// Third parties that the programmes also go to, as of when the worker is started.
    #[serde(default)]
    pub forwards: Forwards,
    /// Set for the replacement of a worker that died: the programme's time goes on where it was.
    pub resume: Option<Resume>,
}

/// Where and how the source is pulled.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Ingest {
    /// `rtmp://…/live/<id>/in` or `rtsp://…`; the scheme decides how it is pulled.
    pub url: String,
    /// Tried when RTMP gives no picture although the router lists a video track.
    pub rtsp_url: Option<String>,
    /// The tracks that the router lists, where it lists them: the worker then need not wait to see which come.
    pub tracks: Option<Tracks>,
}

/// Which kinds of track a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracks {
    /// A picture is there.
    pub video: bool,
    /// A sound is there.
    pub audio: bool,
}

/// One target language and where its programme goes.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Programme {
    /// BCP-47, lower case.
    pub target: String,
    /// The router path, for humans and the API: `live/<id>/out` or `live/<id>/out/<lang>`.
    pub path: String,
    /// Where it is pushed, credentials included.
    pub url: String,
    /// The operator's bypass: the original at full level.
    pub muted: bool,
}

/// The speech hosts and their key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Speech {
    /// `ws(s)://host[:port]`, in order of preference.
    pub urls: Vec<String>,
    /// Read again at each connect and every second; replaces `urls` while what it says is a list.
    pub urls_file: Option<PathBuf>,
    /// Sent as bearer token.
    pub key: Option<String>,
}

/// A directory that all sessions write to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifacts {
    /// Made when it is not there.
    pub directory: PathBuf,
    /// What all files together may have; the oldest are removed.
    pub max_bytes: u64,
}

/// What a replacement worker takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Programme time minus the router's time stamp, as the lost worker last reported it.
    pub shift_ns: i64,
    /// Programme time of the last unit that the lost worker reported: the programme goes on after it.
    pub out_ns: i64,
    /// How long ago that report was, in nanoseconds, when the spec was written.
    pub age_ns: i64,
}

impl Spec {
    /// Names this spec without showing it; equal specs have equal hashes.
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let digest = Sha256::digest(json);
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}
