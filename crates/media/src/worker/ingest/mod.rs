//! Pulls the source, again and again, for as long as the session lasts.

mod branch;
pub(crate) mod pipeline;
mod reader;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use dragoman_timeline::{Clock, Span};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::pipeline::Pipeline;
use super::clock;
use super::pacer::Input;
use crate::spec;

/// Between two attempts: doubled from the first to the last.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// A connection over which nothing came for this long is dead, whatever TCP says: a frozen peer shows no error.
const SILENT: Span = Span::from_secs(4);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Sound without the listed picture for this long, which is longer than the usual GOP: the router cannot give it over
/// RTMP, RTSP can.
const NO_PICTURE: Span = Span::from_secs(12);
/// A connection over which nothing came for this long is not believed to have the stream's new publisher.
const IDLE: Span = Span::from_secs(1);
/// MediaMTX closes an RTMP reader whose stamps it cannot serve; so many short lives in a row are that.
const SHORT_LIVES: u32 = 3;
/// A life shorter than this is a short one.
const SHORT_LIFE: Duration = Duration::from_secs(3);

/// Where units go; clones share the counters.
#[derive(Clone)]
pub(crate) struct Sink {
    inputs: SyncSender<Input>,
    pace: Arc<Pace>,
    /// The router lists a picture.
    awaits_picture: bool,
}

/// What the streaming threads leave for the supervisor.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last_unit_ns: AtomicI64,
    has_picture: AtomicBool,
    /// Units that the pacer did not take.
    pub(crate) dropped: AtomicU64,
    /// Connections made.
    pub(crate) connects: AtomicU64,
    /// The current one is RTSP.
    pub(crate) is_rtsp: AtomicBool,
}

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The source or the router went away: try again.
    Lost(String),
    /// The media cannot be dubbed: trying again cannot help.
    Refused(String),
}

/// Why pulling ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The session is over by our own will.
    Cancelled,
    /// The publisher has not come back within the grace period.
    Gone,
    /// The router never gave us anything.
    NeverCame(String),
    /// The media cannot be dubbed.
    Refused(String),
}

/// What the supervisor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The stream has another publisher: pull again.
    Renew,
}

/// Pulls until the session ends.
pub(crate) struct Ingest {
    spec: spec::Ingest,
    grace: Duration,
    sink: Sink,
    requests: mpsc::Receiver<Request>,
    cancel: CancellationToken,
    uses_rtsp: bool,
    /// The next attempt is by RTSP.
    wants_rtsp: bool,
    short_lives: u32,
}

impl Ingest {
    pub(crate) fn new(
        spec: spec::Ingest,
        grace: Duration,
        inputs: SyncSender<Input>,
        requests: mpsc::Receiver<Request>,
        cancel: CancellationToken,
    ) -> (Self, Arc<Pace>) {
        let pace = Arc::<Pace>::default();
        let awaits_picture = spec.tracks.is_some_and(|t| t.video);
        let sink = Sink {
            inputs,
            pace: pace.clone(),
            awaits_picture,
        };
        let uses_rtsp = spec.url.starts_with("rtsp");
        (
            Self {
                spec,
                grace,
                sink,
                requests,
                cancel,
                uses_rtsp,
                wants_rtsp: false,
                short_lives: 0,
            },
            pace,
        )
    }

    /// Runs to the end of the session.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut retry = RETRY[0];
        let mut has_come = false;
        let mut away_since = Instant::now();
        loop {
            let before = self.last_unit();
            let lived = Instant::now();
            let reason = match self.connection().await {
                Life::Cancelled => return Outcome::Cancelled,
                Life::Ended(Ended::Refused(reason)) => return Outcome::Refused(reason),
                Life::Ended(Ended::Lost(reason)) => reason,
            };
            let came = self.last_unit() > before;
            self.consider_transport(came, lived.elapsed());
            if came {
                has_come = true;
                away_since = Instant::now();
                retry = RETRY[0];
                info!(reason, "source is away");
                self.tell_lost().await;
            }
            if away_since.elapsed() >= self.grace {
                return if has_come {
                    Outcome::Gone
                } else {
                    Outcome::NeverCame(reason)
                };
            }
            tokio::select! {
                () = self.cancel.cancelled() => return Outcome::Cancelled,
                _ = self.requests.recv() => retry = RETRY[0],
                () = sleep(retry) => retry = (retry * 2).min(RETRY[1]),
            }
        }
    }

    fn last_unit(&self) -> i64 {
        self.sink.pace().last_unit_ns.load(Ordering::Relaxed)
    }

    /// MediaMTX closes RTMP readers whose stamps it cannot serve, and serves them by RTSP; where RTSP gives nothing at
    /// all, RTMP is the better hope.
    fn consider_transport(&mut self, came: bool, lived: Duration) {
        if !came {
            self.uses_rtsp = self.spec.url.starts_with("rtsp") || self.wants_rtsp;
            self.wants_rtsp = false;
            return;
        }
        self.short_lives = if lived < SHORT_LIFE { self.short_lives + 1 } else { 0 };
        if self.short_lives >= SHORT_LIVES && self.can_switch() {
            warn!("the router closes us again and again over RTMP, pulling by RTSP");
            self.wants_rtsp = true;
        }
        self.uses_rtsp |= std::mem::take(&mut self.wants_rtsp);
    }

    fn can_switch(&self) -> bool {
        !self.uses_rtsp && self.spec.rtsp_url.is_some()
    }

    /// The pacer must know, so this waits; off the runtime, since the pacer may be busy with a burst.
    async fn tell_lost(&self) {
        let inputs = self.sink.inputs.clone();
        let _ = tokio::task::spawn_blocking(move || inputs.send(Input::SourceLost)).await;
    }

    /// One connection, from its start to its end.
    async fn connection(&mut self) -> Life {
        let pace = self.sink.pace().clone();
        pace.has_picture.store(false, Ordering::Relaxed);
        pace.is_rtsp.store(self.uses_rtsp, Ordering::Relaxed);
        let url = match &self.spec.rtsp_url {
            Some(rtsp) if self.uses_rtsp => rtsp.clone(),
            _ => self.spec.url.clone(),
        };
        // One end is enough: the first is the reason.
        let (tx, mut ended) = mpsc::channel(1);
        let pipeline = match Pipeline::start(&url, &self.sink, tx) {
            Ok(pipeline) => pipeline,
            Err(error) => return Life::Ended(Ended::Lost(format!("{error:#}"))),
        };
        pace.connects.fetch_add(1, Ordering::Relaxed);
        let life = self.watch(&mut ended).await;
        pipeline.stop().await;
        life
    }

    async fn watch(&mut self, ended: &mut mpsc::Receiver<Ended>) -> Life {
        let started = clock::now();
        let mut next_look = Instant::now() + LOOK;
        loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Life::Cancelled,
                // The routers close their readers at a take-over, so that a connection that gives something has the new
                // publisher already.
                request = self.requests.recv() => if request.is_some() && self.silence(started) > IDLE {
                    return Life::Ended(Ended::Lost("another publisher has taken the stream".to_owned()));
                },
                look = timeout_at(next_look, ended.recv()) => match look {
                    Ok(end) => return Life::Ended(end.unwrap_or_else(|| Ended::Lost("the source ended".to_owned()))),
                    Err(_) => {
                        next_look += LOOK;
                        if let Some(reason) = self.complaint(started) {
                            return Life::Ended(Ended::Lost(reason));
                        }
                    }
                },
            }
        }
    }

    /// What is wrong with a connection that says nothing itself.
    fn complaint(&mut self, started: Clock) -> Option<String> {
        let has_picture = self.sink.pace().has_picture.load(Ordering::Relaxed);
        let lacks_picture = self.sink.awaits_picture() && !has_picture && self.can_switch();
        let is_silent = self.silence(started) > SILENT;
        if lacks_picture && (is_silent || clock::now() - started > NO_PICTURE) {
            warn!("the router lists a picture but gives none over RTMP, pulling by RTSP");
            self.wants_rtsp = true;
            return Some("no picture over RTMP".to_owned());
        }
        is_silent.then(|| "the source sends nothing".to_owned())
    }

    /// How long nothing has come on this connection.
    fn silence(&self, started: Clock) -> Span {
        clock::now() - Clock::from_ns(self.last_unit()).max(started)
    }
}

enum Life {
    Cancelled,
    Ended(Ended),
}
