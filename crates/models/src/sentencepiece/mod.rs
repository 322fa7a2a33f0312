//! Tokenizers from published SentencePiece files (`.spm`, `.model`): unigram and BPE.
//!
//! A file holds the pieces with their scores and the rules by which text is normalised before it is cut. Both are applied here as
//! the original applies them, rounding included, so that the pieces are the same for any string. Nothing is cached: a model that
//! has seen a text keeps nothing of it.

mod bpe;
mod decode;
mod normalise;
mod pieces;
mod proto;
mod unigram;

use std::path::Path;
use std::sync::Arc;

use self::normalise::Normaliser;
use self::pieces::{Kind, Pieces};
use crate::{Error, Result};

/// What stands for a space inside pieces.
pub const SPACE: char = '\u{2581}';

/// A tokenizer. A clone shares it.
#[derive(Clone, Debug)]
pub struct SentencePiece {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pieces: Pieces,
    normaliser: Normaliser,
    algorithm: Algorithm,
    byte_fallback: bool,
    unknown_surface: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Unigram,
    Bpe,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// As it stands in the normalised text; of a run of unknown characters the whole run, of a byte its `<0xNN>`.
    pub text: String,
    /// Its number in the file.
    pub id: u32,
}

impl SentencePiece {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = proto::read(path)?;
        Self::from_bytes(&bytes, path)
    }

    /// From a file's bytes; `path` is for the errors.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::parse(bytes).map_err(|why| Error::Malformed {
            path: path.to_owned(),
            why,
        })
    }

    fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let model = proto::Model::parse(bytes)?;
        let algorithm = match model.trainer.model_type {
            1 => Algorithm::Unigram,
            2 => Algorithm::Bpe,
            other => return Err(format!("model type {other} is neither unigram (1) nor BPE (2)")),
        };
        let pieces = Pieces::new(model.pieces, model.trainer.byte_fallback)?;
        Ok(Self {
            inner: Arc::new(Inner {
                normaliser: Normaliser::new(model.normaliser, model.trainer.whitespace_as_suffix)?,
                pieces,
                algorithm,
                byte_fallback: model.trainer.byte_fallback,
                unknown_surface: model.trainer.unknown_surface,
            }),
        })
    }

    /// How many pieces there are.
    pub fn len(&self) -> usize {
        self.inner.pieces.len()
    }

    /// Never: there is always the unknown piece.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A piece by its number.
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.inner.pieces.text(id)
    }

    /// A piece's number, if there is such a piece.
    pub fn id(&self, piece: &str) -> Option<u32> {
        self.inner.pieces.id(piece)
    }

    /// The number of the unknown piece.
    pub fn unknown(&self) -> u32 {
        self.inner.pieces.unknown()
    }

    /// Whether a piece only steers and has no text, such as `</s>`.
    pub fn is_control(&self, id: u32) -> bool {
        self.inner.pieces.kind(id) == Some(Kind::Control)
    }

    /// The text as the model sees it, spaces as [`SPACE`].
    pub fn normalise(&self, text: &str) -> String {
        self.inner.normaliser.apply(text, &self.inner.pieces)
    }

    /// Cuts a text into pieces.
    pub fn encode(&self, text: &str) -> Vec<Piece> {
        let Inner {
            pieces,
            algorithm,
            byte_fallback,
            ..
        } = &*self.inner;
        let normalised = self.normalise(text);
        let cut = match algorithm {
            Algorithm::Unigram => unigram::cut(&normalised, pieces),
            Algorithm::Bpe => bpe::cut(&normalised, pieces),
        };
        let mut found: Vec<Piece> = Vec::with_capacity(cut.len());
        let mut after_unknown = false;
        for (text, id) in cut {
            let unknown = id == pieces.unknown();
            if unknown && *byte_fallback {
                found.extend(text.bytes().filter_map(|byte| {
                    let id = pieces.byte(byte)?;
                    let text = pieces.text(id)?.to_owned();
                    Some(Piece { text, id })
                }));
            } else if let (true, true, Some(last)) = (unknown, after_unknown, found.last_mut()) {
                last.text.push_str(text);
            } else {
                found.push(Piece {
                    text: text.to_owned(),
                    id,
                });
            }
            after_unknown = unknown;
        }
        found
    }

    /// The numbers of [`SentencePiece::encode`].
    pub fn ids(&self, text: &str) -> Vec<u32> {
        self.encode(text).into_iter().map(|piece| piece.id).collect()
    }

    /// The text of pieces by their numbers; a number that the file does not have counts as unknown.
    pub fn decode(&self, ids: &[u32]) -> String {
        let Inner { pieces, .. } = &*self.inner;
        let unknown = pieces.unknown();
        self.joined(ids.iter().map(|&id| match pieces.text(id) {
            Some(text) => (text, id),
            None => (pieces.text(unknown).unwrap_or_default(), unknown),
        }))
    }

    /// The text of pieces; one that the file does not have stands for itself.
    pub fn decode_pieces<'a>(&'a self, pieces: impl IntoIterator<Item = &'a str>) -> String {
        self.joined(
            pieces
                .into_iter()
                .map(|piece| (piece, self.id(piece).unwrap_or(self.unknown()))),
        )
    }

    fn joined<'a>(&'a self, pieces: impl Iterator<Item = (&'a str, u32)>) -> String {
        let inner = &*self.inner;
        decode::join(pieces, &inner.pieces, &inner.normaliser, &inner.unknown_surface)
    }
}

#[cfg(test)]
#[path = "sentencepiece_test.rs"]
mod tests;
