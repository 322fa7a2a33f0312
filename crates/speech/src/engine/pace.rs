//! A thread that does each job a set time after it came, in order of coming: how `mock` and `echo` pretend to think.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use dragoman_protocol::{Outcome, Pcm, StageMs};

use super::{Event, Full, Gone, Job, JobTarget};

/// Jobs that wait. At 1.7 s an utterance that is many sessions' worth of the longest delay; what comes on top is refused.
const QUEUE: usize = 256;
/// Length of a piece of dub: short enough to begin playing, long enough to cost nothing.
const PIECE: Duration = Duration::from_millis(100);

/// Makes a whole dub out of a job; the same job gives the same dub.
pub(super) trait Make: Send + 'static {
    /// What was said.
    fn recognise(&self, job: &Job) -> (String, String);
    /// What the dub says, and its sound.
    fn dub(&self, job: &Job, target: &JobTarget) -> (String, Vec<i16>);
    /// Samples per second of the sound.
    fn rate(&self) -> u32;
}

/// The thread's handle; once it is dropped the thread ends after what is queued.
pub(super) struct Pace {
    delay: Duration,
    queue: SyncSender<(Instant, Job)>,
}

impl Pace {
    pub(super) fn start(name: &str, delay: Duration, make: impl Make) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name(format!("engine-{name}"))
            .spawn(move || run(&jobs, &make))?;
        Ok(Self { delay, queue })
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), Full> {
        let due = Instant::now() + self.delay;
        self.queue.try_send((due, job)).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Full,
        })
    }
}

fn run(jobs: &Receiver<(Instant, Job)>, make: &impl Make) {
    while let Ok((due, job)) = jobs.recv() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let waited = due.elapsed();
        if waited > Duration::from_secs(1) {
            tracing::warn!(
                stream = job.stream,
                behind_ms = waited.as_millis(),
                "the engine is behind"
            );
        }
        if let Err(Gone) = work(&job, make) {
            tracing::debug!(
                stream = job.stream,
                utterance = job.utterance.0,
                "nobody waits for this utterance"
            );
        }
    }
}

fn work(job: &Job, make: &impl Make) -> Result<(), Gone> {
    let (lang, text) = make.recognise(job);
    job.sink.send(Event::Recognised { lang, text })?;
    for target in &job.targets {
        let outcome = if target.cancel.is_cancelled() {
            Outcome::Cancelled
        } else if Instant::now() > job.start_by {
            Outcome::Late
        } else {
            speak(job, target, make)?
        };
        job.sink.send(Event::End {
            target: target.id,
            outcome,
            code: None,
        })?;
    }
    Ok(())
}

fn speak(job: &Job, target: &JobTarget, make: &impl Make) -> Result<Outcome, Gone> {
    let begun = Instant::now();
    let (text, samples) = make.dub(job, target);
    let estimate_ms = (samples.len() as u64 * 1000 / u64::from(make.rate())) as u32;
    let stage_ms = StageMs {
        tts: begun.elapsed().as_millis() as u32,
        ..StageMs::default()
    };
    job.sink.send(Event::Text {
        target: target.id,
        text,
        estimate_ms,
        stage_ms,
    })?;
    for piece in samples.chunks(make.rate() as usize * PIECE.as_millis() as usize / 1000) {
        if target.cancel.is_cancelled() {
            return Ok(Outcome::Cancelled);
        }
        job.sink.send(Event::Audio {
            target: target.id,
            pcm: Pcm::from_samples(piece),
        })?;
    }
    Ok(Outcome::Done)
}
