//! The worker's one clock.

use dragoman_timeline::Clock;
use rustix::time::{ClockId, clock_gettime};

/// The machine's monotonic clock; steps of the wall clock do not touch it.
pub(crate) fn now() -> Clock {
    let now = clock_gettime(ClockId::Monotonic);
    Clock::from_ns(now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec))
}
