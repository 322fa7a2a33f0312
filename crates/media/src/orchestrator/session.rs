//! One stream's life as a pure state machine: `on(event, now)` gives the effects, nothing else happens here.
//!
//! ```text
//!            Present, served                        worker gone, to be replaced
//!   Idle ───────────────────▶ On ◀─────────────────────────────────┐
//!    ▲  │                      │ slot: Busy ──▶ Leaving ──▶ Empty ─┘ after a delay; at once the first time
//!    │  │ Present, not served  │
//!    │  └───────────────▶ Refused ◀── worker says that the media is not ours
//!    │                         │
//!    └── Ended ◀───────────────┴── publisher away for longer than the grace, worker ended, settings changed
//! ```
//!
//! The router's list is the truth ([`Event::Present`], [`Event::Absent`]) and is told again and again; hooks only
//! make it be asked for sooner. So an event that comes twice, late or never changes nothing for long. A worker that
//! an earlier orchestrator started is taken over with [`Machine::adopting`]. A new worker is started only from an
//! empty slot, and a slot is empty only once the worker's process is gone: one worker a stream.

use std::time::Duration;

use super::restarts::Ledger;
use super::room::{Halves, Offer};
use super::settings::Settings;
use crate::control::{Hello, Status, ToWorker};
use crate::spec::Resume;

mod judging;
mod leaving;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use judging::is_stream_id;
use judging::turned_away;
pub(crate) use state::{Effect, Event, Gone, Life, Plan, Policy, RefusalKind, Slot, Source, State, Then};

/// A worker that a human restarts gets this long to close its programmes cleanly.
const RESTART_DRAIN: Duration = Duration::from_secs(1);
/// A worker whose session is over, and that does not see it, gets this long to play out.
const END_DRAIN: Duration = Duration::from_secs(5);

/// One stream.
#[derive(Debug)]
pub(crate) struct Machine {
    id: String,
    policy: Policy,
    state: State,
    ledger: Ledger,
    /// The worker's last report.
    status: Option<Box<Status>>,
    /// The last programme time that a worker of this session reported, and when.
    reached: Option<Reached>,
    /// The service stops: nothing is started any more, and what runs is killed then.
    stopping: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Reached {
    shift_ns: i64,
    out_ns: i64,
    at: Duration,
}

impl Machine {
    /// A stream of which nothing is known yet.
    pub(crate) fn new(id: &str, policy: Policy) -> Machine {
        Machine {
            id: id.to_owned(),
            policy,
            state: State::Idle,
            ledger: Ledger::default(),
            status: None,
            reached: None,
            stopping: None,
        }
    }

    /// A stream that a worker serves already.
    pub(crate) fn adopting(id: &str, policy: Policy) -> Machine {
        Machine {
            state: State::Adopting,
            ..Machine::new(id, policy)
        }
    }

    /// What the stream is doing.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The worker's last report.
    pub(crate) fn status(&self) -> Option<&Status> {
        self.status.as_deref()
    }

    /// Whether a worker's process is there.
    pub(crate) fn has_worker(&self) -> bool {
        match &self.state {
            State::Adopting => true,
            State::On(life) => !matches!(life.slot, Slot::Empty { .. }),
            State::Idle | State::Refused { .. } | State::Ended { .. } => false,
        }
    }

    /// What it takes of the room for streams.
    pub(crate) fn takes(&self) -> Halves {
        match &self.state {
            State::Adopting => Halves::MOST,
            State::On(life) => Halves::of(life.settings.targets.len()),
            State::Idle | State::Refused { .. } | State::Ended { .. } => Halves::default(),
        }
    }

    /// Something happened at `now`, the time since a moment that is the same for all calls.
    pub(crate) fn on(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        match event {
            Event::Present { source, offer } => self.present(source, offer, now),
            Event::Absent => self.absent(now),
            Event::Left(id) => match &self.state {
                State::On(life) if life.source.id == id => self.absent(now),
                State::Refused { source_id, .. } if *source_id == id => self.absent(now),
                _ => vec![],
            },
            Event::Hello(hello) => self.hello(hello),
            Event::Status(status) => self.reported(status, now),
            Event::Gone(gone) => self.gone(gone, now),
            Event::Restart => self.restart(now),
            Event::Mute { target, on } => self.mute(target.as_deref(), on),
            Event::Stop { drain } => self.stop(drain, now),
            Event::Tick => self.tick(now),
        }
    }

    fn present(&mut self, source: Source, offer: Offer, now: Duration) -> Vec<Effect> {
        if self.stopping.is_some() {
            return vec![];
        }
        match &self.state {
            State::Adopting => return vec![],
            State::On(_) => return self.present_again(source, now),
            State::Refused { source_id, refusal } if *source_id == source.id && !refusal.kind.heals() => {
                return vec![];
            }
            State::Ended {
                not_before,
                last: Some(last),
                ..
            } if now < *not_before && last.source.id == source.id => {
                return vec![];
            }
            State::Idle | State::Refused { .. } | State::Ended { .. } => {}
        }
        let judged = self
            .judge(&source)
            .and_then(|judged| match turned_away(&judged.0, offer) {
                Some(refusal) => Err(refusal),
                None => Ok(judged),
            });
        match judged {
            Err(refusal) => {
                self.state = State::Refused {
                    source_id: source.id,
                    refusal,
                }
            }
            Ok((settings, pull, tracks)) => {
                let slot = Slot::Empty {
                    retry_at: now,
                    why: String::new(),
                    degraded: false,
                };
                let life = Life {
                    pull,
                    tracks,
                    ..Life::new((self.policy.fresh_id)(), settings, source, slot)
                };
                (self.status, self.reached) = (None, None);
                self.state = State::On(Box::new(life));
            }
        }
        self.start_if_due(now)
    }

    /// The stream of a running session is listed.
    fn present_again(&mut self, source: Source, now: Duration) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        life.away_since = None;
        if matches!(life.slot, Slot::Leaving { .. }) {
            return vec![];
        }
        let same_publisher = life.source.id == source.id;
        if life.source == source || (same_publisher && source.tracks.is_none()) {
            return self.start_if_due(now);
        }
        let running = life.settings.clone();
        match self.judge(&source) {
            // The settings of a publisher that is on air are history: only a new one's are looked at.
            Ok((settings, ..)) if !same_publisher && settings != running => self.leave(
                Then::End("the publisher came back with other settings".to_owned()),
                END_DRAIN,
                now,
            ),
            Ok((_, pull, tracks)) => {
                let State::On(life) = &mut self.state else {
                    return vec![];
                };
                (life.source, life.pull, life.tracks) = (source, pull, tracks);
                let mut effects = self.tell_source();
                effects.extend(self.start_if_due(now));
                effects
            }
            Err(refusal) => {
                let State::On(life) = &mut self.state else {
                    return vec![];
                };
                life.source = source;
                self.leave(Then::Refuse(refusal), END_DRAIN, now)
            }
        }
    }

    fn absent(&mut self, now: Duration) -> Vec<Effect> {
        match &mut self.state {
            State::On(life) => {
                life.away_since.get_or_insert(now);
                self.tick(now)
            }
            State::Refused { refusal, .. } => {
                let reason = std::mem::take(&mut refusal.reason);
                self.state = State::Ended {
                    last: None,
                    reason,
                    since: now,
                    not_before: now,
                };
                vec![]
            }
            State::Idle | State::Adopting | State::Ended { .. } => vec![],
        }
    }

    fn hello(&mut self, hello: Hello) -> Vec<Effect> {
        match &mut self.state {
            State::Adopting => {
                let hold = Duration::from_millis(hello.hold_ms);
                let settings = Settings {
                    source: hello.source,
                    targets: hello.targets,
                    hold,
                };
                let source = Source {
                    id: hello.source_id.clone(),
                    query: String::new(),
                    tracks: None,
                };
                let slot = match self.stopping {
                    None => Slot::Busy { told: hello.source_id },
                    Some(kill_at) => Slot::Leaving {
                        then: Then::End("the service stops".to_owned()),
                        kill_at,
                        killed: false,
                    },
                };
                self.state = State::On(Box::new(Life::new(hello.session, settings, source, slot)));
                if self.stopping.is_some() {
                    vec![]
                } else {
                    vec![Effect::Poll]
                }
            }
            State::On(life) => {
                // Another session's: the worker was found where one was to be started.
                life.session = hello.session;
                if let Slot::Busy { told } = &mut life.slot {
                    *told = hello.source_id;
                }
                self.tell_source()
            }
            State::Idle | State::Refused { .. } | State::Ended { .. } => vec![],
        }
    }

    fn reported(&mut self, status: Box<Status>, now: Duration) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        let mut effects = Vec::new();
        for programme in &status.programmes {
            // A worker remembers what an earlier orchestrator told it; an order of ours that was lost goes again.
            let wanted = *life.muted.entry(programme.target.clone()).or_insert(programme.muted);
            if wanted != programme.muted && matches!(life.slot, Slot::Busy { .. }) {
                effects.push(Effect::Tell(ToWorker::Mute {
                    target: programme.target.clone(),
                    on: wanted,
                }));
            }
        }
        if status.out_ns != 0 {
            self.reached = Some(Reached {
                shift_ns: status.shift_ns,
                out_ns: status.out_ns,
                at: now,
            });
        }
        self.status = Some(status);
        effects
    }

    fn mute(&mut self, target: Option<&str>, on: bool) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        let mut effects = Vec::new();
        for each in life
            .settings
            .targets
            .iter()
            .filter(|t| target.is_none_or(|wanted| wanted == t.as_str()))
        {
            life.muted.insert(each.clone(), on);
            if matches!(life.slot, Slot::Busy { .. }) {
                effects.push(Effect::Tell(ToWorker::Mute {
                    target: each.clone(),
                    on,
                }));
            }
        }
        effects
    }

    /// Starts a worker if the slot is empty, its time has come and there is something to serve.
    fn start_if_due(&mut self, now: Duration) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        match &life.slot {
            Slot::Empty { retry_at, .. }
                if *retry_at <= now && life.away_since.is_none() && self.stopping.is_none() => {}
            _ => return vec![],
        }
        life.slot = Slot::Busy {
            told: life.source.id.clone(),
        };
        self.status = None;
        let resume = self.reached.map(|Reached { shift_ns, out_ns, at }| Resume {
            shift_ns,
            out_ns,
            age_ns: i64::try_from(now.saturating_sub(at).as_nanos()).unwrap_or(i64::MAX),
        });
        vec![Effect::Start(Plan {
            session: life.session.clone(),
            source_id: life.source.id.clone(),
            settings: life.settings.clone(),
            muted: life.muted.clone(),
            pull: life.pull,
            tracks: life.tracks,
            resume,
        })]
    }

    fn tell_source(&mut self) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        match &mut life.slot {
            Slot::Busy { told } if *told != life.source.id => {
                told.clone_from(&life.source.id);
                vec![Effect::Tell(ToWorker::Source {
                    id: life.source.id.clone(),
                })]
            }
            _ => vec![],
        }
    }
}
