//! From bed to programme.

use dragoman_timeline::Pts;

use super::decide::PATIENCE;
use super::voice::{Phase, RESERVE};
use super::{Playout, ms};
use crate::RATE;

/// Stamps that came through whole milliseconds are off by up to one; further off they mean a jump.
const ROUNDING: i64 = ms(1);
/// Frames that are rendered at once where nobody listens.
const UNHEARD: usize = 480;

impl Playout {
    /// Turns the bed that begins at `at` into programme. Blocks follow each other; where one does not begin at the end of
    /// the last, the time between has passed unheard, or, if it begins earlier, playback goes on from there.
    pub fn render(&mut self, at: Pts, block: &mut [f32]) {
        let at = at.samples(RATE);
        let pos = *self.pos.get_or_insert(at);
        if at - pos > ROUNDING {
            self.skip_to(at);
        } else if pos - at > ROUNDING {
            self.step_back_to(at);
        }
        self.run(block);
    }

    fn run(&mut self, mut block: &mut [f32]) {
        while block.len() >= 2 {
            let pos = self.playhead();
            while self.dirty || pos >= self.timer {
                self.decide(pos);
            }
            let frames = (block.len() / 2).min(usize::try_from(self.timer.saturating_sub(pos)).unwrap_or(usize::MAX));
            let done = self.segment(pos, &mut block[..frames * 2]);
            self.pos = Some(pos + done as i64);
            block = &mut block[done * 2..];
        }
    }

    /// Renders until something changes, at most the whole of `bed`; returns how many frames that was.
    fn segment(&mut self, pos: i64, bed: &mut [f32]) -> usize {
        let frames = bed.len() / 2;
        let Some(voice) = self.voice.as_mut() else {
            if !self.duck.is_open() || !self.limiter.is_idle() {
                self.mix_bed(pos, bed);
            }
            return frames;
        };
        match voice.phase {
            Phase::Starved(_) => {
                self.mix_bed(pos, bed);
                frames
            }
            Phase::Cued(at) if at <= pos => {
                self.begin();
                0
            }
            Phase::Cued(at) => {
                let frames = frames.min((at - pos) as usize);
                self.mix_bed(pos, &mut bed[..frames * 2]);
                frames
            }
            Phase::Sounding => {
                voice.make(frames + RESERVE);
                let ready = voice.ready();
                let most = if voice.is_made() {
                    ready
                } else {
                    ready.saturating_sub(RESERVE)
                };
                if most > 0 {
                    return self.mix(pos, &mut bed[..frames.min(most) * 2]);
                }
                if voice.is_made() {
                    self.complete();
                } else if voice.fade() {
                    self.starve();
                } else {
                    self.wait_for_more(pos);
                }
                0
            }
            Phase::Fading { left: 0, .. } if voice.settled => {
                self.silence_voice();
                0
            }
            Phase::Fading { left: 0, .. } => {
                self.wait_for_more(pos);
                0
            }
            Phase::Fading { left, .. } => self.mix(pos, &mut bed[..frames.min(left) * 2]),
        }
    }

    fn wait_for_more(&mut self, pos: i64) {
        if let Some(voice) = self.voice.as_mut() {
            voice.phase = Phase::Starved(pos + PATIENCE);
        }
        // The bed opens even if not one sample was left to fade.
        self.starve();
        self.dirty = true;
    }

    /// Bed and voice. Returns the frames rendered, which are all of `bed`.
    fn mix(&mut self, pos: i64, bed: &mut [f32]) -> usize {
        let frames = bed.len() / 2;
        let mut dub = std::mem::take(&mut self.dub);
        if let Some(voice) = self.voice.as_mut() {
            voice.say(frames, &mut dub);
        }
        for (n, (frame, dub)) in bed.chunks_exact_mut(2).zip(&dub).enumerate() {
            let gain = self.duck.advance();
            self.quiet.frame(pos + n as i64, gain);
            (frame[0], frame[1]) = self.limiter.frame(frame[0] * gain + dub, frame[1] * gain + dub, true);
        }
        self.dub = dub;
        frames
    }

    fn mix_bed(&mut self, pos: i64, bed: &mut [f32]) {
        for (n, frame) in bed.chunks_exact_mut(2).enumerate() {
            let gain = self.duck.advance();
            self.quiet.frame(pos + n as i64, gain);
            (frame[0], frame[1]) = self.limiter.frame(frame[0] * gain, frame[1] * gain, false);
        }
    }

    /// Time passes unheard.
    fn skip_to(&mut self, at: i64) {
        let mut nothing = [0.0; UNHEARD * 2];
        while self.voice.is_some() || !self.queue.is_empty() || !self.duck.is_open() {
            let left = usize::try_from(at - self.playhead()).unwrap_or(0).min(UNHEARD);
            if left == 0 {
                break;
            }
            nothing.fill(0.0);
            self.run(&mut nothing[..left * 2]);
        }
        self.pos = Some(at);
        self.dirty = true;
        if let Some(voice) = self.voice.as_mut() {
            voice.rise();
        }
    }

    /// The timeline was set back: what is going on goes on from there.
    fn step_back_to(&mut self, at: i64) {
        let shift = at - self.playhead();
        self.pos = Some(at);
        self.previous.end = self.previous.end.saturating_add(shift);
        self.quiet.forget(at);
        for entry in &mut self.queue {
            entry.startable = entry.startable.map(|a| a.min(at));
        }
        if let Some(voice) = self.voice.as_mut() {
            match &mut voice.phase {
                Phase::Cued(frame) | Phase::Starved(frame) => *frame += shift,
                Phase::Sounding | Phase::Fading { .. } => {}
            }
        }
        self.dirty = true;
    }
}
