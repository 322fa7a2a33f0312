//! `dragoman-hook`: see the crate's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    match dragoman_hook::cli::run(std::env::args_os(), std::env::vars_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("dragoman-hook: {failure}");
            ExitCode::from(failure.code)
        }
    }
}
