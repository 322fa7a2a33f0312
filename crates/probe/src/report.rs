//! What was measured, as it is printed and written to a file.
//!
//! The probe fills what a viewer can see. `hold_ms`, `startup_ms.stack_ready`, `worker` and `dub` are known to whoever
//! started the stack and asked its API; they stay empty until it fills them in.

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::matching::Matcher;

/// One measurement of a source and its programmes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How long was measured, from the first picture that all programmes had.
    pub seconds: f64,
    /// The hold that the programmes should have.
    pub hold_ms: Option<f64>,
    /// The programmes taken together: counts are sums, figures are those of the worst.
    #[serde(flatten)]
    pub measures: Measures,
    /// What the worker costs.
    pub worker: Option<Worker>,
    /// How long it takes until there is something to see.
    pub startup_ms: Startup,
    /// Each programme.
    pub programmes: Vec<Programme>,
    /// Jumps in the stamps of the source's own sound: what a programme passes on is not its fault.
    #[serde(default)]
    pub source_discontinuities: u64,
    /// What the measurement itself lost; anything but zero spoils it.
    pub events_dropped: u64,
}

/// One programme.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Programme {
    /// The target language.
    pub language: String,
    /// From the capture of the publisher's first keyframe to the arrival of the programme's first picture.
    pub first_programme_frame_ms: Option<f64>,
    /// How often the reader had to connect again.
    pub reconnects: u64,
    /// What was measured.
    #[serde(flatten)]
    pub measures: Measures,
}

/// What is measured of a programme.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The pictures.
    pub video: Video,
    /// How much later a picture is in the programme than in the source.
    pub added_latency_ms: Option<Latency>,
    /// How much sound and picture moved apart; positive: the sound is later.
    pub av_skew_added_ms: Option<Skew>,
    /// Why there is no skew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub av_skew_missing: Option<String>,
    /// The sound.
    pub audio: Audio,
    /// What became of the utterances.
    pub dub: Option<Dub>,
}

/// Pictures of a programme, over the range seen on both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// Access units of the source.
    pub access_units_in: u64,
    /// Access units of the programme.
    pub access_units_out: u64,
    /// Whether all slices came through unchanged and in order; nothing before a first match.
    pub payload_identical: Option<bool>,
    /// Whether all SEI messages of types 4 and 5 did, each with its picture.
    pub sei_identical: Option<bool>,
    /// SHA-256 over the hashes of the source's slices in order.
    pub payload_sha256_in: String,
    /// As `payload_sha256_in`, of the programme.
    pub payload_sha256_out: String,
    /// Missing access units.
    pub lost: u64,
    /// Access units that came again.
    pub duplicated: u64,
    /// Access units behind their place.
    pub out_of_order: u64,
    /// Access units without a partner in the source.
    pub unmatched: u64,
    /// Access units with changed slices.
    pub payload_different: u64,
    /// Access units with changed SEI messages.
    pub sei_different: u64,
    /// Captions of the source.
    pub captions_in: u64,
    /// Captions of the programme.
    pub captions_out: u64,
}

/// Percentiles of a latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of all pictures are below.
    pub p50: f64,
    /// 95 % are.
    pub p95: f64,
    /// 99 % are.
    pub p99: f64,
}

/// Distribution of a skew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Skew {
    /// Its median.
    pub p50: f64,
    /// Its largest distance from zero.
    pub max_abs: f64,
    /// How many ticks were compared.
    pub ticks: u64,
}

/// Sound of a programme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    /// Missing sound: stamps that jump ahead, or silence where the source has sound.
    pub gaps: u64,
    /// Stamps that jump by more than 3 ms, or ticks that move by as much from one to the next.
    pub discontinuities: u64,
    /// Ticks that the programme lacks.
    pub ticks_missing: u64,
    /// Silence where the source has sound, in all.
    pub silent_ms: f64,
    /// For how long the tone that was asked for was heard.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tone_seconds: Option<f64>,
}

/// The engine and what became of each utterance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Dub {
    /// The engine that really ran.
    pub engine: String,
    /// Utterances that ended; the outcomes below add up to it.
    pub utterances: u64,
    /// Started where its utterance did.
    pub on_time: u64,
    /// Started later.
    pub late: u64,
    /// Dropped unstarted because the wait grew.
    pub shed: u64,
    /// Dropped unstarted because it was too old.
    pub stale: u64,
    /// Ended early for want of sound.
    pub truncated: u64,
    /// Taken back.
    pub cancelled: u64,
    /// The engine failed.
    pub failed: u64,
    /// Nothing to say.
    pub empty: u64,
    /// Its source time was dubbed already.
    pub discarded: u64,
    /// From the start of an utterance to the start of its dub.
    pub lag_ms: Option<Lag>,
}

/// Percentiles of the dub lag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// Half of all dubs are below.
    pub p50: f64,
    /// 95 % are.
    pub p95: f64,
}

/// What the worker costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Of one core.
    pub cpu_percent_of_core: f64,
    /// Resident memory.
    pub rss_mb: f64,
    /// Resident memory, shared pages counted by their share.
    pub pss_mb: f64,
}

/// How long it takes until there is something to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Startup {
    /// From the start of the first process until all are ready.
    pub stack_ready: Option<f64>,
    /// From the capture of the publisher's first keyframe to the arrival of the last programme's first picture.
    pub first_programme_frame: Option<f64>,
}

impl Video {
    pub(crate) fn of(matcher: &Matcher) -> Self {
        let counts = matcher.counts();
        let (payload_sha256_in, payload_sha256_out) = matcher.payload_hashes();
        Self {
            access_units_in: counts.units_in,
            access_units_out: counts.units_out,
            payload_identical: matcher.payload_identical(),
            sei_identical: matcher.sei_identical(),
            payload_sha256_in,
            payload_sha256_out,
            lost: counts.lost,
            duplicated: counts.duplicated,
            out_of_order: counts.out_of_order,
            unmatched: counts.unmatched,
            payload_different: counts.payload_different,
            sei_different: counts.sei_different,
            captions_in: counts.captions_in,
            captions_out: counts.captions_out,
        }
    }
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram) -> Option<Self> {
        let percentile = |percent| histogram.percentile(percent);
        Some(Self {
            p50: percentile(50.0)?,
            p95: percentile(95.0)?,
            p99: percentile(99.0)?,
        })
    }
}

impl Skew {
    pub(crate) fn of(histogram: &Histogram) -> Option<Self> {
        Some(Self {
            p50: histogram.percentile(50.0)?,
            max_abs: histogram.max_abs()?,
            ticks: histogram.count(),
        })
    }
}

impl Measures {
    /// Several programmes as one: the sums of what is counted, the worst of what is measured. `dub` is left alone.
    #[must_use]
    pub fn worst<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = all.into_iter();
        let Some(mut worst) = all.next().cloned() else {
            return Self::default();
        };
        for other in all {
            let (video, its) = (&mut worst.video, &other.video);
            video.access_units_in += its.access_units_in;
            video.access_units_out += its.access_units_out;
            video.payload_identical = both(video.payload_identical, its.payload_identical);
            video.sei_identical = both(video.sei_identical, its.sei_identical);
            video.lost += its.lost;
            video.duplicated += its.duplicated;
            video.out_of_order += its.out_of_order;
            video.unmatched += its.unmatched;
            video.payload_different += its.payload_different;
            video.sei_different += its.sei_different;
            video.captions_in += its.captions_in;
            video.captions_out += its.captions_out;
            worst.added_latency_ms = worst
                .added_latency_ms
                .zip(other.added_latency_ms)
                .map(|(a, b)| Latency {
                    p50: a.p50.max(b.p50),
                    p95: a.p95.max(b.p95),
                    p99: a.p99.max(b.p99),
                });
            worst.av_skew_added_ms = worst.av_skew_added_ms.zip(other.av_skew_added_ms).map(|(a, b)| Skew {
                p50: if a.p50.abs() >= b.p50.abs() { a.p50 } else { b.p50 },
                max_abs: a.max_abs.max(b.max_abs),
                ticks: a.ticks + b.ticks,
            });
            worst.av_skew_missing = worst.av_skew_missing.or_else(|| other.av_skew_missing.clone());
            worst.audio.gaps += other.audio.gaps;
            worst.audio.discontinuities += other.audio.discontinuities;
            worst.audio.ticks_missing += other.audio.ticks_missing;
            worst.audio.silent_ms += other.audio.silent_ms;
        }
        worst
    }
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    Some(a? && b?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_with_the_measures_at_the_top() {
        let measures = Measures {
            video: Video {
                payload_identical: Some(true),
                ..Video::default()
            },
            added_latency_ms: Some(Latency {
                p50: 1.0,
                p95: 2.0,
                p99: 3.0,
            }),
            ..Measures::default()
        };
        let programme = Programme {
            language: "es".into(),
            measures: measures.clone(),
            ..Programme::default()
        };
        let report = Report {
            measures,
            programmes: vec![programme],
            ..Report::default()
        };
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["video"]["payload_identical"], true);
        assert_eq!(json["programmes"][0]["added_latency_ms"]["p95"], 2.0);
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    }

    #[test]
    fn one_bad_programme_spoils_the_whole() {
        let good = Measures {
            video: Video {
                payload_identical: Some(true),
                sei_identical: Some(true),
                ..Video::default()
            },
            added_latency_ms: Some(Latency {
                p50: 10.0,
                p95: 20.0,
                p99: 30.0,
            }),
            av_skew_added_ms: Some(Skew {
                p50: 0.1,
                max_abs: 0.4,
                ticks: 9,
            }),
            ..Measures::default()
        };
        let mut bad = good.clone();
        bad.video.payload_identical = Some(false);
        bad.av_skew_added_ms = Some(Skew {
            p50: -40.0,
            max_abs: 41.0,
            ticks: 9,
        });
        bad.audio.gaps = 1;
        let worst = Measures::worst([&good, &bad]);
        assert_eq!(worst.video.payload_identical, Some(false));
        assert_eq!(worst.video.sei_identical, Some(true));
        assert_eq!(
            worst.av_skew_added_ms,
            Some(Skew {
                p50: -40.0,
                max_abs: 41.0,
                ticks: 18
            })
        );
        assert_eq!(worst.audio.gaps, 1);
    }
}
