//! Text against the original package, for the rules of each released model; `fixtures/pocket/make.py` made the cases.

use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;

use super::{MAX_TOKENS, split};
use crate::pocket::config::Config;
use crate::pocket::text::prepare;
use crate::pocket::tokenizer::Tokenizer;

#[derive(Deserialize)]
struct Case {
    model: String,
    text: String,
    prepared: String,
    /// Frames after the end of speech, before the two that are always added.
    guess: usize,
    /// Text, guess and number of tokens of each.
    chunks: Vec<(String, usize, usize)>,
}

fn tokenizer() -> Tokenizer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pocket/tokenizer.json");
    Tokenizer::load(&path, 420).unwrap()
}

fn rules(model: &str) -> Config {
    Config::named(model).unwrap()
}

fn prepared(model: &str, text: &str) -> (String, usize) {
    let prepared = prepare(text, &rules(model)).unwrap();
    (prepared.text, prepared.frames_after_eos - 2)
}

#[test]
fn text_is_prepared_and_cut_as_by_the_original() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pocket/text.json");
    let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() > 150);
    let tokenizer = tokenizer();
    for case in cases {
        let config = rules(&case.model);
        let whole = prepare(&case.text, &config).unwrap();
        assert_eq!(
            (whole.text, whole.frames_after_eos),
            (case.prepared, case.guess + 2),
            "{}",
            case.model
        );
        let chunks: Vec<(String, usize, usize)> = split(&case.text, &tokenizer, &config)
            .unwrap()
            .into_iter()
            .map(|chunk| (chunk.text, chunk.frames_after_eos - 2, chunk.ids.len()))
            .collect();
        assert_eq!(chunks, case.chunks, "{}: {}", case.model, case.text);
    }
}

#[test]
fn each_language_has_its_rules() {
    let of = |model, text| prepared(model, text).0;
    assert_eq!(prepared("english", "hello world"), ("Hello world.".into(), 3));
    assert_eq!(
        prepared("french", "il dit: « ça va? », puis part;"),
        ("Il dit, ça va? puis part.".into(), 1)
    );
    assert_eq!(prepared("spanish", "¿qué tal? ¡bien!"), ("Qué tal? bien!".into(), 3));
    assert_eq!(of("english", "it’s — fine"), "It's — fine.");
    assert_eq!(of("english_2m_2026-10", "it’s — fine"), "It's , fine.");
    assert_eq!(of("german", "„gut“ — ja; nein"), "Gut , ja, nein.");
    assert_eq!(of("italian", "così: (no) – sì; [forse]"), "Così: no , sì; forse.");
    assert_eq!(of("english_2026-01", "too short"), "        Too short.");
}

#[test]
fn ends_become_ends_of_sentences() {
    let of = |text| prepared("english", text).0;
    assert_eq!(of("she said \"no\""), "She said \"no\".");
    assert_eq!(of("wait -"), "Wait.");
    assert_eq!(of("a  b   c,\""), "A b c.\"");
    assert_eq!(of("(ok.)"), "(ok.)");
    assert_eq!(of("ßo"), "SSo.");
    assert_eq!(of("and so…"), "And so…");
}

#[test]
fn nothing_to_say_is_an_error() {
    for text in ["", " \n\t ", "…", "- \"?\"", "«»"] {
        for model in ["english", "french"] {
            let error = split(text, &tokenizer(), &rules(model)).unwrap_err();
            assert_eq!(error.code(), "model_input", "{text:?}");
        }
    }
}

#[test]
fn a_word_without_end_is_cut_too() {
    let text = "x".repeat(1000);
    let chunks = split(&text, &tokenizer(), &rules("english")).unwrap();
    assert!(chunks.len() > 10);
    assert_eq!(
        chunks
            .iter()
            .map(|chunk| chunk.text.to_lowercase().matches('x').count())
            .sum::<usize>(),
        1000
    );
    assert!(chunks.iter().all(|chunk| chunk.ids.len() <= MAX_TOKENS + 4));
}

proptest! {
    #[test]
    fn nothing_is_lost_and_no_chunk_is_too_long(
        words in prop::collection::vec("[a-z]{1,9}[.,;:!?]{0,2}", 1..200),
    ) {
        let text = words.join(" ");
        let letters = |text: &str| -> String {
            text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
        };
        let chunks = split(&text, &tokenizer(), &rules("english")).unwrap();
        let spoken: String = chunks.iter().map(|chunk| letters(&chunk.text)).collect();
        prop_assert_eq!(spoken, letters(&text));
        for chunk in &chunks {
            // The full stop and capital of a chunk come on top.
            prop_assert!(chunk.ids.len() <= MAX_TOKENS + 4, "{} tokens: {}", chunk.ids.len(), chunk.text);
            prop_assert!(chunk.text.ends_with(['.', '!', '?']), "{}", chunk.text);
        }
    }

    #[test]
    fn no_text_makes_it_fall(text in "\\PC{0,80}") {
        for model in ["english", "french", "spanish"] {
            if let Ok(chunks) = split(&text, &tokenizer(), &rules(model)) {
                prop_assert!(chunks.iter().all(|chunk| !chunk.ids.is_empty()));
            }
        }
    }
}
