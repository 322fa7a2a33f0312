//! Pocket TTS: text to speech, streaming.

use std::path::PathBuf;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `model.safetensors`.
    pub weights: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// The directory of `<voice>.safetensors`.
    pub voices: PathBuf,
}
