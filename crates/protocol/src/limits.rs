//! Bounds that both sides hold to. What is over a bound is malformed, never cut to size.

use std::time::Duration;

/// Largest WebSocket message, text or binary, in bytes: a `start` with a long `have` fits twice.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Most samples in one audio frame: a second at the highest rate.
pub const MAX_FRAME_SAMPLES: u32 = 48_000;
/// Lowest source rate in samples per second.
pub const MIN_RATE: u32 = 8_000;
/// Highest source rate in samples per second.
pub const MAX_RATE: u32 = 48_000;
/// Most targets in a session.
pub const MAX_TARGETS: usize = 8;
/// Most entries in `have`.
pub const MAX_HAVE: usize = 1024;
/// Longest stream or session id, in bytes.
pub const MAX_ID_BYTES: usize = 64;
/// `window_ms` where `start` has none.
pub const DEFAULT_WINDOW_MS: u32 = 20_000;
/// Largest absolute media time, in nanoseconds (73 years): sums of two never overflow.
pub const MAX_ABS_NS: i64 = i64::MAX / 4;
/// How long a resume token holds after the connection was lost.
pub const RESUME: Duration = Duration::from_secs(10);
/// Audio that the client keeps for another host.
pub const CLIENT_KEEPS: Duration = Duration::from_secs(15);
/// How far audio may run ahead of real time before the server closes with 4010.
pub const MAX_AHEAD: Duration = Duration::from_secs(15);
/// How long an upgrade may take to become a `start`.
pub const START_WITHIN: Duration = Duration::from_secs(5);
/// Time between two `status` messages of the client.
pub const STATUS_EVERY: Duration = Duration::from_millis(500);
/// Time between two `stats` messages of the server.
pub const STATS_EVERY: Duration = Duration::from_secs(1);
/// Longest time between two pings.
pub const PING_EVERY: Duration = Duration::from_secs(20);
/// Silence from the peer, while audio flows, after which it is lost.
pub const LOST_AFTER: Duration = Duration::from_secs(3);
