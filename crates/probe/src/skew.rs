//! Pure: how far sound and picture moved apart between source and programme.
//!
//! Each tick belongs to a whole second of the media timeline; where it is heard on that timeline is the stream's skew. The
//! skew that was added is the programme's less the source's for the same tick, so what publisher and decoder do to both
//! cancels out.

use std::collections::BTreeMap;

use crate::histogram::Histogram;

/// A tick further than this from its second is none.
const RANGE_MS: f64 = 300.0;
/// Ticks kept while their partner is awaited.
const KEEP: usize = 240;
/// A step between two ticks of a programme: sound was cut or put in without the stamps saying so.
const STEP_MS: f64 = 3.0;

/// The second that a tick heard at `media_ms` belongs to, and its skew in milliseconds (positive: the sound is late).
#[must_use]
pub fn place(media_ms: f64) -> Option<(i64, f64)> {
    let second = (media_ms / 1000.0).round();
    let skew = media_ms - second * 1000.0;
    (skew.abs() <= RANGE_MS).then_some((second as i64, skew))
}

/// Pairs ticks of a source and one programme.
#[derive(Debug, Default)]
pub struct Pairing {
    source: BTreeMap<i64, f64>,
    early: BTreeMap<i64, f64>,
    added: Histogram,
    now: Option<f64>,
    last: Option<(i64, f64)>,
    missing: u64,
    steps: u64,
}

impl Pairing {
    /// A tick of the source.
    pub fn source(&mut self, second: i64, skew_ms: f64) {
        self.source.insert(second, skew_ms);
        if self.source.len() > KEEP {
            self.source.pop_first();
        }
        if let Some(programme) = self.early.remove(&second) {
            self.programme(second, programme);
        }
    }

    /// A tick of the programme.
    pub fn programme(&mut self, second: i64, skew_ms: f64) {
        let Some(source) = self.source.get(&second) else {
            self.early.insert(second, skew_ms);
            if self.early.len() > KEEP {
                self.early.pop_first();
            }
            return;
        };
        let added = skew_ms - source;
        self.added.add(added);
        self.now = Some(added);
        if let Some((last, last_added)) = self.last {
            self.missing += self.source.range(last + 1..second.max(last + 1)).count() as u64;
            self.steps += u64::from((added - last_added).abs() > STEP_MS);
        }
        self.last = Some((second, added));
    }

    /// Skew added, over all pairs.
    #[must_use]
    pub fn added(&self) -> &Histogram {
        &self.added
    }

    /// Skew added by the last pair.
    #[must_use]
    pub fn now(&self) -> Option<f64> {
        self.now
    }

    /// Ticks of the source that the programme lacks although later ones were heard.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// How often the skew stepped by more than 3 ms from one tick to the next.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skew_of_40_ms_shows() {
        let mut pairing = Pairing::default();
        for second in 0..60 {
            pairing.source(second, 21.3);
            let (found, skew) = place(second as f64 * 1000.0 + 21.3 + 40.0).unwrap();
            pairing.programme(found, skew);
        }
        assert_eq!(pairing.added().percentile(50.0), Some(40.0));
        assert_eq!(pairing.added().max_abs(), Some(40.0));
        assert_eq!((pairing.missing(), pairing.steps()), (0, 0));
    }

    #[test]
    fn a_missing_tick_and_a_step_show() {
        let mut pairing = Pairing::default();
        for second in 0..60 {
            pairing.source(second, 0.0);
            if second != 20 {
                pairing.programme(second, if second < 40 { 0.0 } else { -21.3 });
            }
        }
        assert_eq!((pairing.missing(), pairing.steps()), (1, 1));
        assert_eq!(pairing.added().max_abs(), Some(21.3));
    }

    #[test]
    fn a_programme_tick_may_be_found_first() {
        let mut pairing = Pairing::default();
        for second in 0..10 {
            pairing.programme(second, 1.0);
            pairing.source(second, 1.0);
        }
        assert_eq!(pairing.added().count(), 10);
        assert_eq!(pairing.added().max_abs(), Some(0.0));
    }

    #[test]
    fn far_from_any_second_is_no_tick() {
        assert_eq!(place(1500.0), None);
        assert_eq!(place(-20.0).unwrap().0, 0);
        assert!((place(2990.0).unwrap().1 + 10.0).abs() < 1e-9);
    }
}
