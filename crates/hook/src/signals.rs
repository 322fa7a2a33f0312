//! SIGINT and SIGTERM, for what waits: as a container's first process nothing else would end it.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Failure;

/// From now on either signal ends this process with 128 and its number, saying `why`.
pub(crate) fn end_with(why: &str) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| Failure::other(format!("signals: {error}")))?;
    let why = why.to_owned();
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("dragoman-hook: {why}");
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
