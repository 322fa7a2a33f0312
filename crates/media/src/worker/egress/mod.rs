//! One programme on its way to one destination, the router or a third party: a bounded queue, a connection that is made
//! again, a start at a keyframe.
//!
//! A failed push costs one destination: each has its own task, queue and connection. While it is away the queue is
//! emptied and counted, so that what goes out after it is back is live.

pub(crate) mod flv;
mod lead;
pub(crate) mod publisher;
mod task;
mod tls;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dragoman_service::backoff::Backoff;
use dragoman_timeline::Clock;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use self::task::Task;
use super::latency::Latency;
use crate::control::EgressState;
use crate::forward::Allow;
use crate::rtmp_url::RtmpUrl;

/// Tags that wait for the socket: more than the 3 s at which a peer counts as stalled, at 60 pictures and 47 sounds a
/// second. When it is full the new tag is dropped and the picture goes on at the next keyframe.
const QUEUE: usize = 512;

/// Where a programme goes.
#[derive(Clone)]
pub(crate) struct Destination {
    /// For the log: the router's path, or the forward's name.
    pub(crate) name: String,
    pub(crate) url: RtmpUrl,
    pub(crate) kind: Kind,
}

/// Who is there.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Ours: it is trusted, soon back, and its latency is what counts.
    Router { latency: Arc<Mutex<Latency>> },
    /// Somebody else: judged at each connect, and left alone for longer the more often it fails.
    ThirdParty { allow: Arc<Allow>, backoff: Backoff },
}

/// What a programme consists of.
#[derive(Clone, Debug)]
pub(crate) enum Tag {
    /// Decoder configuration of the picture; sent when it comes and at the start of each connection.
    VideoHeader {
        /// Programme time in milliseconds.
        at_ms: u32,
        /// Body of the tag.
        body: Bytes,
    },
    /// An access unit.
    Video {
        /// Programme time in milliseconds.
        at_ms: u32,
        /// Body of the tag.
        body: Bytes,
        /// A decoder can start here.
        is_key: bool,
        /// When it came in.
        arrival: Clock,
    },
    /// Decoder configuration of the sound.
    AudioHeader(Bytes),
    /// An AAC frame.
    Audio {
        /// Programme time in milliseconds.
        at_ms: u32,
        /// Body of the tag.
        body: Bytes,
    },
}

/// What viewers of a programme are told about its tracks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) has_video: bool,
}

/// What an egress shows of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) state: EgressState,
    pub(crate) reason: Option<String>,
    pub(crate) video_units: u64,
    pub(crate) audio_frames: u64,
    pub(crate) connects: u64,
    /// Connections that could not be made, or were lost.
    pub(crate) failures: u64,
    pub(crate) dropped_units: u64,
    pub(crate) is_taken: bool,
    /// The queue was full when a picture came: the ones that refer to it are of no use.
    skips_to_key: bool,
    /// The queue was full when this decoder configuration came.
    lost_header: Option<Tag>,
}

/// The sending end; cheap to clone.
#[derive(Clone)]
pub(crate) struct Egress {
    queue: mpsc::Sender<Tag>,
    report: Arc<Mutex<Report>>,
}

impl Tag {
    /// Programme time in milliseconds; the sound's configuration has none.
    fn at_ms(&self) -> Option<u32> {
        match self {
            Self::VideoHeader { at_ms, .. } | Self::Video { at_ms, .. } | Self::Audio { at_ms, .. } => Some(*at_ms),
            Self::AudioHeader(_) => None,
        }
    }

    fn is_unit(&self) -> bool {
        matches!(self, Self::Video { .. } | Self::Audio { .. })
    }
}

impl Egress {
    /// Starts the task of one destination; it ends when every sender is gone or `cancel` says so.
    pub(crate) fn start(
        destination: Destination,
        description: Description,
        cancel: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, tags) = mpsc::channel(QUEUE);
        let report = Arc::<Mutex<Report>>::default();
        let task = Task::new(destination, description, tags, report.clone());
        let egress = Self { queue, report };
        (egress, tokio::spawn(task.run(cancel).in_current_span()))
    }

    /// Queues a tag; never waits.
    pub(crate) fn send(&self, tag: Tag) {
        self.with_report(|r| {
            if matches!(tag, Tag::Video { is_key: false, .. }) && r.skips_to_key {
                r.dropped_units += 1;
                return;
            }
            if matches!(tag, Tag::Video { .. })
                && let Some(header) = r.lost_header.take()
                && self.queue.try_send(header.clone()).is_err()
            {
                r.lost_header = Some(header);
            }
            let is_picture = matches!(tag, Tag::Video { .. });
            match self.queue.try_send(tag) {
                Ok(()) if is_picture => r.skips_to_key = false,
                Err(TrySendError::Full(header @ Tag::VideoHeader { .. })) => r.lost_header = Some(header),
                Err(TrySendError::Full(tag)) => {
                    r.dropped_units += 1;
                    r.skips_to_key |= matches!(tag, Tag::Video { .. });
                }
                Ok(()) | Err(TrySendError::Closed(_)) => {}
            }
        });
    }

    pub(crate) fn report(&self) -> Report {
        self.with_report(|r| r.clone())
    }

    fn with_report<T>(&self, act: impl FnOnce(&mut Report) -> T) -> T {
        act(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
