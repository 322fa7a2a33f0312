//! The speech client: keeps one session open at one of the hosts, whatever happens to hosts and sockets.
//!
//! ```text
//!     ┌──────── loss: the same host with the token, else the next one ────────┐
//!     ▼                                                                       │
//!  dialling ──upgrade──▶ joining ──ready──▶ serving ──draining──▶ serving, and the next one is dialled
//!                                              └─not listed any more─▶┘
//!                                                                             │ the next one is ready
//!                                           leaving ◀─`end` after an utterance┘
//!                                        (finishes its dubs)
//! ```
//!
//! The worker never waits for any of this: the feed is a bounded queue, and what comes back goes to the pacer's queue.
//! Nor does one host wait for another: each of these is heard while any other is dialled.

pub(crate) mod backlog;
mod connection;
mod dial;
mod list;
mod record;
mod search;
mod session;
mod succession;
#[cfg(test)]
mod tests;

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use dragoman_protocol::{Start, Target, TargetId, limits};
use dragoman_timeline::{Pts, Span};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use self::backlog::{Backlog, Piece};
use self::connection::{Incoming, Numbered};
use self::dial::{Dialling, answer};
use self::record::Record;
use self::search::Search;
use self::session::{Heard, Session};
use super::feed::{SPEECH_RATE, ToSpeech};
use super::pacer::{DubInput, Input, Report};
use crate::control::{SpeechState, SpeechStatus};
use crate::spec::{Spec, Speech};

/// A host that takes nothing for this long is left.
const STALLED: Duration = Duration::from_secs(3);
/// A host that takes nothing for this long loses what is old.
const GIVE_UP: Duration = Duration::from_secs(1);
/// How often liveness is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Sent again at no more than this multiple of real time.
const CATCH_UP: u32 = 4;
/// After the end a host for the last of the sound is looked for as long as this.
const LAST_SEARCH: Duration = Duration::from_secs(3);

/// See the module.
pub(crate) struct Client {
    spec: Start,
    key: Option<String>,
    max_stale: Span,
    feed: mpsc::Receiver<ToSpeech>,
    updates: mpsc::Receiver<Vec<String>>,
    inputs: SyncSender<Input>,
    pacer: Arc<Mutex<Report>>,
    status: Arc<Mutex<SpeechStatus>>,
    incoming: mpsc::Sender<Numbered>,
    backlog: Backlog,
    search: Search,
    /// What is wrong with the list of hosts.
    list_problem: Option<String>,
    dialling: Option<Dialling>,
    /// The session that is not ready yet.
    joining: Option<Session>,
    /// The session that gets the sound.
    serving: Option<Session>,
    /// The sessions that only finish what they have.
    leaving: Vec<Session>,
    /// What was lost and can be gone on with at its host.
    resume: Option<Resume>,
    /// Media time before which all is settled, of the sessions that were.
    settled: Pts,
    next_number: u64,
    next_connection: u32,
    next_send: Instant,
    stuck_since: Option<Instant>,
    end: Option<Ending>,
    /// The last host has finished.
    is_done: bool,
}

struct Resume {
    record: Record,
    until: Instant,
}

struct Ending {
    at: Pts,
    since: Instant,
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
                .map(|(id, p)| Target {
                    id: TargetId(id),
                    lang: p.target.clone(),
                    voice: None,
                })
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
            search: Search::new(&speech),
            key: speech.key,
            max_stale: Span::from_ms(i64::try_from(spec.max_stale_ms).unwrap_or(i64::MAX)),
            feed,
            updates,
            inputs,
            pacer,
            status: status.clone(),
            incoming,
            backlog: Backlog::default(),
            list_problem: None,
            dialling: None,
            joining: None,
            serving: None,
            leaving: Vec::new(),
            resume: None,
            settled: Pts::ZERO,
            next_number: 0,
            next_connection: 1,
            next_send: Instant::now(),
            stuck_since: None,
            end: None,
            is_done: false,
        };
        (client, messages, status)
    }

    /// Waits for the first sound, then runs: a source without any takes no place at a host.
    pub(crate) async fn run_when_heard(mut self, messages: mpsc::Receiver<Numbered>, cancel: CancellationToken) {
        let first = tokio::select! {
            () = cancel.cancelled() => return,
            first = self.feed.recv() => first,
        };
        self.take(first);
        self.run(messages, cancel).await;
    }

    /// Runs until the session is settled or `cancel` says so.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Numbered>, cancel: CancellationToken) {
        self.show(|s| s.state = SpeechState::Connecting);
        let mut status = interval(limits::STATUS_EVERY);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_over() {
            self.dial();
            let outgoing = self.serving.as_ref().map(|s| s.connection.outgoing.clone());
            let can_send = outgoing.is_some() && self.backlog.has_unsent();
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some((number, message)) = messages.recv() => self.hear(number, message),
                dialled = answer(&mut self.dialling), if self.dialling.is_some() => self.dialled(dialled),
                fed = self.feed.recv(), if self.end.is_none() => self.take(fed),
                Some(urls) = self.updates.recv(), if !self.updates.is_closed() => {
                    let news = self.search.replace(&urls);
                    self.listed(news);
                }
                _ = status.tick() => self.say_status(),
                _ = look.tick() => self.look(),
                permit = reserve(outgoing, self.next_send), if can_send => match permit {
                    Some(permit) => self.send_piece(permit),
                    None => self.lose("the connection is closed", false),
                },
            }
            self.end_when_sent();
        }
        self.show(|s| {
            *s = SpeechStatus {
                state: SpeechState::Off,
                host: None,
                engine: None,
                ..s.clone()
            }
        });
    }

    fn is_over(&self) -> bool {
        let Some(end) = &self.end else { return false };
        let is_given_up = self.serving.is_none() && end.since.elapsed() > LAST_SEARCH;
        self.leaving.is_empty() && (self.is_done || is_given_up)
    }

    fn pacer_report(&self) -> Report {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What comes from the pacer.
    fn take(&mut self, fed: Option<ToSpeech>) {
        match fed {
            Some(ToSpeech::Sound {
                at,
                samples,
                is_new_run,
            }) => {
                self.backlog.push(Piece {
                    at,
                    samples,
                    is_new_run,
                });
                self.show_dropped();
            }
            Some(ToSpeech::Cancel { key, target, reason }) => {
                for session in self.serving.iter().chain(&self.leaving) {
                    session.cancel(key, target, reason);
                }
            }
            Some(ToSpeech::End { at }) => {
                self.end = Some(Ending {
                    at,
                    since: Instant::now(),
                })
            }
            None => {
                self.end = Some(Ending {
                    at: self.backlog.end(),
                    since: Instant::now(),
                })
            }
        }
        if self.end.is_some() && self.serving.is_some() {
            // Another host would come too late.
            (self.dialling, self.joining) = (None, None);
        }
    }

    fn send_piece(&mut self, permit: mpsc::OwnedPermit<Message>) {
        self.stuck_since = None;
        let Some(piece) = self.backlog.next() else { return };
        let length = Duration::from_nanos(u64::try_from(piece.length().ns()).unwrap_or(0));
        self.next_send = Instant::now()
            + if self.backlog.is_behind() {
                length / CATCH_UP
            } else {
                Duration::ZERO
            };
        if let Some(session) = &mut self.serving {
            permit.send(session.frame(piece));
        }
    }

    /// The session's end comes after the last of its sound.
    fn end_when_sent(&mut self) {
        if let (Some(end), Some(session)) = (&self.end, &mut self.serving)
            && !self.backlog.has_unsent()
            && !session.has_ended()
        {
            session.end(end.at);
        }
    }

    /// What comes from a host; of one that was left it is no news.
    fn hear(&mut self, number: u64, message: Incoming) {
        let mut sessions = self
            .joining
            .iter_mut()
            .chain(&mut self.serving)
            .chain(&mut self.leaving);
        let Some(session) = sessions.find(|s| s.connection.id == number) else {
            return;
        };
        let heard = session.hear(message);
        let ignored = session.take_ignored();
        if ignored > 0 {
            self.show(|s| s.ignored_messages += u64::from(ignored));
        }
        match heard {
            Heard::Nothing => {}
            Heard::Pass(input) => self.pass(input),
            Heard::Ready(ready) => self.ready(*ready),
            Heard::Draining => self.draining(),
            Heard::Closed(reason) => self.closed(number, &reason),
        }
    }

    /// To the pacer; a pacer that does not keep up loses the message, which the playout takes for a hole.
    fn pass(&self, input: DubInput) {
        if self.inputs.try_send(Input::Dub(input)).is_err() {
            self.show(|s| s.ignored_messages += 1);
        }
    }

    fn say_status(&mut self) {
        let report = self.pacer_report();
        for session in self.serving.iter_mut().chain(&mut self.leaving) {
            session.say_status(&report);
        }
    }

    /// Looks for connections that are dead without saying so, and says what found no room.
    fn look(&mut self) {
        let now = Instant::now();
        let news = self.search.look(now, false);
        self.listed(news);
        self.serving
            .iter_mut()
            .chain(&mut self.leaving)
            .for_each(Session::say_end);
        if let Some(session) = self.joining.take_if(|s| s.is_unready(now)) {
            self.refused(&session.url, "the host did not open a session in time");
        }
        if self.serving.as_ref().is_some_and(|s| s.is_silent(now)) {
            self.lose("the host says nothing", true);
        }
        if self.serving.take_if(|s| s.has_overstayed(now)).is_some() {
            self.is_done = true;
        }
        let is_stuck = self.serving.is_some() && self.backlog.is_behind();
        if !is_stuck || now < self.next_send {
            self.stuck_since = None;
        } else {
            let stuck = now - *self.stuck_since.get_or_insert(now);
            if stuck > STALLED {
                self.lose("the host takes no sound", true);
            } else if stuck > GIVE_UP {
                self.backlog.give_up_old();
                self.show_dropped();
            }
        }
        self.part("it does not finish", |s| s.is_silent(now) || s.has_overstayed(now));
        if self.resume.as_ref().is_some_and(|r| now >= r.until) {
            self.forget_lost();
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

/// Room for one message, not before `at`; `None` when the connection is closed.
async fn reserve(outgoing: Option<mpsc::Sender<Message>>, at: Instant) -> Option<mpsc::OwnedPermit<Message>> {
    sleep_until(at).await;
    outgoing?.reserve_owned().await.ok()
}
