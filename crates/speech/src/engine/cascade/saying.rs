//! A dub that is being said while its text still grows: the thread that translates adds parts, the one that speaks says them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dragoman_protocol::Outcome;

use super::DUB_RATE;
use super::dub::Dub;
use super::stage::primary;
use crate::text::{estimate_ms, prepare};

/// How much a new dub counts.
const NEW: f64 = 0.2;
/// How far the voices can be from the estimate of a text, either way.
const FURTHEST: f64 = 2.5;
/// A dub that should last less says little about a voice.
const LEAST_MS: u32 = 500;

/// A part of a dub.
pub(super) enum Part {
    /// A clause, prepared for speaking.
    Clause(String),
    /// That was all.
    End,
}

/// See the module.
pub(super) struct Saying(Mutex<Said>);

pub(super) struct Said {
    pub(super) dub: Dub,
    /// The text so far, as it is shown.
    text: String,
    estimate_ms: u32,
    /// When the first part began to be spoken.
    begun: Option<Instant>,
}

impl Saying {
    pub(super) fn new(dub: Dub) -> Self {
        Self(Mutex::new(Said {
            dub,
            text: String::new(),
            estimate_ms: 0,
            begun: None,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    /// More of the text is known.
    pub(super) fn text(&mut self, text: &str, estimate_ms: u32) {
        self.text = text.to_owned();
        self.estimate_ms = estimate_ms;
        self.dub.text(text, estimate_ms);
    }

    /// A part begins to be spoken.
    pub(super) fn begin(&mut self) {
        self.begun.get_or_insert_with(Instant::now);
    }

    /// Sound of it; before the first, where the time went is told once more.
    pub(super) fn audio(&mut self, pcm: &[i16]) {
        if !self.dub.has_begun() && !pcm.is_empty() {
            let took = self.begun.map_or(0, |begun| begun.elapsed().as_millis());
            self.dub.stage_ms.tts = u32::try_from(took).unwrap_or(u32::MAX);
            let (text, estimate_ms) = (std::mem::take(&mut self.text), self.estimate_ms);
            self.dub.text(&text, estimate_ms);
            self.text = text;
        }
        self.dub.audio(pcm);
    }

    /// Everything was said.
    pub(super) fn end(&mut self, estimates: &Estimates) {
        let samples = self.dub.samples();
        if samples == 0 {
            self.dub.end(Outcome::Empty, None);
            return;
        }
        let ms = samples as f64 * 1000.0 / f64::from(DUB_RATE);
        estimates.learn(self.dub.lang(), &self.text, ms);
        self.dub.end(Outcome::Done, None);
    }
}

/// How long texts last: an estimate of the text, and by how much the voices of its language take longer or shorter.
#[derive(Default)]
pub(super) struct Estimates(Mutex<HashMap<String, f64>>);

impl Estimates {
    /// Milliseconds that a text will last.
    pub(super) fn of(&self, lang: &str, text: &str) -> u32 {
        let factor = self.lock().get(primary(lang)).copied().unwrap_or(1.0);
        (factor * f64::from(plain(lang, text))).round() as u32
    }

    fn learn(&self, lang: &str, text: &str, ms: f64) {
        let estimate = plain(lang, text);
        if estimate < LEAST_MS {
            return;
        }
        // A voice that runs away is no measure of the language.
        let seen = (ms / f64::from(estimate)).clamp(1.0 / FURTHEST, FURTHEST);
        let mut known = self.lock();
        let old = known.entry(primary(lang).to_owned()).or_insert(1.0);
        *old += NEW * (seen - *old);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plain(lang: &str, text: &str) -> u32 {
    estimate_ms(&prepare(text, lang), lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_follow_the_voice_and_not_a_single_dub() {
        let estimates = Estimates::default();
        let text = "Buenas noches y bienvenidos a las noticias.";
        let first = estimates.of("es", text);
        assert!((1_500..4_000).contains(&first), "{first}");
        estimates.learn("es-mx", text, 1e9);
        assert!(estimates.of("es", text) < 2 * first);
        for _ in 0..50 {
            estimates.learn("es", text, 4_000.0);
        }
        assert!(
            estimates.of("es", text).abs_diff(4_000) < 50,
            "{}",
            estimates.of("es", text)
        );
        assert_eq!(
            estimates.of("fr", text),
            plain("fr", text),
            "another language is not touched"
        );
    }
}
