//! How workers and sessions end, and what comes after.

use std::time::Duration;

use super::super::restarts::{Ledger, Verdict};
use super::state::{Effect, Gone, Life, Refusal, RefusalKind, Slot, State, Then};
use super::{END_DRAIN, Machine, RESTART_DRAIN};
use crate::control::{ToWorker, exit};

/// How much longer than its deadline a draining worker may take before it is killed.
const DRAIN_SLACK: Duration = Duration::from_secs(1);
/// The router is away for everybody: no fault of the worker, tried at this pace.
const ROUTER_RETRY: Duration = Duration::from_secs(1);
/// How much longer than the grace period a worker may take to notice that its publisher stays away.
const GRACE_SLACK: Duration = Duration::from_secs(5);
/// Why, when the service stops.
const STOPPED: &str = "the service stops";

impl Machine {
    pub(super) fn gone(&mut self, gone: Gone, now: Duration) -> Vec<Effect> {
        let life = match &mut self.state {
            State::On(life) => life,
            State::Adopting => return self.end("the worker that was found is gone", now, now),
            _ => return vec![],
        };
        if matches!(life.slot, Slot::Empty { .. }) {
            return vec![];
        }
        let slot = std::mem::replace(
            &mut life.slot,
            Slot::Empty {
                retry_at: now,
                why: String::new(),
                degraded: false,
            },
        );
        if let Slot::Leaving { then, .. } = slot {
            return self.follow(then, now);
        }
        if self.stopping.is_some() {
            return self.end(STOPPED, now, now);
        }
        match gone {
            Gone::Bye(exit::ENDED, reason) => {
                // A worker that ends under a publisher that is still there must not be started in a tight loop.
                let delay = match self.ledger.record(now) {
                    Verdict::Retry(delay) | Verdict::Degraded(delay) => delay.max(ROUTER_RETRY),
                };
                self.end(&reason, now, now + delay)
            }
            Gone::Bye(exit::SPEC | exit::MEDIA_REFUSED, reason) => self.follow(
                Then::Refuse(Refusal {
                    kind: RefusalKind::Media,
                    reason,
                }),
                now,
            ),
            Gone::Bye(exit::ROUTER_AWAY, reason) => self.replace(now + ROUTER_RETRY, reason, false, now),
            Gone::Bye(_, why) | Gone::Crash(why) => match self.ledger.record(now) {
                Verdict::Retry(delay) => self.replace(now + delay, why, false, now),
                Verdict::Degraded(delay) => self.replace(now + delay, why, true, now),
            },
        }
    }

    /// An operator's restart also forgives what went wrong before.
    pub(super) fn restart(&mut self, now: Duration) -> Vec<Effect> {
        if self.stopping.is_some() {
            return vec![];
        }
        self.ledger = Ledger::default();
        match &self.state {
            State::On(_) => self.leave(Then::Restart, RESTART_DRAIN, now),
            State::Refused { .. } | State::Ended { .. } => {
                self.state = State::Idle;
                vec![Effect::Poll]
            }
            State::Idle | State::Adopting => vec![],
        }
    }

    pub(super) fn stop(&mut self, drain: Duration, now: Duration) -> Vec<Effect> {
        self.stopping = Some(now + drain + DRAIN_SLACK);
        match &self.state {
            State::On(_) => self.leave(Then::End(STOPPED.to_owned()), drain, now),
            // Told before it has said who it is: the order waits for it on the socket.
            State::Adopting => vec![drained_within(drain)],
            State::Idle | State::Refused { .. } | State::Ended { .. } => vec![],
        }
    }

    pub(super) fn tick(&mut self, now: Duration) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        if let Slot::Leaving { kill_at, killed, .. } = &mut life.slot {
            return if now >= *kill_at && !std::mem::replace(killed, true) {
                vec![Effect::Kill]
            } else {
                vec![]
            };
        }
        match life.away_since {
            Some(since) if since + patience(self.policy.grace, &life.slot) <= now => {
                self.leave(Then::End("the publisher went away".to_owned()), END_DRAIN, now)
            }
            Some(_) => vec![],
            None => self.start_if_due(now),
        }
    }

    /// When [`super::Event::Tick`] is wanted at the latest.
    pub(crate) fn next_tick(&self) -> Option<Duration> {
        let State::On(life) = &self.state else { return None };
        match (&life.slot, life.away_since) {
            (Slot::Leaving { killed: true, .. }, _) => None,
            (Slot::Leaving { kill_at, .. }, _) => Some(*kill_at),
            (slot, Some(since)) => Some(since + patience(self.policy.grace, slot)),
            (Slot::Empty { retry_at, .. }, None) => Some(*retry_at),
            (Slot::Busy { .. }, None) => None,
        }
    }

    /// Has the worker end, if there is one, and then goes on as `then` says.
    pub(super) fn leave(&mut self, then: Then, drain: Duration, now: Duration) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        let latest = now + drain + DRAIN_SLACK;
        match &mut life.slot {
            Slot::Empty { .. } => self.follow(then, now),
            Slot::Busy { .. } => {
                life.slot = Slot::Leaving {
                    then,
                    kill_at: latest,
                    killed: false,
                };
                vec![drained_within(drain)]
            }
            // What was decided first stands, except that nothing follows a stop.
            Slot::Leaving {
                then: decided, kill_at, ..
            } => {
                if self.stopping.is_some() {
                    *decided = then;
                }
                *kill_at = latest.min(*kill_at);
                vec![]
            }
        }
    }

    /// The slot is empty: what was decided happens.
    fn follow(&mut self, then: Then, now: Duration) -> Vec<Effect> {
        match then {
            Then::Restart => self.replace(now, "restarted by an operator".to_owned(), false, now),
            Then::End(reason) => self.end(&reason, now, now),
            Then::Refuse(refusal) => {
                let State::On(life) = &self.state else { return vec![] };
                self.state = State::Refused {
                    source_id: life.source.id.clone(),
                    refusal,
                };
                vec![]
            }
        }
    }

    /// The session goes on with another worker at `retry_at`.
    fn replace(&mut self, retry_at: Duration, why: String, degraded: bool, now: Duration) -> Vec<Effect> {
        let State::On(life) = &mut self.state else {
            return vec![];
        };
        life.restarts += 1;
        life.slot = Slot::Empty {
            retry_at,
            why,
            degraded,
        };
        self.start_if_due(now)
    }

    /// The session is over. Whoever publishes now is asked for, since a new session may begin at once.
    pub(super) fn end(&mut self, reason: &str, now: Duration, not_before: Duration) -> Vec<Effect> {
        let last: Option<Box<Life>> = match std::mem::replace(&mut self.state, State::Idle) {
            State::On(life) => Some(life),
            _ => None,
        };
        self.state = State::Ended {
            last,
            reason: reason.to_owned(),
            since: now,
            not_before,
        };
        if self.stopping.is_some() {
            vec![]
        } else {
            vec![Effect::Poll]
        }
    }
}

fn drained_within(deadline: Duration) -> Effect {
    Effect::Tell(ToWorker::Drain {
        deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
    })
}

/// How long a publisher may be away. A worker ends by itself then, so one that is there gets time to do it.
fn patience(grace: Duration, slot: &Slot) -> Duration {
    match slot {
        Slot::Empty { .. } => grace,
        Slot::Busy { .. } | Slot::Leaving { .. } => grace + GRACE_SLACK,
    }
}
