//! A streaming host from its first boot to a dubbed stream, and what happens to it then.
//!
//! Wants root and an engine, so that `cargo test` leaves it out: `cargo xtask rehearse` brings what it needs. The
//! scenarios are one after the other in the life of one host.

mod life;
