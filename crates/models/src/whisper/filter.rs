//! What Whisper writes although nobody said it. Pure.

/// Why the text of an utterance is empty or shorter than what the decoder wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// There was no sound at all; no model was asked.
    Silence,
    /// The model itself takes it for something else than speech, and is not sure of its text.
    NoSpeech,
    /// A phrase that it writes for noise and silence: "you", "Thanks for watching!".
    Hallucination,
    /// Nothing that could be spoken: punctuation, music signs, `[Music]`.
    Wordless,
    /// The same few words all over.
    Babble,
    /// The end repeated itself: the copies are gone, the text is kept.
    Repetition,
    /// More words than anyone can say in that time: stopped there, the text is kept.
    Length,
    /// Nobody waits for it any more.
    Cancelled,
}

/// From this probability on the model may have heard something else than speech.
const NO_SPEECH: f32 = 0.6;
/// Below this mean log-probability it is not sure of its text.
const UNSURE: f32 = -1.0;
/// Texts with fewer words may repeat themselves.
const BABBLE_WORDS: usize = 12;

/// Written for noise in the subtitles it was trained on. They are things that people do say, so they only count where
/// the model doubts that it heard speech. Compared without case and punctuation.
const PHRASES: [&str; 30] = [
    "you",
    "thank you",
    "thank you very much",
    "thank you for watching",
    "thank you so much for watching",
    "thanks for watching",
    "thanks for listening",
    "please subscribe",
    "subscribe",
    "bye",
    "bye bye",
    "oh",
    "so",
    "the end",
    "okay",
    "i'm sorry",
    "gracias",
    "gracias por ver el video",
    "muchas gracias",
    "suscríbete",
    "subtítulos realizados por la comunidad de amara.org",
    "subtítulos por la comunidad de amara.org",
    "merci",
    "merci d'avoir regardé cette vidéo",
    "sous-titres réalisés par la communauté d'amara.org",
    "sous-titrage st' 501",
    "vielen dank",
    "untertitel der amara.org-community",
    "sottotitoli creati dalla comunità amara.org",
    "obrigado",
];

impl Filter {
    /// For logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::NoSpeech => "no_speech",
            Self::Hallucination => "hallucination",
            Self::Wordless => "wordless",
            Self::Babble => "babble",
            Self::Repetition => "repetition",
            Self::Length => "length",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why this text is not to be believed, if so.
pub(super) fn judge(text: &str, no_speech: f32, log_prob: f32) -> Option<Filter> {
    if no_speech > NO_SPEECH && log_prob < UNSURE {
        return Some(Filter::NoSpeech);
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Some(Filter::Wordless);
    }
    if no_speech > NO_SPEECH && PHRASES.contains(&plain(text).as_str()) {
        return Some(Filter::Hallucination);
    }
    babble(text).then_some(Filter::Babble)
}

/// The text without what describes sound: `[Music]`, `♪ la la ♪`, `*applause*`; a text in parentheses as a whole, too.
pub(super) fn spoken(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('(') && text.find(')') == Some(text.len() - 1) {
        return String::new();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, open)) = rest.char_indices().find(|(_, c)| closing(*c).is_some()) {
        out.push_str(&rest[..at]);
        let inside = &rest[at + open.len_utf8()..];
        let close = closing(open).unwrap_or(open);
        rest = match inside.split_once(close) {
            Some((_, after)) => after,
            // An opening sign without its end: the song goes on, the bracket was a slip.
            None if is_music(open) => "",
            None => inside,
        };
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn closing(open: char) -> Option<char> {
    match open {
        '[' => Some(']'),
        '*' => Some('*'),
        music if is_music(music) => Some(music),
        _ => None,
    }
}

fn is_music(sign: char) -> bool {
    matches!(sign, '♩'..='♯' | '🎵' | '🎶')
}

fn plain(text: &str) -> String {
    let ends = |c: char| !c.is_alphanumeric();
    let words = text
        .split_whitespace()
        .map(|word| word.trim_matches(ends).to_lowercase());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether fewer than half of the pairs of words are different ones: what compresses that well was not said.
fn babble(text: &str) -> bool {
    let plain = plain(text);
    let words: Vec<&str> = plain.split(' ').collect();
    if words.len() < BABBLE_WORDS {
        return false;
    }
    let pairs: std::collections::HashSet<_> = words.windows(2).map(|pair| (pair[0], pair[1])).collect();
    2 * pairs.len() < words.len() - 1
}

#[cfg(test)]
#[path = "filter_test.rs"]
mod tests;
