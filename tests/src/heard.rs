//! What is heard in a recorded programme, counted in seconds of the published file.

use anyhow::{Result, bail};
use dragoman_probe::tone::level_db;

use crate::material::{BED_DB, BED_HZ, BEEP_AT, BEEP_HZ, BEEP_LENGTH, RATE, SPEECH_AT, SPEECH_LENGTH, samples};

/// One look at the sound.
const WINDOW: f64 = 0.1;
/// A dub this loud is heard; the mock's tone is 15 dB louder.
const DUB_DB: f32 = -38.0;
/// Voice activity sets in and ends a little off the first and the last sound.
const EDGE: f64 = 0.5;

/// A recording whose beep was found.
#[derive(Debug)]
pub struct Heard {
    sound: Vec<f32>,
    /// Seconds of the published file minus seconds of the recording.
    shift: f64,
}

/// How much of a stretch has a tone, and how loud the bed is in it.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Share of windows in which the dub's tone is heard.
    pub dubbed: f64,
    /// The bed's median level.
    pub bed_db: f32,
    /// The bed's lowest level: a hole in the sound is a hole in the bed.
    pub bed_low_db: f32,
}

impl Heard {
    /// Nothing before the beep is in the recording.
    pub fn new(sound: Vec<f32>) -> Option<Self> {
        let step = samples(BEEP_LENGTH / 5.0);
        let at = (0..sound.len().saturating_sub(step) / step)
            .map(|index| index * step)
            .find(|at| level_db(&sound, BEEP_HZ, *at..at + step) > -24.0)?;
        Some(Self {
            sound,
            shift: BEEP_AT - at as f64 / f64::from(RATE),
        })
    }

    /// The second of the published file at which the recording ends.
    pub fn until(&self) -> f64 {
        self.sound.len() as f64 / f64::from(RATE) + self.shift
    }

    /// What is between two seconds of the published file, as far as `hz` is concerned.
    pub fn between(&self, from: f64, to: f64, hz: f64) -> Result<Stretch> {
        let windows: Vec<_> = (0..((to - from) / WINDOW).floor() as usize)
            .map(|index| from + index as f64 * WINDOW - self.shift)
            .map(|start| samples(start)..samples(start + WINDOW))
            .filter(|window| window.end <= self.sound.len())
            .collect();
        if windows.is_empty() {
            bail!("the recording ends at {:.1} s, before {from:.1} s", self.until());
        }
        let dubbed = windows
            .iter()
            .filter(|window| level_db(&self.sound, hz, (*window).clone()) > DUB_DB)
            .count();
        let mut bed: Vec<f32> = windows
            .iter()
            .map(|window| level_db(&self.sound, BED_HZ, window.clone()))
            .collect();
        bed.sort_by(f32::total_cmp);
        Ok(Stretch {
            dubbed: dubbed as f64 / windows.len() as f64,
            bed_db: bed[bed.len() / 2],
            bed_low_db: bed[0],
        })
    }

    /// The dub in `hz` is where the speech was and nowhere else, the bed is ducked under it and back after it.
    pub fn is_dubbed(&self, hz: f64) -> Result<()> {
        for at in SPEECH_AT {
            let speech = self.between(at + EDGE, at + SPEECH_LENGTH - EDGE, hz)?;
            if speech.dubbed < 0.8 {
                bail!(
                    "only {:.0} % of the speech at {at} s is dubbed: {speech:?}",
                    speech.dubbed * 100.0
                );
            }
            if speech.bed_db > BED_DB - 9.0 {
                bail!("the bed is not ducked under the dub at {at} s: {speech:?}");
            }
        }
        for (from, to) in Self::pauses() {
            let pause = self.between(from, to, hz)?;
            if pause.dubbed > 0.0 {
                bail!("a dub is heard between {from} s and {to} s, where nobody spoke: {pause:?}");
            }
            if (pause.bed_db - BED_DB).abs() > 1.5 || pause.bed_low_db < BED_DB - 3.0 {
                bail!("the bed is not at its level between {from} s and {to} s: {pause:?}");
            }
        }
        Ok(())
    }

    /// Nothing but the original is heard from the beep to a second of the published file.
    pub fn is_original(&self, to: f64, hz: f64) -> Result<()> {
        let all = self.between(BEEP_AT + 0.5, to, hz)?;
        if (all.bed_db - BED_DB).abs() > 1.5 || all.bed_low_db < BED_DB - 3.0 {
            bail!("the bed is not at its level: {all:?}");
        }
        self.lacks(hz)
    }

    /// The dub in `hz` is nowhere. Speech has energy at that pitch now and then, so a little is none.
    pub fn lacks(&self, hz: f64) -> Result<()> {
        let all = self.between(BEEP_AT + 0.5, self.until(), hz)?;
        if all.dubbed > 0.2 {
            bail!("a dub is heard that should not be: {all:?}");
        }
        Ok(())
    }

    /// From well after the end of a sound to well before the next one.
    fn pauses() -> [(f64, f64); 3] {
        const AFTER: f64 = 1.0;
        let end = |speech: usize| SPEECH_AT[speech] + SPEECH_LENGTH + AFTER;
        [
            (BEEP_AT + 0.5, SPEECH_AT[0] - EDGE),
            (end(0), SPEECH_AT[1] - EDGE),
            (end(1), end(1) + 1.0),
        ]
    }
}
