//! What the engine's handle and its threads share: the state of loading, the queues, who is let in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dragoman_protocol::{LagMs, TargetId, code};

use super::dub::Dub;
use super::health::Health;
use super::meters::{ASR, Crew, MT, Meters, STAGES, TTS, too_many};
use super::queue::Queue;
use super::saying::{Estimates, Part, Saying};
use super::{DUB_RATE, MOST_JOBS, MOST_OF_A_STREAM, Settings, Stages, cuts, work};
use crate::engine::{About, Busy, Full, Job, Readiness};
use crate::text::Glossaries;

/// A stream's utterances, or its dubs into one language, are worked on one after another.
pub(super) type Key = (Arc<str>, Option<TargetId>);

/// What has waited that long makes further sessions wait outside.
const BEHIND: Duration = Duration::from_secs(2);
/// How long that is remembered.
const BEHIND_MEMORY: Duration = Duration::from_secs(15);

/// Something to do.
pub(super) enum Task {
    /// Recognise an utterance.
    Hear(Job, Seat),
    /// Translate it for one dub.
    Translate(Box<Dub>, Arc<str>, String),
    /// Say a part of a dub.
    Say(Arc<Saying>, Part),
}

/// See the module.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) meters: Meters,
    pub(super) estimates: Estimates,
    pub(super) glossaries: Glossaries,
    before: About,
    loaded: OnceLock<Loaded>,
    /// What is wrong with it now.
    problem: Mutex<Option<String>>,
    pub(super) health: Health,
    queues: Mutex<[Queue<Key, (Instant, Task)>; 3]>,
    wake: Condvar,
    closed: AtomicBool,
    jobs: Arc<AtomicUsize>,
    behind: Mutex<Option<(Instant, Duration)>>,
}

/// The stages, once they are there.
pub(super) struct Loaded {
    pub(super) stages: Stages,
    about: About,
    pub(super) crews: Vec<Crew>,
}

/// An utterance's seat among [`MOST_JOBS`].
pub(super) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        let before = About {
            name: "cascade",
            models: Vec::new(),
            device: settings.device,
            dub_rate: DUB_RATE,
            languages: settings.pairs.targets(),
        };
        let glossaries = Glossaries::new(settings.glossaries.clone());
        Self {
            glossaries,
            settings,
            meters: Meters::new(),
            estimates: Estimates::default(),
            before,
            loaded: OnceLock::new(),
            problem: Mutex::default(),
            health: Health::default(),
            queues: Mutex::new([Queue::new(), Queue::new(), Queue::new()]),
            wake: Condvar::new(),
            closed: AtomicBool::new(false),
            jobs: Arc::default(),
            behind: Mutex::default(),
        }
    }

    pub(super) fn about(&self) -> &About {
        self.loaded.get().map_or(&self.before, |loaded| &loaded.about)
    }

    pub(super) fn loaded(&self) -> Option<&Loaded> {
        self.loaded.get()
    }

    pub(super) fn state(&self) -> Readiness {
        match (&*self.problem(), self.loaded.get()) {
            (Some(problem), _) => Readiness::Failed(problem.clone()),
            (None, Some(_)) => Readiness::Ready,
            (None, None) => Readiness::Loading,
        }
    }

    /// The stages could not be loaded, or do not work any more.
    pub(super) fn fail(&self, problem: String) {
        let mut known = self.problem();
        if known.as_ref() != Some(&problem) {
            tracing::error!(problem, "the engine is not ready");
            *known = Some(problem);
        }
    }

    /// The stages work.
    pub(super) fn heal(&self) {
        *self.problem() = None;
    }

    pub(super) fn is_broken(&self) -> bool {
        self.problem().is_some()
    }

    fn problem(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stages are there and warm.
    pub(super) fn load(&self, stages: Stages, crews: Vec<Crew>) {
        let mut about = self.before.clone();
        about.models.extend(stages.recognise.models());
        about.models.extend(stages.translate.models());
        about.models.extend(stages.synthesise.models());
        // Only the loading thread does this, and only once.
        drop(self.loaded.set(Loaded { stages, about, crews }));
        self.heal();
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        drop(self.queues());
        self.wake.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), Full> {
        let key: Key = (job.stream.as_str().into(), None);
        let mut queues = self.queues();
        if self.jobs.load(Ordering::Relaxed) >= MOST_JOBS || queues[ASR].len_of(&key) >= MOST_OF_A_STREAM {
            return Err(Full);
        }
        self.jobs.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(Arc::clone(&self.jobs));
        queues[ASR].push(key, (Instant::now(), Task::Hear(job, seat)));
        self.pushed(queues, ASR);
        Ok(())
    }

    /// Hands a task on. What is on its way has its seat already, so there is room.
    pub(super) fn hand_on(&self, stream: &str, target: TargetId, task: Task) {
        let stage = match &task {
            Task::Hear(..) => ASR,
            Task::Translate(..) => MT,
            Task::Say(..) => TTS,
        };
        let mut queues = self.queues();
        queues[stage].push((stream.into(), Some(target)), (Instant::now(), task));
        self.pushed(queues, stage);
    }

    /// Works until the engine is closed.
    pub(super) fn run(&self, crew: &Crew) {
        while let Some((stage, key, task)) = self.next(crew) {
            self.perform(crew, stage, &key, task);
            self.mend();
        }
    }

    /// Says what is waiting to be said: the thread that translates on a device speaks there too, and a first clause should not
    /// wait for the last one.
    pub(super) fn interleave(&self, crew: &Crew) -> Duration {
        if !(crew.serves[MT] && crew.serves[TTS]) {
            return Duration::ZERO;
        }
        let begun = Instant::now();
        while let Some((key, task)) = self.pop(TTS) {
            self.perform(crew, TTS, &key, task);
        }
        begun.elapsed()
    }

    fn perform(&self, crew: &Crew, stage: usize, key: &Key, task: Task) {
        let Some(loaded) = self.loaded.get() else { return };
        // What a panic drops ends as failed, and the next task is not to suffer for it.
        let outcome = catch_unwind(AssertUnwindSafe(|| work::perform(self, loaded, crew, task)));
        if outcome.is_err() {
            tracing::error!(stream = %key.0, stage = STAGES[stage], "a stage panicked");
            self.failed(stage, code::ENGINE_FAILED, "it panicked");
        }
        self.queues()[stage].done(key);
        self.wake.notify_all();
    }

    fn next(&self, crew: &Crew) -> Option<(usize, Key, Task)> {
        loop {
            // What is nearest to being heard first.
            let stages = [TTS, MT, ASR].into_iter().filter(|stage| crew.serves[*stage]);
            if let Some(found) = stages.into_iter().find_map(|stage| {
                let (key, task) = self.pop(stage)?;
                Some((stage, key, task))
            }) {
                return Some(found);
            }
            let queues = self.queues();
            if self.is_closed() {
                return None;
            }
            let idle = [TTS, MT, ASR]
                .into_iter()
                .all(|stage| !crew.serves[stage] || !queues[stage].has_turn());
            if idle {
                drop(self.wake.wait(queues).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    fn pop(&self, stage: usize) -> Option<(Key, Task)> {
        let mut queues = self.queues();
        let (key, (since, task)) = queues[stage].pop()?;
        self.meters.waiting(stage, queues[stage].len());
        drop(queues);
        let waited = since.elapsed();
        // A sound that was handed in as a whole waits for itself.
        if waited > BEHIND && !key.0.is_empty() {
            let stream = &*key.0;
            tracing::warn!(
                stream,
                stage = STAGES[stage],
                waited_ms = waited.as_millis(),
                "the engine is behind"
            );
            *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), waited));
        }
        Some((key, task))
    }

    pub(super) fn admit(&self, sessions: usize) -> Result<(), Busy> {
        let loaded = match (self.state(), self.loaded.get()) {
            (Readiness::Ready, Some(loaded)) => loaded,
            (Readiness::Failed(problem), _) => return Err(Busy(format!("the engine is not ready: {problem}"))),
            _ => return Err(Busy("the engine loads its models".into())),
        };
        if sessions == 0 {
            return Ok(());
        }
        let behind = *self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, waited)) = behind.filter(|(at, _)| at.elapsed() < BEHIND_MEMORY) {
            let ms = waited.as_millis();
            return Err(Busy(format!("the engine is behind: an utterance waited for {ms} ms")));
        }
        too_many(&loaded.crews, self.meters.factors(), sessions).map_or(Ok(()), |why| Err(Busy(why)))
    }

    /// From the end of an utterance of the longest usual length: the wait for a pause, then each stage once; a dub's first sound
    /// comes after about a third of its synthesis.
    pub(super) fn expected_lag(&self) -> Option<LagMs> {
        let factors = self.meters.factors();
        if factors[ASR] == 0.0 {
            return None;
        }
        let pause = f64::from(cuts(self.settings.cut_cap).pause_ms);
        let lag = |seconds: f64| {
            let work = factors[ASR] + factors[MT] + factors[TTS] / 3.0;
            (pause + 1000.0 * seconds * work) as u32
        };
        let cap = self.settings.cut_cap.as_secs_f64();
        Some(LagMs {
            p50: lag(cap / 2.0),
            p95: lag(cap),
        })
    }

    fn pushed(&self, queues: MutexGuard<'_, [Queue<Key, (Instant, Task)>; 3]>, stage: usize) {
        self.meters.waiting(stage, queues[stage].len());
        drop(queues);
        self.wake.notify_all();
    }

    /// Waits; false when the engine is closed.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut queues = self.queues();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.is_closed() || left.is_zero() {
                return !self.is_closed();
            }
            let woken = self.wake.wait_timeout(queues, left);
            queues = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn queues(&self) -> MutexGuard<'_, [Queue<Key, (Instant, Task)>; 3]> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
