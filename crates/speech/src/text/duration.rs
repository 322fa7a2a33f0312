//! How long speaking a text takes, before it is spoken.
//!
//! Syllables are counted as runs of vowels and said at a rate of the language; marks add pauses. The rates are set so that the
//! middle of a set of sentences is 5 to 10% below what espeak-ng takes at its 175 words a minute; one sentence by itself may be
//! a third off, most of all where acronyms are spelled. Numbers should have been written out; a digit counts as two syllables.

use super::Lang;

/// Pause of a mark inside a sentence and between sentences, in ms.
const PHRASE_PAUSE: f64 = 160.0;
const SENTENCE_PAUSE: f64 = 350.0;
/// Before and after the sound.
const EDGES: f64 = 120.0;

/// Milliseconds of speech for `text`, prepared for speaking, in the language of the tag `lang`. Text added at the end never makes
/// it shorter; nothing to say takes no time.
pub fn estimate_ms(text: &str, lang: &str) -> u32 {
    let rate = rate(lang);
    let mut syllables = 0.0;
    let mut pauses = 0.0;
    // A pause counts once something is said after it.
    let mut pause = 0.0_f64;
    let mut before = ' ';
    for c in text.chars() {
        let more = weight(c, before);
        if more > 0.0 || c.is_alphanumeric() {
            syllables += more;
            if syllables > 0.0 {
                pauses += pause;
            }
            pause = 0.0;
        }
        match c {
            ',' | ';' | ':' | '–' | '—' | '、' => pause = pause.max(PHRASE_PAUSE),
            '.' | '!' | '?' | '…' | '。' | '！' | '？' => pause = pause.max(SENTENCE_PAUSE),
            _ => {}
        }
        before = c;
    }
    if syllables == 0.0 {
        0
    } else {
        (EDGES + pauses + syllables * 1000.0 / rate) as u32
    }
}

/// Syllables, as counted here, in a second.
fn rate(lang: &str) -> f64 {
    match Lang::of(lang) {
        Some(Lang::En) => 5.0,
        Some(Lang::Fr) => 6.4,
        Some(Lang::De) => 4.9,
        Some(Lang::Pt) => 5.6,
        Some(Lang::It) => 6.5,
        Some(Lang::Es) => 5.9,
        Some(Lang::Nl) => 5.0,
        None => 5.5,
    }
}

/// Syllables that `c` starts after `before`.
fn weight(c: char, before: char) -> f64 {
    match c {
        '0'..='9' => 2.0,
        // A letter of an acronym that is spelled; half, since many are said as words.
        'A'..='Z' if !vowel(c) && before.is_uppercase() => 0.5,
        _ if vowel(c) => f64::from(!vowel(before)),
        // Kana are a mora each, Han characters and Hangul a syllable; other scripts have about one in two letters.
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' => 1.0,
        _ if c.is_alphabetic() && !latin(c) => 0.45,
        _ => 0.0,
    }
}

fn latin(c: char) -> bool {
    c < '\u{250}' || ('\u{1e00}'..'\u{1f00}').contains(&c)
}

fn vowel(c: char) -> bool {
    c.is_alphabetic() && (matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y') || marked(c))
}

/// A Latin vowel with a mark.
fn marked(c: char) -> bool {
    "àáâãäåæèéêëìíîïòóôõöøùúûüýÿœěęąėīłūőűÀÁÂÃÄÅÆÈÉÊËÌÍÎÏÒÓÔÕÖØÙÚÛÜÝŒ".contains(c) && c != 'ł'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn speech_takes_about_as_long_as_people_take() {
        for (lang, text, least, most) in [
            ("en", "The quick brown fox jumps over the lazy dog.", 2000, 3200),
            (
                "de",
                "Der schnelle braune Fuchs springt über den faulen Hund.",
                2000,
                3400,
            ),
            (
                "fr",
                "Le renard brun rapide saute par-dessus le chien paresseux.",
                1800,
                3400,
            ),
            (
                "es",
                "El rápido zorro marrón salta sobre el perro perezoso.",
                1800,
                3400,
            ),
            ("ja", "こんにちは、元気ですか。", 1200, 2600),
        ] {
            let ms = estimate_ms(text, lang);
            assert!((least..=most).contains(&ms), "{lang} {ms}");
        }
        assert_eq!(estimate_ms("", "en"), 0);
        assert_eq!(estimate_ms(" ... ♪ !", "en"), 0);
        assert!(estimate_ms("Stop. Go on.", "en") > estimate_ms("Stop go on", "en"));
    }

    proptest! {
        #[test]
        fn more_text_is_never_shorter(text in any::<String>(), more in any::<String>(), lang in "[a-z]{2}") {
            let whole = format!("{text}{more}");
            prop_assert!(estimate_ms(&whole, &lang) >= estimate_ms(&text, &lang));
        }
    }
}
