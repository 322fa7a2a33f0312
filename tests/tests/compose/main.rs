//! `compose.yaml`, unchanged, in a real Docker engine: what a new user does first, and what may go wrong then.
//!
//! Wants an engine, compose and the images, so that `cargo test` leaves it out: `cargo xtask test --docker` brings them
//! and runs it, one scenario after the other. Each leaves its figures in `target/<profile>/compose`.

mod beginning;
mod dubbing;
mod images;
mod modes;
mod orchestrator;
mod restarts;
mod tls;
mod two_streams;
mod volumes;
mod wrong;
