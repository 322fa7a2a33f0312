//! What the end-to-end scenarios are made of: test material, publishers, readers, running stacks, and what to look for.
//!
//! Everything here stands outside of the product: files, processes, sockets. ffmpeg and GStreamer publish and read, so
//! that no code of ours judges itself. Nothing waits for a time to pass: [`eventually`] asks until a condition holds.

pub mod browser;
pub mod engine;
pub mod eventually;
pub mod heard;
pub mod hooks;
pub mod host;
pub mod leftovers;
pub mod material;
pub mod playing;
pub mod project;
pub mod raw;
pub mod readme;
pub mod recording;
pub mod rehearsal;
pub mod relay;
pub mod running;
pub mod scene;
pub mod setting;
pub mod skipped;
pub mod slices;
pub mod spoken;
pub mod third_party;
pub mod tls;
pub mod variables;
pub mod viewer;
