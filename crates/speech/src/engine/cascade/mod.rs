//! The engine that dubs for real: recognise → translate → synthesise, each a [`stage`] of its own.
//!
//! ```text
//!            ┌── asr ──┐        ┌── mt ───┐ clause by clause ┌── tts ──┐
//!  job ─────▶│ queue   │───────▶│ queue   │─────────────────▶│ queue   │─────▶ text, PCM, one end for each dub
//!            └─────────┘ a dub  └─────────┘                  └─────────┘
//! ```
//!
//! One recognition feeds all dubs of an utterance, and a dub's first clause is spoken while the rest of it is translated. The
//! queues are fair between streams (see `queue`) and bounded by [`MOST_JOBS`]. Who works on them:
//!
//! * On a GPU one thread owns all models and serves all queues: its work is in order anyway, and no model waits for another one's
//!   memory. What is nearest to being heard comes first.
//! * On a processor recognition and translation have one thread and synthesis another one. Speaking a dub takes as long as hearing
//!   the next utterance does; in turn they would add up, side by side they overlap, and neither keeps more than a core busy.
//! * Stages that run as [`command`]s have threads of their own, as many as processes may run at once.
//!
//! A cascade is late by nature: its dubs begin at a steady lag, which is no fault. What counts is the translation, so utterances
//! are cut longer than for the mock; see [`cuts`].

pub mod command;
mod dub;
mod health;
mod load;
mod meters;
#[cfg(feature = "models")]
mod models;
mod pairs;
mod queue;
mod saying;
mod shared;
pub mod stage;
mod warm;
mod work;

use std::sync::Arc;
use std::time::Duration;

use dragoman_protocol::LagMs;
use prometheus_client::registry::Registry;

pub use self::load::{Choice, Choices, DeviceError, Load, start};
pub use self::pairs::{Pair, Pairs};
use self::shared::Shared;
use self::stage::{Recognise, Synthesise, Translate};
use super::{About, Busy, Engine, Full, Job, Readiness, Unsupported};
use crate::listen::cut::{self, Clause};

/// Samples per second of the dubs, whatever the stage that speaks.
pub const DUB_RATE: u32 = 24_000;
/// Utterances that are worked on or wait. At 5 s each that is minutes of many streams: what waits as long is too late anyway.
pub const MOST_JOBS: usize = 512;
/// Utterances of one stream that wait.
pub const MOST_OF_A_STREAM: usize = 128;
/// `SPEECH_CUT_CAP` where nothing else is said.
pub const CUT_CAP: Duration = Duration::from_secs(7);
/// How long until what could not be loaded is tried again.
pub const RETRY: Duration = Duration::from_secs(5);

/// How utterances are cut for a cascade whose longest is `cap`.
///
/// A translation is as good as the sentence that it is made of, and a dub can only begin when its utterance is over: each second
/// of utterance is a second of lag. Speakers pause for 0.4 s and more between sentences and rarely within a phrase, so that
/// ends an utterance at once. From 2.5 s on (six or seven words, a clause) a breath of 0.2 s is enough. A sentence of a newsreader
/// has 15 to 20 words, 6 to 8 s: the cap of 7 s lets most of them pass whole, and where one does not end by then it is cut at the
/// quietest moment of the last 0.8 s, between two words as a rule. With the default hold a dub so begins about when its utterance
/// ends in the programme; what waits longer than `MAX_WAIT` is left out by the playout, not by cutting shorter.
pub fn cuts(cap: Duration) -> cut::Settings {
    let cap_ms = u32::try_from(cap.as_millis()).unwrap_or(u32::MAX);
    cut::Settings {
        pause_ms: 400,
        clause: Some(Clause {
            after_ms: 2_500.min(cap_ms / 2),
            pause_ms: 208,
        }),
        cap_ms,
        cap_search_ms: 800.min(cap_ms / 4),
    }
}

/// The stages of a cascade, loaded.
pub struct Stages {
    /// Speech to text.
    pub recognise: Arc<dyn Recognise>,
    /// Text to text.
    pub translate: Arc<dyn Translate>,
    /// Text to speech.
    pub synthesise: Arc<dyn Synthesise>,
}

/// What else a cascade has to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pairs that it has to be ready for.
    pub pairs: Pairs,
    /// Where its models run: `cpu`, `cuda`, `metal`.
    pub device: &'static str,
    /// Where the streams' glossaries are.
    pub glossaries: Option<std::path::PathBuf>,
    /// The longest utterance.
    pub cut_cap: Duration,
    /// How long until stages that could not be loaded are tried again.
    pub retry: Duration,
}

/// See the module.
pub struct Cascade {
    shared: Arc<Shared>,
}

impl Cascade {
    /// Starts it. `load` works on the thread that will own the models, again and again until it succeeds: weights that are
    /// fetched meanwhile make it ready. Until then [`Engine::state`] says what is missing.
    pub fn start(settings: Settings, load: impl Load) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(settings));
        load::spawn(Arc::clone(&shared), load)?;
        Ok(Self { shared })
    }
}

impl Drop for Cascade {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Engine for Cascade {
    fn about(&self) -> &About {
        self.shared.about()
    }

    fn state(&self) -> Readiness {
        self.shared.state()
    }

    fn cuts(&self) -> cut::Settings {
        cuts(self.shared.settings.cut_cap)
    }

    fn supports(&self, source: &str, target: &str, voice: Option<&str>) -> Result<(), Unsupported> {
        match self.shared.loaded() {
            Some(loaded) => self
                .shared
                .settings
                .pairs
                .supports(&loaded.stages, source, target, voice),
            None => Err(Unsupported::Pair("the models are not loaded yet".into())),
        }
    }

    fn admit(&self, sessions: usize) -> Result<(), Busy> {
        self.shared.admit(sessions)
    }

    fn submit(&self, job: Job) -> Result<(), Full> {
        self.shared.submit(job)
    }

    fn expected_lag(&self) -> Option<LagMs> {
        self.shared.expected_lag()
    }

    fn register(&self, registry: &mut Registry) {
        self.shared.meters.register(registry);
    }
}
