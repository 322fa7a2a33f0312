//! Sound by sample number: one continuous line of samples out of blocks that come early, late, twice or never.

use std::collections::VecDeque;

use crate::{Pts, Span};

/// Time stamps that differ from the count of samples by less than this are rounding or jitter of the stamps. It is
/// below the 40 ms at which a viewer sees lips and voice come apart.
const TOLERANCE: Span = Span::from_ms(30);

/// Where a block of samples lies, and what its stamp said about the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Number of its first sample on the media timeline.
    pub at: i64,
    /// Samples that are missing before it (above zero) or that it repeats (below zero).
    pub jump: i64,
}

/// Gives each block its sample number: counts samples, and believes a stamp only when it differs by [`TOLERANCE`].
#[derive(Debug)]
pub struct SampleClock {
    rate: u32,
    next: Option<i64>,
}

impl SampleClock {
    /// For sound of `rate` samples a second.
    pub fn new(rate: u32) -> Self {
        Self { rate, next: None }
    }

    /// Places a block of `len` samples that is stamped `pts`.
    pub fn place(&mut self, pts: Pts, len: usize) -> Placed {
        let stamped = pts.samples(self.rate);
        let expected = self.next.unwrap_or(stamped);
        let jump = stamped - expected;
        let jump = if jump.abs() > TOLERANCE.samples(self.rate) {
            jump
        } else {
            0
        };
        let at = expected + jump;
        self.next = Some(at + len as i64);
        Placed { at, jump }
    }
}

/// Samples by number, from the next one to be read to the newest one written; holes are remembered as holes.
///
/// Bounded: what is written more than `max` samples ahead of the reader pushes nothing out and is refused, since the
/// reader is the clock. What is written behind the reader is too late and refused as well; both are counted by the
/// caller from [`SampleLine::write`].
#[derive(Debug)]
pub struct SampleLine<T> {
    start: i64,
    samples: VecDeque<Option<T>>,
    max: usize,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Samples that were not there and were read as silence.
    pub missing: usize,
}

impl<T: Copy + Default> SampleLine<T> {
    /// A line whose reader stands at sample `start`.
    pub fn new(start: i64, max: usize) -> Self {
        Self {
            start,
            samples: VecDeque::new(),
            max,
        }
    }

    /// Writes samples from number `at` on; returns how many were refused. A sample that is already there stays.
    pub fn write(&mut self, at: i64, samples: &[T]) -> usize {
        let end = at + samples.len() as i64;
        let first = at.max(self.start);
        let last = end.min(self.start + self.max as i64);
        if first >= last {
            return samples.len();
        }
        while self.end() < last {
            self.samples.push_back(None);
        }
        let mut refused = (samples.len() as i64 - (last - first)) as usize;
        for number in first..last {
            let slot = &mut self.samples[(number - self.start) as usize];
            if slot.is_some() {
                refused += 1;
            } else {
                *slot = Some(samples[(number - at) as usize]);
            }
        }
        refused
    }

    /// Number of the first sample behind the newest one.
    pub fn end(&self) -> i64 {
        self.start + self.samples.len() as i64
    }

    /// Number of the next sample to be read.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// How many of the next `len` samples are still expected: not there, and nothing newer is there either.
    pub fn awaited(&self, len: usize) -> usize {
        len.saturating_sub(self.samples.len())
    }

    /// Reads the next samples; what is not there is silence.
    pub fn read(&mut self, out: &mut [T]) -> Read {
        let mut missing = 0;
        for sample in out.iter_mut() {
            let slot = self.samples.pop_front().flatten();
            missing += usize::from(slot.is_none());
            *sample = slot.unwrap_or_default();
        }
        self.start += out.len() as i64;
        Read { missing }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn millisecond_stamps_do_not_move_samples() {
        let mut clock = SampleClock::new(48_000);
        for block in 0..10_000_i64 {
            let exact = Pts::from_samples(block * 1024, 48_000);
            let placed = clock.place(Pts::from_ms(exact.ms()), 1024);
            assert_eq!((placed.at, placed.jump), (block * 1024, 0));
        }
    }

    #[test]
    fn a_hole_in_the_stamps_is_a_hole_in_the_samples() {
        let mut clock = SampleClock::new(48_000);
        clock.place(Pts::ZERO, 960);
        assert_eq!(clock.place(Pts::from_ms(120), 960), Placed { at: 5760, jump: 4800 });
        assert_eq!(clock.place(Pts::from_ms(40), 960).jump, 1920 - 6720);
    }

    proptest! {
        /// Each sample is read once, at its own number, or as silence; in whatever order and however often it came.
        #[test]
        fn no_sample_is_lost_doubled_or_moved(
            writes in prop::collection::vec((0_i64..400, 1_usize..60), 1..60),
            reads in prop::collection::vec(1_usize..50, 1..20),
        ) {
            let mut line = SampleLine::new(0, 256);
            let mut written = std::collections::BTreeSet::new();
            let mut reads = reads.into_iter();
            let mut expect = 0_i64;
            for (at, len) in writes {
                let block: Vec<i64> = (at..at + len as i64).map(|n| n + 1).collect();
                let fresh = (at..at + len as i64)
                    .filter(|n| *n >= expect && *n < expect + 256 && written.insert(*n)).count();
                prop_assert_eq!(line.write(at, &block), len - fresh);
                if let Some(len) = reads.next() {
                    let mut out = vec![0; len];
                    let read = line.read(&mut out);
                    let mut missing = 0;
                    for sample in out {
                        let want = if written.contains(&expect) { expect + 1 } else { missing += 1; 0 };
                        prop_assert_eq!(sample, want);
                        expect += 1;
                    }
                    prop_assert_eq!(read.missing, missing);
                }
            }
        }
    }
}
