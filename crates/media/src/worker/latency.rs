//! The last measurements of a length, and their percentiles.

use std::collections::VecDeque;

use dragoman_timeline::Span;

use crate::control::Percentiles;

/// A window over the last measurements; the oldest go first.
#[derive(Debug)]
pub(crate) struct Latency {
    last: VecDeque<Span>,
    window: usize,
}

impl Latency {
    pub(crate) fn over(window: usize) -> Self {
        Self {
            last: VecDeque::with_capacity(window),
            window,
        }
    }

    pub(crate) fn add(&mut self, measured: Span) {
        if self.last.len() == self.window {
            self.last.pop_front();
        }
        self.last.push_back(measured);
    }

    /// Zero where nothing was measured.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let mut sorted: Vec<Span> = self.last.iter().copied().collect();
        sorted.sort_unstable();
        let at = |part: f64| {
            let index = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
            sorted.get(index).map_or(0.0, |s| s.as_ms())
        };
        Percentiles {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_measurements() {
        let mut latency = Latency::over(100);
        assert_eq!(latency.percentiles(), Percentiles::default());
        for ms in 0..200 {
            latency.add(Span::from_ms(ms));
        }
        assert_eq!(
            latency.percentiles(),
            Percentiles {
                p50: 149.0,
                p95: 194.0,
                p99: 198.0
            }
        );
    }
}
