//! Models in a directory of one's own, for sites without a hub. Nothing is locked there: whoever filled it vouches for it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Missing, Store};
use crate::{marian, pocket, t5, whisper};

impl Store {
    /// A Whisper model: `config.json`, `tokenizer.json` and `model.safetensors` or one `.gguf`.
    pub fn whisper_in(dir: &Path) -> Result<whisper::Files, Missing> {
        let mut need = Need::of(dir);
        let files = whisper::Files {
            config: need.file(&["config.json"]),
            tokenizer: need.file(&["tokenizer.json"]),
            weights: need.file(&["model.safetensors", "*.gguf"]),
        };
        need.done(files)
    }

    /// An OPUS-MT model: `config.json`, `vocab.json`, `source.spm`, `target.spm` and `model.safetensors` or `pytorch_model.bin`.
    pub fn marian_in(dir: &Path) -> Result<marian::Files, Missing> {
        let mut need = Need::of(dir);
        let files = marian::Files {
            config: need.file(&["config.json"]),
            vocab: need.file(&["vocab.json"]),
            source_spm: need.file(&["source.spm"]),
            target_spm: need.file(&["target.spm"]),
            weights: need.file(&["model.safetensors", "pytorch_model.bin"]),
        };
        need.done(files)
    }

    /// MADLAD-400: `config.json`, `tokenizer.json` and one `.gguf`.
    pub fn madlad_in(dir: &Path) -> Result<t5::Files, Missing> {
        let mut need = Need::of(dir);
        let files = t5::Files {
            config: need.file(&["config.json"]),
            tokenizer: need.file(&["tokenizer.json"]),
            weights: need.file(&["model-q4k.gguf", "*.gguf"]),
        };
        need.done(files)
    }

    /// A Pocket TTS model: `model.safetensors`, `tokenizer.json` and voices in `embeddings/<voice>.safetensors`.
    pub fn pocket_in(dir: &Path) -> Result<pocket::Files, Missing> {
        let mut need = Need::of(dir);
        let files = pocket::Files {
            weights: need.file(&["model.safetensors"]),
            tokenizer: need.file(&["tokenizer.json"]),
            voices: dir.join("embeddings"),
        };
        if the_one(&files.voices, ".safetensors", false).is_none() {
            need.missing("embeddings/<voice>.safetensors");
        }
        need.done(files)
    }
}

struct Need<'a> {
    dir: &'a Path,
    files: Vec<String>,
}

impl<'a> Need<'a> {
    fn of(dir: &'a Path) -> Self {
        Self { dir, files: Vec::new() }
    }

    /// The first of these that is there; `*.gguf` is one with any name, if there is only one.
    fn file(&mut self, names: &[&str]) -> PathBuf {
        for name in names {
            let found = match name.strip_prefix('*') {
                Some(ending) => the_one(self.dir, ending, true),
                None => Some(self.dir.join(name)).filter(|path| path.is_file()),
            };
            if let Some(path) = found {
                return path;
            }
        }
        self.missing(&names.join(" or "));
        PathBuf::new()
    }

    fn missing(&mut self, what: &str) {
        self.files.push(self.dir.join(what).display().to_string());
    }

    fn done<T>(self, files: T) -> Result<T, Missing> {
        if self.files.is_empty() {
            return Ok(files);
        }
        Err(Missing {
            model: self.dir.display().to_string(),
            reasons: vec!["is not there".to_owned(); self.files.len()],
            files: self.files,
            command: String::new(),
        })
    }
}

/// A file with this ending; `alone`: only if there is no other.
fn the_one(dir: &Path, ending: &str, alone: bool) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = entries.filter(|path| path.to_string_lossy().ends_with(ending) && path.is_file());
    let first = found.next()?;
    (!alone || found.next().is_none()).then_some(first)
}
