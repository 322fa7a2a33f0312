//! Text as the model was trained on it: characters replaced by a table of rules, spaces squeezed and escaped.

use super::SPACE;
use super::pieces::Pieces;
use super::proto::Rules;

#[derive(Debug)]
pub(super) struct Normaliser {
    table: Option<Table>,
    dummy_prefix: bool,
    suffix: bool,
    squeeze: bool,
    escape: bool,
}

impl Normaliser {
    pub(super) fn new(rules: Rules, whitespace_as_suffix: bool) -> Result<Self, String> {
        let table = match rules.charsmap.is_empty() {
            true => None,
            false => Some(Table::parse(&rules.charsmap)?),
        };
        Ok(Self {
            table,
            dummy_prefix: rules.dummy_prefix,
            suffix: whitespace_as_suffix,
            squeeze: rules.remove_extra_whitespaces,
            escape: rules.escape_whitespaces,
        })
    }

    pub(super) fn drops_leading_space(&self) -> bool {
        self.dummy_prefix || self.squeeze
    }

    pub(super) fn squeezes(&self) -> bool {
        self.squeeze
    }

    pub(super) fn apply(&self, text: &str, pieces: &Pieces) -> String {
        let mut rest = text;
        if self.squeeze {
            while let Some((" ", len)) = self.first(rest, pieces) {
                rest = rest.get(len..).unwrap_or_default();
            }
        }
        if rest.is_empty() {
            return String::new();
        }
        let space = if self.escape { SPACE } else { ' ' };
        let mut out = String::with_capacity(rest.len() + rest.len() / 2);
        if self.dummy_prefix && !self.suffix {
            out.push(space);
        }
        let mut after_space = self.squeeze;
        while let Some((mut part, len)) = self.first(rest, pieces) {
            if after_space {
                part = part.trim_start_matches(' ');
            }
            if !part.is_empty() {
                out.extend(part.chars().map(|c| if c == ' ' { space } else { c }));
                after_space = part.ends_with(' ');
            }
            after_space &= self.squeeze;
            rest = rest.get(len..).unwrap_or_default();
        }
        if self.squeeze {
            out.truncate(out.trim_end_matches(space).len());
        }
        if self.dummy_prefix && self.suffix {
            out.push(space);
        }
        out
    }

    /// What the beginning of the text becomes, and how much of it that is.
    fn first<'a>(&'a self, text: &'a str, pieces: &Pieces) -> Option<(&'a str, usize)> {
        let first = text.chars().next()?.len_utf8();
        if let Some(len) = pieces.mark(text) {
            return Some((&text[..len], len));
        }
        match self.table.as_ref().and_then(|table| table.longest(text)) {
            Some(found) => Some(found),
            None => Some((&text[..first], first)),
        }
    }
}

/// The longest that Unicode knows has 33 bytes. The bound keeps a broken file from blowing a short text up.
const REPLACEMENT_MAX: usize = 1 << 10;

/// A double-array trie of what is replaced, and all replacements in a row, each ended by a zero byte.
#[derive(Debug)]
struct Table {
    units: Vec<u32>,
    replacements: String,
}

impl Table {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let wrong = |why: &str| format!("precompiled_charsmap: {why}");
        let (size, rest) = bytes.split_first_chunk().ok_or_else(|| wrong("truncated"))?;
        let size = u32::from_le_bytes(*size) as usize;
        let (trie, replacements) = rest.split_at_checked(size).ok_or_else(|| wrong("truncated"))?;
        let (units, []) = trie.as_chunks() else {
            return Err(wrong("not whole units"));
        };
        if units.is_empty() {
            return Err(wrong("no units"));
        }
        let replacements = String::from_utf8(replacements.to_vec()).map_err(|_| wrong("not UTF-8"))?;
        if replacements
            .split('\0')
            .any(|replacement| replacement.len() > REPLACEMENT_MAX)
        {
            return Err(wrong("a replacement is too long"));
        }
        Ok(Self {
            units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            replacements,
        })
    }

    /// The replacement of the longest beginning that has one, and the length of that beginning.
    fn longest(&self, text: &str) -> Option<(&str, usize)> {
        let unit = |at: u32| self.units.get(at as usize).copied();
        let mut found = None;
        let mut at = offset(unit(0)?);
        for (len, byte) in (1..).zip(text.bytes()) {
            at ^= u32::from(byte);
            // A rule can end in the middle of a character only in a file that is not what it should be.
            let Some(here) = unit(at).filter(|here| label(*here) == u32::from(byte)) else {
                break;
            };
            at ^= offset(here);
            if has_leaf(here) && text.is_char_boundary(len) {
                found = unit(at).map(|leaf| (leaf & 0x7fff_ffff, len)).or(found);
            }
        }
        let (from, len) = found?;
        let tail = self.replacements.get(from as usize..)?;
        Some((tail.split('\0').next().unwrap_or(tail), len))
    }
}

fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}

fn label(unit: u32) -> u32 {
    unit & ((1 << 31) | 0xff)
}

fn has_leaf(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}
