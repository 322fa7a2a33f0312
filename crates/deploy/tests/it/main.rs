//! The providers, from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod aws;
mod commands;
mod runpod;
mod standin;
