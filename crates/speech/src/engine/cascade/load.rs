//! From the configuration to stages that are loaded and warm: which ones, on which threads, and what is missing.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::command::{self, CommandLine};
use super::meters::{ASR, Crew, MT, STAGES, TTS};
use super::shared::Shared;
use super::stage::{Place, Recognise, Synthesise, Translate};
use super::warm::warm_up;
use super::{Cascade, RETRY, Settings, Stages};
use crate::config::Config;

/// What a stage is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A model of the store, by name.
    Model(String),
    /// A model in a directory.
    Directory(PathBuf),
    /// A program.
    Command(CommandLine),
}

impl Choice {
    /// What is expected of a variable that chooses a stage.
    pub const EXPECTED: &str = "a model's name, an absolute directory, or command:program and its words";

    /// Reads `whisper-base`, `/models/whisper-base` or `command:program word word`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with("command") {
            return CommandLine::read(text).map(Self::Command);
        }
        if text.starts_with('/') {
            return Some(Self::Directory(PathBuf::from(text)));
        }
        let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        (!text.is_empty() && text.chars().all(good)).then(|| Self::Model(text.to_owned()))
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(name) => f.write_str(name),
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Command(line) => write!(f, "{line}"),
        }
    }
}

/// What the three stages are made of; where nothing is chosen, the default of the device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// `SPEECH_ASR`.
    pub asr: Option<Choice>,
    /// `SPEECH_MT`.
    pub mt: Option<Choice>,
    /// `SPEECH_TTS`.
    pub tts: Option<Choice>,
}

/// The device that was asked for is not there.
#[derive(Debug, thiserror::Error)]
#[error("SPEECH_DEVICE: {0}")]
pub struct DeviceError(pub String);

/// Makes the stages; each is asked for again while another one is missing, once it was made it is kept.
pub trait Load: Send + 'static {
    /// Speech to text.
    fn recognise(&mut self) -> Result<Arc<dyn Recognise>, String>;
    /// Text to text.
    fn translate(&mut self) -> Result<Arc<dyn Translate>, String>;
    /// Text to speech.
    fn synthesise(&mut self) -> Result<Arc<dyn Synthesise>, String>;
}

impl Load for Stages {
    fn recognise(&mut self) -> Result<Arc<dyn Recognise>, String> {
        Ok(Arc::clone(&self.recognise))
    }

    fn translate(&mut self) -> Result<Arc<dyn Translate>, String> {
        Ok(Arc::clone(&self.translate))
    }

    fn synthesise(&mut self) -> Result<Arc<dyn Synthesise>, String> {
        Ok(Arc::clone(&self.synthesise))
    }
}

/// Starts the cascade of the configuration.
pub fn start(config: &Config) -> anyhow::Result<Cascade> {
    let loader = Loader::new(config)?;
    let settings = Settings {
        pairs: config.pairs.clone(),
        device: loader.device(),
        glossaries: config.glossary_dir.clone(),
        cut_cap: config.cut_cap,
        retry: RETRY,
    };
    Ok(Cascade::start(settings, loader)?)
}

/// Makes the stages that the configuration chooses.
struct Loader {
    config: Config,
    #[cfg(feature = "models")]
    models: super::models::Models,
}

impl Loader {
    #[cfg(feature = "models")]
    fn new(config: &Config) -> Result<Self, DeviceError> {
        Ok(Self {
            config: config.clone(),
            models: super::models::Models::open(config)?,
        })
    }

    #[cfg(not(feature = "models"))]
    fn new(config: &Config) -> Result<Self, DeviceError> {
        Ok(Self { config: config.clone() })
    }

    #[cfg(feature = "models")]
    fn device(&self) -> &'static str {
        self.models.device()
    }

    #[cfg(not(feature = "models"))]
    fn device(&self) -> &'static str {
        "cpu"
    }
}

#[cfg(not(feature = "models"))]
const NO_MODELS: &str = "this build runs programs only: it was built without the feature `models`";

impl Load for Loader {
    fn recognise(&mut self) -> Result<Arc<dyn Recognise>, String> {
        match &self.config.stages.asr {
            Some(Choice::Command(line)) => {
                let sources = self.config.pairs.sources();
                Ok(Arc::new(command::Recogniser::open(
                    line,
                    self.config.commands,
                    sources,
                )?))
            }
            #[cfg(feature = "models")]
            choice => self.models.recognise(choice.as_ref()),
            #[cfg(not(feature = "models"))]
            _ => Err(NO_MODELS.into()),
        }
    }

    fn translate(&mut self) -> Result<Arc<dyn Translate>, String> {
        match &self.config.stages.mt {
            Some(Choice::Command(line)) => {
                let pairs = self.config.pairs.clone();
                Ok(Arc::new(command::Translator::open(line, self.config.commands, pairs)?))
            }
            #[cfg(feature = "models")]
            choice => self.models.translate(choice.as_ref()),
            #[cfg(not(feature = "models"))]
            _ => Err(NO_MODELS.into()),
        }
    }

    fn synthesise(&mut self) -> Result<Arc<dyn Synthesise>, String> {
        match &self.config.stages.tts {
            Some(Choice::Command(line)) => {
                let (targets, rate) = (self.config.pairs.targets(), self.config.tts_rate);
                Ok(Arc::new(command::Speaker::open(
                    line,
                    self.config.commands,
                    targets,
                    rate,
                )?))
            }
            #[cfg(feature = "models")]
            choice => self.models.synthesise(choice.as_ref()),
            #[cfg(not(feature = "models"))]
            _ => Err(NO_MODELS.into()),
        }
    }
}

/// Starts the thread that loads the stages and then serves those of the device.
pub(super) fn spawn(shared: Arc<Shared>, mut load: impl Load) -> std::io::Result<()> {
    let name = match shared.settings.device {
        "cpu" => "engine-listen".to_owned(),
        device => format!("engine-{device}"),
    };
    let thread = std::thread::Builder::new().name(name);
    thread.spawn(move || {
        let Some(stages) = load_all(&shared, &mut load) else {
            return;
        };
        let crews = crews(&stages, shared.settings.device);
        let (mine, others): (Vec<Crew>, Vec<Crew>) = crews
            .iter()
            .partition(|crew| crew.name == shared.settings.device || crew.name == LISTEN);
        tracing::info!(pairs = %shared.settings.pairs, device = shared.settings.device, "ready to dub");
        shared.load(stages, crews);
        for crew in others {
            for number in 0..crew.threads {
                let shared = Arc::clone(&shared);
                let thread = std::thread::Builder::new().name(format!("engine-{}-{number}", crew.name));
                if let Err(error) = thread.spawn(move || shared.run(&crew)) {
                    tracing::error!(%error, crew = crew.name, "a thread of the engine could not be started");
                }
            }
        }
        if let Some(crew) = mine.first() {
            shared.run(crew);
        }
    })?;
    Ok(())
}

const LISTEN: &str = "listen";
const SPEAK: &str = "speak";

/// Which threads serve which stages; the module of the engine says why.
fn crews(stages: &Stages, device: &'static str) -> Vec<Crew> {
    let places = [
        stages.recognise.place(),
        stages.translate.place(),
        stages.synthesise.place(),
    ];
    let on_device = places.map(|place| place == Place::Device);
    let mut crews = Vec::new();
    let mut crew = |name, serves: [bool; 3], threads| {
        if serves.contains(&true) {
            crews.push(Crew { name, serves, threads });
        }
    };
    if device == "cpu" {
        crew(LISTEN, [on_device[ASR], on_device[MT], false], 1);
        crew(SPEAK, [false, false, on_device[TTS]], 1);
    } else {
        crew(device, on_device, 1);
    }
    for (stage, place) in places.into_iter().enumerate() {
        if let Place::Threads(threads) = place {
            crew(
                STAGES[stage],
                std::array::from_fn(|other| other == stage),
                threads.max(1),
            );
        }
    }
    crews
}

/// Loads and tries everything, however often it takes; `None` if the engine was closed meanwhile.
fn load_all(shared: &Shared, load: &mut impl Load) -> Option<Stages> {
    let (mut recognise, mut translate, mut synthesise) = (None, None, None);
    while !shared.is_closed() {
        let mut problems = Vec::new();
        made(shared, ASR, &mut recognise, &mut problems, || load.recognise());
        made(shared, MT, &mut translate, &mut problems, || load.translate());
        made(shared, TTS, &mut synthesise, &mut problems, || load.synthesise());
        if let (Some(recognise), Some(translate), Some(synthesise)) = (&recognise, &translate, &synthesise) {
            let stages = Stages {
                recognise: Arc::clone(recognise),
                translate: Arc::clone(translate),
                synthesise: Arc::clone(synthesise),
            };
            let problem = shared
                .settings
                .pairs
                .missing(&stages)
                .map_or_else(|| warm_up(shared, &stages), Err);
            match problem {
                Ok(()) => return Some(stages),
                Err(problem) => problems.push(problem),
            }
        }
        let problem = problems.join("; ");
        shared.fail(problem);
        shared.wait(shared.settings.retry);
    }
    None
}

fn made<T: ?Sized>(
    shared: &Shared,
    stage: usize,
    slot: &mut Option<Arc<T>>,
    problems: &mut Vec<String>,
    make: impl FnOnce() -> Result<Arc<T>, String>,
) {
    if slot.is_some() {
        return;
    }
    let begun = Instant::now();
    // Files of models are read by others' code too, and what it does not expect of them it may panic at.
    let made = catch_unwind(AssertUnwindSafe(make));
    match made.unwrap_or_else(|_panic| Err(format!("{}: loading panicked", STAGES[stage]))) {
        Ok(stage_made) => {
            let took = begun.elapsed();
            shared.meters.loaded(stage, took);
            tracing::info!(stage = STAGES[stage], took_ms = took.as_millis(), "loaded");
            *slot = Some(stage_made);
        }
        Err(problem) => problems.push(problem),
    }
}
