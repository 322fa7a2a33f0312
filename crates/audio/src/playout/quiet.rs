//! When the original was too quiet to follow: what R7's reports are judged by.

use std::collections::VecDeque;

use super::Heard;

/// A gain below this (-3 dB) is too quiet.
pub(super) const LOUD: f32 = 0.707_945_8;
/// More than the longest wait and utterance; older ones are forgotten.
const KEPT: usize = 256;

/// The stretches of programme in which the bed's gain was below [`LOUD`].
#[derive(Debug, Default)]
pub(super) struct Quiet {
    past: VecDeque<(i64, i64)>,
    since: Option<i64>,
}

impl Quiet {
    #[inline]
    pub(super) fn frame(&mut self, at: i64, gain: f32) {
        if (gain < LOUD) != self.since.is_some() {
            self.turn(at);
        }
    }

    fn turn(&mut self, at: i64) {
        match self.since.take() {
            None => self.since = Some(at),
            Some(since) => {
                self.past.push_back((since, at));
                if self.past.len() > KEPT {
                    self.past.pop_front();
                }
            }
        }
    }

    /// The timeline was set back to `at`.
    pub(super) fn forget(&mut self, at: i64) {
        self.past.clear();
        self.since = self.since.map(|_| at);
    }

    /// What was heard of `[start, end)` in the original, if it stays quiet until `until` and is loud from then on.
    pub(super) fn judge(&self, start: i64, end: i64, until: i64) -> Heard {
        let present = self.since.map(|since| (since, until.max(since)));
        let quiet: i64 = self
            .past
            .iter()
            .copied()
            .chain(present)
            .map(|(a, b)| (b.min(end) - a.max(start)).max(0))
            .sum();
        if (end - start - quiet) * 5 >= (end - start) * 4 {
            Heard::Original
        } else {
            Heard::Lost
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_fifths_at_minus_three_decibels_are_heard() {
        let mut quiet = Quiet::default();
        (0..1_000).for_each(|n| quiet.frame(n, if (400..600).contains(&n) { 0.70 } else { 0.71 }));
        assert_eq!(quiet.judge(0, 1_000, 1_000), Heard::Original);
        assert_eq!(quiet.judge(1, 1_000, 1_000), Heard::Lost);
        quiet.frame(1_000, 0.1);
        assert_eq!(quiet.judge(900, 1_400, 1_100), Heard::Original);
        assert_eq!(quiet.judge(900, 1_400, 1_101), Heard::Lost);
    }
}
