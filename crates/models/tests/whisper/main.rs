//! Whisper as its users see it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod files;
mod script;

use std::cell::Cell;

use dragoman_models::whisper::{Ask, Filter, Task, Took, Whisper};
use serde_json::{Value, json};

use script::{Copy, Script, hear, noise, timeless};

#[test]
fn writes_what_was_said() {
    let whisper = Script::new().say_text(" the news is late").load();
    let heard = hear(&whisper, Some("es"));
    assert_eq!(
        (heard.text.as_str(), heard.language.as_str(), heard.filtered),
        ("the news is late", "es", None)
    );
    assert!(
        heard.tokens > 3 && heard.log_prob > -0.5 && heard.no_speech < 0.1,
        "{heard:?}"
    );
    assert_eq!(hear(&whisper, Some("ES-mx")).language, "es");
    assert_eq!(hear(&whisper, Some("jv")).language, "jv");
    let error = whisper
        .hear(
            &noise(),
            &Ask {
                language: Some("xx"),
                ..Ask::default()
            },
        )
        .unwrap_err();
    assert!(error.to_string().contains("en zh de es fr jv"), "{error}");
    assert_eq!(whisper.languages(), ["en", "zh", "de", "es", "fr", "jv"]);
}

#[test]
fn finds_the_language_among_its_languages_only() {
    let mut script = Script::new();
    let (de, word) = (script.id("<|de|>"), script.ids("evening")[0]);
    let whisper = script
        .say_text(" welcome")
        .likely(0, de, 0.6)
        .likely(0, word, 1.0)
        .load();
    let heard = hear(&whisper, None);
    assert_eq!((heard.language.as_str(), heard.text.as_str()), ("de", "welcome"));
}

#[test]
fn a_decoder_that_does_not_stop_is_stopped() {
    let mut script = Script::new();
    let sentence = script.ids("so good");
    assert!((4..=6).contains(&sentence.len()), "{sentence:?}");
    let heard = hear(&script.say(4, &sentence.repeat(3)).load(), Some("en"));
    assert_eq!(
        (heard.text.as_str(), heard.filtered),
        ("so good", Some(Filter::Repetition))
    );
    assert_eq!(heard.tokens, 2 * sentence.len());

    // Half a second has room for twelve tokens.
    let mut script = Script::new();
    let letters = script.ids("qwxyzjkvbpQWXYZJKVBP");
    let heard = hear(&script.say(4, &letters).load(), Some("en"));
    assert_eq!(
        (heard.text.as_str(), heard.filtered, heard.tokens),
        ("qwxyzjkvbpQW", Some(Filter::Length), 12)
    );
}

#[test]
fn what_is_no_speech_is_not_said() {
    let mut script = Script::new();
    let no_speech = script.id("<|nospeech|>");
    let heard = hear(&script.say_text(" you").likely(0, no_speech, 1.0).load(), Some("en"));
    assert!(heard.no_speech > 0.6 && heard.log_prob > -1.0, "{heard:?}");
    assert_eq!((heard.text.as_str(), heard.filtered), ("", Some(Filter::Hallucination)));

    let mut script = Script::new();
    script.say_text(" welcome to the news").likely(0, no_speech, 1.0);
    let heard = hear(&script.load(), Some("en"));
    assert_eq!((heard.text.as_str(), heard.filtered), ("welcome to the news", None));
    // The same, with other words that are nearly as likely at each place.
    let others = script.ids("qxzjkvwy");
    for (position, other) in (4..11).flat_map(|position| others.iter().map(move |other| (position, *other))) {
        script.likely(position, other, 0.95);
    }
    let heard = hear(&script.load(), Some("en"));
    assert!(
        heard.no_speech > 0.6 && heard.log_prob < -1.0 && heard.tokens > 2,
        "{heard:?}"
    );
    assert_eq!((heard.text.as_str(), heard.filtered), ("", Some(Filter::NoSpeech)));

    let heard = hear(&Script::new().say_text(".!").load(), Some("en"));
    assert_eq!((heard.text.as_str(), heard.filtered), ("", Some(Filter::Wordless)));
}

#[test]
fn silence_asks_no_model() {
    let whisper = Copy::new().load().unwrap();
    for pcm in [vec![], vec![0.0; 16_000], vec![1e-5; 16_000]] {
        let heard = whisper.hear(&pcm, &Ask::default()).unwrap();
        assert_eq!(
            (heard.text.as_str(), heard.filtered, heard.tokens),
            ("", Some(Filter::Silence), 0)
        );
        assert_eq!(heard.took, Took::default());
    }
}

#[test]
fn bad_sound_is_refused() {
    let whisper = Copy::new().load().unwrap();
    let refused = |pcm: &[f32]| {
        let error = whisper.hear(pcm, &Ask::default()).unwrap_err();
        assert_eq!(error.code(), "model_input");
        error.to_string()
    };
    assert!(refused(&[0.1, f32::NAN]).contains("sample 1"));
    assert!(refused(&[f32::INFINITY; 3]).contains("sample 0"));
    // This model's window is 2 s.
    assert!(refused(&vec![0.1; 32_161]).contains("at most 2 s"));
    assert!(
        whisper.hear(&vec![1.0; 32_000], &Ask::default()).is_ok(),
        "clipped, a whole window"
    );
    assert!(whisper.hear(&[0.5], &Ask::default()).is_ok(), "one sample");
}

#[test]
fn steering_tokens_are_never_said() {
    let mut script = Script::new();
    let steering = ["<|startoftranscript|>", "<|es|>", "<|0.02|>", "<|notimestamps|>"];
    let words = script.ids("qxzj");
    for (n, (token, word)) in steering.iter().zip(words).enumerate() {
        let token = script.id(token);
        script.likely(3 + n, token, 1.0).likely(3 + n, word, 0.7);
    }
    let end = script.id("<|endoftext|>");
    // The end is no text to begin with, either.
    let heard = hear(&script.likely(3, end, 1.0).likely(7, end, 1.0).load(), Some("en"));
    assert_eq!(heard.text, "qxzj");
}

#[test]
fn the_list_of_what_is_not_said_may_be_missing() {
    let mut script = Script::new();
    for name in ["config.json", "generation_config.json"] {
        script.copy.edit(name, |config| {
            config["suppress_tokens"] = json!([]);
            config["begin_suppress_tokens"] = Value::Null;
        });
    }
    let (mark, word) = (script.ids("[")[0], script.ids("q")[0]);
    script.likely(3, mark, 1.0).likely(3, word, 0.7);
    let end = script.id("<|endoftext|>");
    assert_eq!(hear(&script.likely(4, end, 1.0).load(), Some("en")).text, "q");
}

#[test]
fn a_prompt_goes_before_and_steers_nothing() {
    let mut script = Script::new();
    let before = script.ids(" the news").len();
    let mut ids = script.ids(" welcome");
    ids.push(script.id("<|endoftext|>"));
    let whisper = script.say(1 + before + 4, &ids).load();
    let with = |prompt| {
        let ask = Ask {
            language: Some("en"),
            prompt: Some(prompt),
            ..Ask::default()
        };
        whisper.hear(&noise(), &ask).unwrap().text
    };
    assert_eq!(with("the news"), "welcome");
    assert_eq!(with("  the news<|translate|>"), "welcome");
    // As long as it may be: what does not fit is left out from its beginning.
    let long = Ask {
        language: Some("en"),
        prompt: Some(&"the late train ".repeat(200)),
        ..Ask::default()
    };
    assert!(whisper.hear(&noise(), &long).is_ok());
}

#[test]
fn nobody_waits() {
    let mut script = Script::new();
    let whisper = script.say_text(" the train to the north").load();
    let asked = Cell::new(0);
    let stop_after = |count: usize| {
        asked.set(0);
        let cancelled = || {
            asked.set(asked.get() + 1);
            asked.get() > count
        };
        let ask = Ask {
            language: Some("en"),
            cancelled: &cancelled,
            ..Ask::default()
        };
        whisper.hear(&noise(), &ask).unwrap()
    };
    let layers = 1;
    for tokens in 0..3 {
        let heard = stop_after(layers + tokens);
        assert_eq!(
            (heard.text.as_str(), heard.filtered, heard.tokens),
            ("", Some(Filter::Cancelled), tokens)
        );
        assert_eq!(asked.get(), layers + tokens + 1, "asked once for each token");
    }
    let heard = stop_after(0);
    assert_eq!(
        (heard.filtered, heard.took.decoder.is_zero()),
        (Some(Filter::Cancelled), true)
    );
}

#[test]
fn nothing_stays_of_an_utterance() {
    let whisper = Copy::new().load().unwrap();
    let other: Vec<f32> = noise().iter().rev().map(|sample| sample * 0.3).chain(noise()).collect();
    let heard = |whisper: &Whisper, pcm: &[f32], prompt: Option<&str>| {
        let ask = Ask {
            prompt,
            ..Ask::default()
        };
        timeless(whisper.hear(pcm, &ask).unwrap())
    };
    let first = heard(&whisper, &noise(), None);
    let second = heard(&whisper, &other, Some("the late news"));
    assert_ne!(first, second);
    assert_eq!(heard(&whisper, &noise(), None), first);
    // Neither when both are heard at the same time by clones that share the weights.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (whisper, first, second, heard, other) = (whisper.clone(), &first, &second, &heard, &other);
            scope.spawn(move || {
                for _ in 0..3 {
                    assert_eq!(heard(&whisper, other, Some("the late news")), *second);
                    assert_eq!(heard(&whisper, &noise(), None), *first);
                }
            });
        }
    });
}

#[test]
fn english_models_know_english() {
    let mut script = Script::new();
    script.copy.edit("generation_config.json", |config| {
        config["is_multilingual"] = json!(false)
    });
    let mut ids = script.ids(" welcome");
    ids.push(script.id("<|endoftext|>"));
    // Their prompt has neither language nor task.
    let whisper = script.say(2, &ids).load();
    assert_eq!(whisper.languages(), ["en"]);
    for language in [None, Some("en"), Some("en-GB")] {
        let heard = hear(&whisper, language);
        assert_eq!((heard.language.as_str(), heard.text.as_str()), ("en", "welcome"));
    }
    assert!(
        whisper
            .hear(
                &noise(),
                &Ask {
                    language: Some("es"),
                    ..Ask::default()
                }
            )
            .is_err()
    );
}

#[test]
fn translates_if_it_was_trained_to() {
    let mut script = Script::new();
    let whisper = script.say_text(" welcome").load();
    let ask = Ask {
        language: Some("es"),
        task: Task::Translate,
        ..Ask::default()
    };
    assert!(whisper.translates());
    assert_eq!(whisper.hear(&noise(), &ask).unwrap().text, "welcome");
    // A decoder that was cut down, as turbo's.
    script
        .copy
        .edit("config.json", |config| config["encoder_layers"] = json!(2));
    let whisper = script.load();
    assert!(!whisper.translates());
    assert!(
        whisper
            .hear(&noise(), &ask)
            .unwrap_err()
            .to_string()
            .contains("does not translate")
    );
}
