//! The pieces: by number, by text, and all that a text begins with.

use super::proto::Entry;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

#[derive(Debug)]
pub(super) struct Pieces {
    entries: Vec<Piece>,
    /// Those that text can be cut into (normal, user-defined and unused ones), by their bytes.
    sorted: Vec<u32>,
    /// The others: a text that looks like one of them is no such piece.
    reserved: Vec<u32>,
    /// The user-defined ones, by their bytes: never cut and never normalised.
    marks: Vec<u32>,
    bytes: Vec<u32>,
    unknown: u32,
    lowest: f32,
    highest: f32,
}

#[derive(Debug)]
struct Piece {
    text: Box<str>,
    score: f32,
    kind: Kind,
}

impl Pieces {
    pub(super) fn new(entries: Vec<Entry>, byte_fallback: bool) -> Result<Self, String> {
        let entries = entries.into_iter().enumerate().map(|(at, entry)| {
            let kind = match entry.kind {
                1 => Kind::Normal,
                2 => Kind::Unknown,
                3 => Kind::Control,
                4 => Kind::UserDefined,
                5 => Kind::Unused,
                6 => Kind::Byte,
                other => return Err(format!("piece {at}: unknown type {other}")),
            };
            Ok(Piece {
                text: entry.text.into(),
                score: entry.score,
                kind,
            })
        });
        let entries = entries.collect::<Result<Vec<_>, String>>()?;
        let sorted = by_text(&entries, |kind| {
            matches!(kind, Kind::Normal | Kind::UserDefined | Kind::Unused)
        })?;
        let reserved = by_text(&entries, |kind| {
            matches!(kind, Kind::Unknown | Kind::Control | Kind::Byte)
        })?;
        let marks = by_text(&entries, |kind| kind == Kind::UserDefined)?;

        let mut unknown = (0u32..).zip(&entries).filter(|(_, piece)| piece.kind == Kind::Unknown);
        let unknown = match (unknown.next(), unknown.next()) {
            (Some((id, _)), None) => id,
            (None, _) => return Err("no piece is the unknown one".into()),
            (Some(_), Some((id, _))) => return Err(format!("piece {id}: a second unknown piece")),
        };
        let normal = || {
            entries
                .iter()
                .filter(|piece| piece.kind == Kind::Normal)
                .map(|piece| piece.score)
        };
        let mut pieces = Self {
            unknown,
            lowest: normal().fold(f32::MAX, f32::min),
            highest: normal().fold(f32::MIN, f32::max),
            bytes: Vec::new(),
            sorted,
            reserved,
            marks,
            entries,
        };
        if byte_fallback {
            let byte = |byte: u8| {
                let text = format!("<0x{byte:02X}>");
                let found = pieces.find(&pieces.reserved, &text);
                found
                    .filter(|&id| pieces.kind(id) == Some(Kind::Byte))
                    .ok_or(format!("the byte piece {text} is missing"))
            };
            pieces.bytes = (0..=u8::MAX).map(byte).collect::<Result<_, String>>()?;
        }
        Ok(pieces)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn get(&self, id: u32) -> Option<&Piece> {
        self.entries.get(id as usize)
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.get(id).map(|piece| &*piece.text)
    }

    pub(super) fn kind(&self, id: u32) -> Option<Kind> {
        self.get(id).map(|piece| piece.kind)
    }

    pub(super) fn score(&self, id: u32) -> f32 {
        self.get(id).map_or(0.0, |piece| piece.score)
    }

    pub(super) fn unknown(&self) -> u32 {
        self.unknown
    }

    /// The lowest score of a normal piece.
    pub(super) fn lowest(&self) -> f32 {
        self.lowest
    }

    /// The highest one.
    pub(super) fn highest(&self) -> f32 {
        self.highest
    }

    /// The piece of a byte, if there is byte fallback.
    pub(super) fn byte(&self, byte: u8) -> Option<u32> {
        self.bytes.get(usize::from(byte)).copied()
    }

    /// The byte of a piece.
    pub(super) fn byte_of(&self, id: u32) -> Option<u8> {
        let piece = self.get(id).filter(|piece| piece.kind == Kind::Byte)?;
        u8::from_str_radix(piece.text.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
    }

    /// Any piece by its text.
    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.find(&self.reserved, text)
            .or_else(|| self.find(&self.sorted, text))
    }

    /// A piece that text can be cut into.
    pub(super) fn part(&self, text: &str) -> Option<u32> {
        self.find(&self.sorted, text)
    }

    fn find(&self, among: &[u32], text: &str) -> Option<u32> {
        let text_of = |id: &u32| self.text(*id).unwrap_or_default();
        let at = among.binary_search_by(|id| text_of(id).cmp(text)).ok()?;
        among.get(at).copied()
    }

    /// Every piece that the text begins with, shortest first, with its length.
    pub(super) fn prefixes<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, u32)> + 'a {
        self.prefixes_among(&self.sorted, text)
    }

    /// How long the longest user-defined piece is that the text begins with.
    pub(super) fn mark(&self, text: &str) -> Option<usize> {
        self.prefixes_among(&self.marks, text).last().map(|(len, _)| len)
    }

    fn prefixes_among<'a>(&'a self, among: &'a [u32], text: &'a str) -> impl Iterator<Item = (usize, u32)> + 'a {
        let byte = move |id: u32, at: usize| self.text(id).and_then(|text| text.as_bytes().get(at).copied());
        // What is left of the sorted pieces after each byte is one run of them; the first of it is the only one that can end here.
        let mut left = among;
        text.bytes()
            .enumerate()
            .map_while(move |(at, wanted)| {
                let from = left.partition_point(|&id| byte(id, at) < Some(wanted));
                left = left.get(from..)?;
                let to = left.partition_point(|&id| byte(id, at) == Some(wanted));
                left = left.get(..to)?;
                let first = *left.first()?;
                Some((
                    at + 1,
                    self.text(first)
                        .is_some_and(|text| text.len() == at + 1)
                        .then_some(first),
                ))
            })
            .filter_map(|(len, id)| Some((len, id?)))
    }
}

fn by_text(entries: &[Piece], wanted: impl Fn(Kind) -> bool) -> Result<Vec<u32>, String> {
    let mut ids: Vec<u32> = (0u32..)
        .zip(entries)
        .filter(|(_, piece)| wanted(piece.kind))
        .map(|(id, _)| id)
        .collect();
    let text = |id: &u32| entries.get(*id as usize).map(|piece| &*piece.text).unwrap_or_default();
    ids.sort_by(|a, b| text(a).cmp(text(b)));
    match ids.windows(2).find(|pair| text(&pair[0]) == text(&pair[1])) {
        Some(pair) => Err(format!("pieces {} and {} are the same", pair[0], pair[1])),
        None => Ok(ids),
    }
}
