//! How often a worker may fail before its stream counts as degraded, and how long to wait before the next.

use std::collections::VecDeque;
use std::time::Duration;

/// Failures older than this are forgiven.
const WINDOW: Duration = Duration::from_secs(300);
/// More failures than this within [`WINDOW`] are no accident.
const BUDGET: usize = 5;
/// The second failure waits this long, each further one twice as long as the one before. The first waits not at
/// all: most often it is the only one, and a programme is off the air meanwhile.
const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// With the budget spent the stream is still tried, since nobody else will bring it back.
const DEGRADED_DELAY: Duration = Duration::from_secs(30);

/// The recent failures of one stream's workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// At most [`BUDGET`] + 1.
    failures: VecDeque<Duration>,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again after this.
    Retry(Duration),
    /// The budget is spent; try again after this.
    Degraded(Duration),
}

impl Ledger {
    /// A worker failed at `now`.
    pub(crate) fn record(&mut self, now: Duration) -> Verdict {
        self.failures.push_back(now);
        while self.failures.front().is_some_and(|&at| at + WINDOW < now) || self.failures.len() > BUDGET + 1 {
            self.failures.pop_front();
        }
        match self.failures.len() {
            0 | 1 => Verdict::Retry(Duration::ZERO),
            n if n > BUDGET => Verdict::Degraded(DEGRADED_DELAY),
            n => Verdict::Retry((FIRST_DELAY * (1 << (n - 2))).min(MAX_DELAY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_free_and_the_budget_ends() {
        let mut ledger = Ledger::default();
        let verdicts: Vec<_> = (0..7).map(|s| ledger.record(Duration::from_secs(s))).collect();
        let ms = |ms| Verdict::Retry(Duration::from_millis(ms));
        let degraded = Verdict::Degraded(DEGRADED_DELAY);
        assert_eq!(
            verdicts,
            [ms(0), ms(250), ms(500), ms(1000), ms(2000), degraded, degraded]
        );
    }

    #[test]
    fn old_failures_are_forgiven() {
        let mut ledger = Ledger::default();
        for s in 0..6 {
            ledger.record(Duration::from_secs(s));
        }
        assert_eq!(ledger.record(Duration::from_secs(400)), Verdict::Retry(Duration::ZERO));
    }
}
