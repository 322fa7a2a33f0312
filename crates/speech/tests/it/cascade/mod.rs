//! The cascade: what goes through its stages, in which order, and how it ends.

mod engine;
mod service;
mod stages;
