//! MADLAD-400: translation by a quantised T5, for the pairs without an OPUS-MT model.

use std::path::PathBuf;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// `.gguf`.
    pub weights: PathBuf,
}
