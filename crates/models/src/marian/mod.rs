//! OPUS-MT: translation by Marian models, a pair of languages each.

use std::path::PathBuf;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `config.json`.
    pub config: PathBuf,
    /// `vocab.json`.
    pub vocab: PathBuf,
    /// SentencePiece of the source language.
    pub source_spm: PathBuf,
    /// SentencePiece of the target language.
    pub target_spm: PathBuf,
    /// `model.safetensors`, or `pytorch_model.bin` where there is nothing newer.
    pub weights: PathBuf,
}
