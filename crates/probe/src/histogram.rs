//! Pure: percentiles of a run of any length in bounded memory.

use std::collections::BTreeMap;

/// Counts values in steps of 0.1 ms; memory grows with the spread of the values, not with their number.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    bins: BTreeMap<i32, u64>,
    count: u64,
    max_abs: f64,
}

/// Values beyond this (ms) are counted at it: a bound for the number of bins.
const LIMIT_MS: f64 = 100_000.0;

impl Histogram {
    /// Counts a value in milliseconds.
    pub fn add(&mut self, ms: f64) {
        if !ms.is_finite() {
            return;
        }
        let ms = ms.clamp(-LIMIT_MS, LIMIT_MS);
        *self.bins.entry((ms * 10.0).round() as i32).or_default() += 1;
        self.count += 1;
        self.max_abs = self.max_abs.max(ms.abs());
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest distance from zero.
    #[must_use]
    pub fn max_abs(&self) -> Option<f64> {
        (self.count > 0).then_some((self.max_abs * 100.0).round() / 100.0)
    }

    /// The value below which `percent` of all values lie (nearest rank).
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let rank = ((percent / 100.0 * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        self.bins.iter().find_map(|(bin, count)| {
            seen += count;
            (seen >= rank).then_some(f64::from(*bin) / 10.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50.0), None);
        (1..=100).for_each(|ms| histogram.add(f64::from(ms)));
        assert_eq!(histogram.percentile(50.0), Some(50.0));
        assert_eq!(histogram.percentile(95.0), Some(95.0));
        assert_eq!(histogram.percentile(100.0), Some(100.0));
    }

    #[test]
    fn negative_values_and_the_largest_distance() {
        let mut histogram = Histogram::default();
        [-3.25, 1.0, 2.0].iter().for_each(|ms| histogram.add(*ms));
        assert_eq!(histogram.max_abs(), Some(3.25));
        assert_eq!(histogram.percentile(1.0), Some(-3.3));
    }
}
