//! Pocket TTS as a stage: a model for each language, each with its voices.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dragoman_audio::pcm;
use dragoman_models::pocket::{self, Noise, PocketTts, SAMPLE_RATE, Voice};
use dragoman_models::store::{Store, manifest};

use super::super::DUB_RATE;
use super::super::load::Choice;
use super::super::stage::{Call, Failure, Line, Stage, Synthesise, same};
use super::{Models, failure, shown, stopped};
use crate::engine::{Model, Voice as Described};

const _: () = assert!(SAMPLE_RATE == DUB_RATE, "what is spoken is sent as it is");

pub(super) struct Voices {
    tongues: Vec<Tongue>,
    models: Vec<Model>,
    /// Another noise for each line, the same ones after each start.
    seed: AtomicU64,
}

/// A language that is spoken.
struct Tongue {
    lang: String,
    tts: PocketTts,
    /// Names of its voices, the default first.
    names: Vec<String>,
    /// Those that were asked for.
    loaded: Mutex<HashMap<String, Voice>>,
}

impl Voices {
    /// A model for each target language. All that is missing is said at once.
    pub(super) fn load(models: &Models, choice: Option<&Choice>) -> Result<Self, String> {
        let mut loaded = Self {
            tongues: Vec::new(),
            models: Vec::new(),
            seed: AtomicU64::new(0),
        };
        let mut problems = Vec::new();
        for lang in models.pairs.targets() {
            match one(models, choice, &lang) {
                Ok((tongue, model)) => {
                    loaded.tongues.push(tongue);
                    loaded.models.push(model);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(loaded)
        } else {
            Err(problems.join("; "))
        }
    }

    fn find(&self, lang: &str) -> Option<&Tongue> {
        self.tongues.iter().find(|tongue| same(&tongue.lang, lang))
    }
}

fn one(models: &Models, choice: Option<&Choice>, lang: &str) -> Result<(Tongue, Model), String> {
    let name = manifest::pocket_name(lang).ok_or_else(|| {
        format!(
            "tts: no built-in voice speaks {lang:?}; there are: {}",
            pocket::NAMES.join(", ")
        )
    })?;
    let (files, model, known) = match choice {
        Some(Choice::Directory(dir)) => {
            let dir = of_language(dir, lang);
            let files = Store::pocket_in(&dir).map_err(|missing| missing.to_string())?;
            (files, shown(&dir, "tts"), Vec::new())
        }
        Some(Choice::Model(name)) if name != "pocket" => {
            return Err(format!("tts: there is no voice model {name:?}; there is: pocket"));
        }
        _ => {
            let files = models.store.pocket(name).map_err(|missing| missing.to_string())?;
            let known = models.store.voices(name).map_err(|missing| missing.to_string())?;
            (files, models.described(&format!("pocket-{name}"), "tts"), known)
        }
    };
    let tts =
        PocketTts::load(name, &files, &models.device, models.precision()).map_err(|error| format!("tts: {error}"))?;
    // Voices of the cache have licences that are known; those of a directory are its owner's.
    let described: Vec<Described> = if known.is_empty() {
        let names = tts.voices().map_err(|error| format!("tts: {error}"))?;
        let own = |name| Described {
            name,
            licence: "NOASSERTION".into(),
        };
        names.into_iter().map(own).collect()
    } else {
        let shipped = |voice: &dragoman_models::store::manifest::Voice| Described {
            name: voice.name.into(),
            licence: voice.licence.into(),
        };
        known.iter().map(shipped).collect()
    };
    let mut names: Vec<String> = described.iter().map(|voice| voice.name.clone()).collect();
    let usual = pocket::default_voice(name);
    if let Some(at) = names.iter().position(|name| name == usual) {
        names.swap(0, at);
    }
    let model = Model {
        languages: vec![lang.to_owned()],
        voices: described,
        ..model
    };
    let tongue = Tongue {
        lang: lang.to_owned(),
        tts,
        names,
        loaded: Mutex::default(),
    };
    Ok((tongue, model))
}

/// Of a directory with a model for each language, the one of this language; else the directory itself.
fn of_language(dir: &Path, lang: &str) -> std::path::PathBuf {
    let own = dir.join(lang);
    if own.is_dir() { own } else { dir.to_owned() }
}

impl Tongue {
    fn voice(&self, asked: Option<&str>) -> Result<Voice, Failure> {
        let name = asked.or(self.names.first().map(String::as_str)).unwrap_or_default();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(voice) = loaded.get(name) {
            return Ok(voice.clone());
        }
        let voice = self.tts.voice(name).map_err(|error| failure(&error))?;
        loaded.insert(name.to_owned(), voice.clone());
        Ok(voice)
    }
}

impl Stage for Voices {
    fn models(&self) -> Vec<Model> {
        self.models.clone()
    }
}

impl Synthesise for Voices {
    fn speaks(&self, lang: &str) -> bool {
        self.find(lang).is_some()
    }

    fn has_voice(&self, lang: &str, voice: &str) -> bool {
        self.find(lang)
            .is_some_and(|tongue| tongue.names.iter().any(|name| name == voice))
    }

    fn voices(&self, lang: &str) -> Vec<String> {
        self.find(lang).map(|tongue| tongue.names.clone()).unwrap_or_default()
    }

    fn speak(&self, line: &Line<'_>, call: &Call<'_>, on_pcm: &mut dyn FnMut(&[i16])) -> Result<(), Failure> {
        let Some(tongue) = self.find(line.lang) else {
            let code = dragoman_protocol::code::UNSUPPORTED_PAIR;
            return Err(Failure::failed(code, format!("no voice speaks {}", line.lang)));
        };
        let voice = tongue.voice(line.voice)?;
        let noise = Noise::seeded(self.seed.fetch_add(1, Ordering::Relaxed));
        let mut samples = Vec::new();
        let spoken = tongue.tts.speak(line.text, &voice, noise, &mut |sound| {
            pcm::extend_i16(sound, &mut samples);
            on_pcm(&samples);
            samples.clear();
            match (call.stopped)() {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        });
        spoken.map_err(|error| failure(&error))?;
        stopped(call)
    }
}
