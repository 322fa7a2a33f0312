//! What turns an utterance into dubs: the seam between sessions and engines.
//!
//! A session hands an engine a [`Job`] (an utterance's sound, its languages, until when it is worth starting) and reads
//! [`Event`]s from the job's [`Sink`]: first what was recognised, then for each target the text, PCM as soon as it exists and one
//! end. An engine works on threads of its own, never on a tokio worker; [`Engine::submit`] only queues, in a queue with a bound.
//! One recognition feeds all targets of a job.

pub mod cascade;
pub mod echo;
pub mod mock;
mod pace;
mod sink;

use std::sync::Arc;
use std::time::Instant;

use dragoman_protocol::{LagMs, Outcome, Pcm, StageMs, TargetId, UtteranceId, code};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::listen::cut;

pub use self::sink::{Arrival, Gone, Sink};

/// Names that `SPEECH_ENGINE` can have.
pub const NAMES: &[&str] = &["mock", "echo", "cascade"];

/// An engine that runs. Its methods neither block nor wait.
pub trait Engine: Send + Sync + 'static {
    /// What it is.
    fn about(&self) -> &About;

    /// Whether it can take jobs; sessions are refused while it cannot.
    fn state(&self) -> Readiness {
        Readiness::Ready
    }

    /// How utterances should be cut for it.
    fn cuts(&self) -> cut::Settings;

    /// Whether it can dub this pair; `source` may be `auto`.
    fn supports(&self, source: &str, target: &str, voice: Option<&str>) -> Result<(), Unsupported>;

    /// Whether it could take another session beside `sessions` without slowing them down.
    fn admit(&self, _sessions: usize) -> Result<(), Busy> {
        Ok(())
    }

    /// Takes a job, or refuses it because its queue is full.
    fn submit(&self, job: Job) -> Result<(), Full>;

    /// Milliseconds from an utterance's end to its first dub sample as the engine expects them; `None` if it cannot say.
    fn expected_lag(&self) -> Option<LagMs>;

    /// Shows what it measures of itself.
    fn register(&self, _registry: &mut Registry) {}
}

/// How far an engine has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It dubs.
    Ready,
    /// It loads its models and tries them.
    Loading,
    /// It cannot for this reason; it tries again.
    Failed(String),
}

/// Why an engine takes no further session now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Busy(pub String);

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// `mock`, `echo`, `cascade`.
    pub name: &'static str,
    /// What it runs.
    pub models: Vec<Model>,
    /// Where it runs.
    pub device: &'static str,
    /// Samples per second of its dubs.
    pub dub_rate: u32,
    /// Target languages, or `*` where any will do.
    pub languages: Vec<String>,
}

/// A model and what its licence asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model {
    /// What it is called.
    pub name: String,
    /// SPDX identifier, where there is one.
    pub licence: String,
    /// What has to be said of it in public, if anything.
    pub attribution: Option<String>,
    /// What it does: `asr`, `mt` or `tts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<&'static str>,
    /// Which version of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Languages or pairs that it is loaded for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Its voices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub voices: Vec<Voice>,
}

impl Model {
    /// A model of which no more is known.
    pub fn new(name: impl Into<String>, licence: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            licence: licence.into(),
            attribution: None,
            stage: None,
            revision: None,
            languages: Vec::new(),
            voices: Vec::new(),
        }
    }
}

/// A voice, which has a licence of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Voice {
    /// As a client names it.
    pub name: String,
    /// SPDX identifier, where there is one.
    pub licence: String,
}

/// Why a pair cannot be dubbed; both are closed with 4003.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A language, or the pair.
    #[error("{0}")]
    Pair(String),
    /// The voice.
    #[error("{0}")]
    Voice(String),
}

impl Unsupported {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pair(_) => code::UNSUPPORTED_PAIR,
            Self::Voice(_) => code::UNSUPPORTED_VOICE,
        }
    }
}

/// The engine's queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine's queue is full")]
pub struct Full;

/// An utterance to dub.
pub struct Job {
    /// Stream id, for what is kept for each stream.
    pub stream: String,
    /// Its id in the session.
    pub utterance: UtteranceId,
    /// Mono at [`cut::RATE`].
    pub pcm: Arc<[i16]>,
    /// Spoken language or `auto`.
    pub source: String,
    /// What to dub it into; at least one.
    pub targets: Vec<JobTarget>,
    /// A target whose dub cannot begin by then ends as `late`.
    pub start_by: Instant,
    /// Where the results go.
    pub sink: Sink,
}

/// One dub of a job.
#[derive(Clone, Debug)]
pub struct JobTarget {
    /// Its number in the session.
    pub id: TargetId,
    /// Its language.
    pub lang: String,
    /// Its voice, if the client chose one.
    pub voice: Option<String>,
    /// Cancelled when nobody wants it any more; the engine then ends it as `cancelled` at its next chance.
    pub cancel: CancellationToken,
}

/// What an engine has to say about a job. Each target of it gets exactly one [`Event::End`].
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// What was said.
    Recognised {
        /// Spoken language.
        lang: String,
        /// What was said; empty if nothing was.
        text: String,
    },
    /// What a dub says; comes before its PCM and again when more is known.
    Text {
        /// Which dub.
        target: TargetId,
        /// So far.
        text: String,
        /// Milliseconds that the dub will last.
        estimate_ms: u32,
        /// Where the time went.
        stage_ms: StageMs,
    },
    /// More of a dub, at the engine's `dub_rate`.
    Audio {
        /// Which dub.
        target: TargetId,
        /// What comes next.
        pcm: Pcm,
    },
    /// A dub is complete or will not be.
    End {
        /// Which dub.
        target: TargetId,
        /// How it ended.
        outcome: Outcome,
        /// Why it failed.
        code: Option<&'static str>,
    },
}

/// Starts the engine that the configuration names. It may still have to load its models: see [`Engine::state`].
pub fn start(config: &Config) -> anyhow::Result<Arc<dyn Engine>> {
    Ok(match config.engine {
        Name::Mock => Arc::new(mock::Mock::start(config.mock_delay, config.mock_stretch)?),
        Name::Echo => Arc::new(echo::Echo::start(config.mock_delay)?),
        Name::Cascade => Arc::new(cascade::start(config)?),
    })
}

/// An engine that can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Tones.
    Mock,
    /// The source again.
    Echo,
    /// Recognition, translation, synthesis.
    Cascade,
}

impl Name {
    /// As `SPEECH_ENGINE` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mock => "mock",
            Self::Echo => "echo",
            Self::Cascade => "cascade",
        }
    }
}
