//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Long enough for the slowest machine; only a failing test waits as long.
pub const PATIENCE: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(50);

/// Asks `look` until it has something; fails with `what` and the last answer of `explain` when it never has.
pub fn eventually<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>>,
    explain: impl Fn() -> String,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("never: {what}; {}", explain());
        }
        std::thread::sleep(POLL);
    }
}
