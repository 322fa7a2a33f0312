//! Configuration from the environment, judged as a whole.
//!
//! [`Vars`] holds the variables that `main` hands in; [`Vars::read`] fills a struct of `Option<String>` fields through
//! `envy` and resolves `<NAME>_FILE`; [`Check`] turns the raw texts into values and collects every problem; nothing
//! here opens a socket or probes a device. A start that finds problems exits [`EXIT_CODE`] with all of them on stderr.

mod check;
mod mode;
pub mod parse;
mod secret;
mod vars;

use std::process::ExitCode;

pub use check::{Check, ConfigError, Problem};
pub use mode::Mode;
pub use secret::Secret;
pub use vars::{Vars, read_file, variables};

/// The exit code of a start with bad configuration (`EX_USAGE` of sysexits).
pub const EXIT_CODE: u8 = 64;

/// Prints `error` on stderr and gives the exit code that `main` returns.
#[must_use]
pub fn refuse(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(EXIT_CODE)
}
