//! Text to a Marian model's token numbers and back: pieces from SentencePiece, numbers from `vocab.json`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::Files;
use super::config::Config;
use crate::sentencepiece::{SPACE, SentencePiece};
use crate::seq2seq::Detokenizer;
use crate::{Error, Result};

const FILE_MAX: u64 = 128 << 20;
const END: &str = "</s>";
const UNKNOWN: &str = "<unk>";
const PAD: &str = "<pad>";

#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: SentencePiece,
    target: SentencePiece,
    numbers: HashMap<String, u32>,
    pieces: HashMap<u32, String>,
    end: u32,
    unknown: u32,
    targets: Vec<String>,
}

impl Vocabulary {
    pub(super) fn read(files: &Files, config: &Config) -> Result<Self> {
        let source = SentencePiece::open(&files.source_spm)?;
        let target = SentencePiece::open(&files.target_spm)?;
        let numbers = read_numbers(&files.vocab)?;
        check(&numbers, config.vocab, &files.vocab)?;
        // Models whose languages have a vocabulary each bring a second file.
        let second = match config.shared {
            true => None,
            false => {
                let path = files.vocab.with_file_name("target_vocab.json");
                let second = read_numbers(&path)?;
                check(&second, config.target_vocab, &path)?;
                Some(second)
            }
        };
        for (spm, path, numbers) in [
            (&source, &files.source_spm, &numbers),
            (&target, &files.target_spm, second.as_ref().unwrap_or(&numbers)),
        ] {
            // A vocabulary is made of the pieces of its files: where most are strangers, they are of another model.
            let known = (0u32..)
                .map_while(|id| spm.piece(id))
                .filter(|piece| numbers.contains_key(*piece))
                .count();
            if known * 2 < spm.len() {
                return Err(Error::Malformed {
                    path: path.clone(),
                    why: format!(
                        "only {known} of its {} pieces are in {}",
                        spm.len(),
                        files.vocab.display()
                    ),
                });
            }
        }
        Self::new(source, target, numbers, second, &files.vocab, config)
    }

    pub(super) fn new(
        source: SentencePiece,
        target: SentencePiece,
        numbers: HashMap<String, u32>,
        second: Option<HashMap<String, u32>>,
        path: &Path,
        config: &Config,
    ) -> Result<Self> {
        let number = |piece: &str| {
            numbers.get(piece).copied().ok_or_else(|| Error::Malformed {
                path: path.to_owned(),
                why: format!("has no {piece}"),
            })
        };
        let (end, unknown) = (number(END)?, number(UNKNOWN)?);
        if end != config.ends.end {
            return Err(Error::Malformed {
                path: path.to_owned(),
                why: format!("{END} is {end}, but eos_token_id is {}", config.ends.end),
            });
        }
        let pieces = second
            .as_ref()
            .unwrap_or(&numbers)
            .iter()
            .map(|(piece, number)| (*number, piece.clone()))
            .collect();
        let mut targets: Vec<String> = numbers
            .keys()
            .filter_map(|piece| language(piece))
            .map(str::to_owned)
            .collect();
        targets.sort();
        Ok(Self {
            inner: Arc::new(Inner {
                source,
                target,
                numbers,
                pieces,
                end,
                unknown,
                targets,
            }),
        })
    }

    /// The numbers of a text, without its end.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let Inner { numbers, unknown, .. } = &*self.inner;
        let pieces = self.inner.source.encode(text);
        pieces
            .iter()
            .map(|piece| numbers.get(&piece.text).copied().unwrap_or(*unknown))
            .collect()
    }

    pub(super) fn end(&self) -> u32 {
        self.inner.end
    }

    /// The target languages that a model of several knows, as in `>>fra<<`; none if it has one.
    pub(super) fn targets(&self) -> &[String] {
        &self.inner.targets
    }

    /// The number of `>>language<<`.
    pub(super) fn target(&self, language: &str) -> Option<u32> {
        self.inner.numbers.get(&format!(">>{language}<<")).copied()
    }
}

impl Detokenizer for Vocabulary {
    fn decode(&self, tokens: &[u32]) -> String {
        let Inner { target, pieces, .. } = &*self.inner;
        let said = tokens.iter().filter_map(|token| pieces.get(token)).map(String::as_str);
        let said = said.filter(|piece| ![END, UNKNOWN, PAD].contains(piece) && language(piece).is_none());
        // A piece that the file does not have stands for itself, spaces and all.
        target.decode_pieces(said).replace(SPACE, " ").trim().to_owned()
    }

    fn begins_word(&self, token: u32) -> bool {
        self.inner
            .pieces
            .get(&token)
            .is_some_and(|piece| piece.starts_with(SPACE))
    }
}

fn language(piece: &str) -> Option<&str> {
    piece.strip_prefix(">>")?.strip_suffix("<<")
}

fn read_numbers(path: &Path) -> Result<HashMap<String, u32>> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let malformed = |why: String| Error::Malformed {
        path: path.to_owned(),
        why,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(malformed(format!("more than {FILE_MAX} bytes: no vocabulary")));
    }
    serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))
}

fn check(numbers: &HashMap<String, u32>, vocab: usize, path: &Path) -> Result<()> {
    match numbers.iter().max_by_key(|(_, number)| **number) {
        Some((piece, &number)) if number as usize >= vocab => Err(Error::Malformed {
            path: path.to_owned(),
            why: format!("{piece:?} is {number}, but the vocabulary has a size of {vocab}"),
        }),
        _ => Ok(()),
    }
}
