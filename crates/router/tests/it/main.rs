//! The router as its clients see it: over real sockets, with ffmpeg, GStreamer and a hand-driven RTMP client.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod life;
mod media;
mod peer;
mod process;
mod relay;
mod robust;
mod server;
mod tools;
mod watch;
