//! A dub that is being said while its text still grows: the thread that translates adds parts, the one that speaks says them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dragoman_protocol::Outcome;

use super::DUB_RATE;
use super::dub::Dub;
use super::stage::primary;

/// How long a character lasts in most languages, until a dub of the language was heard: 15 in a second.
const MS_PER_CHAR: f64 = 66.0;
/// The same where a character is a syllable.
const MS_PER_SYLLABLE: f64 = 200.0;
/// How much a new dub counts.
const NEW: f64 = 0.2;

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

/// How long texts last, by language: a first guess, then what the voices really take.
#[derive(Default)]
pub(super) struct Estimates(Mutex<HashMap<String, f64>>);

impl Estimates {
    /// Milliseconds that a text will last.
    pub(super) fn of(&self, lang: &str, text: &str) -> u32 {
        let each = self.lock().get(primary(lang)).copied().unwrap_or_else(|| first_guess(lang));
        (each * text.chars().count() as f64).round() as u32
    }

    fn learn(&self, lang: &str, text: &str, ms: f64) {
        let chars = text.chars().count();
        if chars < 8 {
            return;
        }
        let guess = first_guess(lang);
        // A voice that runs away is no measure of the language.
        let each = (ms / chars as f64).clamp(guess / 3.0, guess * 3.0);
        let mut known = self.lock();
        let old = known.entry(primary(lang).to_owned()).or_insert(guess);
        *old += NEW * (each - *old);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first_guess(lang: &str) -> f64 {
    match primary(lang) {
        "zh" | "ja" | "ko" | "yue" => MS_PER_SYLLABLE,
        _ => MS_PER_CHAR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_follow_the_voice_and_not_a_single_dub() {
        let estimates = Estimates::default();
        let text = "Buenas noches y bienvenidos a las noticias.";
        assert_eq!(estimates.of("es", text), 2_838);
        estimates.learn("es-mx", text, 1e9);
        assert!(estimates.of("es", text) < 5_000);
        for _ in 0..50 {
            estimates.learn("es", text, 4_000.0);
        }
        assert!(estimates.of("es", text).abs_diff(4_000) < 50, "{}", estimates.of("es", text));
        assert_eq!(estimates.of("fr", text), 2_838, "another language is not touched");
        assert_eq!(estimates.of("ja", "今晩は"), 600);
    }
}
