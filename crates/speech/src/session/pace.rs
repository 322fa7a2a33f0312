//! What one connection does in time: whether its client is alive, and whether it sends faster than time goes by. Pure.

use std::time::{Duration, Instant};

use dragoman_protocol::{CloseCode, limits};

use super::closing::Closing;

/// Audio that may run ahead of real time beyond the protocol's limit: a client that re-sends all it keeps is at the limit.
const AHEAD_GRACE: Duration = Duration::from_secs(1);
/// Audio counts as flowing that long after the last of it.
const FLOWING: Duration = Duration::from_secs(5);
/// Silence from a client that sends no audio, after which it is gone: it has not answered three pings.
const SILENT: Duration = Duration::from_secs(40);

/// See the module.
pub(super) struct Pace {
    last_frame: Instant,
    last_audio: Option<Instant>,
    first_audio: Option<Instant>,
    samples: u64,
}

impl Pace {
    /// A connection that begins.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last_frame: now,
            last_audio: None,
            first_audio: None,
            samples: 0,
        }
    }

    /// Any frame came.
    pub(super) fn on_frame(&mut self, now: Instant) {
        self.last_frame = now;
    }

    /// Audio came.
    pub(super) fn on_audio(&mut self, samples: u64, rate: u32, now: Instant) -> Result<(), Closing> {
        let first = *self.first_audio.get_or_insert(now);
        self.last_audio = Some(now);
        self.samples += samples;
        let sent = Duration::from_secs_f64(self.samples as f64 / f64::from(rate));
        let ahead = sent.saturating_sub(now.saturating_duration_since(first));
        if ahead > limits::MAX_AHEAD + AHEAD_GRACE {
            let reason = format!("audio is {} ms ahead of real time", ahead.as_millis());
            return Err(Closing {
                code: CloseCode::TooFast,
                reason,
            });
        }
        Ok(())
    }

    /// Whether the client is still there; `ended`: it has said that no more audio comes.
    pub(super) fn check(&self, now: Instant, ended: bool) -> Result<(), Closing> {
        let silent = now.saturating_duration_since(self.last_frame);
        let flows = !ended
            && self
                .last_audio
                .is_some_and(|at| now.saturating_duration_since(at) < FLOWING);
        if silent >= SILENT || (flows && silent >= limits::LOST_AFTER) {
            let reason = format!("nothing came for {} ms", silent.as_millis());
            return Err(Closing {
                code: CloseCode::Stalled,
                reason,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ms: u64) -> (Instant, Instant) {
        let start = Instant::now();
        (start, start + Duration::from_millis(ms))
    }

    #[test]
    fn audio_may_be_ahead_by_what_a_client_keeps() {
        let (start, later) = after(2_000);
        let mut pace = Pace::new(start);
        assert_eq!(pace.on_audio(16 * 16_000, 16_000, start), Ok(()));
        assert_eq!(pace.on_audio(2 * 16_000, 16_000, later), Ok(()));
        assert_eq!(pace.on_audio(1, 16_000, later).unwrap_err().code, CloseCode::TooFast);
    }

    #[test]
    fn silence_is_a_loss_sooner_while_audio_flows() {
        let (start, later) = after(3_000);
        let mut pace = Pace::new(start);
        assert_eq!(pace.check(later, false), Ok(()), "no audio yet");
        pace.on_audio(320, 16_000, start).unwrap();
        assert_eq!(pace.check(later, true), Ok(()), "no more audio comes");
        assert_eq!(pace.check(later, false).unwrap_err().code, CloseCode::Stalled);
        pace.on_frame(later);
        assert_eq!(pace.check(later, false), Ok(()));
        assert_eq!(pace.check(later + SILENT, true).unwrap_err().code, CloseCode::Stalled);
    }
}
