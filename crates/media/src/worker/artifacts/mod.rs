//! The session's artifact: what was said and what became of it, a JSON object a line in `ARTIFACTS_DIR`.
//!
//! ```text
//! {"type":"session","stream":"news","session":"…","source":"en","targets":["es"],"hold_ms":2500,"began_unix_ms":…}
//! {"type":"utterance","id":"1.7","start_ms":12340,"end_ms":14980,"text":"Good evening.","dubs":[{"target":"es",
//!  "text":"Buenas noches.","outcome":"on_time","at_ms":12340,"lag_ms":0,"wait_ms":0,"rate":1.0}]}
//! ```
//!
//! Times are media time of the worker whose `session` line is the last one before; a worker that takes over writes
//! another. `id` is the connection to the speech service and the utterance on it. `at_ms` is where the dub is heard, `heard`
//! what was heard in its place. A file is `<stream>.<session>.<part>.jsonl`.
//!
//! The pacer never waits for any of this: lines go through a bounded queue to a thread of their own, and what does not fit
//! is counted.

mod sink;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use dragoman_audio::playout::{Event, Key};
use dragoman_timeline::Pts;
use serde::Serialize;
use tokio::sync::oneshot;
use tracing::{info, warn};

use self::sink::Sink;
use super::programme::ms;
use crate::control::ArtifactsStatus;
use crate::spec::Spec;

/// Lines that may wait for the disk: some minutes of speech. What does not fit is dropped and counted.
const QUEUE: usize = 128;
/// Utterances that are not settled in every language; the oldest is written as it is when there are more.
const MOST_OPEN: usize = 512;
/// Longer texts are cut: nobody says as much within one utterance.
const MOST_TEXT: usize = 2_000;
/// Connections to the speech service whose utterances are told apart from repeats.
const MOST_CONNECTIONS: usize = 64;

/// What became of the lines.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    pub(crate) fn status(&self) -> ArtifactsStatus {
        ArtifactsStatus {
            written: self.written.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// Collects what is known of each utterance until it is settled in every language. Off, it does nothing.
pub(crate) struct Transcript {
    queue: Option<SyncSender<String>>,
    counts: Arc<Counts>,
    targets: Vec<String>,
    open: BTreeMap<Key, Line>,
    /// The highest utterance of each connection.
    newest: BTreeMap<u32, u32>,
}

/// The rest of a transcript, for whoever ends the session.
pub(crate) struct Written {
    pub(crate) counts: Arc<Counts>,
    /// The last line is on the disk, or has been given up.
    pub(crate) done: oneshot::Receiver<()>,
}

#[derive(Serialize)]
struct Line {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    start_ms: i64,
    end_ms: i64,
    text: String,
    dubs: Vec<Dub>,
}

#[derive(Serialize)]
struct Dub {
    target: String,
    text: String,
    /// The playout's word for it; none when the session ended before there was one.
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<&'static str>,
}

impl Transcript {
    /// The transcript that `spec` asks for; without a directory it is off.
    pub(crate) fn start(spec: &Spec) -> Result<(Self, Option<Written>)> {
        let counts = Arc::<Counts>::default();
        let (queue, written) = match &spec.artifacts {
            Some(artifacts) => {
                let sink = Sink::new(artifacts, &spec.stream, &spec.session, first_line(spec));
                let (queue, lines) = sync_channel(QUEUE);
                let (ended, done) = oneshot::channel();
                let (span, theirs) = (tracing::Span::current(), counts.clone());
                let write = move || {
                    let _entered = span.entered();
                    write_all(sink, &lines, &theirs);
                    // Nobody may be waiting any more.
                    let _ = ended.send(());
                };
                let thread = std::thread::Builder::new().name("artifacts".to_owned());
                thread.spawn(write).context("start the artifacts' thread")?;
                let counts = counts.clone();
                (Some(queue), Some(Written { counts, done }))
            }
            None => (None, None),
        };
        let transcript = Self {
            queue,
            counts,
            targets: spec.programmes.iter().map(|p| p.target.clone()).collect(),
            open: BTreeMap::new(),
            newest: BTreeMap::new(),
        };
        Ok((transcript, written))
    }

    /// An utterance, or its text.
    pub(crate) fn utterance(&mut self, key: Key, (start, end): (Pts, Pts), text: &str) {
        if self.queue.is_none() {
            return;
        }
        let newest = self.newest.entry(key.connection).or_default();
        if key.utterance > *newest {
            *newest = key.utterance;
            self.open.insert(key, Line::new(key, (start, end), &self.targets));
        }
        // The same utterance comes again with its text, which may be after it was settled.
        if let Some(line) = self.open.get_mut(&key).filter(|_| !text.is_empty()) {
            line.text = cut(text);
        }
        while self.newest.len() > MOST_CONNECTIONS {
            self.newest.pop_first();
        }
        while self.open.len() > MOST_OPEN
            && let Some((_, oldest)) = self.open.pop_first()
        {
            self.put(&oldest);
        }
    }

    /// What is said in the language at `target`.
    pub(crate) fn dub(&mut self, key: Key, target: usize, text: &str) {
        if let Some(dub) = self.dub_of(key, target).filter(|_| !text.is_empty()) {
            dub.text = cut(text);
        }
    }

    /// What the playout of the language at `target` reports.
    pub(crate) fn event(&mut self, target: usize, event: &Event) {
        match *event {
            Event::Started { key, at, lag, rate } => {
                if let Some(dub) = self.dub_of(key, target) {
                    dub.at_ms = Some(at.ms());
                    dub.lag_ms = Some(ms(lag));
                    dub.rate = Some(rate);
                }
            }
            Event::Ended {
                key,
                outcome,
                lag,
                wait,
                heard,
            } => {
                let Some(dub) = self.dub_of(key, target) else { return };
                dub.outcome = Some(outcome.as_str());
                dub.lag_ms = lag.map(ms).or(dub.lag_ms);
                dub.wait_ms = wait.map(ms);
                dub.heard = heard.map(|heard| heard.as_str());
                let is_settled = |line: &Line| line.dubs.iter().all(|dub| dub.outcome.is_some());
                if self.open.get(&key).is_some_and(is_settled)
                    && let Some(line) = self.open.remove(&key)
                {
                    self.put(&line);
                }
            }
            Event::Cancel { .. } => {}
        }
    }

    /// The session ends: what is not settled is written as it is.
    pub(crate) fn finish(&mut self) {
        while let Some((_, line)) = self.open.pop_first() {
            self.put(&line);
        }
        self.queue = None;
    }

    fn dub_of(&mut self, key: Key, target: usize) -> Option<&mut Dub> {
        self.open.get_mut(&key)?.dubs.get_mut(target)
    }

    fn put(&self, line: &Line) {
        let Some(queue) = &self.queue else { return };
        let is_taken = serde_json::to_string(line).is_ok_and(|line| queue.try_send(line).is_ok());
        if !is_taken {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Line {
    fn new(key: Key, (start, end): (Pts, Pts), targets: &[String]) -> Self {
        let dub = |target: &String| Dub {
            target: target.clone(),
            text: String::new(),
            outcome: None,
            at_ms: None,
            lag_ms: None,
            wait_ms: None,
            rate: None,
            heard: None,
        };
        Self {
            kind: "utterance",
            id: format!("{}.{}", key.connection, key.utterance),
            start_ms: start.ms(),
            end_ms: end.ms(),
            text: String::new(),
            dubs: targets.iter().map(dub).collect(),
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}

fn first_line(spec: &Spec) -> String {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    serde_json::json!({
        "type": "session",
        "stream": spec.stream,
        "session": spec.session,
        "source": spec.source,
        "targets": spec.programmes.iter().map(|p| &p.target).collect::<Vec<_>>(),
        "hold_ms": spec.hold_ms,
        "began_unix_ms": u64::try_from(began.as_millis()).unwrap_or(0),
    })
    .to_string()
}

/// Until the session is over. A disk that takes nothing costs lines and is told of once, until it takes one again.
fn write_all(mut sink: Sink, lines: &Receiver<String>, counts: &Counts) {
    let mut is_failing = false;
    for line in lines {
        match sink.write(&line) {
            Ok(()) => {
                counts.written.fetch_add(1, Ordering::Relaxed);
                if std::mem::take(&mut is_failing) {
                    info!("artifacts are written again");
                }
            }
            Err(error) => {
                counts.dropped.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(%error, directory = %sink.directory().display(), "artifacts are not written; counted from now on");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dragoman_audio::playout::{Heard, Outcome};
    use dragoman_timeline::Span;

    use super::*;

    const KEY: Key = Key {
        connection: 1,
        utterance: 7,
    };

    fn transcript(queue: usize) -> (Transcript, Receiver<String>) {
        let (queue, lines) = sync_channel(queue);
        let transcript = Transcript {
            queue: Some(queue),
            counts: Arc::default(),
            targets: vec!["es".to_owned(), "fr".to_owned()],
            open: BTreeMap::new(),
            newest: BTreeMap::new(),
        };
        (transcript, lines)
    }

    fn ended(key: Key, outcome: Outcome, heard: Option<Heard>) -> Event {
        Event::Ended {
            key,
            outcome,
            lag: None,
            wait: None,
            heard,
        }
    }

    #[test]
    fn an_utterance_is_written_once_it_is_settled_in_every_language() {
        let (mut transcript, lines) = transcript(8);
        transcript.utterance(KEY, (Pts::from_ms(1_000), Pts::from_ms(2_500)), "");
        transcript.utterance(KEY, (Pts::from_ms(1_000), Pts::from_ms(2_500)), "Good evening.");
        transcript.dub(KEY, 0, "Buenas noches.");
        let started = Event::Started {
            key: KEY,
            at: Pts::from_ms(1_200),
            lag: Span::from_ms(200),
            rate: 1.1,
        };
        transcript.event(0, &started);
        transcript.event(0, &ended(KEY, Outcome::Late, None));
        assert!(lines.try_recv().is_err(), "French is not settled");
        transcript.event(1, &ended(KEY, Outcome::Shed, Some(Heard::Original)));
        insta::assert_snapshot!(lines.try_recv().unwrap(), @r#"{"type":"utterance","id":"1.7","start_ms":1000,"end_ms":2500,"text":"Good evening.","dubs":[{"target":"es","text":"Buenas noches.","outcome":"late","at_ms":1200,"lag_ms":200,"rate":1.1},{"target":"fr","text":"","outcome":"shed","heard":"heard_original"}]}"#);
        transcript.utterance(KEY, (Pts::from_ms(1_000), Pts::from_ms(2_500)), "Good evening.");
        transcript.finish();
        assert!(lines.recv().is_err(), "that was all");
    }

    #[test]
    fn what_the_disk_does_not_take_in_time_is_counted_and_nothing_grows() {
        let (mut transcript, lines) = transcript(1);
        for utterance in 1..=2_000 {
            let key = Key { utterance, ..KEY };
            transcript.utterance(key, (Pts::ZERO, Pts::ZERO), &"x".repeat(10_000));
        }
        assert_eq!(transcript.open.len(), MOST_OPEN);
        transcript.finish();
        assert_eq!(transcript.counts.status().dropped, 1_999);
        assert!(lines.recv().unwrap().len() < 2 * MOST_TEXT);
    }
}
