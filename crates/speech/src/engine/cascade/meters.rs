//! What a cascade measures of itself, and what it makes of it: whether another session would still be dubbed in time.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The stages by name, in their order.
pub(super) const STAGES: [&str; 3] = ["asr", "mt", "tts"];
/// Index of recognition, translation and synthesis in [`STAGES`].
pub(super) const ASR: usize = 0;
pub(super) const MT: usize = 1;
pub(super) const TTS: usize = 2;

/// Speech that the real-time factors look back on, in seconds: long enough to be steady, short enough to notice that the machine
/// has become slow.
const MEMORY_S: f64 = 60.0;
/// Share of the time in which somebody speaks in a broadcast, at most.
const SPEECH_SHARE: f64 = 0.85;
/// Share of a thread's time up to which it keeps up: utterances come in bunches, and what waits adds to the lag.
const FULL: f64 = 0.9;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FilterLabel {
    reason: &'static str,
}

type Float = Gauge<f64, AtomicU64>;

/// See the module.
pub(super) struct Meters {
    seconds: Family<StageLabel, Histogram>,
    factor: Family<StageLabel, Float>,
    waiting: Family<StageLabel, Gauge>,
    failed: Family<StageLabel, Counter>,
    filtered: Family<FilterLabel, Counter>,
    load: Family<StageLabel, Float>,
    recent: Mutex<Recent>,
}

/// Sums that fade as speech goes by.
#[derive(Default)]
struct Recent {
    /// Seconds that each stage worked.
    busy: [f64; 3],
    /// Seconds of speech that it worked on.
    speech: f64,
}

impl Meters {
    pub(super) fn new() -> Self {
        let seconds = || Histogram::new([0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0]);
        Self {
            seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            factor: Family::default(),
            waiting: Family::default(),
            failed: Family::default(),
            filtered: Family::default(),
            load: Family::default(),
            recent: Mutex::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let (seconds, load) = (self.seconds.clone(), self.load.clone());
        registry.register_with_unit("stage", "Time of one use of a stage", Unit::Seconds, seconds);
        let help = "Time that a stage works for each second of speech, all targets together";
        registry.register("real_time_factor", help, self.factor.clone());
        registry.register("queue", "What waits for a stage", self.waiting.clone());
        registry.register(
            "stage_failures",
            "Uses of a stage without a result",
            self.failed.clone(),
        );
        let help = "Utterances of which text was left out, by reason";
        registry.register("filtered", help, self.filtered.clone());
        registry.register_with_unit("stage_load", "Time that loading a stage took", Unit::Seconds, load);
    }

    /// Work on a stage begins.
    pub(super) fn begin(&self, stage: usize) -> Timing<'_> {
        Timing {
            meters: self,
            stage,
            begun: Instant::now(),
        }
    }

    /// An utterance of this length comes to the stages.
    pub(super) fn speech(&self, length: Duration) {
        let seconds = length.as_secs_f64();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let keep = (-seconds / MEMORY_S).exp();
        recent.speech = recent.speech * keep + seconds;
        recent.busy.iter_mut().for_each(|busy| *busy *= keep);
    }

    pub(super) fn waiting(&self, stage: usize, count: usize) {
        self.waiting.get_or_create(&label(stage)).set(count as i64);
    }

    pub(super) fn failed(&self, stage: usize) {
        self.failed.get_or_create(&label(stage)).inc();
    }

    pub(super) fn filtered(&self, reason: &'static str) {
        self.filtered.get_or_create(&FilterLabel { reason }).inc();
    }

    pub(super) fn loaded(&self, stage: usize, took: Duration) {
        self.load.get_or_create(&label(stage)).set(took.as_secs_f64());
    }

    /// Seconds that each stage works for a second of speech; nothing before the first use.
    pub(super) fn factors(&self) -> [f64; 3] {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.busy.map(|busy| busy / recent.speech.max(1.0))
    }
}

fn label(stage: usize) -> StageLabel {
    StageLabel { stage: STAGES[stage] }
}

/// A running use of a stage.
pub(super) struct Timing<'a> {
    meters: &'a Meters,
    stage: usize,
    begun: Instant,
}

impl Timing<'_> {
    pub(super) fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.begun.elapsed().as_millis()).unwrap_or(u32::MAX)
    }

    /// It is over; `apart` of its time was other work.
    pub(super) fn end(self, apart: Duration) {
        let seconds = self.begun.elapsed().saturating_sub(apart).as_secs_f64();
        let label = label(self.stage);
        self.meters.seconds.get_or_create(&label).observe(seconds);
        let mut recent = self.meters.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.busy[self.stage] += seconds;
        let factor = recent.busy[self.stage] / recent.speech.max(1.0);
        self.meters.factor.get_or_create(&label).set(factor);
    }
}

/// Threads that serve the same stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crew {
    pub(super) name: &'static str,
    pub(super) serves: [bool; 3],
    pub(super) threads: usize,
}

/// Why one more session would be one too many, by the stages' `factors`; `None` if there is room. The first one always has: where
/// a machine cannot keep up with a single stream, its viewers still get the dubs that it can make.
pub(super) fn too_many(crews: &[Crew], factors: [f64; 3], sessions: usize) -> Option<String> {
    if sessions == 0 {
        return None;
    }
    crews.iter().find_map(|crew| {
        let each: f64 = (0..STAGES.len())
            .filter(|stage| crew.serves[*stage])
            .map(|stage| factors[stage])
            .sum();
        let share = each * SPEECH_SHARE / crew.threads.max(1) as f64;
        let with_it = share * (sessions + 1) as f64;
        (with_it > FULL).then(|| {
            let (name, percent) = (crew.name, with_it * 100.0);
            format!("a further session would take the thread {name} to {percent:.0} % of its time")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTEN: Crew = Crew {
        name: "listen",
        serves: [true, true, false],
        threads: 1,
    };
    const SPEAK: Crew = Crew {
        name: "speak",
        serves: [false, false, true],
        threads: 1,
    };

    #[test]
    fn sessions_are_refused_before_a_thread_is_full() {
        let factors = [0.2, 0.1, 0.6];
        assert_eq!(too_many(&[LISTEN], factors, 1), None);
        assert_eq!(too_many(&[LISTEN], factors, 2), None);
        assert!(too_many(&[LISTEN], factors, 3).is_some_and(|why| why.contains("listen")));
        let why = too_many(&[LISTEN, SPEAK], factors, 2).unwrap();
        assert_eq!(
            why,
            "a further session would take the thread speak to 153 % of its time"
        );
        let crew = Crew { threads: 4, ..SPEAK };
        assert_eq!(too_many(&[LISTEN, crew], factors, 2), None);
    }

    #[test]
    fn the_first_session_is_never_refused() {
        assert_eq!(too_many(&[SPEAK], [9.0; 3], 0), None);
        assert!(too_many(&[SPEAK], [9.0; 3], 1).is_some());
    }

    #[test]
    fn a_factor_follows_what_the_stages_take() {
        let meters = Meters::new();
        for _ in 0..100 {
            meters.speech(Duration::from_secs(5));
            meters.recent.lock().unwrap().busy[ASR] += 1.0;
        }
        assert!((meters.factors()[ASR] - 0.2).abs() < 0.02, "{:?}", meters.factors());
        for _ in 0..40 {
            meters.speech(Duration::from_secs(5));
            meters.recent.lock().unwrap().busy[ASR] += 4.0;
        }
        assert!(meters.factors()[ASR] > 0.7, "{:?}", meters.factors());
    }
}
