use proptest::prelude::*;

use super::super::Lang;
use super::{GROWTH, prepare};

/// Pieces that rules look for, and words that they must leave alone.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "1", "21", "3", "007", "1999", "2026", "1.234", "1,234", "1 234 567", "3.14", "0,5", "12/05/2026", "2026-05-12", "14:30",
            "10-12", "3–1", "4-3-3", "8/10", "1/2", "½", "²", "€", "$", "£", "%", "‰", "US$", "EUR", "km/h", "m²", "°C", "kg", "Mio.", "k", "m",
            "million", "millones", "3rd", "1er", "3º", "3.", "2e", "90s", "+49 30 1234567", "192.168.0.1", "Dr.", "St.", "etc.", "z.B.", "z. B.",
            "Mme", "M.", "No.", "U.S.A.", "J.", "Louis XIV", "XXIe", "siglo V", "II", "NATO", "BBC", "http://a.b/c1", "a1@b2.com", "@x9", "#tag", "#5",
            "<b>", "</b>", "&amp;", "&", "+", "=", "×", "x", "±", "~", "<", ">", "/", "°", "-", "–", "—", ".", ",", "...", "!", "?", "(", ")", "\"",
            "'", "’", "😀", "♪", "１２", "٣", "①", "Ⅷ", "\u{a0}", "\n", "p.m.", "h", "Uhr", "de mayo", "May", "Oktober", "am", "MOTO", "ÄRGER", "i",
            "ß", "ŉ", "İ", "ǅ", "㉈", "〇",
        ]).prop_map(String::from),
        2 => prop::sample::select(WORDS.to_vec()).prop_map(String::from),
        1 => any::<String>(),
    ];
    (prop::collection::vec((piece, prop::sample::select(vec!["", " ", " ", " "])), 0..12))
        .prop_map(|pieces| pieces.into_iter().map(|(piece, blank)| piece + blank).collect())
}

/// No language has an abbreviation, unit or scale of these.
const WORDS: [&str; 8] = [
    "House",
    "perro",
    "straße",
    "naïve",
    "wonderful",
    "gestern",
    "Zürich",
    "façade",
];

fn lang() -> impl Strategy<Value = &'static str> {
    prop::sample::select(Lang::ALL.map(Lang::tag).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_text_is_prepared(text in prop_oneof![pieces(), any::<String>()], lang in lang()) {
        let said = prepare(&text, lang);
        prop_assert!(!said.chars().any(char::is_numeric), "{:?}", said);
        prop_assert_eq!(&prepare(&said, lang), &said);
        prop_assert!(said.len() <= GROWTH * text.len() + GROWTH, "{} of {}", said.len(), text.len());
    }

    #[test]
    fn other_languages_lose_only_what_nobody_says(text in any::<String>()) {
        let said = prepare(&text, "pl");
        prop_assert_eq!(&prepare(&said, "pl"), &said);
        prop_assert!(said.len() <= 2 * text.len());
    }

    #[test]
    fn words_stay_in_their_order(
        parts in prop::collection::vec((prop::sample::select(WORDS.to_vec()), pieces_of_signs()), 1..6), lang in lang(),
    ) {
        let text: String = parts.iter().map(|(word, signs)| format!("{word} {signs} ")).collect();
        let said = prepare(&text, lang).to_lowercase();
        let mut rest = said.as_str();
        for (word, _) in &parts {
            let at = rest.find(&word.to_lowercase());
            prop_assert!(at.is_some(), "{} of {:?} in {:?}", word, text, said);
            rest = &rest[at.unwrap_or(0)..][word.len()..];
        }
    }
}

/// Numbers and signs without words.
fn pieces_of_signs() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "1",
            "21",
            "1.234",
            "12/05/2026",
            "14:30",
            "10-12",
            "8/10",
            "€",
            "$5",
            "%",
            "&",
            "+",
            "°",
            "3.",
            "5 km",
            "Dr.",
            "etc.",
            "XIV",
            "<b>",
            "😀",
            ".",
            ",",
            "-",
            "(",
            "\"",
            "№",
            "@",
            "#",
            "/",
        ]),
        0..4,
    )
    .prop_map(|pieces| pieces.join(" "))
}

#[test]
fn signs_without_end_stay_within_the_bound() {
    for piece in [
        "1-", "(", "a@", "1.", "1 ", "<a", "U.", "1/", "$", "&", "X", "'", "0.", ". ", " .5", " ", "etc. \"", "1:",
    ] {
        let text = piece.repeat(500);
        let said = prepare(&text, "de");
        assert!(said.len() <= GROWTH * text.len() + GROWTH, "{piece}");
    }
}
