//! The task behind an egress: connects, sends, and connects again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dragoman_service::backoff::random01;
use rml_rtmp::sessions::StreamMetadata;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lead::Lead;
use super::publisher::{Error, Publisher};
use super::{Description, Destination, Kind, Report, Tag};
use crate::control::EgressState;
use crate::forward::reach::Unreached;
use crate::worker::{clock, playhead};

/// Between two attempts to connect to the router: doubled from the first to the last.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// A third party that kept a connection for so long is well; one that closes it sooner is not asked more often for it.
const STEADY: Duration = Duration::from_secs(20);
/// How often the router is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A router that has answered pings before and has not for this many is frozen.
const MISSED_PINGS: u64 = 3;
/// A connection that the router closes so soon after it went on air was taken over by another publisher.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// So many take-overs in a row are not a coincidence.
const TAKEN_TIMES: u32 = 3;

impl Destination {
    /// How long to wait after so many failures in a row.
    fn pause(&self, failed: u32) -> Duration {
        match &self.kind {
            Kind::Router { .. } => RETRY[0]
                .saturating_mul(1u32.checked_shl(failed).unwrap_or(u32::MAX))
                .min(RETRY[1]),
            Kind::ThirdParty { backoff, .. } => backoff.delay(failed, random01()),
        }
    }

    /// A connection that lasted longer was no failure.
    fn steady(&self) -> Duration {
        match self.kind {
            Kind::Router { .. } => Duration::ZERO,
            Kind::ThirdParty { .. } => STEADY,
        }
    }
}

#[derive(Default)]
struct Headers {
    video: Option<Bytes>,
    audio: Option<Bytes>,
}

/// See the module above.
pub(super) struct Task {
    destination: Arc<Destination>,
    description: Description,
    tags: mpsc::Receiver<Tag>,
    report: Arc<Mutex<Report>>,
    headers: Headers,
    lead: Lead,
    needs_key: bool,
    taken: u32,
}

impl Task {
    pub(super) fn new(
        destination: Destination,
        description: Description,
        tags: mpsc::Receiver<Tag>,
        report: Arc<Mutex<Report>>,
    ) -> Self {
        Self {
            destination: Arc::new(destination),
            description,
            tags,
            report,
            headers: Headers::default(),
            lead: Lead::default(),
            needs_key: true,
            taken: 0,
        }
    }

    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let mut failed = 0;
        loop {
            let Some(attempt) = self.connect(&cancel).await else {
                return;
            };
            let error = match attempt {
                Ok(publisher) => {
                    let since = Instant::now();
                    let Err(error) = self.publish(publisher, &cancel).await else {
                        return;
                    };
                    self.note_take_over(&error, since);
                    if since.elapsed() > self.destination.steady() {
                        failed = 0;
                    }
                    error
                }
                Err(error) => {
                    self.taken += u32::from(matches!(error, Error::Refused(_)));
                    error
                }
            };
            self.failed(&error);
            let pause = sleep(self.destination.pause(failed));
            failed = failed.saturating_add(1);
            if self.discard_until(pause, &cancel).await.is_none() {
                return;
            }
        }
    }

    /// `None` when it is to end.
    async fn connect(&mut self, cancel: &CancellationToken) -> Option<Result<Publisher, Error>> {
        let destination = self.destination.clone();
        match &destination.kind {
            // The lead waits for it, so that a router gets all of the programme.
            Kind::Router { .. } => tokio::select! {
                () = cancel.cancelled() => None,
                attempt = Publisher::connect(&destination.url, None) => Some(attempt),
            },
            // It may hang for as long as the queue holds: what comes meanwhile would be late when it is there.
            Kind::ThirdParty { allow, .. } => {
                let attempt = Publisher::connect(&destination.url, Some(allow));
                self.discard_until(attempt, cancel).await
            }
        }
    }

    fn failed(&mut self, error: &Error) {
        let is_taken = self.taken >= TAKEN_TIMES;
        let reason = match self.destination.kind {
            Kind::Router { .. } => error.to_string(),
            Kind::ThirdParty { .. } => error.without_foreign_words(self.destination.url.key()),
        };
        let Destination { name, url, .. } = &*self.destination;
        match self.destination.kind {
            Kind::Router { .. } => warn!(path = name, reason, "programme is not published, trying again"),
            Kind::ThirdParty { .. } => warn!(forward = name, %url, reason, "forward is not published, trying again"),
        }
        self.report(|r| {
            r.is_taken = is_taken;
            r.failures += 1;
            r.state = match error {
                Error::Unreached(Unreached::Refused(_)) => EgressState::Refused,
                _ if r.connects > 0 => EgressState::Reconnecting,
                _ => EgressState::Connecting,
            };
            r.reason = Some(reason);
        });
    }

    fn note_take_over(&mut self, error: &Error, since: Instant) {
        let is_taken = error.is_close() && since.elapsed() < TAKEN_WITHIN;
        self.taken = if is_taken { self.taken + 1 } else { 0 };
    }

    /// Sends until the queue ends (`Ok`) or the connection does.
    async fn publish(&mut self, mut publisher: Publisher, cancel: &CancellationToken) -> Result<(), Error> {
        self.needs_key = true;
        // Streaming services expect no pings from publishers.
        let is_router = matches!(self.destination.kind, Kind::Router { .. });
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
                read = publisher.read() => publisher.take_input(read?).await?,
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
                _ = pings.tick(), if has_begun && is_router => {
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
        metadata.audio_sample_rate = Some(playhead::RATE);
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
        let Destination { name, url, kind } = &*self.destination;
        match kind {
            Kind::Router { .. } => info!(path = name, "programme is on air"),
            Kind::ThirdParty { .. } => info!(forward = name, %url, "forward is on air"),
        }
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
                if let Kind::Router { latency } = &self.destination.kind {
                    let took = clock::now() - arrival;
                    latency.lock().unwrap_or_else(PoisonError::into_inner).add(took);
                }
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

    /// Empties the queue until `event`; `None` when the queue has ended or everything has.
    async fn discard_until<T>(&mut self, event: impl Future<Output = T>, cancel: &CancellationToken) -> Option<T> {
        tokio::pin!(event);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return None,
                done = &mut event => return Some(done),
                tag = self.tags.recv() => {
                    let tag = tag?;
                    self.remember(&tag);
                    let waited = self.lead.give_up();
                    self.report(|r| r.dropped_units += waited + u64::from(tag.is_unit()));
                }
            }
        }
    }

    fn report(&self, act: impl FnOnce(&mut Report)) {
        act(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
