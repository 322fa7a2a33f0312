//! The three stages of a cascade, as the engine sees them: recognise, translate, synthesise.
//!
//! A stage is shared by the threads that call it and keeps nothing of an utterance once a call is over. It knows nothing of
//! sessions; a [`Call`] tells it how long it is wanted. What is heard is mono at [`crate::listen::cut::RATE`], what is said
//! mono at [`super::DUB_RATE`].

use std::time::Duration;

use super::super::Model;

/// One use of a stage.
pub struct Call<'a> {
    /// Whose speech this is, for logs.
    pub stream: &'a str,
    /// Asked often while the stage works: the reason to stop at once, if there is one.
    pub stopped: &'a dyn Fn() -> Option<Stop>,
}

/// Why a stage is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nobody wants the result any more.
    Cancelled,
    /// The result would come too late.
    Late,
}

/// Why a stage gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was told to.
    #[error("stopped")]
    Stopped(Stop),
    /// It cannot.
    #[error("{message}")]
    Failed {
        /// Stable, for programs.
        code: &'static str,
        /// For people; nothing of what was said is in it.
        message: String,
    },
}

impl Failure {
    /// A failure that is the stage's own.
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Failed { code, message }
    }
}

/// Where a stage's calls have to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the thread of the engine's device, which owns its models.
    Device,
    /// On so many threads of its own: what it does happens elsewhere, in processes.
    Threads(usize),
}

/// What every stage can say of itself.
pub trait Stage: Send + Sync {
    /// What it runs, for `/v1/engine`.
    fn models(&self) -> Vec<Model>;

    /// Where it has to be called.
    fn place(&self) -> Place {
        Place::Device
    }
}

/// Speech to text.
pub trait Recognise: Stage {
    /// Whether it understands a language; `auto`: whether it finds out which one is spoken.
    fn recognises(&self, lang: &str) -> bool;

    /// Whether it can write in English what was said in another language.
    fn hears_english(&self) -> bool {
        false
    }

    /// Says what was said.
    fn recognise(&self, speech: &Speech<'_>, call: &Call<'_>) -> Result<Heard, Failure>;
}

/// What is to be recognised.
pub struct Speech<'a> {
    /// The sound.
    pub pcm: &'a [i16],
    /// The spoken language; `None`: it has to be found out.
    pub lang: Option<&'a str>,
    /// Write it in English, whatever is spoken.
    pub into_english: bool,
    /// Words that may occur in it, spelled as they should be: names of the stream's glossary.
    pub prompt: Option<&'a str>,
}

impl Speech<'_> {
    /// How long it is.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.pcm.len() as f64 / f64::from(crate::listen::cut::RATE))
    }
}

/// What was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The spoken language.
    pub lang: String,
    /// What was said; empty where nothing was.
    pub text: String,
    /// Why text was left out of it, if any was.
    pub filtered: Option<&'static str>,
}

/// Text to text.
pub trait Translate: Stage {
    /// Whether it has this pair.
    fn translates(&self, from: &str, to: &str) -> bool;

    /// Translates. `on_text` gets everything that stands so far, in whole words, as it grows; it may never be called.
    fn translate(
        &self,
        sentence: &Sentence<'_>,
        call: &Call<'_>,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<String, Failure>;
}

/// What is to be translated.
pub struct Sentence<'a> {
    /// What was said.
    pub text: &'a str,
    /// Its language.
    pub from: &'a str,
    /// The language that is wanted.
    pub to: &'a str,
}

/// Text to speech.
pub trait Synthesise: Stage {
    /// Whether it speaks a language.
    fn speaks(&self, lang: &str) -> bool;

    /// Whether it has this voice for the language.
    fn has_voice(&self, lang: &str, voice: &str) -> bool;

    /// Its voices for a language, for messages.
    fn voices(&self, lang: &str) -> Vec<String>;

    /// Speaks. `on_pcm` gets each piece as soon as it exists.
    fn speak(&self, line: &Line<'_>, call: &Call<'_>, on_pcm: &mut dyn FnMut(&[i16])) -> Result<(), Failure>;
}

/// What is to be said.
pub struct Line<'a> {
    /// The text, prepared for speaking.
    pub text: &'a str,
    /// Its language.
    pub lang: &'a str,
    /// The voice that was asked for.
    pub voice: Option<&'a str>,
}

/// The language of a tag without its region and script: `pt` for `pt-br`.
pub fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

/// Whether two tags name the same language, whatever the region.
pub fn same(a: &str, b: &str) -> bool {
    primary(a).eq_ignore_ascii_case(primary(b))
}
