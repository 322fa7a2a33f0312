//! The real `dragoman-media` against a router of ours and workers without media (`examples/stub-worker.rs`).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

mod api;
mod bench;
mod configuration;
mod forwards;
mod room;
mod streams;
mod workers;
