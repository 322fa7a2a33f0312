//! Version handshake through the WebSocket subprotocol: the client offers a list, the server picks the highest it speaks.

use std::fmt;

/// What comes before the number.
const PREFIX: &str = "dragoman.dub.v";

/// A version of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

/// Versions that this crate speaks, highest first.
pub const SUPPORTED: &[Version] = &[Version(1)];

impl Version {
    /// Reads `dragoman.dub.v1`; `None` for any other subprotocol.
    pub fn parse(subprotocol: &str) -> Option<Self> {
        let digits = subprotocol.strip_prefix(PREFIX)?;
        let canonical = !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        canonical.then(|| digits.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

/// The value of the client's `Sec-WebSocket-Protocol` header.
pub fn offer() -> String {
    SUPPORTED.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}

/// The highest version that both sides speak; `offers` are the client's header values, each a comma-separated list.
pub fn choose<'a>(offers: impl IntoIterator<Item = &'a str>) -> Option<Version> {
    offers
        .into_iter()
        .flat_map(|value| value.split(','))
        .filter_map(|word| Version::parse(word.trim()))
        .filter(|version| SUPPORTED.contains(version))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_common_version_wins() {
        assert_eq!(choose([offer().as_str()]), Some(Version(1)));
        assert_eq!(
            choose(["chat, dragoman.dub.v7,dragoman.dub.v1", "dragoman.dub.v2"]),
            Some(Version(1))
        );
    }

    #[test]
    fn nothing_in_common_is_nothing() {
        for offers in [
            vec![],
            vec![""],
            vec!["dragoman.dub.v2"],
            vec!["dragoman.dub.v"],
            vec!["dragoman.dub.v01"],
        ] {
            assert_eq!(choose(offers), None);
        }
        assert_eq!(Version::parse("dragoman.dub.v99999999999999"), None);
        assert_eq!(Version::parse("dragoman.dub.v+1"), None);
    }
}
