use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A decoder with a script.
struct Scripted(VecDeque<u32>);

impl Decoder for Scripted {
    fn next(&mut self, _: u32) -> Result<Vec<f32>> {
        let mut scores = vec![0.0; 40];
        // The token that is never said is always the likeliest.
        scores[39] = 9.0;
        scores[self.0.pop_front().unwrap_or(1) as usize] = 1.0;
        Ok(scores)
    }
}

const ENDS: Ends = Ends {
    start: 39,
    end: 0,
    pad: 39,
};

fn said(script: impl IntoIterator<Item = u32>, cap: usize) -> Vec<u32> {
    greedy(&mut Scripted(script.into_iter().collect()), ENDS, cap, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

#[test]
fn a_sentence_ends_at_its_end_at_the_cap_or_when_told() {
    assert_eq!(said([5, 6, 7, 0, 8], 20), [5, 6, 7]);
    assert_eq!(said([5, 6, 7, 0], 2), [5, 6]);
    let mut script = Scripted([5, 6, 7, 0].into());
    let stopped = greedy(&mut script, ENDS, 20, &mut |tokens| match tokens.len() {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(stopped.unwrap(), [5, 6]);
}

#[test]
fn words_that_repeat_without_end_are_cut_to_the_first_time() {
    assert_eq!(
        said([5, 6, 7, 8].into_iter().cycle().skip(3).take(400), 400),
        [8, 5, 6, 7]
    );
    assert_eq!(said([3, 4, 9].into_iter().chain([5; 400]), 400), [3, 4, 9, 5]);
    // What people say is left alone.
    let no = [5, 6, 5, 6, 5, 6, 5, 6, 0];
    assert_eq!(said(no, 400), no[..8]);
}

#[test]
fn scores_that_are_no_numbers_are_an_error() {
    struct Broken;
    impl Decoder for Broken {
        fn next(&mut self, _: u32) -> Result<Vec<f32>> {
            Ok(vec![f32::NAN; 40])
        }
    }
    let error = greedy(&mut Broken, ENDS, 9, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(error.code(), "compute");
}

#[test]
fn sentences_end_where_a_reader_would_end_them() {
    for (text, expected) in [
        ("", &[][..]),
        (" \n ", &[]),
        ("Good evening.", &["Good evening."]),
        ("No. Is it safe?! It is.", &["No.", "Is it safe?!", "It is."]),
        ("It grew. Nobody knew why.", &["It grew.", "Nobody knew why."]),
        (
            "Mr. Smith met Dr. J. R. Jones at 3.5 km. He left.",
            &["Mr. Smith met Dr. J. R. Jones at 3.5 km.", "He left."],
        ),
        ("He said: \"Go.\" Then he left.", &["He said: \"Go.\"", "Then he left."]),
        ("At 5 p.m. the doors open.", &["At 5 p.m. the doors open."]),
        ("Wait... what? Yes…", &["Wait... what?", "Yes…"]),
        ("今日は。明日も！", &["今日は。", "明日も！"]),
        ("one\ntwo", &["one", "two"]),
        ("¿Es seguro? ¡Sí! Vale", &["¿Es seguro?", "¡Sí!", "Vale"]),
    ] {
        assert_eq!(split(text), expected, "{text:?}");
    }
}

#[test]
fn a_long_sentence_is_cut_at_a_clause_near_its_middle() {
    let count = |text: &str| text.split_whitespace().count();
    let text = "one two three four, five six seven eight nine";
    assert_eq!(
        fit(text, 5, &count),
        ["one two three four,", "five six seven eight nine"]
    );
    assert_eq!(fit(text, 9, &count), [text]);
    assert_eq!(fit("aaaa", 1, &|text| text.len()), ["a", "a", "a", "a"]);
}

/// Tokens that are letters; 0 is a space before the next letter.
struct Letters;

impl Detokenizer for Letters {
    fn decode(&self, tokens: &[u32]) -> String {
        tokens
            .iter()
            .filter_map(|&token| char::from_u32(token))
            .collect::<String>()
            .trim_start()
            .into()
    }

    fn begins_word(&self, token: u32) -> bool {
        token == u32::from(' ')
    }
}

fn reported(sentences: &[&str]) -> (Vec<String>, String) {
    let mut reported = Vec::new();
    let mut on_text = |text: &str| {
        reported.push(text.to_owned());
        ControlFlow::Continue(())
    };
    let mut so_far = SoFar::new(&mut on_text);
    for sentence in sentences {
        let tokens: Vec<u32> = sentence.chars().map(u32::from).collect();
        for len in 1..=tokens.len() {
            let _ = so_far.token(&tokens[..len], &Letters);
        }
        so_far.sentence(sentence);
    }
    let whole = so_far.finish();
    (reported, whole)
}

#[test]
fn text_is_reported_by_whole_words() {
    let (reported, whole) = reported(&[" the river", " rose.", "今日は"]);
    assert_eq!(
        reported,
        [
            "the",
            "the river",
            "the river rose.",
            "the river rose. 今",
            "the river rose. 今日",
            "the river rose. 今日は"
        ]
    );
    assert_eq!(whole, "the river rose. 今日は");
}

#[test]
fn after_a_stop_nothing_is_reported() {
    let mut calls = 0;
    let mut on_text = |_: &str| {
        calls += 1;
        ControlFlow::Break(())
    };
    let mut so_far = SoFar::new(&mut on_text);
    so_far.sentence("one");
    assert!(so_far.stopped());
    so_far.sentence("two");
    assert_eq!(so_far.finish(), "one two");
    assert_eq!(calls, 1);
}

proptest! {
    #[test]
    fn sentences_are_the_text(text in "[A-Za-z.!? \n0-9\"。]{0,80}") {
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        prop_assert_eq!(bare(&split(&text).concat()), bare(&text));
        let parts = fit(&text, 7, &|text| text.chars().count());
        prop_assert_eq!(bare(&parts.concat()), bare(&text));
        prop_assert!(parts.iter().all(|part| part.chars().count() <= 7));
    }

    #[test]
    fn each_report_begins_with_the_one_before(sentences in proptest::collection::vec("[ a-c。日.]{0,12}", 0..5)) {
        let (reported, whole) = reported(&sentences.iter().map(String::as_str).collect::<Vec<_>>());
        for pair in reported.windows(2) {
            prop_assert!(pair[1].starts_with(&pair[0]));
        }
        if let Some(last) = reported.last() {
            prop_assert!(whole.starts_with(last.as_str()));
        }
    }
}
