//! Whisper: speech to text.

use std::path::PathBuf;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// `.safetensors` or `.gguf`.
    pub weights: PathBuf,
}
