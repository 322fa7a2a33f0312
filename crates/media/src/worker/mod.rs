//! One session: pulls a stream, dubs it, pushes its programmes.
//!
//! ```text
//!  ingest (GStreamer) ──▶ pacer: playhead ─▶ playout ─▶ encoder (GStreamer) ─▶ egress (RTMP), one row a target
//!                           │        ▲
//!                         feed     dubs
//!                           ▼        │
//!                         speech client (WebSocket)
//! ```
//!
//! The pacer is a thread and the only owner of the timeline; everything else talks to it through bounded queues and
//! never makes it wait. The rest lives on one small runtime. [`playhead`] is where to start reading.

mod artifacts;
mod clock;
pub(crate) mod egress;
mod encoder;
mod feed;
mod forwarding;
mod ingest;
mod latency;
mod pacer;
mod playhead;
mod programme;
mod socket;
mod speech;
mod start;
mod status;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use dragoman_audio::playout;
use dragoman_timeline::Span;
use futures_util::future::join_all;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use self::artifacts::{Transcript, Written};
use self::forwarding::Forwarding;
use self::ingest::{Ingest, Outcome, Request};
use self::latency::Latency;
use self::pacer::{Input, Pacer};
use self::playhead::Playhead;
use self::programme::Programme;
use self::socket::Socket;
use self::status::Sources;
use crate::control::{FromWorker, Hello, STATUS_EVERY, ToWorker, exit};
use crate::spec::Spec;

/// Dub that one target may have buffered: the protocol's window and as much again.
const MAX_BUFFERED: Span = Span::from_secs(40);
/// Until the service has named its own.
const DUB_RATE: u32 = 24_000;
/// The window of the added latency: 20 s at 30 pictures a second.
const LATENCY_WINDOW: usize = 600;
/// What is queued for the router gets this long to leave at the end; less than a silent worker is given.
const FLUSH: Duration = Duration::from_millis(1_500);
/// How long the last lines of what was said may take to be written.
const WRITE: Duration = Duration::from_millis(500);
/// And what is queued for third parties this long.
const FLUSH_FORWARDS: Duration = Duration::from_millis(500);
/// Beyond the hold, a drain that was not given a deadline takes at most this long.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves the session that `spec` describes until it ends; returns one of [`exit`].
pub fn run(spec: Spec) -> i32 {
    let span = info_span!("session", stream = %spec.stream, session = %spec.session);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no runtime");
            return exit::INTERNAL;
        }
    };
    let code = runtime.block_on(serve(spec).instrument(span));
    // A stuck source or resolver must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

async fn serve(spec: Spec) -> i32 {
    if let Err(reason) = start::judge(&spec) {
        error!(reason, "the spec is wrong");
        return exit::SPEC;
    }
    let _lock = match start::lock(&spec) {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            warn!("another worker serves this stream");
            return exit::LOCK_HELD;
        }
        Err(error) => {
            error!(error = %format!("{error:#}"), "the stream's lock cannot be taken");
            return exit::INTERNAL;
        }
    };
    if let Err(error) = start::preflight() {
        error!(error = %format!("{error:#}"), "gstreamer cannot serve");
        return exit::INTERNAL;
    }
    // Only fails when one is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Session::start(spec) {
        Ok(session) => session.run().await,
        Err(error) => {
            error!(error = %format!("{error:#}"), "the session cannot start");
            exit::INTERNAL
        }
    }
}

fn span_ms(ms: u64) -> Span {
    Span::from_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// A running session.
struct Session {
    spec: Spec,
    inputs: SyncSender<Input>,
    renew: mpsc::Sender<Request>,
    hosts: mpsc::Sender<Vec<String>>,
    hello: watch::Sender<Hello>,
    socket: Socket,
    sources: Sources,
    ingest: JoinHandle<Outcome>,
    speech: Option<JoinHandle<()>>,
    paced: oneshot::Receiver<Result<Vec<JoinHandle<()>>>>,
    written: Option<Written>,
    stop_ingest: CancellationToken,
    stop: CancellationToken,
}

impl Session {
    fn start(spec: Spec) -> Result<Self> {
        let (inputs, queue) = sync_channel(pacer::QUEUE);
        let stop = CancellationToken::new();
        let stop_ingest = stop.child_token();
        let (renew, requests) = mpsc::channel(1);
        let (hosts, updates) = mpsc::channel(1);
        let (hello, greeting) = watch::channel(Hello::of(&spec, &spec.source_id, 0));
        let socket = Socket::serve(&spec.run_dir.join(format!("{}.sock", spec.stream)), greeting)?;

        let grace = Duration::from_millis(spec.grace_ms);
        let (ingest, pace) = Ingest::new(
            spec.ingest.clone(),
            grace,
            inputs.clone(),
            requests,
            stop_ingest.clone(),
        );
        let latency = Arc::new(Mutex::new(Latency::over(LATENCY_WINDOW)));
        let report = Arc::<Mutex<pacer::Report>>::default();
        let (feed, fed) = feed::Feed::new(spec.speech.is_some())?;

        let span = tracing::Span::current();
        let (speech, speech_status) = match spec.speech.clone() {
            Some(hosts) => {
                let (client, messages, status) =
                    speech::Client::new(&spec, hosts, fed, updates, inputs.clone(), report.clone());
                let task = tokio::spawn(client.run_when_heard(messages, stop.clone()).instrument(span.clone()));
                (Some(task), Some(status))
            }
            None => (None, None),
        };
        let targets = spec.programmes.iter().map(|p| p.target.as_str());
        let forwarding = Forwarding::new(spec.forwards.clone(), targets, stop.clone())?;
        let programmes = programmes(&spec, &latency, &forwarding, &stop);
        let (transcript, written) = Transcript::start(&spec)?;
        let pacer = Pacer::new(playhead(&spec), programmes, feed, transcript, report.clone());
        let paced = start_pacer(pacer, queue, span.clone())?;
        Ok(Self {
            inputs,
            renew,
            hosts,
            hello,
            socket,
            sources: Sources {
                pacer: report,
                pace,
                speech: speech_status,
                latency,
                artifacts: written.as_ref().map(|written| written.counts.clone()),
                forwarding,
            },
            written,
            ingest: tokio::spawn(ingest.run().instrument(span)),
            speech,
            paced,
            stop_ingest,
            stop,
            spec,
        })
    }

    /// Runs to the session's end.
    async fn run(mut self) -> i32 {
        let mut status = interval(STATUS_EVERY);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let Ok(mut term) = signal(SignalKind::terminate()) else {
            return exit::INTERNAL;
        };
        let default_drain = Duration::from_millis(self.spec.hold_ms) + DRAIN;
        let (code, reason, drain) = loop {
            tokio::select! {
                _ = term.recv() => break (exit::ENDED, "asked to end".to_owned(), default_drain),
                request = self.socket.requests.recv() => match request {
                    Some(ToWorker::Drain { deadline_ms }) => {
                        break (exit::ENDED, "asked to end".to_owned(), Duration::from_millis(deadline_ms));
                    }
                    Some(request) => self.take(request).await,
                    None => {}
                },
                outcome = &mut self.ingest => break self.judge_ingest(outcome.ok(), default_drain),
                paced = &mut self.paced => {
                    let reason = match paced {
                        Ok(Err(error)) => format!("{error:#}"),
                        _ => "the pacer has ended".to_owned(),
                    };
                    error!(reason, "the programme cannot go on");
                    break (exit::INTERNAL, reason, Duration::ZERO);
                }
                _ = status.tick() => if self.report() {
                    break (exit::OUT_TAKEN, "another publisher has taken the programme's path".to_owned(), Duration::ZERO);
                },
            }
        };
        info!(code, reason, "session ends");
        self.finish(drain).await;
        self.socket.say(FromWorker::Status(Box::new(self.sources.status())));
        self.socket.say(FromWorker::Bye { code, reason });
        // The connections' tasks write what was said before the runtime goes.
        sleep(Duration::from_millis(50)).await;
        code
    }

    fn judge_ingest(&self, outcome: Option<Outcome>, drain: Duration) -> (i32, String, Duration) {
        match outcome {
            Some(Outcome::Gone) => (exit::ENDED, "the publisher has not come back".to_owned(), drain),
            Some(Outcome::Refused(reason)) => (exit::MEDIA_REFUSED, reason, Duration::ZERO),
            Some(Outcome::NeverCame(reason)) => (exit::ROUTER_AWAY, reason, Duration::ZERO),
            Some(Outcome::Cancelled) | None => (exit::INTERNAL, "the ingest has ended".to_owned(), drain),
        }
    }

    async fn take(&mut self, request: ToWorker) {
        match request {
            ToWorker::Drain { .. } => {}
            ToWorker::Source { id } => {
                let is_new = self.hello.borrow().source_id != id;
                if is_new {
                    info!(source_id = id, "another publisher");
                    self.hello.send_modify(|h| h.source_id = id);
                    // One renewal is pending already if there is no room.
                    let _ = self.renew.try_send(Request::Renew);
                }
            }
            ToWorker::Speech { urls } => {
                let _ = self.hosts.try_send(urls);
            }
            ToWorker::Mute { target, on } => {
                info!(target, on, "bypass");
                self.tell_pacer(Input::Mute { target, on }).await;
            }
            ToWorker::Forwards { forwards } => {
                self.sources.forwarding.set(forwards.clone());
                self.hello.send_modify(|h| h.forwards = forwards);
            }
        }
    }

    /// Waits for room off the runtime: the pacer must hear this.
    async fn tell_pacer(&self, input: Input) {
        let inputs = self.inputs.clone();
        let _ = tokio::task::spawn_blocking(move || inputs.send(input)).await;
    }

    /// Reports to whoever listens; true when another publisher has taken a programme's path for good.
    fn report(&self) -> bool {
        let status = self.sources.status();
        self.hello
            .send_if_modified(|h| std::mem::replace(&mut h.shift_ns, status.shift_ns) != status.shift_ns);
        if self.socket.is_heard() {
            self.socket.say(FromWorker::Status(Box::new(status)));
        }
        let report = self
            .sources
            .pacer
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        report.programmes.iter().any(|p| p.is_taken)
    }

    /// Plays out what has come, within `drain`, then leaves the air.
    async fn finish(&mut self, drain: Duration) {
        self.stop_ingest.cancel();
        self.tell_pacer(Input::Drain).await;
        // Without a drain there is nothing on air, or nobody left to put it there.
        let tasks = match drain.is_zero() {
            true => None,
            false => timeout(drain, self.played_out()).await.ok().flatten(),
        };
        let written = self.written.take().filter(|_| tasks.is_some());
        let speech = self.speech.take();
        let flushed = async {
            for task in tasks.into_iter().flatten() {
                let _ = task.await;
            }
            if let Some(speech) = speech {
                let _ = timeout(Duration::from_millis(500), speech).await;
            }
        };
        let forwards = self.sources.forwarding.end();
        if timeout(FLUSH, flushed).await.is_err() {
            warn!("the router does not take the last of the programme");
        }
        if let Some(written) = written
            && timeout(WRITE, written.done).await.is_err()
        {
            warn!("the last of what was said is not written down in time");
        }
        if timeout(FLUSH_FORWARDS, join_all(forwards)).await.is_err() {
            warn!("a forward does not take the last of the programme");
        }
        self.stop.cancel();
    }

    /// Reports until the pacer has let go of everything; gives back what is still being sent.
    async fn played_out(&mut self) -> Option<Vec<JoinHandle<()>>> {
        let mut status = interval(STATUS_EVERY);
        loop {
            tokio::select! {
                paced = &mut self.paced => return paced.ok().and_then(Result::ok),
                _ = status.tick() => self.socket.say(FromWorker::Status(Box::new(self.sources.status()))),
            }
        }
    }
}

fn playhead(spec: &Spec) -> Playhead {
    Playhead::new(playhead::Config {
        hold: span_ms(spec.hold_ms),
        grace: span_ms(spec.grace_ms),
        tracks: spec.ingest.tracks,
        resume: spec.resume,
        started: clock::now(),
    })
}

fn programmes(
    spec: &Spec,
    latency: &Arc<Mutex<Latency>>,
    forwarding: &Forwarding,
    stop: &CancellationToken,
) -> Vec<Programme> {
    let config = || playout::Config {
        dub_rate: DUB_RATE,
        max_wait: span_ms(spec.max_wait_ms),
        max_stale: span_ms(spec.max_stale_ms),
        max_buffered: MAX_BUFFERED,
    };
    let programme = |(index, p): (usize, &crate::spec::Programme)| {
        let (latency, forwarding) = (latency.clone(), forwarding.clone());
        Programme::new(index, p.clone(), config(), latency, forwarding, stop.clone())
    };
    spec.programmes.iter().enumerate().map(programme).collect()
}

/// Starts the pacer's thread; what it gives back when it ends are the egress tasks that flush their queues.
fn start_pacer(
    pacer: Pacer,
    queue: Receiver<Input>,
    span: tracing::Span,
) -> Result<oneshot::Receiver<Result<Vec<JoinHandle<()>>>>> {
    let (done, paced) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("pacer".to_owned())
        .spawn(move || {
            let _entered = span.entered();
            let _runtime = runtime.enter();
            // The session may have been given up in the meantime.
            let _ = done.send(pacer.run(&queue));
        })
        .context("start the pacer")?;
    Ok(paced)
}
