//! `dragoman-media`: takes live streams from the router, has their speech dubbed, and pushes the programmes back.
//!
//! One binary, three kinds of process:
//!
//! ```text
//!  guardian ──starts, restarts, reaps──▶ orchestrator ──starts, watches, adopts──▶ worker (one a stream)
//!     PID 1; no network                    hooks, API, page; no media                ingest, playout, egress
//! ```
//!
//! A worker survives the orchestrator: the two speak over a Unix socket ([`control`]), and an orchestrator that
//! starts adopts the workers it finds. What a worker needs to know is in its [`spec`]. Speech goes to another
//! service over a socket: this crate never sees a tensor.

pub mod cli;
pub mod config;
pub mod control;
pub mod forward;
pub mod guardian;
pub mod orchestrator;
mod publish;
pub mod rtmp_url;
pub mod spec;
pub mod worker;
