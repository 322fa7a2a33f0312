//! The model's tokenizer, from its `tokenizer.json`.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Pieces after which a sentence ends, looked up by their text.
const SENTENCE_ENDS: [&str; 4] = [".", "!", "...", "?"];
/// Pieces after which a sentence may be cut if need be.
const CLAUSE_ENDS: [&str; 3] = [",", ";", ":"];

/// A tokenizer that fits the model.
#[derive(Debug)]
pub(super) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    pieces: usize,
    sentence_ends: Vec<u32>,
    clause_ends: Vec<u32>,
}

impl Tokenizer {
    /// Reads it; one of another size than the model's table belongs to another model.
    pub(super) fn load(path: &Path, pieces: usize) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| malformed(path, error.to_string()))?;
        Self::of(inner, path, pieces)
    }

    /// Of one that is there already.
    pub(super) fn of(inner: tokenizers::Tokenizer, path: &Path, pieces: usize) -> Result<Self> {
        let found = inner.get_vocab_size(true);
        if found != pieces {
            return Err(malformed(path, format!("has {found} pieces, the model has {pieces}")));
        }
        let ids = |pieces: &[&str]| pieces.iter().filter_map(|piece| inner.token_to_id(piece)).collect();
        Ok(Self {
            sentence_ends: ids(&SENTENCE_ENDS),
            clause_ends: ids(&CLAUSE_ENDS),
            inner,
            path: path.to_owned(),
            pieces,
        })
    }

    /// The pieces of a text, without any special ones around it.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| malformed(&self.path, error.to_string()))?;
        let ids = encoding.get_ids().to_vec();
        // Numbers may have holes even where their count is right.
        match ids.iter().find(|id| **id as usize >= self.pieces) {
            Some(id) => Err(malformed(
                &self.path,
                format!("piece {id} is beyond the model's {}", self.pieces),
            )),
            None => Ok(ids),
        }
    }

    /// The text of pieces.
    pub(super) fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner
            .decode(ids, true)
            .map_err(|error| malformed(&self.path, error.to_string()))
    }

    pub(super) fn ends_sentence(&self, id: u32) -> bool {
        self.sentence_ends.contains(&id)
    }

    pub(super) fn ends_clause(&self, id: u32) -> bool {
        self.clause_ends.contains(&id)
    }
}

fn malformed(path: &Path, why: String) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        why,
    }
}
