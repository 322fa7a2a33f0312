//! Points and lengths on the media timeline.

use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

const NS_PER_S: i128 = 1_000_000_000;

/// A point on a media timeline, in nanoseconds. Never wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pts(i64);

/// A length of media time, in nanoseconds; negative where a later point is subtracted from an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

/// A reading of this machine's monotonic clock, in nanoseconds. It only ever decides *when* something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock(i64);

fn ns_of_samples(samples: i64, rate: u32) -> i64 {
    div_round(i128::from(samples) * NS_PER_S, i128::from(rate.max(1)))
}

fn samples_of_ns(ns: i64, rate: u32) -> i64 {
    div_round(i128::from(ns) * i128::from(rate), NS_PER_S)
}

/// Nearest integer, halves upwards, also below zero; saturates at the ends of `i64`.
fn div_round(a: i128, b: i128) -> i64 {
    let q = (2 * a + b).div_euclid(2 * b);
    i64::try_from(q).unwrap_or(if q < 0 { i64::MIN } else { i64::MAX })
}

impl Pts {
    /// The start of a session.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// From milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// The start of sample number `samples` at `rate` Hz, to the nearest nanosecond.
    pub fn from_samples(samples: i64, rate: u32) -> Self {
        Self(ns_of_samples(samples, rate))
    }

    /// In nanoseconds.
    pub const fn ns(self) -> i64 {
        self.0
    }

    /// The number of the nearest sample at `rate` Hz.
    pub fn samples(self, rate: u32) -> i64 {
        samples_of_ns(self.0, rate)
    }

    /// In whole milliseconds, to the nearest.
    pub fn ms(self) -> i64 {
        div_round(i128::from(self.0), 1_000_000)
    }
}

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// From milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// From whole seconds.
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1_000_000_000))
    }

    /// As long as `samples` at `rate` Hz.
    pub fn from_samples(samples: i64, rate: u32) -> Self {
        Self(ns_of_samples(samples, rate))
    }

    /// In nanoseconds.
    pub const fn ns(self) -> i64 {
        self.0
    }

    /// The nearest number of samples at `rate` Hz.
    pub fn samples(self, rate: u32) -> i64 {
        samples_of_ns(self.0, rate)
    }

    /// In milliseconds, for reports.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The length without its sign.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl Clock {
    /// The clock's zero.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// In nanoseconds.
    pub const fn ns(self) -> i64 {
        self.0
    }

    /// The offset at which `at` arrives now.
    pub const fn minus_media(self, at: Pts) -> Span {
        Span(self.0.saturating_sub(at.0))
    }

    /// When `at` arrives, at this offset.
    pub const fn of_media(at: Pts, offset: Span) -> Self {
        Self(at.0.saturating_add(offset.0))
    }

    /// What arrives now, at this offset.
    pub const fn to_media(self, offset: Span) -> Pts {
        Pts(self.0.saturating_sub(offset.0))
    }
}

impl Add<Span> for Clock {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub for Clock {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Add<Span> for Pts {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Pts {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Pts {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl AddAssign<Span> for Pts {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Span {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Span {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sample_number_survives_the_way_through_nanoseconds(
            samples in -(1_i64 << 40)..(1_i64 << 40),
            rate in prop::sample::select(vec![8_000_u32, 16_000, 24_000, 44_100, 48_000]),
        ) {
            prop_assert_eq!(Pts::from_samples(samples, rate).samples(rate), samples);
            prop_assert_eq!(Span::from_samples(samples, rate).samples(rate), samples);
        }

        #[test]
        fn points_and_lengths_add_up(a in any::<i32>(), b in any::<i32>()) {
            let (a, b) = (Pts::from_ns(a.into()), Pts::from_ns(b.into()));
            prop_assert_eq!(b + (a - b), a);
        }
    }

    #[test]
    fn milliseconds_round_to_the_nearest() {
        assert_eq!(Pts::from_ns(1_500_000).ms(), 2);
        assert_eq!(Pts::from_ns(-1_400_000).ms(), -1);
    }
}
