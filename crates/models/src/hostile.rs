//! Files of models that somebody else made, for fuzz targets: each takes any bytes and returns.

use std::path::{Path, PathBuf};

use crate::sentencepiece::SentencePiece;
use crate::{marian, pocket, t5, whisper};

/// A `.spm` or `.model`; a tokenizer that comes of it has to work on any text.
pub fn sentencepiece(bytes: &[u8]) {
    let Ok(model) = SentencePiece::from_bytes(bytes, Path::new("model.spm")) else {
        return;
    };
    for text in ["Good evening, 2026!", "\u{2581}a\u{0301} \u{1f600}\u{3000}ﬁ", ""] {
        let ids = model.ids(text);
        assert!(
            ids.iter().all(|id| (*id as usize) < model.len()),
            "a piece that does not exist"
        );
        drop(model.decode(&ids));
    }
}

/// A `config.json`, which each model judges by its own rules.
pub fn config(bytes: &[u8]) {
    let file = Scratch::write(bytes);
    drop(whisper::Config::read(&file.0));
    drop(pocket::Config::read(&file.0));
    drop(marian::judge(&file.0));
    drop(t5::judge(&file.0));
}

/// A file with these bytes, since configurations are read where they lie.
struct Scratch(PathBuf);

impl Scratch {
    fn write(bytes: &[u8]) -> Self {
        let name = format!(
            "dragoman-hostile-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let file = Self(std::env::temp_dir().join(name));
        // Without it every reader fails, which is no finding.
        drop(std::fs::write(&file.0, bytes));
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}
