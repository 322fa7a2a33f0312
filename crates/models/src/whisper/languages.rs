//! The languages that Whisper was trained on, and what else people call them.

/// ISO 639 codes, as the tokens write them but for Javanese, in the order of the tokens; which of these a model knows, its
/// tokenizer says.
pub(super) const CODES: [&str; 100] = [
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi", "fi",
    "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la", "mi", "ml",
    "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs",
    "kk", "sq", "sw", "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am",
    "yi", "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln",
    "ha", "ba", "jv", "su", "yue",
];

/// The text of a language's token.
pub(super) fn token(code: &str) -> String {
    // Whisper calls Javanese by a code that was withdrawn.
    let written = if code == "jv" { "jw" } else { code };
    format!("<|{written}|>")
}

/// The code for a language tag such as `pt-BR`.
pub(super) fn code(tag: &str) -> String {
    let language = tag.split(['-', '_']).next().unwrap_or(tag).to_ascii_lowercase();
    match language.as_str() {
        "jw" => "jv",
        "iw" => "he",
        "in" => "id",
        "ji" => "yi",
        "nb" => "no",
        "fil" => "tl",
        "cmn" => "zh",
        other => other,
    }
    .into()
}
