//! What can happen to a stream, what it can be doing, and what can be wanted of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::codecs::Pull;
use super::super::room::Offer;
use super::super::settings::Settings;
use crate::control::{Hello, Status, ToWorker};
use crate::spec::{Resume, Tracks};

/// What the router says about a publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The router's id of the connection: another one each time a publisher comes back.
    pub(crate) id: String,
    /// The publish URL's query, still encoded. Never shown: it may hold credentials.
    pub(crate) query: String,
    /// Codec names; `None` when the router could not be asked.
    pub(crate) tracks: Option<Vec<String>>,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It said so: one of [`exit`], and why.
    Bye(i32, String),
    /// It did not: what was seen instead.
    Crash(String),
}

/// What can happen to a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The router lists the stream; were it not served yet, it would be offered this.
    Present { source: Source, offer: Offer },
    /// The router does not list the stream.
    Absent,
    /// A hook said that this source left, and the router could not be asked.
    Left(String),
    /// The worker introduced itself.
    Hello(Hello),
    /// The worker reported.
    Status(Box<Status>),
    /// The worker's process is gone.
    Gone(Gone),
    /// An operator wants a new worker.
    Restart,
    /// An operator switches the dub of a target, or of all of them.
    Mute { target: Option<String>, on: bool },
    /// The service stops: whatever plays is played out by then.
    Stop { drain: Duration },
    /// Time has passed.
    Tick,
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Start a worker.
    Start(Plan),
    /// Tell the worker.
    Tell(ToWorker),
    /// Kill the worker's process.
    Kill,
    /// Ask the router now.
    Poll,
}

/// What a worker is started with; URLs and keys are added by whoever starts it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// The session's id.
    pub(crate) session: String,
    /// The publisher connection.
    pub(crate) source_id: String,
    /// Languages and hold.
    pub(crate) settings: Settings,
    /// Targets whose dub is off.
    pub(crate) muted: BTreeMap<String, bool>,
    /// How to pull.
    pub(crate) pull: Pull,
    /// Which tracks there are, where the router said so.
    pub(crate) tracks: Option<Tracks>,
    /// What a lost worker left.
    pub(crate) resume: Option<Resume>,
}

/// What is the same for all streams.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// What a stream gets that asks for nothing.
    pub(crate) defaults: Settings,
    /// How long a publisher may be away.
    pub(crate) grace: Duration,
    /// Whether sources can be pulled by RTSP.
    pub(crate) rtsp: bool,
    /// Makes session ids.
    pub(crate) fresh_id: fn() -> String,
}

/// A session: what outlives its workers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Life {
    pub(crate) session: String,
    pub(crate) settings: Settings,
    /// The latest known publisher connection.
    pub(crate) source: Source,
    pub(crate) pull: Pull,
    pub(crate) tracks: Option<Tracks>,
    pub(crate) muted: BTreeMap<String, bool>,
    pub(crate) restarts: u64,
    /// The router has not listed the stream since then.
    pub(crate) away_since: Option<Duration>,
    pub(crate) slot: Slot,
}

impl Life {
    pub(super) fn new(session: String, settings: Settings, source: Source, slot: Slot) -> Life {
        let muted = BTreeMap::new();
        Life {
            session,
            settings,
            source,
            pull: Pull::Rtmp,
            tracks: None,
            muted,
            restarts: 0,
            away_since: None,
            slot,
        }
    }
}

/// The place of the one worker.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    /// A worker runs, and was last told of this source.
    Busy { told: String },
    /// A worker was told to end; it is killed at `kill_at`.
    Leaving {
        then: Then,
        kill_at: Duration,
        killed: bool,
    },
    /// No worker; the next starts at `retry_at` if the publisher is there.
    Empty {
        retry_at: Duration,
        why: String,
        degraded: bool,
    },
}

/// Why a worker was told to end, so what comes after it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Then {
    Restart,
    End(String),
    Refuse(Refusal),
}

/// Why a stream is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    /// For whoever published it.
    pub(crate) reason: String,
}

/// The kinds of refusal, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RefusalKind {
    StreamId,
    Query,
    Codec,
    /// Heals by itself: the stream is served once there is room.
    Full,
    /// Heals by itself: the stream is served should the service go on.
    Draining,
    /// The worker found that the media cannot be dubbed.
    Media,
}

impl RefusalKind {
    /// Whether it says nothing of the source, so that the same one may be served later.
    pub(super) fn heals(self) -> bool {
        matches!(self, RefusalKind::Full | RefusalKind::Draining)
    }
}

/// What the stream is doing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Nothing known of it.
    Idle,
    /// A worker was found; who it serves, its `hello` will say.
    Adopting,
    On(Box<Life>),
    /// Not served, until another source comes.
    Refused {
        source_id: String,
        refusal: Refusal,
    },
    /// Over. `last` keeps what to show; a source that is still there is served again after `not_before`.
    Ended {
        last: Option<Box<Life>>,
        reason: String,
        since: Duration,
        not_before: Duration,
    },
}
