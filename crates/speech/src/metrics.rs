//! `dragoman_speech_*`, and the lag that `ready` and `/v1/engine` tell.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use dragoman_protocol::{Cut, LagMs, Outcome};
use dragoman_service::auth::Access;
use dragoman_service::metrics::{register_access, registry};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::engine::Engine;

/// Lags that quantiles are taken of: some minutes of one stream.
const RECENT: usize = 256;

/// One label, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CutLabel {
    cut: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// Counters of the whole service.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Sessions now, those that wait for a lost client included.
    pub(crate) sessions: Gauge,
    /// Sessions that went on after their socket was lost.
    pub(crate) resumed: Counter,
    /// Unknown fields, types and flags.
    pub(crate) ignored: Counter,
    /// Utterances that a drain or an expired session left unfinished.
    pub(crate) abandoned: Counter,
    utterances: Family<CutLabel, Counter>,
    dubs: Family<OutcomeLabel, Counter>,
    audio: Family<KindLabel, Counter<f64, std::sync::atomic::AtomicU64>>,
    refused: Family<Reason, Counter>,
    closed: Family<Reason, Counter>,
    lag: Histogram,
    dub_lag: Histogram,
    recent: Mutex<VecDeque<u32>>,
}

impl Metrics {
    /// The metrics and the registry that shows them.
    pub(crate) fn new(engine: &dyn Engine, access: &Access) -> (Self, Registry) {
        let mut registry = registry("dragoman_speech", env!("CARGO_PKG_VERSION"));
        register_access(&mut registry, "speech", access);
        let about = engine.about();
        let labels = [("name", about.name), ("device", about.device)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        registry.register("engine", "The engine that runs, and on what", Info::new(labels));
        engine.register(&mut registry);
        let metrics = Self {
            sessions: Gauge::default(),
            resumed: Counter::default(),
            ignored: Counter::default(),
            abandoned: Counter::default(),
            utterances: Family::default(),
            dubs: Family::default(),
            audio: Family::default(),
            refused: Family::default(),
            closed: Family::default(),
            lag: Histogram::new([0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0]),
            dub_lag: Histogram::new([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0]),
            recent: Mutex::default(),
        };
        registry.register("sessions", "Sessions now", metrics.sessions.clone());
        registry.register(
            "resumed",
            "Sessions that went on after a lost socket",
            metrics.resumed.clone(),
        );
        registry.register("ignored", "Unknown fields, types and flags", metrics.ignored.clone());
        registry.register(
            "abandoned",
            "Utterances left unfinished at the end of a session",
            metrics.abandoned.clone(),
        );
        registry.register("utterances", "Utterances by what cut them", metrics.utterances.clone());
        registry.register("dubs", "Dubs by outcome", metrics.dubs.clone());
        let audio = metrics.audio.clone();
        registry.register_with_unit(
            "audio",
            "Audio by kind: source heard, source skipped, dub sent",
            Unit::Seconds,
            audio,
        );
        registry.register("refused", "Requests refused, by reason", metrics.refused.clone());
        registry.register(
            "closed",
            "Connections that the service closed, by reason",
            metrics.closed.clone(),
        );
        let lag = metrics.lag.clone();
        registry.register_with_unit(
            "lag",
            "From an utterance's end to its first dub sample",
            Unit::Seconds,
            lag,
        );
        let dub_lag = metrics.dub_lag.clone();
        registry.register_with_unit(
            "dub_lag",
            "From an utterance's start to its first dub sample",
            Unit::Seconds,
            dub_lag,
        );
        (metrics, registry)
    }

    /// An utterance was cut.
    pub(crate) fn utterance(&self, cut: Cut) {
        let cut = match cut {
            Cut::Pause => "pause",
            Cut::Clause => "clause",
            Cut::Cap => "cap",
            Cut::End | Cut::Other => "end",
        };
        self.utterances.get_or_create(&CutLabel { cut }).inc();
    }

    /// A dub ended.
    pub(crate) fn dub(&self, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Done => "done",
            Outcome::Empty => "empty",
            Outcome::Cancelled => "cancelled",
            Outcome::Late => "late",
            Outcome::Failed | Outcome::Other => "failed",
        };
        self.dubs.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Audio came or went.
    pub(crate) fn audio(&self, kind: &'static str, samples: u64, rate: u32) {
        self.audio
            .get_or_create(&KindLabel { kind })
            .inc_by(samples as f64 / f64::from(rate));
    }

    /// A request was refused.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// The service closed a connection.
    pub(crate) fn closed(&self, reason: &'static str) {
        self.closed.get_or_create(&Reason { reason }).inc();
    }

    /// From the end of an utterance of `length_ms` to its first dub sample.
    pub(crate) fn lag(&self, ms: u32, length_ms: u32) {
        self.lag.observe(f64::from(ms) / 1000.0);
        self.dub_lag.observe((f64::from(ms) + f64::from(length_ms)) / 1000.0);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(ms);
    }

    /// Quantiles of the newest lags; `None` before the first.
    pub(crate) fn measured_lag(&self) -> Option<LagMs> {
        let mut recent: Vec<u32> = self
            .recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .collect();
        recent.sort_unstable();
        let at = |part: usize| {
            recent
                .get((recent.len() * part / 100).min(recent.len().saturating_sub(1)))
                .copied()
        };
        Some(LagMs {
            p50: at(50)?,
            p95: at(95)?,
        })
    }
}
