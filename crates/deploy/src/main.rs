//! See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    dragoman_deploy::cli::run()
}
