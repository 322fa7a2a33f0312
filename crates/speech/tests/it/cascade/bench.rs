//! An engine, jobs for it and what becomes of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dragoman_protocol::{Outcome, TargetId, UtteranceId};
use dragoman_speech::engine::cascade::{Cascade, Settings, Stages};
use dragoman_speech::engine::{Arrival, Engine, Event, Job, JobTarget, Readiness, Sink};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_util::sync::CancellationToken;

/// Longer than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// An engine that is ready, and what came out of it.
pub(super) struct Bench {
    pub(super) engine: Cascade,
    sender: Option<Sender<Arrival>>,
    events: Receiver<Arrival>,
    pub(super) cancels: BTreeMap<(u32, u8), CancellationToken>,
}

/// All that was said of one dub.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) samples: Vec<i16>,
    pub(super) ends: Vec<(Outcome, Option<&'static str>)>,
}

impl Bench {
    pub(super) fn new(settings: Settings, stages: Stages) -> Self {
        let engine = Cascade::start(settings, stages).unwrap();
        until("the engine is ready", || engine.state() == Readiness::Ready);
        let (sender, events) = Sink::channel();
        Self {
            engine,
            sender: Some(sender),
            events,
            cancels: BTreeMap::new(),
        }
    }

    pub(super) fn job(&mut self, stream: &str, utterance: u32, source: &str, langs: &[&str]) -> Job {
        let targets = langs.iter().enumerate().map(|(n, lang)| {
            let cancel = CancellationToken::new();
            self.cancels.insert((utterance, n as u8), cancel.clone());
            JobTarget {
                id: TargetId(n as u8),
                lang: (*lang).to_owned(),
                voice: None,
                cancel,
            }
        });
        Job {
            stream: stream.into(),
            utterance: UtteranceId(utterance),
            targets: targets.collect(),
            pcm: vec![0; 16_000].into(),
            source: source.into(),
            start_by: Instant::now() + PATIENCE,
            sink: Sink::new(UtteranceId(utterance), self.sender.clone().unwrap()),
        }
    }

    pub(super) fn submit(&mut self, stream: &str, utterance: u32, source: &str, langs: &[&str]) {
        let job = self.job(stream, utterance, source, langs);
        self.engine.submit(job).unwrap();
    }

    /// Everything until all jobs are over.
    pub(super) fn take(&mut self) -> BTreeMap<(u32, u8), Told> {
        self.sender = None;
        let mut all: BTreeMap<(u32, u8), Told> = BTreeMap::new();
        while let Some((utterance, event)) = self.events.blocking_recv() {
            let (Event::Text { target, .. } | Event::Audio { target, .. } | Event::End { target, .. }) = &event else {
                continue;
            };
            let told = all.entry((utterance.0, target.0)).or_default();
            assert!(told.ends.is_empty(), "something comes after the end: {event:?}");
            match event {
                Event::Text { text, .. } => told.text = text,
                Event::Audio { pcm, .. } => {
                    assert!(!told.text.is_empty(), "sound before its text");
                    told.samples.extend(pcm.iter());
                }
                Event::End { outcome, code, .. } => told.ends.push((outcome, code)),
                Event::Recognised { .. } => {}
            }
        }
        all
    }
}

pub(super) fn until(what: &str, so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}
