//! How long to wait before the next attempt: pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);

/// Long enough to be no burden, short enough for several attempts within the time of an event.
const LONGEST: Duration = Duration::from_secs(2);

/// The delay after failed attempt number `attempt` (the first is 0): doubled each time, capped, and cut by up to a
/// quarter with `random01`, so that the hooks of many streams spread.
pub(crate) fn delay(attempt: u32, random01: f64) -> Duration {
    let full = FIRST
        .saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX))
        .min(LONGEST);
    full.mul_f64(1.0 - 0.25 * random01.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_cap() {
        let delays: Vec<_> = (0..7).map(|attempt| delay(attempt, 0.0).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(delay(1, 1.0), Duration::from_millis(150));
        assert_eq!(delay(u32::MAX, 0.0), LONGEST);
    }
}
