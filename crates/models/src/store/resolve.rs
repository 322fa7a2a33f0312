//! Finds a model's files in the cache, without the network, and only those that the lock vouches for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::inspect::{State, locked};
use super::manifest::{self, Model, Part, Role, Voice};
use super::stamps::Stamps;
use super::{Error, Store};
use crate::{marian, pocket, t5, whisper};

/// Files that a model needs and that are not there, or not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which model, or which directory.
    pub model: String,
    /// Each file, `repository/file`.
    pub files: Vec<String>,
    /// Why each of them is not used, in the same order.
    pub reasons: Vec<String>,
    /// The command that gets them; empty for a local directory, which nothing is fetched into.
    pub command: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files: Vec<String> = self
            .files
            .iter()
            .zip(&self.reasons)
            .map(|(file, why)| format!("{file} {why}"))
            .collect();
        write!(f, "{}: {}", self.model, files.join(", "))?;
        if self.command.is_empty() {
            return Ok(());
        }
        write!(f, "; run: {}", self.command)
    }
}

impl std::error::Error for Missing {}

impl Missing {
    pub(super) fn one(model: &str, file: impl Into<String>, why: impl Into<String>, command: String) -> Self {
        Self {
            model: model.to_owned(),
            files: vec![file.into()],
            reasons: vec![why.into()],
            command,
        }
    }

    fn unknown(error: &Error) -> Self {
        Self::one("no such model", "", error.to_string(), String::new())
    }
}

/// The command that fetches a model.
pub(super) fn command(model: &str) -> String {
    format!("dragoman-speech models fetch {model}")
}

impl Store {
    /// The files of a Whisper model: `whisper-base`.
    pub fn whisper(&self, name: &str) -> Result<whisper::Files, Missing> {
        let files = self.find(&manifest::find(name).map_err(|error| Missing::unknown(&error))?)?;
        Ok(whisper::Files {
            config: files.path(Role::Config)?,
            tokenizer: files.path(Role::Tokenizer)?,
            weights: files.path(Role::Weights)?,
        })
    }

    /// The files of the OPUS-MT model of a pair of languages; the newer `tc-big` one where only that is there.
    pub fn marian(&self, from: &str, to: &str) -> Result<marian::Files, Missing> {
        let find = |name: &str| self.find(&manifest::find(name).map_err(|error| Missing::unknown(&error))?);
        let files = find(&format!("opus-mt-{from}-{to}"))
            .or_else(|missing| find(&format!("opus-mt-tc-big-{from}-{to}")).map_err(|_| missing))?;
        Ok(marian::Files {
            config: files.path(Role::Config)?,
            vocab: files.path(Role::Vocabulary)?,
            source_spm: files.path(Role::SourcePieces)?,
            target_spm: files.path(Role::TargetPieces)?,
            weights: files.path(Role::Weights)?,
        })
    }

    /// The files of MADLAD-400.
    pub fn madlad(&self) -> Result<t5::Files, Missing> {
        let files = self.find(&manifest::find("madlad-400-3b").map_err(|error| Missing::unknown(&error))?)?;
        Ok(t5::Files {
            config: files.path(Role::Config)?,
            tokenizer: files.path(Role::Tokenizer)?,
            weights: files.path(Role::Weights)?,
        })
    }

    /// The files of the Pocket TTS model that speaks a language (`es`), or of that name (`spanish_24l`). Other programs that
    /// share the cache may have put further voices into the directory: [`Store::voices`] says which may be used.
    pub fn pocket(&self, language: &str) -> Result<pocket::Files, Missing> {
        let files = self.find(&pocket_model(language)?)?;
        let voice = files.first_voice()?;
        Ok(pocket::Files {
            weights: files.path(Role::Weights)?,
            tokenizer: files.path(Role::Tokenizer)?,
            voices: voice.parent().unwrap_or(&voice).to_owned(),
        })
    }

    /// The voices of that model which are in the cache and may be used, the default first.
    pub fn voices(&self, language: &str) -> Result<Vec<Voice>, Missing> {
        let model = pocket_model(language)?;
        let files = self.find(&model)?;
        let voices = model
            .parts
            .iter()
            .filter(|part| files.found.contains_key(&part.names[0]));
        Ok(voices
            .filter_map(|part| match part.role {
                Role::Voice(voice) => Some(voice),
                _ => None,
            })
            .collect())
    }

    /// The commit that a model's weights are locked at.
    pub fn commit(&self, model: &Model) -> Option<String> {
        let lock = self.lock().ok()?;
        let weights = model.parts.iter().find(|part| part.role == Role::Weights)?;
        Some(locked(&lock, &model.repository, weights)?.1.commit.clone())
    }

    fn find(&self, model: &Model) -> Result<Resolved, Missing> {
        let unreadable = |error: Error| Missing::one(&model.name, "", error.to_string(), command(&model.name));
        let lock = self.lock().map_err(unreadable)?;
        let stamps = Stamps::read(&self.stamps_path()).map_err(unreadable)?;
        let mut resolved = Resolved {
            model: model.clone(),
            found: BTreeMap::new(),
        };
        let (mut files, mut reasons) = (Vec::new(), Vec::new());
        for part in &model.parts {
            let file = self.inspect_part(model, part, &lock, &stamps);
            match (file.state, file.path) {
                (State::Present, Some(path)) => {
                    resolved.found.insert(part.names[0].clone(), path);
                }
                (State::Missing, _) if part.optional => {}
                (state, _) => {
                    files.push(file.name);
                    reasons.push(state.as_reason().to_owned());
                }
            }
        }
        if files.is_empty() {
            return Ok(resolved);
        }
        Err(Missing {
            model: model.name.clone(),
            files,
            reasons,
            command: command(&model.name),
        })
    }
}

fn pocket_model(language: &str) -> Result<Model, Missing> {
    manifest::find(&format!("pocket-{language}")).map_err(|error| Missing::unknown(&error))
}

/// A model whose files are all there.
struct Resolved {
    model: Model,
    /// By the first name of the part, which is unique in its model.
    found: BTreeMap<String, PathBuf>,
}

impl Resolved {
    fn path(&self, role: Role) -> Result<PathBuf, Missing> {
        self.part(|part| part.role == role)
    }

    fn first_voice(&self) -> Result<PathBuf, Missing> {
        self.part(|part| matches!(part.role, Role::Voice(_)))
    }

    fn part(&self, wanted: impl Fn(&Part) -> bool) -> Result<PathBuf, Missing> {
        let part = self.model.parts.iter().find(|part| wanted(part));
        let path = part
            .and_then(|part| self.found.get(&part.names[0]))
            .map(PathBuf::as_path);
        path.map(Path::to_owned).ok_or_else(|| {
            let name = &self.model.name;
            Missing::one(name, name.clone(), "is a model for something else", String::new())
        })
    }
}
