//! The speech client: keeps one session open at one of the hosts, whatever happens to hosts and sockets.
//!
//! ```text
//!            ┌────────── loss: the same host with the token, else the next one ─────────┐
//!            ▼                                                                          │
//!  connecting ──ready──▶ serving ──draining──▶ serving + next one connecting ──ready──▶ serving
//!                                                    (the old one gets `end` at an utterance's end and finishes)
//! ```
//!
//! The worker never waits for any of this: the feed is a bounded queue, and what comes back goes to the pacer's queue.

pub(crate) mod backlog;
mod connection;
mod session;

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dragoman_protocol::{Start, Target, TargetId, limits};
use dragoman_timeline::{Pts, Span};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::backlog::{Backlog, Piece};
use self::connection::{Connection, Incoming, Numbered};
use self::session::{Heard, Session};
use super::feed::{SPEECH_RATE, ToSpeech};
use super::pacer::{DubInput, Input, Report};
use crate::control::{SpeechState, SpeechStatus};
use crate::spec::{Spec, Speech};

/// Between two rounds through the list of hosts: doubled from the first to the last.
const RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// A host that takes nothing for this long is left.
const STALLED: Duration = Duration::from_secs(3);
/// How often liveness is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Sent again at no more than this multiple of real time.
const CATCH_UP: u32 = 4;

/// See the module.
pub(crate) struct Client {
    spec: Start,
    speech: Speech,
    max_stale: Span,
    feed: mpsc::Receiver<ToSpeech>,
    updates: mpsc::Receiver<Vec<String>>,
    inputs: SyncSender<Input>,
    pacer: Arc<Mutex<Report>>,
    status: Arc<Mutex<SpeechStatus>>,
    incoming: mpsc::Sender<Numbered>,
    backlog: Backlog,
    /// The session that gets the sound.
    active: Option<Session>,
    /// The session that only finishes what it has.
    leaving: Option<Session>,
    /// The token of a lost connection, for its host.
    resume: Option<Resume>,
    attempt: Attempt,
    next_number: u64,
    next_connection: u32,
    next_send: Instant,
    stuck_since: Option<Instant>,
    has_ended: bool,
}

struct Resume {
    token: String,
    host_index: usize,
    session: Session,
    until: Instant,
}

/// The search for a host.
struct Attempt {
    host_index: usize,
    tried: usize,
    retry: Duration,
    at: Instant,
}

impl Client {
    /// A client for the session that `spec` describes; what it has to say goes to `inputs`.
    pub(crate) fn new(
        spec: &Spec,
        speech: Speech,
        feed: mpsc::Receiver<ToSpeech>,
        updates: mpsc::Receiver<Vec<String>>,
        inputs: SyncSender<Input>,
        pacer: Arc<Mutex<Report>>,
    ) -> (Self, mpsc::Receiver<Numbered>, Arc<Mutex<SpeechStatus>>) {
        let (incoming, messages) = connection::queue();
        let status = Arc::<Mutex<SpeechStatus>>::default();
        let millis = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        let start = Start {
            stream: spec.stream.clone(),
            session: spec.session.clone(),
            source: spec.source.clone(),
            targets: (0_u8..)
                .zip(&spec.programmes)
                .map(|(id, p)| Target { id: TargetId(id), lang: p.target.clone(), voice: None })
                .collect(),
            rate: SPEECH_RATE,
            hold_ms: millis(spec.hold_ms),
            max_stale_ms: millis(spec.max_stale_ms),
            window_ms: limits::DEFAULT_WINDOW_MS,
            from_ns: 0,
            resume: None,
            have: None,
            features: Vec::new(),
        };
        let client = Self {
            spec: start,
            speech,
            max_stale: Span::from_ms(i64::try_from(spec.max_stale_ms).unwrap_or(i64::MAX)),
            feed,
            updates,
            inputs,
            pacer,
            status: status.clone(),
            incoming,
            backlog: Backlog::default(),
            active: None,
            leaving: None,
            resume: None,
            attempt: Attempt { host_index: 0, tried: 0, retry: RETRY[0], at: Instant::now() },
            next_number: 0,
            next_connection: 1,
            next_send: Instant::now(),
            stuck_since: None,
            has_ended: false,
        };
        (client, messages, status)
    }

    /// Runs until the session is settled or `cancel` says so.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Numbered>, cancel: CancellationToken) {
        self.show(|s| s.state = SpeechState::Connecting);
        let mut status = interval(limits::STATUS_EVERY);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.wants_host() && Instant::now() >= self.attempt.at {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = self.connect() => {}
                }
            }
            let outgoing = self.active.as_ref().filter(|s| s.is_ready()).map(|s| s.connection.outgoing.clone());
            let can_send = outgoing.is_some() && self.backlog.has_unsent();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                message = messages.recv() => match message {
                    Some((number, message)) => self.hear(number, message),
                    None => return,
                },
                fed = self.feed.recv(), if !self.has_ended => self.take(fed),
                update = self.updates.recv(), if !self.updates.is_closed() => {
                    if let Some(urls) = update {
                        self.speech.urls = urls;
                    }
                }
                _ = status.tick() => self.say_status(),
                _ = look.tick() => self.look(),
                permit = reserve(outgoing, self.next_send), if can_send => match permit {
                    Some(permit) => self.send_piece(permit),
                    None => self.lose("the connection is closed"),
                },
            }
            if self.has_ended && self.active.is_none() && self.leaving.is_none() {
                return;
            }
        }
    }

    fn wants_host(&self) -> bool {
        !self.has_ended && self.active.as_ref().is_none_or(Session::is_draining) && self.leaving.is_none()
    }

    /// The list of hosts as it is now.
    fn hosts(&self) -> Vec<String> {
        let from_file = |path: &PathBuf| std::fs::read_to_string(path).ok().map(|text| list_of(&text));
        let listed = self.speech.urls_file.as_ref().and_then(from_file).filter(|urls| !urls.is_empty());
        listed.unwrap_or_else(|| self.speech.urls.clone())
    }

    /// Tries one host: the one with our token while it holds, else the next of the list.
    async fn connect(&mut self) {
        let hosts = self.hosts();
        if self.resume.as_ref().is_some_and(|r| Instant::now() >= r.until) {
            self.forget_lost();
        }
        let index = self.resume.as_ref().map_or(self.attempt.host_index, |r| r.host_index);
        let Some(url) = hosts.get(index % hosts.len().max(1)) else {
            self.attempt.at = Instant::now() + RETRY[1];
            return;
        };
        let mut start = self.spec.clone();
        start.from_ns = self.first_needed().ns();
        if let Some(resume) = &self.resume {
            start.resume = Some(resume.token.clone());
            start.have = Some(resume.session.have(&self.pacer_report()));
        }
        self.next_number += 1;
        let key = self.speech.key.as_deref();
        match Connection::open(self.next_number, url, key, start, self.incoming.clone()).await {
            Ok(connection) => {
                let session = Session::begin(connection, index % hosts.len());
                // While a draining host still serves, its successor becomes active when it is ready.
                match self.active.take() {
                    Some(old) => {
                        self.leaving = Some(old);
                        self.active = Some(session);
                    }
                    None => self.active = Some(session),
                }
                self.attempt.tried = 0;
            }
            Err(error) => {
                warn!(host = connection::host_of(url), %error, "speech host does not serve us");
                self.show(|s| s.reason = Some(format!("{}: {error}", connection::host_of(url))));
                self.try_next(hosts.len());
            }
        }
    }

    fn try_next(&mut self, hosts: usize) {
        if self.resume.is_none() {
            self.attempt.host_index = (self.attempt.host_index + 1) % hosts.max(1);
            self.attempt.tried += 1;
        }
        let is_round_over = self.resume.is_some() || self.attempt.tried >= hosts;
        if is_round_over {
            self.attempt.tried = 0;
            self.attempt.host_index = 0;
            self.attempt.at = Instant::now() + self.attempt.retry;
            self.attempt.retry = (self.attempt.retry * 2).min(RETRY[1]);
        } else {
            self.attempt.at = Instant::now();
        }
        // A host that refuses the connection will not know the token either when it is back.
        if let Some(resume) = &self.resume
            && hosts > 1
        {
            self.attempt.host_index = (resume.host_index + 1) % hosts;
            self.forget_lost();
            self.attempt.at = Instant::now();
        }
    }

    /// Media time from which a new host has to hear the source.
    fn first_needed(&self) -> Pts {
        let settled = self.resume.as_ref().map(|r| &r.session).or(self.active.as_ref()).map(Session::settled);
        let floor = self.pacer_report().playhead - self.max_stale;
        let oldest = self.backlog.oldest().unwrap_or(Pts::ZERO);
        settled.unwrap_or(Pts::ZERO).max(floor).max(oldest).max(Pts::ZERO)
    }

    fn pacer_report(&self) -> Report {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What comes from the pacer.
    fn take(&mut self, fed: Option<ToSpeech>) {
        match fed {
            Some(ToSpeech::Sound { at, samples, is_new_run }) => {
                self.backlog.push(Piece { at, samples, is_new_run });
                self.show_dropped();
            }
            Some(ToSpeech::Cancel { key, target, reason }) => {
                for session in [&self.active, &self.leaving].into_iter().flatten() {
                    session.cancel(key, target, reason);
                }
            }
            Some(ToSpeech::End { at }) => {
                self.has_ended = true;
                match &self.active {
                    Some(session) if session.is_ready() => session.end(at),
                    _ => self.active = None,
                }
            }
            None => {
                self.has_ended = true;
                self.active = None;
                self.leaving = None;
            }
        }
    }

    fn send_piece(&mut self, permit: mpsc::OwnedPermit<tokio_tungstenite::tungstenite::Message>) {
        self.stuck_since = None;
        let Some(piece) = self.backlog.next() else { return };
        let length = Duration::from_nanos(u64::try_from(piece.length().ns()).unwrap_or(0));
        self.next_send = Instant::now() + if self.backlog.is_behind() { length / CATCH_UP } else { Duration::ZERO };
        if let Some(session) = &mut self.active {
            permit.send(session.frame(piece));
        }
    }

    /// What comes from a host.
    fn hear(&mut self, number: u64, message: Incoming) {
        let is_leaving = self.leaving.as_ref().is_some_and(|s| s.connection.id == number);
        let slot = if is_leaving { &mut self.leaving } else { &mut self.active };
        let Some(session) = slot.as_mut().filter(|s| s.connection.id == number) else { return };
        match session.hear(message) {
            Heard::Nothing => {}
            Heard::Ignored(count) => self.show(|s| s.ignored_messages += u64::from(count)),
            Heard::Pass(inputs) => inputs.into_iter().for_each(|i| self.pass(i)),
            Heard::Ready(ready) => self.ready(*ready),
            Heard::Draining => info!("speech host drains, moving to the next"),
            Heard::Closed(reason) if is_leaving => {
                info!(reason, "speech host is done");
                if let Some(session) = self.leaving.take() {
                    self.pass(DubInput::Lost { connection: session.number() });
                }
            }
            Heard::Closed(reason) if self.has_ended => {
                info!(reason, "speech session has ended");
                self.active = None;
            }
            Heard::Closed(reason) => self.lose(&reason),
        }
    }

    /// The session is open: from here on sound goes to it.
    fn ready(&mut self, ready: dragoman_protocol::Ready) {
        let resumed = ready.resumed.then(|| self.resume.take()).flatten();
        if resumed.is_none() {
            self.forget_lost();
        }
        let number = resumed.as_ref().map_or(self.next_connection, |r| r.session.number());
        if resumed.is_none() {
            self.next_connection += 1;
        }
        let from = Pts::from_ns(ready.audio_from_ns);
        if let Some(old) = self.leaving.as_ref() {
            old.end(from);
        }
        self.backlog.rewind(from);
        self.attempt.retry = RETRY[0];
        self.next_send = Instant::now();
        self.pass(DubInput::Ready { connection: number, dub_rate: ready.dub_rate });
        let Some(session) = &mut self.active else { return };
        session.open(number, &ready, resumed.map(|r| r.session));
        let host = session.connection.host.clone();
        info!(host, engine = %ready.engine, "speech is ready");
        self.show(|s| {
            s.state = SpeechState::Ready;
            s.host = Some(host);
            s.engine = Some(ready.engine);
            s.reason = None;
            s.connects += 1;
        });
    }

    /// The active connection is gone; what it had is kept for as long as its token holds.
    fn lose(&mut self, reason: &str) {
        let Some(session) = self.active.take() else { return };
        self.stuck_since = None;
        warn!(host = session.connection.host, reason, "speech host is lost");
        self.show(|s| {
            s.state = SpeechState::Connecting;
            s.reason = Some(reason.to_owned());
        });
        self.attempt.at = Instant::now();
        if let Some(token) = session.token() {
            let host_index = session.host_index;
            self.resume = Some(Resume { token, host_index, session, until: Instant::now() + limits::RESUME });
        } else if !session.is_ready() {
            // It took the upgrade and then would not open a session.
            self.try_next(self.hosts().len());
        } else {
            self.pass(DubInput::Lost { connection: session.number() });
        }
    }

    fn forget_lost(&mut self) {
        if let Some(lost) = self.resume.take() {
            self.pass(DubInput::Lost { connection: lost.session.number() });
        }
    }

    /// To the pacer; a pacer that does not keep up loses the message, which the playout takes for a hole.
    fn pass(&self, input: DubInput) {
        if self.inputs.try_send(Input::Dub(input)).is_err() {
            self.show(|s| s.ignored_messages += 1);
        }
    }

    fn say_status(&self) {
        let report = self.pacer_report();
        for session in [&self.active, &self.leaving].into_iter().flatten().filter(|s| s.is_ready()) {
            session.say_status(&report);
        }
    }

    /// Looks for connections that are dead without saying so.
    fn look(&mut self) {
        let now = Instant::now();
        if self.active.as_ref().is_some_and(|s| now - s.last_heard() > limits::LOST_AFTER) {
            self.lose("the host says nothing");
            return;
        }
        let is_stuck = self.active.as_ref().is_some_and(Session::is_ready) && self.backlog.is_behind();
        if !is_stuck || now < self.next_send {
            self.stuck_since = None;
        } else if now - *self.stuck_since.get_or_insert(now) > STALLED {
            self.lose("the host takes no sound");
        }
        if self.leaving.as_ref().is_some_and(|s| s.has_overstayed(now))
            && let Some(session) = self.leaving.take()
        {
            self.pass(DubInput::Lost { connection: session.number() });
        }
    }

    fn show(&self, act: impl FnOnce(&mut SpeechStatus)) {
        act(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn show_dropped(&self) {
        let dropped = self.backlog.dropped_samples();
        self.show(|s| s.dropped_samples = dropped);
    }
}

/// A list of hosts: separated by commas, blanks or lines.
fn list_of(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n', '\r', '\t']).filter(|u| !u.is_empty()).map(str::to_owned).collect()
}

/// Room for one message, not before `at`; `None` when the connection is closed.
async fn reserve(
    outgoing: Option<mpsc::Sender<tokio_tungstenite::tungstenite::Message>>,
    at: Instant,
) -> Option<mpsc::OwnedPermit<tokio_tungstenite::tungstenite::Message>> {
    sleep_until(at).await;
    outgoing?.reserve_owned().await.ok()
}
