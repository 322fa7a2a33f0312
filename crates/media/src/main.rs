//! The `dragoman-media` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    dragoman_media::cli::main(std::env::args_os(), std::env::vars_os())
}
