//! What a `start` must satisfy beyond its shape.

use crate::{Start, TargetId, limits};

/// Why a `start` is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// `stream` or `session` has a wrong length or character.
    #[error("{field} must be 1 to 64 of A-Z a-z 0-9 _ -")]
    Id {
        /// Which field.
        field: &'static str,
    },
    /// No target, or too many.
    #[error("{0} targets, 1 to {max} are allowed", max = limits::MAX_TARGETS)]
    Targets(usize),
    /// An id is used twice or is the source's.
    #[error("target id {0} is used twice or reserved")]
    TargetId(TargetId),
    /// Not a language tag.
    #[error("{0:?} is not a language tag")]
    Lang(String),
    /// Out of range.
    #[error("rate {0}, {min} to {max} are allowed", min = limits::MIN_RATE, max = limits::MAX_RATE)]
    Rate(u32),
    /// Out of range.
    #[error("window_ms {0}, 1000 to 60000 are allowed")]
    Window(u32),
    /// Out of range.
    #[error("from_ns is out of range")]
    From,
    /// Too long.
    #[error("{0} entries in have, {max} are allowed", max = limits::MAX_HAVE)]
    Have(usize),
}

impl Start {
    /// Checks ranges and uniqueness; both sides call it, so that a bad `start` is found before it is sent.
    pub fn check(&self) -> Result<(), StartError> {
        for (field, id) in [("stream", &self.stream), ("session", &self.session)] {
            if !is_id(id) {
                return Err(StartError::Id { field });
            }
        }
        if self.targets.is_empty() || self.targets.len() > limits::MAX_TARGETS {
            return Err(StartError::Targets(self.targets.len()));
        }
        for (n, target) in self.targets.iter().enumerate() {
            if target.id == TargetId::SOURCE || self.targets[..n].iter().any(|other| other.id == target.id) {
                return Err(StartError::TargetId(target.id));
            }
        }
        for lang in self.targets.iter().map(|t| &t.lang).chain([&self.source]) {
            if !is_lang(lang) {
                return Err(StartError::Lang(lang.clone()));
            }
        }
        if !(limits::MIN_RATE..=limits::MAX_RATE).contains(&self.rate) {
            return Err(StartError::Rate(self.rate));
        }
        if !(1_000..=60_000).contains(&self.window_ms) {
            return Err(StartError::Window(self.window_ms));
        }
        if self.from_ns.unsigned_abs() > limits::MAX_ABS_NS.unsigned_abs() {
            return Err(StartError::From);
        }
        match self.have.as_ref().map_or(0, Vec::len) {
            len if len > limits::MAX_HAVE => Err(StartError::Have(len)),
            _ => Ok(()),
        }
    }
}

fn is_id(id: &str) -> bool {
    (1..=limits::MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The shape of BCP-47: subtags of 1 to 8 letters or digits, the first of 2 to 8 letters (`auto` has that shape too).
fn is_lang(lang: &str) -> bool {
    let mut subtags = lang.split('-');
    let first = subtags.next().unwrap_or_default();
    lang.len() <= 35
        && (2..=8).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Have, Target, UtteranceId};

    fn start() -> Start {
        Start {
            stream: "talk".into(),
            session: "s-1".into(),
            source: "auto".into(),
            targets: vec![Target {
                id: TargetId(0),
                lang: "pt-BR".into(),
                voice: None,
            }],
            rate: 16_000,
            hold_ms: 2_500,
            max_stale_ms: 6_000,
            window_ms: 20_000,
            from_ns: 0,
            resume: None,
            have: None,
            features: vec![],
        }
    }

    #[test]
    fn a_good_start_passes() {
        assert_eq!(start().check(), Ok(()));
    }

    #[test]
    fn each_bad_field_is_named() {
        let bad = |change: fn(&mut Start)| {
            let mut start = start();
            change(&mut start);
            start.check().unwrap_err()
        };
        assert_eq!(bad(|s| s.stream = "a/b".into()), StartError::Id { field: "stream" });
        assert_eq!(bad(|s| s.session = "x".repeat(65)), StartError::Id { field: "session" });
        assert_eq!(bad(|s| s.targets.clear()), StartError::Targets(0));
        assert_eq!(
            bad(|s| s.targets.push(s.targets[0].clone())),
            StartError::TargetId(TargetId(0))
        );
        assert_eq!(
            bad(|s| s.targets[0].id = TargetId::SOURCE),
            StartError::TargetId(TargetId::SOURCE)
        );
        assert_eq!(bad(|s| s.targets[0].lang = "e".into()), StartError::Lang("e".into()));
        assert_eq!(bad(|s| s.source = "en_US".into()), StartError::Lang("en_US".into()));
        assert_eq!(bad(|s| s.rate = 0), StartError::Rate(0));
        assert_eq!(bad(|s| s.window_ms = 0), StartError::Window(0));
        assert_eq!(bad(|s| s.from_ns = i64::MIN), StartError::From);
        assert_eq!(
            bad(|s| s.have = Some(vec![
                Have {
                    utterance: UtteranceId(1),
                    target: TargetId(0),
                    samples: 0
                };
                1025
            ])),
            StartError::Have(1025)
        );
    }
}
