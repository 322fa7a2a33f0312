use proptest::prelude::*;

use super::*;

/// All clauses of a text that comes in at once.
fn cut(lang: &str, text: &str) -> Vec<String> {
    let mut clauses = Clauses::new(lang);
    let mut out = Vec::new();
    while let Some(clause) = clauses.next(text) {
        out.push(clause.to_owned());
    }
    out.extend(clauses.finish(text).map(str::to_owned));
    out
}

/// All clauses of a text that grows up to each of `lens` characters, the last time to its end.
fn grown(lang: &str, text: &str, lens: &[usize]) -> Vec<String> {
    let mut clauses = Clauses::new(lang);
    let mut out = Vec::new();
    let mut lens = lens.to_vec();
    lens.sort_unstable();
    for len in lens {
        let so_far = text.char_indices().nth(len).map_or(text, |(at, _)| &text[..at]);
        while let Some(clause) = clauses.next(so_far) {
            out.push(clause.to_owned());
        }
    }
    while let Some(clause) = clauses.next(text) {
        out.push(clause.to_owned());
    }
    out.extend(clauses.finish(text).map(str::to_owned));
    out
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn clauses_end_where_speech_pauses() {
    for (lang, text, clauses) in [
        (
            "en",
            "We will start the meeting now. Please sit down.",
            &["We will start the meeting now.", "Please sit down."][..],
        ),
        (
            "en",
            "When the train arrives tonight, we will be waiting.",
            &["When the train arrives tonight,", "we will be waiting."],
        ),
        (
            "en",
            "Well, yes. That is what I said to them.",
            &["Well, yes. That is what I said to them."],
        ),
        (
            "en",
            "Yes. No. Of course we do. And then some more.",
            &["Yes. No. Of course we do.", "And then some more."],
        ),
        (
            "en",
            "It costs exactly 3.50 dollars at Mr. Smith's shop. Come and see.",
            &["It costs exactly 3.50 dollars at Mr. Smith's shop.", "Come and see."],
        ),
        (
            "en",
            "We sold pens, ink, etc. The rest was left behind.",
            &["We sold pens, ink, etc.", "The rest was left behind."],
        ),
        (
            "en",
            "He said to her \"Come in now. It is cold outside.\" Then he left again.",
            &[
                "He said to her \"Come in now. It is cold outside.\"",
                "Then he left again.",
            ],
        ),
        (
            "en",
            "George W. Bush came to the U.S. Senate today, no more no less.",
            &["George W. Bush came to the U.S. Senate today,", "no more no less."],
        ),
        (
            "de",
            "Wir sehen uns am 3. Oktober in Berlin, z. B. Am Alexanderplatz oder dort.",
            &[
                "Wir sehen uns am 3. Oktober in Berlin,",
                "z. B. Am Alexanderplatz oder dort.",
            ],
        ),
        (
            "de",
            "Er sagte laut: „Das geht nicht. Nie im Leben.“ Dann ging er weg.",
            &["Er sagte laut: „Das geht nicht. Nie im Leben.“", "Dann ging er weg."],
        ),
        (
            "fr",
            "Il a dit « ça va très bien. Merci. » puis il est parti.",
            &["Il a dit « ça va très bien. Merci. » puis il est parti."],
        ),
        (
            "es",
            "Hola a todos los presentes – vamos a empezar ya.",
            &["Hola a todos los presentes –", "vamos a empezar ya."],
        ),
        (
            "en",
            "This is all we have for you (as I said. Before that). More of it tomorrow.",
            &[
                "This is all we have for you (as I said. Before that).",
                "More of it tomorrow.",
            ],
        ),
        (
            "en",
            "We have all of it now, right?",
            &["We have all of it now, right?"],
        ),
    ] {
        assert_eq!(cut(lang, text), clauses, "{lang}");
    }
}

#[test]
fn a_clause_comes_as_soon_as_two_words_follow() {
    let mut clauses = Clauses::new("en");
    assert_eq!(clauses.next("We will start the meeting now."), None);
    assert_eq!(clauses.next("We will start the meeting now. Please"), None);
    assert_eq!(clauses.next("We will start the meeting now. Please sit"), None);
    let text = "We will start the meeting now. Please sit down";
    assert_eq!(clauses.next(text), Some("We will start the meeting now."));
    assert_eq!(clauses.next(text), None);
    assert_eq!(clauses.finish(text), Some("Please sit down"));
    assert_eq!(clauses.finish("  "), None);
}

#[test]
fn without_marks_or_with_an_unclosed_quote_a_clause_still_ends() {
    let text = "\"word. ".repeat(3) + &"again ".repeat(60);
    let out = cut("en", &text);
    assert_eq!(out.len(), 2);
    assert_eq!(out[0].split(' ').count(), LONG);
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "We",
        "start",
        "3.50",
        "10,000",
        "3.",
        "Mr.",
        "z. B.",
        "etc.",
        "U.S.",
        "now.",
        "here,",
        "so:",
        "no!",
        "why?",
        "…",
        "–",
        "-",
        "\"",
        "\"Go.",
        "it.\"",
        "„Ja.",
        "Nein.“",
        "«",
        "»",
        "(a",
        "b)",
        "été",
        "日本。",
        ".",
        ",",
        "Oktober",
        "W.",
    ]);
    let piece = prop_oneof![5 => piece.prop_map(String::from), 1 => any::<String>()];
    prop::collection::vec(
        (piece, prop::sample::select(vec![" ", " ", " ", "  ", "\n", ""])),
        0..60,
    )
    .prop_map(|pieces| pieces.into_iter().map(|(piece, blank)| piece + blank).collect())
}

proptest! {
    #[test]
    fn nothing_is_lost_or_said_twice(text in text(), lens in prop::collection::vec(0_usize..300, 0..20)) {
        for lang in ["en", "de", "fr", "ja"] {
            let whole = cut(lang, &text);
            prop_assert_eq!(words(&whole.join(" ")), words(&text));
            // However it grew.
            prop_assert_eq!(&grown(lang, &text, &lens), &whole);
            for clause in &whole[..whole.len().saturating_sub(1)] {
                let spoken = clause.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
                prop_assert!((SENTENCE..=LONG).contains(&spoken), "{:?}", clause);
            }
        }
    }
}
