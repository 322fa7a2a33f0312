//! What the supervisor does between events: measure, forget, show, and tell the log what changed.

use std::sync::Arc;
use std::time::Duration;

use super::super::metrics::RefusedLabels;
use super::super::session::{Slot, State};
use super::super::view::{Snapshot, StreamView};
use super::super::{plan, process};
use super::{Stream, Supervisor};

/// Every fifth measurement looks at all of a process's mappings.
const PSS_EVERY: u64 = 5;
/// How many streams are remembered that are over or refused, and for how long.
const REMEMBERED: usize = 64;
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

impl Supervisor {
    /// Logs and counts what a stream has come to.
    pub(super) fn changed(&self, id: &str, kind: Kind) {
        let Some(stream) = self.streams.get(id) else { return };
        match (kind, stream.machine.state()) {
            (_, State::Refused { refusal, .. }) => {
                tracing::warn!(stream = id, reason = refusal.reason, "stream refused");
                self.counters
                    .refused
                    .get_or_create(&RefusedLabels { reason: refusal.kind })
                    .inc();
            }
            (Kind::Ended, State::Ended { reason, last, .. }) => {
                tracing::info!(stream = id, reason, "stream ended");
                if last.is_some() {
                    self.counters.sessions_ended.inc();
                }
            }
            (Kind::Degraded, State::On(life)) => {
                if let Slot::Empty { why, .. } = &life.slot {
                    tracing::error!(stream = id, reason = why, "stream degraded");
                }
            }
            _ => {}
        }
    }

    pub(super) fn measure(&mut self) {
        self.measured += 1;
        let with_pss = self.measured % PSS_EVERY == 1;
        for stream in self.streams.values_mut() {
            let Some((facts, before)) = &mut stream.process else {
                continue;
            };
            let Some(usage) = process::usage(facts.pid, with_pss) else {
                continue;
            };
            let wall = usage.age.saturating_sub(before.age).as_secs_f64();
            if wall >= 0.5 {
                let cpu = usage.cpu.saturating_sub(before.cpu).as_secs_f64();
                facts.cpu_percent = Some((cpu / wall * 1000.0).round() / 10.0);
                *before = usage;
            }
            facts.rss_kb = Some(usage.rss_kb);
            facts.pss_kb = usage.pss_kb.or(facts.pss_kb);
            facts.uptime_ms = u64::try_from(usage.age.as_millis()).ok();
        }
    }

    /// Drops what is over for long, and the oldest of what is over when there is too much of it.
    pub(super) fn forget(&mut self) {
        let now = self.now();
        let over = |stream: &Stream| match stream.machine.state() {
            State::Idle => Some(Duration::ZERO),
            State::Ended { since, .. } => Some(*since),
            _ => None,
        };
        let mut ended: Vec<(Duration, String)> = self
            .streams
            .iter()
            .filter_map(|(id, stream)| Some((over(stream)?, id.clone())))
            .collect();
        ended.sort();
        let surplus = ended.len().saturating_sub(REMEMBERED);
        for (index, (since, id)) in ended.into_iter().enumerate() {
            if index < surplus || since + REMEMBERED_FOR < now {
                self.streams.remove(&id);
            }
        }
        let streams = &self.streams;
        self.forwards.retain(|id| streams.contains_key(id));
    }

    /// Shows what is; only one stream is looked at anew where nothing else can have changed.
    pub(super) fn publish(&self, changed: Option<&str>) {
        let watch = |path: &str| format!("{}/", plan::below(&self.config.watch_url, path));
        let view = |(id, stream): (&String, &Stream)| {
            let facts = stream.process.map(|(facts, _)| facts);
            let forwards = self.forwards_view(id);
            Some((
                id.clone(),
                Arc::new(StreamView::of(id, &stream.machine, facts, forwards, watch)?),
            ))
        };
        let (streams, forwards) = match changed.and_then(|id| self.streams.get_key_value(id)) {
            None => (self.streams.iter().filter_map(view).collect(), self.forwards_views()),
            Some(entry) => {
                let (mut streams, mut forwards) = {
                    let before = self.snapshot.borrow();
                    (before.streams.clone(), before.forwards.clone())
                };
                streams.extend(view(entry));
                if forwards.contains_key(entry.0) || self.forwards.of(entry.0).is_some() {
                    forwards.insert(entry.0.clone(), self.forwards_view(entry.0));
                }
                (streams, forwards)
            }
        };
        self.snapshot.send_replace(Arc::new(Snapshot {
            streams,
            forwards,
            router: self.router.clone(),
            capacity: self.capacity(),
        }));
    }
}

/// A state without its content, to see it change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Idle,
    Served,
    Degraded,
    Refused,
    Ended,
}

impl Kind {
    pub(super) fn of(state: &State) -> Kind {
        match state {
            State::Idle => Kind::Idle,
            State::On(life) if matches!(life.slot, Slot::Empty { degraded: true, .. }) => Kind::Degraded,
            State::Adopting | State::On(_) => Kind::Served,
            State::Refused { .. } => Kind::Refused,
            State::Ended { .. } => Kind::Ended,
        }
    }
}
