//! Why a connection is closed, and what is said before.

use dragoman_protocol::{CloseCode, ServerError, ServerMessage, code};

/// Why a connection has to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) code: CloseCode,
    /// For people.
    pub(super) reason: String,
}

impl Closing {
    /// The `error` that comes before the close frame.
    pub(super) fn error(&self) -> ServerMessage {
        ServerMessage::Error(ServerError {
            code: error_code(self.code).to_owned(),
            message: self.reason.clone(),
            retryable: self.code.is_retryable(),
            utterance: None,
        })
    }
}

/// The client broke the contract.
pub(super) fn malformed(reason: impl ToString) -> Closing {
    Closing {
        code: CloseCode::Malformed,
        reason: reason.to_string(),
    }
}

/// The `code` of the `error` that comes before a close.
fn error_code(close: CloseCode) -> &'static str {
    match close {
        CloseCode::Malformed => code::MALFORMED,
        CloseCode::Unsupported => code::UNSUPPORTED_FEATURE,
        CloseCode::Window => code::WINDOW,
        CloseCode::TooFast => code::TOO_FAST,
        CloseCode::Engine => code::ENGINE_FAILED,
        CloseCode::Busy => code::BUSY,
        CloseCode::Normal | CloseCode::GoingAway | CloseCode::Stalled => code::STALLED,
    }
}
