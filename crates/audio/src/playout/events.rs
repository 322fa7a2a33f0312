//! What goes in and out of the playout besides sound.

use dragoman_timeline::{Pts, Span};

/// One utterance as a speech connection numbers it. Ids start anew with each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The connection, numbered by the caller.
    pub connection: u32,
    /// The utterance's id on it.
    pub utterance: u32,
}

/// How the speech service ended a dub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of it was sent.
    Done,
    /// There is nothing to say.
    Empty,
    /// It was cancelled, on either side.
    Cancelled,
    /// The engine gave it up as too late.
    Late,
    /// The engine could not do it.
    Failed,
}

/// What became of an utterance in this target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Said as a whole, beginning within 80 ms of the original.
    OnTime,
    /// Said as a whole, later than that.
    Late,
    /// Dropped before it began, to catch up or for want of room.
    Shed,
    /// Dropped before it began, because its source had passed too long ago, here or in the engine.
    Stale,
    /// It began, and the rest never came.
    Truncated,
    /// Cancelled by the speech service, by mute or by the session's end.
    Cancelled,
    /// The engine failed or its connection was lost before it began.
    Failed,
    /// There was nothing to say.
    Empty,
    /// Its source time had been dubbed before.
    Discarded,
}

impl Outcome {
    /// All of them, for counters.
    pub const ALL: [Self; 9] = [
        Self::OnTime,
        Self::Late,
        Self::Shed,
        Self::Stale,
        Self::Truncated,
        Self::Cancelled,
        Self::Failed,
        Self::Empty,
        Self::Discarded,
    ];

    /// As metrics and reports spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::Late => "late",
            Self::Shed => "shed",
            Self::Stale => "stale",
            Self::Truncated => "truncated",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Empty => "empty",
            Self::Discarded => "discarded",
        }
    }
}

/// What was heard in place of a dub that never began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// At least 80 % of the utterance was or will be heard in the original, at -3 dB or more.
    Original,
    /// Neither dub nor enough of the original.
    Lost,
}

impl Heard {
    /// As metrics and reports spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Original => "heard_original",
            Self::Lost => "lost",
        }
    }
}

/// Why the speech service should stop working on a dub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// Dropped to catch up.
    Shed,
    /// Its source passed too long ago, or was dubbed by another connection.
    Stale,
    /// Its sound stopped coming.
    Truncated,
    /// An operator wants the original.
    Muted,
}

impl CancelReason {
    /// As the protocol spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shed => "shed",
            Self::Stale => "stale",
            Self::Truncated => "truncated",
            Self::Muted => "muted",
        }
    }
}

/// What the playout reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A dub is heard from `at` on.
    Started {
        /// Which.
        key: Key,
        /// `p`.
        at: Pts,
        /// `p - s`.
        lag: Span,
        /// How many times faster than it was spoken.
        rate: f64,
    },
    /// An utterance is settled; there is exactly one of these for each.
    Ended {
        /// Which.
        key: Key,
        /// What became of it.
        outcome: Outcome,
        /// `p - s` if it began.
        lag: Option<Span>,
        /// `p - a` if it began.
        wait: Option<Span>,
        /// Set if it never began.
        heard: Option<Heard>,
    },
    /// More of this dub is not wanted. Only sent while the service has not ended it.
    Cancel {
        /// Which.
        key: Key,
        /// Why.
        reason: CancelReason,
    },
}

/// Where the playout stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// The next moment to be rendered.
    pub playhead: Pts,
    /// How much dub is held and not yet said.
    pub queued: Span,
    /// The forecast wait of the next dub, else that of the one being said.
    pub wait: Span,
    /// How many times faster than spoken the last dub is said.
    pub rate: f64,
    /// Source time before this has been dubbed.
    pub dubbed_to: Pts,
    /// Utterances not settled yet.
    pub open: usize,
    /// Pieces of dub PCM that were refused: a hole before them, no such utterance, or no room.
    pub refused: u64,
    /// Reports that nobody read in time.
    pub lost_events: u64,
}
