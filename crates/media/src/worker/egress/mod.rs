//! One programme on its way to the router: a bounded queue, a connection that is made again, a start at a keyframe.
//!
//! A failed push costs one target: each has its own task, queue and connection. While the router is away the queue is
//! emptied and counted, so that what goes out after it is back is live.

pub(crate) mod flv;
mod lead;
pub(crate) mod publisher;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dragoman_timeline::Clock;
use rml_rtmp::sessions::StreamMetadata;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::lead::Lead;
use self::publisher::{Error, Publisher};
use super::clock;
use super::latency::Latency;
use crate::control::EgressState;

/// Tags that wait for the socket: more than the 3 s at which a peer counts as stalled, at 60 pictures and 47 sounds a
/// second. When it is full the new tag is dropped and the picture goes on at the next keyframe.
const QUEUE: usize = 512;
/// Between two attempts to connect: doubled from the first to the last.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// How often the router is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A router that has answered pings before and has not for this many is frozen.
const MISSED_PINGS: u64 = 3;
/// A connection that the router closes so soon after it went on air was taken over by another publisher.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// So many take-overs in a row are not a coincidence.
const TAKEN_TIMES: u32 = 3;

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
    /// Starts the task of one programme; it ends when every sender is gone or `cancel` says so.
    pub(crate) fn start(
        url: String,
        path: String,
        description: Description,
        latency: Arc<Mutex<Latency>>,
        cancel: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, tags) = mpsc::channel(QUEUE);
        let report = Arc::<Mutex<Report>>::default();
        let task = Task {
            url,
            path,
            description,
            tags,
            report: report.clone(),
            latency,
            headers: Headers::default(),
            lead: Lead::default(),
            needs_key: true,
            taken: 0,
        };
        let egress = Self { queue, report };
        (egress, tokio::spawn(task.run(cancel)))
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

#[derive(Default)]
struct Headers {
    video: Option<Bytes>,
    audio: Option<Bytes>,
}

struct Task {
    url: String,
    path: String,
    description: Description,
    tags: mpsc::Receiver<Tag>,
    report: Arc<Mutex<Report>>,
    latency: Arc<Mutex<Latency>>,
    headers: Headers,
    lead: Lead,
    needs_key: bool,
    taken: u32,
}

impl Task {
    async fn run(mut self, cancel: CancellationToken) {
        let mut retry = RETRY[0];
        loop {
            let attempt = tokio::select! {
                () = cancel.cancelled() => return,
                attempt = Publisher::connect(&self.url) => attempt,
            };
            let error = match attempt {
                Ok(publisher) => {
                    retry = RETRY[0];
                    let since = Instant::now();
                    let Err(error) = self.publish(publisher, &cancel).await else {
                        return;
                    };
                    self.note_take_over(&error, since);
                    error
                }
                Err(error) => {
                    self.taken += u32::from(matches!(error, Error::Refused(_)));
                    error
                }
            };
            let is_taken = self.taken >= TAKEN_TIMES;
            self.report(|r| r.is_taken = is_taken);
            warn!(path = %self.path, %error, "programme is not published, trying again");
            self.report(|r| {
                r.state = if r.connects > 0 {
                    EgressState::Reconnecting
                } else {
                    EgressState::Connecting
                };
                r.reason = Some(error.to_string());
            });
            if !self.discard_for(retry, &cancel).await {
                return;
            }
            retry = (retry * 2).min(RETRY[1]);
        }
    }

    fn note_take_over(&mut self, error: &Error, since: Instant) {
        let is_taken = error.is_close() && since.elapsed() < TAKEN_WITHIN;
        self.taken = if is_taken { self.taken + 1 } else { 0 };
    }

    /// Sends until the queue ends (`Ok`) or the connection does.
    async fn publish(&mut self, mut publisher: Publisher, cancel: &CancellationToken) -> Result<(), Error> {
        self.needs_key = true;
        let mut has_begun = false;
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0;
        let mut answered = 0;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    return publisher.close().await;
                }
                readable = publisher.readable() => {
                    readable?;
                    publisher.take_input().await?;
                }
                tag = self.tags.recv() => match tag {
                    None => return publisher.close().await,
                    Some(tag) => {
                        self.remember(&tag);
                        for tag in self.lead.order(tag) {
                            if let Some(at_ms) = tag.at_ms().filter(|_| !has_begun && self.is_announced(&tag)) {
                                has_begun = true;
                                self.announce(&mut publisher, at_ms).await?;
                            }
                            if has_begun {
                                self.send(&mut publisher, tag).await?;
                            } else if tag.is_unit() {
                                self.report(|r| r.dropped_units += 1);
                            }
                        }
                    }
                },
                _ = pings.tick(), if has_begun => {
                    unanswered = if publisher.pongs() > answered { 0 } else { unanswered + 1 };
                    answered = publisher.pongs();
                    if answered > 0 && unanswered > MISSED_PINGS {
                        return Err(Error::Timeout("answer"));
                    }
                    publisher.ping().await?;
                }
            }
        }
    }

    fn remember(&mut self, tag: &Tag) {
        match tag {
            Tag::VideoHeader { body, .. } => self.headers.video = Some(body.clone()),
            Tag::AudioHeader(body) => self.headers.audio = Some(body.clone()),
            Tag::Video { .. } | Tag::Audio { .. } => {}
        }
    }

    /// Whether `tag` is the first unit that can be sent: the configurations of both tracks go before it.
    fn is_announced(&self, tag: &Tag) -> bool {
        let has_video = self.headers.video.is_some() || !self.description.has_video;
        tag.is_unit() && has_video && self.headers.audio.is_some()
    }

    async fn announce(&mut self, publisher: &mut Publisher, at_ms: u32) -> Result<(), Error> {
        let mut metadata = StreamMetadata::new();
        if self.description.has_video {
            metadata.video_codec_id = Some(7);
            metadata.video_width = self.description.size.map(|s| s.0);
            metadata.video_height = self.description.size.map(|s| s.1);
        }
        metadata.audio_codec_id = Some(10);
        metadata.audio_sample_rate = Some(super::playhead::RATE);
        metadata.audio_channels = Some(2);
        metadata.audio_is_stereo = Some(true);
        metadata.encoder = Some(concat!("dragoman ", env!("CARGO_PKG_VERSION")).to_owned());
        publisher.metadata(&metadata).await?;
        if let Some(header) = &self.headers.video {
            publisher.video(at_ms, header.clone()).await?;
        }
        if let Some(header) = &self.headers.audio {
            publisher.audio(at_ms, header.clone()).await?;
        }
        info!(path = %self.path, "programme is on air");
        self.report(|r| {
            r.state = EgressState::Live;
            r.reason = None;
            r.connects += 1;
        });
        Ok(())
    }

    async fn send(&mut self, publisher: &mut Publisher, tag: Tag) -> Result<(), Error> {
        match tag {
            Tag::Video {
                at_ms,
                body,
                is_key,
                arrival,
            } => {
                if self.needs_key && !is_key {
                    self.report(|r| r.dropped_units += 1);
                    return Ok(());
                }
                self.needs_key = false;
                publisher.video(at_ms, body).await?;
                let took = clock::now() - arrival;
                self.latency.lock().unwrap_or_else(PoisonError::into_inner).add(took);
                self.report(|r| r.video_units += 1);
            }
            Tag::Audio { at_ms, body } => {
                publisher.audio(at_ms, body).await?;
                self.report(|r| r.audio_frames += 1);
            }
            // `announce` has sent the first one; here it has changed.
            Tag::VideoHeader { at_ms, body } => publisher.video(at_ms, body).await?,
            Tag::AudioHeader(_) => {}
        }
        Ok(())
    }

    /// Empties the queue for a while; false when it has ended.
    async fn discard_for(&mut self, time: Duration, cancel: &CancellationToken) -> bool {
        let pause = sleep(time);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return false,
                () = &mut pause => return true,
                tag = self.tags.recv() => match tag {
                    None => return false,
                    Some(tag) => {
                        self.remember(&tag);
                        let waited = self.lead.give_up();
                        self.report(|r| r.dropped_units += waited);
                        if tag.is_unit() {
                            self.report(|r| r.dropped_units += 1);
                        }
                    }
                },
            }
        }
    }

    fn report(&self, act: impl FnOnce(&mut Report)) {
        act(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
