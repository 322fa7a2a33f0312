//! How fast a quantity grows: the median of the slopes between all pairs of samples (Theil and Sen), which a burst, a step
//! back or a wild sample does not bend.

/// Before pairs are made, neighbours become one by their median: so many are left.
const MOST: usize = 300;

/// A straight line through samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slope {
    /// Growth in an hour.
    pub(super) per_hour: f64,
    /// The longest time that was looked at in one piece.
    pub(super) hours: f64,
}

impl Slope {
    /// Through pieces of samples of seconds and values; only samples of one piece are compared with each other. Nothing
    /// where no piece has three.
    pub(super) fn of(pieces: &[Vec<(f64, f64)>]) -> Option<Self> {
        let samples: usize = pieces.iter().map(Vec::len).sum();
        let together = samples.div_ceil(MOST).max(1);
        let mut slopes = Vec::new();
        let mut longest: f64 = 0.0;
        for piece in pieces.iter().filter(|piece| piece.len() >= 3) {
            let thin: Vec<(f64, f64)> = piece.chunks(together).filter_map(middle).collect();
            for (index, from) in thin.iter().enumerate() {
                let later = thin[index + 1..].iter().filter(|to| to.0 > from.0);
                slopes.extend(later.map(|to| (to.1 - from.1) / (to.0 - from.0)));
            }
            if let (Some(first), Some(last)) = (piece.first(), piece.last()) {
                longest = longest.max(last.0 - first.0);
            }
        }
        Some(Self {
            per_hour: median(&mut slopes)? * 3600.0,
            hours: longest / 3600.0,
        })
    }

    /// What the line grows by in the longest piece.
    pub(super) fn growth(self) -> f64 {
        self.per_hour * self.hours
    }
}

fn middle(samples: &[(f64, f64)]) -> Option<(f64, f64)> {
    let at = median(&mut samples.iter().map(|sample| sample.0).collect::<Vec<_>>())?;
    Some((
        at,
        median(&mut samples.iter().map(|sample| sample.1).collect::<Vec<_>>())?,
    ))
}

/// The value in the middle; of nothing there is none.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let half = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(half, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let noise = |n: u32| f64::from(n * 7919 % 13) - 6.0;
        let at = |n: u32| f64::from(n) * 5.0;
        (0..720).map(|n| (at(n), of(at(n)) + noise(n) * 0.1)).collect()
    }

    #[test]
    fn a_leak_shows_through_noise_and_level_noise_does_not() {
        let slope = Slope::of(&[samples(|at| 60.0 + at / 360.0)]).unwrap();
        assert!((slope.per_hour - 10.0).abs() < 0.2, "{slope:?}");
        assert!((slope.growth() - 10.0).abs() < 0.3, "{slope:?}");
        assert!(Slope::of(&[samples(|_| 60.0)]).unwrap().per_hour.abs() < 0.2);
    }

    #[test]
    fn a_burst_does_not_bend_the_line() {
        let slope = Slope::of(&[samples(|at| if (1500.0..2100.0).contains(&at) { 500.0 } else { 60.0 })]).unwrap();
        assert!(slope.per_hour.abs() < 0.5, "{slope:?}");
    }

    #[test]
    fn a_leak_shows_although_each_piece_begins_anew() {
        let leak = |began: f64| (0..60).map(move |n| (began + f64::from(n) * 5.0, 60.0 + f64::from(n) * 5.0 / 360.0));
        let pieces: Vec<Vec<(f64, f64)>> = (0..12).map(|n| leak(f64::from(n) * 300.0).collect()).collect();
        let slope = Slope::of(&pieces).unwrap();
        assert!((slope.per_hour - 10.0).abs() < 0.1, "{slope:?}");
        assert!((slope.hours - 295.0 / 3600.0).abs() < 1e-9, "{slope:?}");
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert_eq!(Slope::of(&[]), None);
        assert_eq!(Slope::of(&[vec![(0.0, 1.0), (5.0, 2.0)]]), None);
        assert_eq!(Slope::of(&[vec![(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]]), None);
    }
}
