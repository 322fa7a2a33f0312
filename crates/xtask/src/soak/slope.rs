//! How fast a quantity grows: least squares over time.

/// A straight line through samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slope {
    /// Growth in an hour.
    pub(super) per_hour: f64,
    /// From the first sample to the last.
    pub(super) hours: f64,
}

impl Slope {
    /// Through samples of seconds and values; nothing where there are fewer than three.
    pub(super) fn of(samples: &[(f64, f64)]) -> Option<Self> {
        let (first, last) = (samples.first()?.0, samples.last()?.0);
        let count = samples.len() as f64;
        if samples.len() < 3 || last <= first {
            return None;
        }
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
        let (at, value) = (mean(&|sample| sample.0), mean(&|sample| sample.1));
        let over: f64 = samples.iter().map(|sample| (sample.0 - at) * (sample.1 - value)).sum();
        let under: f64 = samples.iter().map(|sample| (sample.0 - at).powi(2)).sum();
        Some(Self {
            per_hour: over / under * 3600.0,
            hours: (last - first) / 3600.0,
        })
    }

    /// What the line grows by from the first sample to the last.
    pub(super) fn growth(self) -> f64 {
        self.per_hour * self.hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_shows_through_noise_and_level_noise_does_not() {
        let noise = |n: u32| f64::from(n * 7919 % 13) - 6.0;
        let leak: Vec<(f64, f64)> = (0..720)
            .map(|n| (f64::from(n) * 5.0, 60.0 + f64::from(n) / 72.0 + noise(n) * 0.1))
            .collect();
        let slope = Slope::of(&leak).unwrap();
        assert!((slope.per_hour - 10.0).abs() < 0.2, "{slope:?}");
        assert!((slope.growth() - 10.0).abs() < 0.3, "{slope:?}");
        let level: Vec<(f64, f64)> = (0..720).map(|n| (f64::from(n) * 5.0, 60.0 + noise(n) * 0.1)).collect();
        assert!(Slope::of(&level).unwrap().per_hour.abs() < 0.2);
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert_eq!(Slope::of(&[]), None);
        assert_eq!(Slope::of(&[(0.0, 1.0), (5.0, 2.0)]), None);
        assert_eq!(Slope::of(&[(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]), None);
    }
}
