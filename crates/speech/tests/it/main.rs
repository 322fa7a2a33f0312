//! The speech service over real sockets.

mod admission;
mod client;
mod flow;
mod http;
mod process;
mod resume;
mod session;
#[path = "../../src/listen/voice.rs"]
mod voice;
