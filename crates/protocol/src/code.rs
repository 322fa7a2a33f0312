//! Stable values of `code` in `error`, `dub_end` and HTTP error bodies.

/// No version in common.
pub const UNSUPPORTED_VERSION: &str = "unsupported_version";
/// Wrong or missing key.
pub const UNAUTHORIZED: &str = "unauthorized";
/// No room.
pub const BUSY: &str = "busy";
/// A message or frame that breaks the contract.
pub const MALFORMED: &str = "malformed";
/// A language, or a pair of them, that the engine does not have.
pub const UNSUPPORTED_PAIR: &str = "unsupported_pair";
/// A voice that the engine does not have.
pub const UNSUPPORTED_VOICE: &str = "unsupported_voice";
/// A feature that the server does not have.
pub const UNSUPPORTED_FEATURE: &str = "unsupported_feature";
/// Audio runs ahead of real time.
pub const TOO_FAST: &str = "too_fast";
/// The client does not read.
pub const STALLED: &str = "stalled";
/// Twice the window is queued.
pub const WINDOW: &str = "window";
/// More than a limit allows.
pub const TOO_LARGE: &str = "too_large";
/// The engine gave an error.
pub const ENGINE_FAILED: &str = "engine_failed";
/// The engine's device is out of memory.
pub const OUT_OF_MEMORY: &str = "out_of_memory";
/// The engine's device is lost.
pub const DEVICE_LOST: &str = "device_lost";
/// The engine has more to do than it can; the utterance was dropped.
pub const OVERLOADED: &str = "overloaded";
