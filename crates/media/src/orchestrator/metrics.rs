//! Counters of the orchestrator itself, and what the workers report, as `dragoman_media_*`.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::watch;

use super::session::RefusalKind;
use super::view::{ForwardView, Snapshot, StreamState, StreamView};
use crate::control::Percentiles;

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Lists that could not be had.
    pub(crate) polls_failed: Counter,
    /// Hooks by what they said and what became of them.
    pub(crate) hooks: Family<HookLabels, Counter>,
    /// Workers started, the first of a session and replacements.
    pub(crate) worker_starts: Counter,
    /// Workers that ended without saying so, or were killed.
    pub(crate) worker_crashes: Counter,
    /// Streams refused, by why.
    pub(crate) refused: Family<RefusedLabels, Counter>,
    /// Sessions that are over.
    pub(crate) sessions_ended: Counter,
    /// Orders to workers that were dropped because the queue was full.
    pub(crate) orders_dropped: Counter,
}

/// Labels of a hook.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct HookLabels {
    /// `ready` or `not-ready`.
    pub(crate) event: &'static str,
    /// `accepted`, `ignored` (no source of ours), `malformed` or `busy`.
    pub(crate) result: &'static str,
}

/// Label of a refusal.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RefusedLabels {
    /// Why.
    pub(crate) reason: RefusalKind,
}

impl EncodeLabelValue for RefusalKind {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        let name = match self {
            RefusalKind::StreamId => "stream_id",
            RefusalKind::Query => "query",
            RefusalKind::Codec => "codec",
            RefusalKind::Full => "full",
            RefusalKind::Draining => "draining",
            RefusalKind::Media => "media",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

impl Counters {
    /// Counts a hook.
    pub(crate) fn hook(&self, event: &'static str, result: &'static str) {
        self.hooks.get_or_create(&HookLabels { event, result }).inc();
    }

    /// Puts these, and the streams of `snapshot`, into `registry`.
    pub(crate) fn register(self: &Arc<Self>, registry: &mut Registry, snapshot: watch::Receiver<Arc<Snapshot>>) {
        registry.register(
            "polls_failed",
            "Lists of streams that the router did not give",
            self.polls_failed.clone(),
        );
        registry.register("hook_events", "Hooks of the router", self.hooks.clone());
        registry.register("worker_starts", "Workers started", self.worker_starts.clone());
        registry.register(
            "worker_crashes",
            "Workers that crashed, froze or were killed",
            self.worker_crashes.clone(),
        );
        registry.register("streams_refused", "Streams refused", self.refused.clone());
        registry.register("sessions_ended", "Sessions that are over", self.sessions_ended.clone());
        registry.register(
            "orders_dropped",
            "Orders to workers that were dropped",
            self.orders_dropped.clone(),
        );
        registry.register_collector(Box::new(Streams(snapshot)));
    }
}

/// The workers' reports, read at each scrape.
#[derive(Debug)]
struct Streams(watch::Receiver<Arc<Snapshot>>);

type Labels = Vec<(&'static str, String)>;

impl Collector for Streams {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let snapshot = self.0.borrow().clone();
        let streams: Vec<&StreamView> = snapshot.streams.values().map(|view| &**view).collect();
        let by_state = StreamState::ALL.map(|state| {
            let count = streams.iter().filter(|view| view.state == state).count();
            (vec![("state", state.name().to_owned())], count as f64)
        });
        gauges(&mut encoder, "streams", "Streams by state", by_state)?;
        let flag = |on: bool| f64::from(u8::from(on));
        let (reachable, capacity) = (snapshot.router.reachable, snapshot.capacity);
        for (name, help, value) in [
            ("router_reachable", "Whether the router answers", flag(reachable)),
            (
                "free_slots",
                "Slots that further streams may take",
                capacity.free().as_slots(),
            ),
            (
                "draining",
                "Whether no further stream is taken",
                flag(capacity.draining),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }

        // Streams that are over would be told of for as long as they are remembered.
        let streams: Vec<&StreamView> = streams.into_iter().filter(|view| view.worker.is_some()).collect();
        let stream = |view: &StreamView| vec![("stream", view.id.clone())];
        for (name, help, value) in OF_STREAM {
            let samples = streams.iter().filter_map(|&view| Some((stream(view), value(view)?)));
            counters(&mut encoder, name, help, samples)?;
        }
        for (name, help, value) in GAUGES_OF_STREAM {
            let samples = streams.iter().filter_map(|&view| Some((stream(view), value(view)?)));
            gauges(&mut encoder, name, help, samples)?;
        }
        let engines = streams.iter().filter_map(|&view| {
            let engine = view.engine.clone()?;
            Some((vec![("stream", view.id.clone()), ("engine", engine)], 1.0))
        });
        gauges(&mut encoder, "engine", "The engine that dubs the stream", engines)?;
        let latencies = streams
            .iter()
            .filter_map(|view| Some((stream(view), view.added_latency_ms?)));
        let help = "From a unit's arrival to its hand-over, hold included";
        gauges(&mut encoder, "added_latency_ms", help, latencies.flat_map(quantiles))?;
        Self::programmes(&mut encoder, &streams)?;
        Self::forwards(&mut encoder, &streams)
    }
}

impl Streams {
    fn programmes(encoder: &mut DescriptorEncoder, streams: &[&StreamView]) -> Result<(), fmt::Error> {
        let all: Vec<(Labels, &super::view::ProgrammeView)> = streams
            .iter()
            .flat_map(|view| {
                view.programmes
                    .iter()
                    .map(|p| (vec![("stream", view.id.clone()), ("target", p.target.clone())], p))
            })
            .collect();
        for (name, help, value) in OF_PROGRAMME {
            counters(
                encoder,
                name,
                help,
                all.iter().map(|(labels, p)| (labels.clone(), value(p) as f64)),
            )?;
        }
        let outcomes = all.iter().flat_map(|(labels, p)| {
            p.dub.outcomes.iter().map(|(outcome, count)| {
                let labels = labels.iter().cloned().chain([("outcome", outcome.clone())]).collect();
                (labels, *count as f64)
            })
        });
        counters(encoder, "dub_outcomes", "Utterances by what became of them", outcomes)?;
        let lags = all
            .iter()
            .flat_map(|(labels, p)| quantiles((labels.clone(), p.dub.lag_ms)));
        gauges(
            encoder,
            "dub_lag_ms",
            "From the start of an utterance to the start of its dub",
            lags,
        )?;
        let waits = all.iter().map(|(labels, p)| (labels.clone(), p.dub.wait_ms as f64));
        gauges(encoder, "dub_wait_ms", "How late the next dub would start", waits)?;
        let muted = all
            .iter()
            .map(|(labels, p)| (labels.clone(), f64::from(u8::from(!p.enabled))));
        gauges(
            encoder,
            "dub_muted",
            "Whether an operator has switched the dub off",
            muted,
        )
    }
}

impl Streams {
    fn forwards(encoder: &mut DescriptorEncoder, streams: &[&StreamView]) -> Result<(), fmt::Error> {
        let all: Vec<(Labels, &ForwardView)> = streams
            .iter()
            .flat_map(|view| {
                view.forwards
                    .iter()
                    .map(|f| (vec![("stream", view.id.clone()), ("forward", f.name.clone())], f))
            })
            .collect();
        for (name, help, value) in OF_FORWARD {
            let samples = all.iter().map(|(labels, f)| (labels.clone(), value(f) as f64));
            counters(encoder, name, help, samples)?;
        }
        let live = all
            .iter()
            .map(|(labels, f)| (labels.clone(), f64::from(u8::from(f.state == "live"))));
        gauges(encoder, "forward_live", "Whether the third party is on air", live)
    }
}

type OfForward = (&'static str, &'static str, fn(&ForwardView) -> u64);

const OF_FORWARD: [OfForward; 5] = [
    ("forward_video_units", "Access units sent", |f| f.video_units),
    ("forward_audio_frames", "AAC frames sent", |f| f.audio_frames),
    ("forward_connects", "Connections to the third party", |f| f.connects),
    ("forward_failures", "Connections not made or lost", |f| f.failures),
    ("forward_dropped_units", "Units that it did not get", |f| {
        f.dropped_units
    }),
];

type OfStream = (&'static str, &'static str, fn(&StreamView) -> Option<f64>);

/// Counters of each stream; a replaced worker begins anew.
const OF_STREAM: [OfStream; 12] = [
    ("worker_restarts", "Replaced workers of the session", |v| {
        Some(v.worker.as_ref()?.restarts as f64)
    }),
    ("ingest_video_units", "Access units that came in", |v| {
        Some(v.ingest.as_ref()?.video_units as f64)
    }),
    ("ingest_audio_samples", "Samples that came in, at 48 kHz", |v| {
        Some(v.ingest.as_ref()?.audio_samples as f64)
    }),
    ("ingest_connects", "Connections to the router for the source", |v| {
        Some(v.ingest.as_ref()?.connects as f64)
    }),
    ("ingest_reanchored", "Steps of the offset", |v| {
        Some(v.ingest.as_ref()?.reanchored as f64)
    }),
    ("ingest_discontinuities", "Mended jumps of time stamps", |v| {
        Some(v.ingest.as_ref()?.discontinuities as f64)
    }),
    ("ingest_silence_samples", "Samples put in for missing sound", |v| {
        Some(v.ingest.as_ref()?.silence_samples as f64)
    }),
    ("ingest_dropped_units", "Units dropped at a full queue", |v| {
        Some(v.ingest.as_ref()?.dropped_units as f64)
    }),
    ("speech_connects", "Connections to speech hosts", |v| {
        Some(v.speech.as_ref()?.connects as f64)
    }),
    ("speech_dropped_samples", "Samples that no speech host took", |v| {
        Some(v.speech.as_ref()?.dropped_samples as f64)
    }),
    ("artifacts_written", "Utterances written down", |v| {
        Some(v.artifacts.as_ref()?.written as f64)
    }),
    ("artifacts_dropped", "Utterances that the disk did not take", |v| {
        Some(v.artifacts.as_ref()?.dropped as f64)
    }),
];

const GAUGES_OF_STREAM: [OfStream; 3] = [
    ("worker_cpu_percent", "Share of one core", |v| {
        v.worker.as_ref()?.cpu_percent
    }),
    ("worker_resident_kb", "Resident memory of the worker", |v| {
        Some(v.worker.as_ref()?.rss_kb? as f64)
    }),
    ("speech_ready", "Whether speech is being dubbed", |v| {
        Some(f64::from(u8::from(v.speech.as_ref()?.is_ready())))
    }),
];

type OfProgramme = (&'static str, &'static str, fn(&super::view::ProgrammeView) -> u64);

const OF_PROGRAMME: [OfProgramme; 7] = [
    ("egress_video_units", "Access units sent", |p| p.video_units),
    ("egress_audio_frames", "AAC frames sent", |p| p.audio_frames),
    ("egress_connects", "Connections to the router for the programme", |p| {
        p.connects
    }),
    ("egress_dropped_units", "Units that viewers did not get", |p| {
        p.dropped_units
    }),
    ("dub_utterances", "Utterances announced", |p| p.dub.utterances),
    (
        "dub_heard_original",
        "Utterances not dubbed and heard in the original",
        |p| p.dub.heard_original,
    ),
    ("dub_lost", "Utterances not heard at all", |p| p.dub.lost),
];

fn quantiles((labels, values): (Labels, Percentiles)) -> impl Iterator<Item = (Labels, f64)> {
    let all = [("0.5", values.p50), ("0.95", values.p95), ("0.99", values.p99)];
    all.into_iter().map(move |(quantile, value)| {
        (
            labels
                .iter()
                .cloned()
                .chain([("quantile", quantile.to_owned())])
                .collect(),
            value,
        )
    })
}

fn gauges(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Labels, f64)>,
) -> Result<(), fmt::Error> {
    family(encoder, name, help, MetricType::Gauge, samples, ConstGauge::new)
}

fn counters(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Labels, f64)>,
) -> Result<(), fmt::Error> {
    family(encoder, name, help, MetricType::Counter, samples, ConstCounter::new)
}

fn family<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    kind: MetricType,
    samples: impl IntoIterator<Item = (Labels, f64)>,
    metric: fn(f64) -> M,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, None::<&Unit>, kind)?;
    for (labels, value) in samples {
        metric(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
