//! The cascade: what goes through its stages, in which order, and how it ends.

mod bench;
mod engine;
mod service;
mod stages;
#[cfg(feature = "models")]
mod tiny;
