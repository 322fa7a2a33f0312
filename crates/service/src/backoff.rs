//! Capped exponential backoff with jitter: pure, the random number is an argument.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// How long to wait before the next attempt. An invalid policy cannot exist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    jitter: f64,
}

/// Why a policy is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackoffError {
    /// A first delay of zero never grows.
    #[error("the shortest delay is zero")]
    Zero,
    /// The bounds are the wrong way round.
    #[error("the shortest delay is longer than the longest")]
    Bounds,
    /// The jitter is a share of the delay.
    #[error("the jitter is not between 0 and 1")]
    Jitter,
}

impl Backoff {
    /// Delays from `min`, doubled at each attempt, up to `max`; each is shortened by up to its share `jitter`.
    pub fn new(min: Duration, max: Duration, jitter: f64) -> Result<Self, BackoffError> {
        if min.is_zero() {
            return Err(BackoffError::Zero);
        }
        if min > max {
            return Err(BackoffError::Bounds);
        }
        if !(0.0..=1.0).contains(&jitter) {
            return Err(BackoffError::Jitter);
        }
        Ok(Self { min, max, jitter })
    }

    /// The delay after failed attempt number `attempt` (the first is 0); `random01` in `0..1` picks within the jitter.
    #[must_use]
    pub fn delay(&self, attempt: u32, random01: f64) -> Duration {
        let factor = 1u32.checked_shl(attempt).unwrap_or(u32::MAX);
        let full = self.min.saturating_mul(factor).min(self.max);
        let random01 = if random01.is_nan() {
            0.0
        } else {
            random01.clamp(0.0, 1.0)
        };
        full.mul_f64(1.0 - self.jitter * random01)
    }
}

/// A number in `0..1` for [`Backoff::delay`]; good enough to spread retries, not for secrets.
#[must_use]
pub fn random01() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5), 0.0).unwrap();
        let delays: Vec<_> = (0..7).map(|attempt| backoff.delay(attempt, 0.5).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn refuses_what_is_no_policy() {
        let second = Duration::from_secs(1);
        assert_eq!(Backoff::new(Duration::ZERO, second, 0.0), Err(BackoffError::Zero));
        assert_eq!(Backoff::new(second * 2, second, 0.0), Err(BackoffError::Bounds));
        for jitter in [-0.1, 1.1, f64::NAN] {
            assert_eq!(Backoff::new(second, second, jitter), Err(BackoffError::Jitter));
        }
    }

    proptest! {
        #[test]
        fn stays_within_its_bounds(
            min in 1u64..10_000, more in 0u64..100_000, jitter in 0.0f64..=1.0, attempt: u32, random01: f64,
        ) {
            let (min, max) = (Duration::from_millis(min), Duration::from_millis(min + more));
            let backoff = Backoff::new(min, max, jitter).unwrap();
            let delay = backoff.delay(attempt, random01);
            prop_assert!(delay <= max);
            prop_assert!(delay + Duration::from_micros(1) >= min.mul_f64(1.0 - jitter));
        }

        #[test]
        fn random_numbers_are_in_range(_ in 0..32) {
            prop_assert!((0.0..1.0).contains(&random01()));
        }
    }
}
