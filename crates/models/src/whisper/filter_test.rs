use proptest::prelude::*;

use super::*;

#[test]
fn speech_passes() {
    assert_eq!(judge("Good evening and welcome to the late news.", 0.01, -0.1), None);
    assert_eq!(judge("Thank you.", 0.05, -0.2), None);
    assert_eq!(judge("you", 0.3, -0.4), None);
    assert_eq!(judge("42", 0.0, -0.1), None);
    assert_eq!(judge("お元気ですか", 0.0, -0.1), None);
    // Unsure of the words, but sure that there are words.
    assert_eq!(judge("Abgeordnetenhaus", 0.1, -1.6), None);
    // The other way round.
    assert_eq!(judge("Good evening to you.", 0.8, -0.3), None);
}

#[test]
fn noise_says_nothing() {
    assert_eq!(
        judge("I'm going to get some water.", 0.75, -1.7),
        Some(Filter::NoSpeech)
    );
    assert_eq!(judge("you", 0.7, -0.6), Some(Filter::Hallucination));
    assert_eq!(judge("Thanks for watching!", 0.9, -0.3), Some(Filter::Hallucination));
    assert_eq!(
        judge("Subtítulos realizados por la comunidad de Amara.org", 0.7, -0.2),
        Some(Filter::Hallucination)
    );
    for text in ["", " . . .", "...", "!", "—"] {
        assert_eq!(judge(text, 0.0, -0.1), Some(Filter::Wordless), "{text:?}");
    }
}

#[test]
fn the_same_words_all_over_are_babble() {
    let babble = "a b a c a b c a b a c a b a c b a b a c a b a c a b a b c";
    assert_eq!(judge(babble, 0.0, -0.1), Some(Filter::Babble));
    let speech = "the cat sat on the mat and the dog sat on the rug and the bird sat on the roof of the house";
    assert_eq!(judge(speech, 0.0, -0.1), None);
}

#[test]
fn only_what_was_said_is_spoken() {
    for (written, said) in [
        ("[Music]", ""),
        ("♪ la la la ♪", ""),
        ("♪ la la la", ""),
        ("(applause)", ""),
        ("*sighs*", ""),
        ("Good evening. [Applause] Welcome.", "Good evening. Welcome."),
        ("And now ♪ la la ♪", "And now"),
        ("A slip [of the pen", "A slip of the pen"),
        ("He said (quietly) yes.", "He said (quietly) yes."),
    ] {
        assert_eq!(spoken(written), said, "{written:?}");
    }
}

proptest! {
    #[test]
    fn plain_words_stay_as_they_are(words in proptest::collection::vec("[a-zäéñ,.']{1,8}", 0..12)) {
        let text = words.join(" ");
        prop_assert_eq!(spoken(&text), text);
    }

    #[test]
    fn any_text_is_judged(text in "\\PC{0,60}", no_speech in 0.0_f32..1.0, log_prob in -5.0_f32..0.0) {
        let said = spoken(&text);
        let verdict = judge(&said, no_speech, log_prob);
        prop_assert!(verdict.is_some() || said.chars().any(char::is_alphanumeric));
    }
}
