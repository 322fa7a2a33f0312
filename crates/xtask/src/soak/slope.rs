//! How fast a quantity grows: the median of the slopes between all pairs of samples (Theil and Sen), which a burst, a step
//! back or a wild sample does not bend. A leak of a few steps does not bend it either, so the end is held against the
//! beginning as well.

/// Before pairs are made, neighbours become one by their median: so many are left.
const MOST: usize = 300;

/// A straight line through samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slope {
    /// Growth in an hour.
    pub(super) per_hour: f64,
    /// The longest time that was looked at in one piece.
    pub(super) hours: f64,
    /// How much higher the last third of a piece is than its first, medians of each; of all pieces the one that differs most.
    pub(super) rise: f64,
}

impl Slope {
    /// Through pieces of samples of seconds and values; only samples of one piece are compared with each other. Nothing
    /// where no piece has three.
    pub(super) fn of(pieces: &[Vec<(f64, f64)>]) -> Option<Self> {
        let samples: usize = pieces.iter().map(Vec::len).sum();
        let together = samples.div_ceil(MOST).max(1);
        let mut slopes = Vec::new();
        let (mut longest, mut rise) = (0.0_f64, 0.0_f64);
        for piece in pieces.iter().filter(|piece| piece.len() >= 3) {
            let thin: Vec<(f64, f64)> = piece.chunks(together).filter_map(middle).collect();
            for (index, from) in thin.iter().enumerate() {
                let later = thin[index + 1..].iter().filter(|to| to.0 > from.0);
                slopes.extend(later.map(|to| (to.1 - from.1) / (to.0 - from.0)));
            }
            if let (Some(first), Some(last)) = (piece.first(), piece.last()) {
                longest = longest.max(last.0 - first.0);
            }
            let third = piece.len().div_ceil(3);
            if let (Some(early), Some(late)) = (middle(&piece[..third]), middle(&piece[piece.len() - third..]))
                && (late.1 - early.1).abs() > rise.abs()
            {
                rise = late.1 - early.1;
            }
        }
        Some(Self {
            per_hour: median(&mut slopes)? * 3600.0,
            hours: longest / 3600.0,
            rise,
        })
    }

    /// What the line grows by in the longest piece.
    fn growth(self) -> f64 {
        self.per_hour * self.hours
    }

    /// Whether this is no growth: the line is flatter than `per_hour`, or too short for more than `in_all`, and no piece
    /// rose by more than that.
    pub(super) fn is_within(self, per_hour: f64, in_all: f64) -> bool {
        (self.per_hour.abs() <= per_hour || self.growth().abs() <= in_all) && self.rise.abs() <= in_all
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
    fn a_leak_of_a_few_steps_shows() {
        let steps = |at: f64| 24.0 + (at / 1200.0).floor() * 2.0;
        let slope = Slope::of(&[(0..720)
            .map(|n| (f64::from(n) * 5.0, steps(f64::from(n) * 5.0)))
            .collect()])
        .unwrap();
        assert_eq!(slope.rise, 4.0);
        assert!(!slope.is_within(f64::INFINITY, 1.0));
        assert!(Slope::of(&[samples(|_| 60.0)]).unwrap().is_within(0.2, 1.0));
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
