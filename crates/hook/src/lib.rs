//! The program that MediaMTX runs when a stream comes or goes, and what else an image without a shell needs: a health
//! check and a way to hand secrets from files to programs that know only the environment.
//!
//! It stays small: no runtime, no TLS, no media, nothing of the other crates, so that it links statically. It speaks
//! to the media service on the same host or network only. MediaMTX drops a hook's exit code and never runs it again,
//! so the retries are here; what is lost all the same is found by the media service, which polls.
//!
//! ```text
//! dragoman-hook ready|not-ready      MTX_* → POST {MEDIA_API_URL}/v1/mediamtx/events/…
//! dragoman-hook recorded             RECORD_FREE → the oldest recordings go
//! dragoman-hook health URL           GET URL, exit 0 when it answers 2xx
//! dragoman-hook exec -- PROGRAM …    NAME_FILE=/path → NAME=<content>, then PROGRAM in this process
//! dragoman-hook --check-config       what exec would refuse, all of it, exit 64
//! ```
//!
//! The query of a publisher can hold credentials: it is sent, never shown.

mod backoff;
mod certificate;
pub mod cli;
mod config;
mod event;
mod exec;
mod health;
mod post;
mod recordings;
mod signals;
mod vars;

use std::fmt;

/// Why the program ends without having done its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// One line a problem, for stderr.
    pub reason: String,
}

impl Failure {
    /// Bad configuration: every problem, exit 64.
    fn config(problems: &[String]) -> Self {
        let plural = if problems.len() == 1 { "problem" } else { "problems" };
        let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        Self {
            code: 64,
            reason: format!("bad configuration, {} {plural}:{lines}", problems.len()),
        }
    }

    /// Anything else: exit 1.
    fn other(reason: impl Into<String>) -> Self {
        Self {
            code: 1,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}
