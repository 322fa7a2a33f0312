//! The speech service over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod admission;
mod cascade;
mod client;
mod flow;
mod http;
mod process;
mod resume;
mod session;
#[path = "../../src/listen/voice.rs"]
mod voice;
