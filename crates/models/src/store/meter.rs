//! How fast a download is and how long it still takes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of the last seconds, so that a change of it shows.
const WINDOW: Duration = Duration::from_secs(8);

/// Counts the bytes of one file.
#[derive(Clone, Debug)]
pub struct Meter {
    size: u64,
    have: u64,
    /// Times and what was there at them, oldest first; one a tenth of a second at most.
    past: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// A file of `size` bytes of which `have` are here.
    pub fn new(size: u64, have: u64, now: Instant) -> Self {
        Self {
            size,
            have,
            past: VecDeque::from([(now, have)]),
        }
    }

    /// `bytes` more.
    pub fn advance(&mut self, bytes: u64, now: Instant) {
        self.have += bytes;
        if self
            .past
            .back()
            .is_some_and(|(at, _)| now.duration_since(*at) >= Duration::from_millis(100))
        {
            self.past.push_back((now, self.have));
        }
        // The second oldest may leave the window as long as one is older than it.
        while self.past.get(1).is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.past.pop_front();
        }
    }

    /// What is here.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// The whole.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes a second; 0 before anything is known.
    pub fn rate(&self, now: Instant) -> u64 {
        let Some((at, had)) = self.past.front() else { return 0 };
        let seconds = now.duration_since(*at).as_secs_f64();
        if seconds < 0.1 {
            return 0;
        }
        ((self.have - had) as f64 / seconds) as u64
    }

    /// How long the rest takes at this rate; `None` while nothing arrives.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let rate = self.rate(now);
        (rate > 0).then(|| Duration::from_secs(self.size.saturating_sub(self.have).div_ceil(rate)))
    }
}

/// A size for people, in powers of ten as disks and hubs count: `1.62 GB`, `290 MB`, `12 kB`.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{} kB", n / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", n / 1_000_000),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// A time for people: `8 s`, `3 min`, `1 h 12 min`.
pub fn time(left: Duration) -> String {
    match left.as_secs() {
        s @ 0..90 => format!("{s} s"),
        s @ 90..5_400 => format!("{} min", s.div_ceil(60)),
        s => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rate_is_of_the_last_seconds_and_not_of_what_was_there_before() {
        let start = Instant::now();
        let mut meter = Meter::new(10_000, 4_000, start);
        assert_eq!(meter.left(start), None);
        for second in 1..=4 {
            meter.advance(1_000, start + Duration::from_secs(second));
        }
        let now = start + Duration::from_secs(4);
        assert_eq!((meter.have(), meter.rate(now)), (8_000, 1_000));
        assert_eq!(meter.left(now), Some(Duration::from_secs(2)));
        // Nothing arrives any more: the rate falls, the time left grows.
        assert!(meter.left(start + Duration::from_secs(40)) > Some(Duration::from_secs(10)));
    }

    #[test]
    fn sizes_and_times_are_for_people() {
        assert_eq!(
            [0, 999, 290_403_936, 1_617_824_864].map(bytes),
            ["0 B", "999 B", "290 MB", "1.62 GB"]
        );
        let times = [8, 89, 170, 5_400, 7_380].map(|s| time(Duration::from_secs(s)));
        assert_eq!(times, ["8 s", "89 s", "3 min", "1 h 30 min", "2 h 3 min"]);
    }

    proptest! {
        #[test]
        fn no_order_of_bytes_and_pauses_breaks_it(steps in prop::collection::vec((0u64..1 << 40, 0u64..100_000), 0..200)) {
            let mut now = Instant::now();
            let mut meter = Meter::new(1 << 41, 0, now);
            let mut sum = 0;
            for (bytes, ms) in steps {
                now += Duration::from_millis(ms);
                meter.advance(bytes, now);
                sum += bytes;
                prop_assert_eq!(meter.have(), sum);
                let _ = (meter.rate(now), meter.left(now));
            }
        }
    }
}
