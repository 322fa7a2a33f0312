//! Bodies of HTTP answers that refuse an upgrade.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why the server did not upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// 400: none of the offered subprotocols.
    UnsupportedVersion {
        /// For people.
        message: String,
        /// Version numbers that the server speaks.
        supported: Vec<u32>,
    },
    /// 401: wrong or missing key.
    Unauthorized {
        /// For people.
        message: String,
    },
    /// 429: all sessions are taken.
    Busy {
        /// For people.
        message: String,
        /// Milliseconds after which another try makes sense.
        retry_after_ms: u64,
    },
    /// A code of a later version, or an error that is not the protocol's.
    #[serde(other)]
    Unknown,
}

impl Refusal {
    /// What a server without a version in common answers.
    pub fn unsupported_version() -> Self {
        let supported: Vec<u32> = crate::negotiate::SUPPORTED.iter().map(|v| v.0).collect();
        Self::UnsupportedVersion {
            message: format!("offer one of the subprotocols {}", crate::negotiate::offer()),
            supported,
        }
    }

    /// What a server answers to a wrong or missing key.
    pub fn unauthorized() -> Self {
        Self::Unauthorized {
            message: "authorization: bearer key missing or wrong".to_owned(),
        }
    }

    /// What a full server answers.
    pub fn busy(message: impl Into<String>, retry_after_ms: u64) -> Self {
        Self::Busy {
            message: message.into(),
            retry_after_ms,
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::UnsupportedVersion { .. } => 400,
            Self::Unauthorized { .. } => 401,
            Self::Busy { .. } => 429,
            Self::Unknown => 500,
        }
    }

    /// The body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a body; one that is not ours is `Unknown`.
    pub fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_survive_the_wire() {
        for refusal in [
            Refusal::unsupported_version(),
            Refusal::unauthorized(),
            Refusal::busy("full", 2000),
        ] {
            assert_eq!(Refusal::parse(refusal.to_json().as_bytes()), refusal);
        }
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&Refusal::busy("full", 2000).to_json()).unwrap(),
            serde_json::json!({"code": "busy", "message": "full", "retry_after_ms": 2000})
        );
    }

    #[test]
    fn foreign_bodies_are_unknown() {
        assert_eq!(Refusal::parse(b"<html>502</html>"), Refusal::Unknown);
        assert_eq!(Refusal::parse(br#"{"code":"moved","to":"x"}"#), Refusal::Unknown);
    }
}
