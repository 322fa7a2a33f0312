//! Hostile input: every parser of bytes that come from outside, as a fuzz target.
//!
//! [`TARGETS`] is the one list of them. `fuzz/` (cargo-fuzz, a workspace of its own that needs a nightly toolchain) calls
//! them with coverage as guide; the test of this crate calls the same functions on the stable toolchain for some seconds,
//! with what [`mutate`] makes of the corpora in `fuzz/corpus`:
//!
//! ```text
//! cargo test -p dragoman-hostile -- --nocapture       HOSTILE_SECONDS=60 for longer
//! cargo +nightly fuzz run rtmp_session
//! ```
//!
//! A target returns whatever it is given, within a second, with memory in proportion to its input. Anything else is a bug
//! of the crate that it calls.

pub mod mutate;
pub mod targets;

pub use targets::{TARGETS, Target};
