//! Time, as what waits for a provider sees it.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// A monotonic clock that can be waited with.
pub trait Clock: Debug + Send + Sync {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;
    /// Returns once so much has passed.
    fn sleep(&self, pause: Duration);
}

/// The machine's.
#[derive(Debug)]
pub(crate) struct SystemClock(Instant);

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }
}
