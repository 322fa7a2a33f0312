//! Saying what was not tested, and why.

use std::io::Write;

/// Where `cargo xtask test` collects the lines.
const LIST: &str = "DRAGOMAN_SKIPPED";

/// Notes that `test` did not run because of `reason`.
pub fn note(test: &str, reason: &str) {
    let line = format!("{test}: {reason}");
    eprintln!("skipped: {line}");
    let Some(list) = std::env::var_os(LIST) else { return };
    let file = std::fs::File::options().create(true).append(true).open(list);
    if let Ok(mut file) = file {
        // The line is on standard error as well.
        let _ = writeln!(file, "{line}");
    }
}
