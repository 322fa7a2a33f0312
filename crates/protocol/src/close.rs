//! Why a WebSocket was closed.

/// Close codes of the protocol; any other code is the transport's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// All is settled.
    Normal,
    /// The server drains.
    GoingAway,
    /// A message or frame that breaks the contract.
    Malformed,
    /// A language, pair, voice or feature that the engine does not have.
    Unsupported,
    /// The client neither reads nor answers.
    Stalled,
    /// Twice the window is queued.
    Window,
    /// Audio runs ahead of real time.
    TooFast,
    /// The engine does not work any more.
    Engine,
    /// No room.
    Busy,
}

impl CloseCode {
    /// Every code, in ascending order.
    pub const ALL: [Self; 9] = [
        Self::Normal,
        Self::GoingAway,
        Self::Malformed,
        Self::Unsupported,
        Self::Stalled,
        Self::Window,
        Self::TooFast,
        Self::Engine,
        Self::Busy,
    ];

    /// The number on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::Malformed => 4001,
            Self::Unsupported => 4003,
            Self::Stalled => 4008,
            Self::Window => 4009,
            Self::TooFast => 4010,
            Self::Engine => 4011,
            Self::Busy => 4029,
        }
    }

    /// The meaning of a number, if it is one of ours.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }

    /// A word for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GoingAway => "going_away",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Stalled => "stalled",
            Self::Window => "window",
            Self::TooFast => "too_fast",
            Self::Engine => "engine",
            Self::Busy => "busy",
        }
    }

    /// Whether the same `start` can succeed at this host later; if not, another host will refuse it as well.
    pub const fn is_retryable(self) -> bool {
        !matches!(self, Self::Malformed | Self::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_code(code.code()), Some(code));
        }
        assert_eq!(CloseCode::from_code(4002), None);
    }
}
