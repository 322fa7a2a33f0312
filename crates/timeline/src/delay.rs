//! The delay line: timed items that wait for their release, bounded by time and by bytes.

use std::collections::VecDeque;

use crate::{Pts, Span};

/// Something with a place on the media timeline.
pub trait Timed {
    /// The time that decides about its release.
    fn at(&self) -> Pts;
    /// What it costs in memory, in bytes.
    fn size(&self) -> usize;
}

/// A first-in first-out line of timed items.
///
/// When an item would make it longer than its bounds, the oldest are given up: live media prefers a hole to a delay
/// that grows. The caller counts what [`DelayLine::push`] gives back.
#[derive(Debug)]
pub struct DelayLine<T> {
    items: VecDeque<T>,
    bytes: usize,
    max_span: Span,
    max_bytes: usize,
}

impl<T: Timed> DelayLine<T> {
    /// A line that holds at most `max_span` of media and `max_bytes`.
    pub fn new(max_span: Span, max_bytes: usize) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            max_span,
            max_bytes,
        }
    }

    /// Appends an item; returns how many old ones had to go.
    pub fn push(&mut self, item: T) -> usize {
        let newest = item.at();
        self.bytes += item.size();
        self.items.push_back(item);
        let mut dropped = 0;
        while self.items.len() > 1 && self.is_over(newest) {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    fn is_over(&self, newest: Pts) -> bool {
        self.bytes > self.max_bytes
            || self
                .items
                .front()
                .is_some_and(|oldest| newest - oldest.at() > self.max_span)
    }

    /// The oldest item.
    pub fn first(&self) -> Option<&T> {
        self.items.front()
    }

    /// The newest item.
    pub fn last(&self) -> Option<&T> {
        self.items.back()
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.bytes -= item.size();
        Some(item)
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Unit(i64, usize);

    impl Timed for Unit {
        fn at(&self) -> Pts {
            Pts::from_ms(self.0)
        }
        fn size(&self) -> usize {
            self.1
        }
    }

    proptest! {
        /// Nothing is lost but what push reports, nothing is doubled, the order stays, the bounds hold.
        #[test]
        fn keeps_order_and_bounds(steps in prop::collection::vec((0_i64..500, 0_usize..2_000, any::<bool>()), 1..300)) {
            let mut line = DelayLine::new(Span::from_ms(3_000), 10_000);
            let (mut at, mut pushed, mut dropped, mut popped) = (0, 0, 0, 0);
            let mut last = i64::MIN;
            for (gap, size, pop) in steps {
                at += gap;
                dropped += line.push(Unit(at, size));
                pushed += 1;
                prop_assert!(line.len() == 1 || line.bytes <= 10_000);
                prop_assert!(line.first().is_some_and(|u| at - u.0 <= 3_000));
                if pop {
                    let unit = line.pop();
                    prop_assert!(unit.as_ref().is_some_and(|u| u.0 >= last));
                    last = unit.map_or(last, |u| u.0);
                    popped += 1;
                }
            }
            prop_assert_eq!(pushed, dropped + popped + line.len());
        }
    }
}
