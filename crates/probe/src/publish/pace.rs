//! A publisher's clock that runs faster or slower than this machine's.

/// How long `ns` of a clock take that runs faster than ours by `ppm` millionths: pictures and sound alike come too fast.
pub(super) fn lasts(ns: u64, ppm: i32) -> u64 {
    let per_million = u128::from(1_000_000_u32.saturating_add_signed(ppm).max(1));
    u64::try_from(u128::from(ns) * 1_000_000 / per_million).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_a_fast_clock_is_over_early_and_of_a_slow_one_late() {
        let hour = 3_600_000_000_000;
        assert_eq!(lasts(hour, 0), hour);
        assert_eq!((hour - lasts(hour, 200)) / 1_000_000, 719);
        assert_eq!((lasts(hour, -200) - hour) / 1_000_000, 720);
    }
}
