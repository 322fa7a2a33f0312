//! The gain of the bed.

/// A gain that moves along smooth ramps. Its value depends on the frames passed, never on blocks.
#[derive(Clone, Debug)]
pub struct Duck {
    gain: f32,
    from: f32,
    to: f32,
    at: u32,
    length: u32,
}

impl Default for Duck {
    fn default() -> Self {
        Self {
            gain: 1.0,
            from: 1.0,
            to: 1.0,
            at: 0,
            length: 0,
        }
    }
}

impl Duck {
    /// Moves from where it is to `to` within `length` frames. Heading there already, it goes on as it does.
    pub fn head_for(&mut self, to: f32, length: u32) {
        if to != self.to {
            (self.from, self.to, self.at, self.length) = (self.gain, to, 0, length.max(1));
        }
    }

    /// As [`Duck::head_for`], but a slower ramp to the same place is replaced.
    pub fn hurry(&mut self, to: f32, length: u32) {
        if to != self.to || self.length - self.at > length {
            (self.from, self.to, self.at, self.length) = (self.gain, to, 0, length.max(1));
        }
    }

    /// The gain that it heads for.
    pub fn target(&self) -> f32 {
        self.to
    }

    /// True while the next frames all get the gain 1.
    pub fn is_open(&self) -> bool {
        self.gain == 1.0 && self.to == 1.0
    }

    /// The gain of the next frame.
    #[inline]
    pub fn advance(&mut self) -> f32 {
        if self.at < self.length {
            self.at += 1;
            let x = self.at as f32 / self.length as f32;
            self.gain = self.from + (self.to - self.from) * (x * x * (3.0 - 2.0 * x));
            if self.at == self.length {
                self.gain = self.to;
            }
        }
        self.gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_takes_its_length_and_has_no_steps() {
        let mut duck = Duck::default();
        duck.head_for(0.2, 100);
        let mut last = 1.0;
        for _ in 0..100 {
            let gain = duck.advance();
            assert!(gain <= last && last - gain < 0.8 * 1.5 / 100.0 + 1e-6);
            last = gain;
        }
        assert_eq!(last, 0.2);
        assert_eq!(duck.advance(), 0.2);
    }

    #[test]
    fn turning_round_midway_starts_from_where_it_is() {
        let mut duck = Duck::default();
        duck.head_for(0.0, 100);
        let midway = (0..50).fold(1.0, |_, _| duck.advance());
        duck.head_for(1.0, 50);
        assert!((duck.advance() - midway).abs() < 0.05);
        assert_eq!((0..49).fold(0.0, |_, _| duck.advance()), 1.0);
        assert!(duck.is_open());
    }

    #[test]
    fn hurry_replaces_only_what_is_slower() {
        let mut duck = Duck::default();
        duck.head_for(0.0, 10);
        (0..10).for_each(|_| _ = duck.advance());
        duck.head_for(1.0, 1_000);
        duck.advance();
        duck.hurry(1.0, 20);
        assert_eq!((0..20).fold(0.0, |_, _| duck.advance()), 1.0);
    }
}
