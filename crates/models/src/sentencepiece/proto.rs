//! The file: the few fields of its protobuf that matter, each with a bound.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::{Error, Result};

/// The largest published file has 256,000 pieces and 5 MB.
const FILE_MAX: u64 = 64 << 20;
const PIECES_MAX: usize = 1 << 21;
const PIECE_MAX: usize = 1 << 12;

type Parsed<T> = std::result::Result<T, String>;

/// The file's bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Error::Malformed {
            path: path.to_owned(),
            why: format!("more than {FILE_MAX} bytes: no SentencePiece model"),
        });
    }
    Ok(bytes)
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) pieces: Vec<Entry>,
    pub(super) trainer: Trainer,
    pub(super) normaliser: Rules,
}

/// One piece.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: u64,
}

/// What of the training decides how text is cut.
#[derive(Debug)]
pub(super) struct Trainer {
    pub(super) model_type: u64,
    pub(super) whitespace_as_suffix: bool,
    pub(super) byte_fallback: bool,
    pub(super) unknown_surface: String,
}

impl Default for Trainer {
    fn default() -> Self {
        Self {
            model_type: 1,
            whitespace_as_suffix: false,
            byte_fallback: false,
            unknown_surface: " \u{2047} ".into(),
        }
    }
}

/// How text is normalised.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) charsmap: Vec<u8>,
    pub(super) dummy_prefix: bool,
    pub(super) remove_extra_whitespaces: bool,
    pub(super) escape_whitespaces: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            charsmap: Vec::new(),
            dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        }
    }
}

impl Model {
    pub(super) fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut model = Self::default();
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(bytes)) => {
                    if model.pieces.len() == PIECES_MAX {
                        return Err(format!("more than {PIECES_MAX} pieces"));
                    }
                    let at = model.pieces.len();
                    let entry = Entry::parse(bytes).map_err(|why| format!("piece {at}: {why}"))?;
                    model.pieces.push(entry);
                }
                (2, Value::Bytes(bytes)) => model
                    .trainer
                    .parse(bytes)
                    .map_err(|why| format!("trainer_spec: {why}"))?,
                (3, Value::Bytes(bytes)) => {
                    model
                        .normaliser
                        .parse(bytes)
                        .map_err(|why| format!("normalizer_spec: {why}"))?;
                }
                (1..=3, _) => return Err(format!("field {number} is not a message: no SentencePiece model")),
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            return Err("no pieces: no SentencePiece model".into());
        }
        Ok(model)
    }
}

impl Entry {
    fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut entry = Self {
            text: String::new(),
            score: 0.0,
            kind: 1,
        };
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(bytes)) => entry.text = text(bytes)?,
                (2, Value::Fixed32(bits)) => entry.score = f32::from_bits(bits),
                (3, Value::Varint(kind)) => entry.kind = kind,
                (1..=3, _) => return Err(format!("field {number} has another type")),
                _ => {}
            }
        }
        if entry.text.is_empty() || entry.text.len() > PIECE_MAX {
            return Err(format!("{} bytes long, expected 1 to {PIECE_MAX}", entry.text.len()));
        }
        if !entry.score.is_finite() {
            return Err(format!("score {}", entry.score));
        }
        Ok(entry)
    }
}

impl Trainer {
    fn parse(&mut self, bytes: &[u8]) -> Parsed<()> {
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (3, Value::Varint(kind)) => self.model_type = kind,
                (24, Value::Varint(flag)) => self.whitespace_as_suffix = flag != 0,
                (35, Value::Varint(flag)) => self.byte_fallback = flag != 0,
                (44, Value::Bytes(bytes)) => {
                    self.unknown_surface = text(bytes)?;
                    if self.unknown_surface.len() > PIECE_MAX {
                        return Err(format!("unk_surface is longer than {PIECE_MAX} bytes"));
                    }
                }
                (3 | 24 | 35 | 44, _) => return Err(format!("field {number} has another type")),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Rules {
    fn parse(&mut self, bytes: &[u8]) -> Parsed<()> {
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (2, Value::Bytes(bytes)) => self.charsmap = bytes.to_vec(),
                (3, Value::Varint(flag)) => self.dummy_prefix = flag != 0,
                (4, Value::Varint(flag)) => self.remove_extra_whitespaces = flag != 0,
                (5, Value::Varint(flag)) => self.escape_whitespaces = flag != 0,
                (2..=5, _) => return Err(format!("field {number} has another type")),
                _ => {}
            }
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Parsed<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "not UTF-8".into())
}

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Varint(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
    Fixed64,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Parsed<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            5 => {
                let mut bits = [0; 4];
                bits.copy_from_slice(self.take(4)?);
                Value::Fixed32(u32::from_le_bytes(bits))
            }
            other => return Err(format!("wire type {other}: no protobuf")),
        };
        Ok(Some((key >> 3, value)))
    }

    fn varint(&mut self) -> Parsed<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number of more than ten bytes: no protobuf".into())
    }

    fn take(&mut self, count: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or("ends in the middle of a field: truncated")?;
        self.0 = rest;
        Ok(taken)
    }
}
