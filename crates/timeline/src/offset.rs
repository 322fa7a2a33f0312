//! R1: how far the local clock is ahead of the media timeline, and so when each unit is let go.

use std::collections::VecDeque;

use crate::{Clock, Pts, Span};

/// The offset follows the least delay that was seen in this time.
const WINDOW: Span = Span::from_secs(10);
/// The window's grain: 100 minima instead of one per unit.
const BUCKET: Span = Span::from_ms(100);
/// Upwards the offset creeps, so that a publisher's slow clock is followed without a visible step: 2 ms a second.
const CREEP_DIVISOR: i64 = 500;
/// When every unit of this time came too late, the network has changed for good.
const LATE_FOR: Span = Span::from_secs(1);
/// Jitter: a unit that misses its release by less than this is not late. Without a hold all but the fastest do.
const JITTER: Span = Span::from_ms(40);

/// Tracks `arrival - dts` and says when a unit is to be let go.
///
/// Down at once, because an earlier arrival proves that the path can be that fast; up slowly, because a late one
/// proves nothing; up in one step when everything is late for [`LATE_FOR`].
#[derive(Debug)]
pub struct Offset {
    hold: Span,
    value: Option<Span>,
    /// Minima of `arrival - dts`, rising from front to back; the front is the window's minimum.
    minima: VecDeque<(Clock, Span)>,
    last: Clock,
    late: Option<Late>,
    reanchored: u64,
}

/// A time in which nothing came in time.
#[derive(Debug)]
struct Late {
    since: Clock,
    least: Span,
}

impl Offset {
    /// A tracker for programmes that are `hold` later than their source.
    pub fn new(hold: Span) -> Self {
        Self {
            hold,
            value: None,
            minima: VecDeque::new(),
            last: Clock::ZERO,
            late: None,
            reanchored: 0,
        }
    }

    /// A unit with this decoding time has arrived.
    pub fn arrived(&mut self, dts: Pts, at: Clock) {
        let delay = at.minus_media(dts);
        self.remember(at, delay);
        let Some(value) = self.value else {
            self.value = Some(delay);
            self.last = at;
            return;
        };
        let elapsed = (at - self.last).max(Span::ZERO);
        self.last = at;
        let least = self.minima.front().map_or(delay, |(_, d)| *d);
        let next = if least <= value {
            least
        } else {
            let creep = Span::from_ns(elapsed.ns() / CREEP_DIVISOR);
            value + creep.min(least - value)
        };
        self.value = Some(next);
        self.watch_lateness(at, delay, next);
    }

    fn remember(&mut self, at: Clock, delay: Span) {
        while self.minima.front().is_some_and(|(t, _)| at - *t > WINDOW) {
            self.minima.pop_front();
        }
        while self.minima.back().is_some_and(|(_, d)| *d >= delay) {
            self.minima.pop_back();
        }
        // A later and larger delay within the same bucket can become the minimum at most one bucket too late.
        if self.minima.back().is_none_or(|(t, _)| at - *t >= BUCKET) {
            self.minima.push_back((at, delay));
        }
    }

    fn watch_lateness(&mut self, at: Clock, delay: Span, value: Span) {
        if delay <= value + self.hold + JITTER {
            self.late = None;
            return;
        }
        let late = self.late.get_or_insert(Late {
            since: at,
            least: delay,
        });
        late.least = late.least.min(delay);
        if at - late.since < LATE_FOR {
            return;
        }
        let least = late.least;
        self.late = None;
        self.minima.clear();
        self.minima.push_back((at, least));
        self.value = Some(least);
        self.reanchored += 1;
    }

    /// When a unit with this decoding time is let go; `None` before the first arrival.
    pub fn release(&self, dts: Pts) -> Option<Clock> {
        self.value.map(|v| Clock::of_media(dts, v) + self.hold)
    }

    /// The media time that would arrive at `now` over the fastest path seen.
    pub fn media_at(&self, now: Clock) -> Option<Pts> {
        self.value.map(|v| now.to_media(v))
    }

    /// How often everything was late and the offset stepped up.
    pub fn reanchored(&self) -> u64 {
        self.reanchored
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: i64) -> Clock {
        Clock::from_ns(ms * 1_000_000)
    }

    fn offset_ms(offset: &Offset) -> f64 {
        offset
            .release(Pts::ZERO)
            .map_or(f64::NAN, |c| (c - Clock::ZERO - offset.hold).as_ms())
    }

    #[test]
    fn an_earlier_arrival_counts_at_once() {
        let mut offset = Offset::new(Span::ZERO);
        offset.arrived(Pts::from_ms(0), ms(100));
        offset.arrived(Pts::from_ms(40), ms(120));
        assert_eq!(offset_ms(&offset), 80.0);
    }

    #[test]
    fn a_slow_publisher_clock_is_followed_without_a_step() {
        let mut offset = Offset::new(Span::from_ms(2_500));
        let mut last = f64::MAX;
        // 1000 ppm is the fastest that 2 ms/s is meant to follow; a day of a quartz is far below it.
        for frame in 0..30 * 120 {
            let dts = frame * 1000 / 30;
            offset.arrived(Pts::from_ms(dts), ms(100 + dts + dts / 1000));
            let now = offset_ms(&offset);
            assert!(now - last <= 0.1, "{last} -> {now}");
            last = now;
        }
        assert!((100.0 + 105.0..=220.0).contains(&last), "{last}");
        assert_eq!(offset.reanchored(), 0);
    }

    #[test]
    fn a_lasting_delay_without_hold_steps_up_once() {
        let mut offset = Offset::new(Span::ZERO);
        for frame in 0..300 {
            let dts = frame * 1000 / 30;
            let delay = if frame < 100 { 50 } else { 350 + frame % 7 };
            offset.arrived(Pts::from_ms(dts), ms(delay + dts));
        }
        assert_eq!(offset.reanchored(), 1);
        assert!((350.0..352.0).contains(&offset_ms(&offset)));
    }

    #[test]
    fn jitter_without_hold_is_no_lateness() {
        let mut offset = Offset::new(Span::ZERO);
        for frame in 0..900 {
            let dts = frame * 1000 / 30;
            offset.arrived(
                Pts::from_ms(dts),
                ms(50 + dts + if frame % 97 == 0 { 0 } else { 5 + frame % 30 }),
            );
        }
        assert_eq!(offset.reanchored(), 0);
    }

    #[test]
    fn the_hold_takes_a_lasting_delay_without_a_step() {
        let mut offset = Offset::new(Span::from_ms(2_500));
        for frame in 0..300 {
            let dts = frame * 1000 / 30;
            offset.arrived(Pts::from_ms(dts), ms(if frame < 100 { 50 } else { 350 } + dts));
        }
        assert_eq!(offset.reanchored(), 0);
    }

    proptest! {
        /// Whatever the jitter, the offset lies between the least and the greatest delay, and the window stays small.
        #[test]
        fn stays_within_what_was_seen(delays in prop::collection::vec(0_i64..2_000, 1..2_000)) {
            let mut offset = Offset::new(Span::from_ms(500));
            let (mut least, mut most) = (i64::MAX, i64::MIN);
            let mut arrival = 0;
            for (i, delay) in delays.iter().enumerate() {
                let dts = i as i64 * 20;
                arrival = arrival.max(dts + delay);
                least = least.min(arrival - dts);
                most = most.max(arrival - dts);
                offset.arrived(Pts::from_ms(dts), ms(arrival));
                let now = offset_ms(&offset);
                prop_assert!(now >= least as f64 - 1e-6 && now <= most as f64 + 1e-6);
            }
            prop_assert!(offset.minima.len() <= 102);
        }
    }
}
