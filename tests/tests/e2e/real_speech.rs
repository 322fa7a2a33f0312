//! Real speech, dubbed by programs that Debian has: pocketsphinx hears English, apertium translates, espeak-ng speaks Spanish.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use dragoman_tests::eventually::eventually;
use dragoman_tests::playing::Publisher;
use dragoman_tests::recording::Recording;
use dragoman_tests::running::{logs, on_air, start, stream_when};
use dragoman_tests::skipped;
use dragoman_tests::spoken::{self, BED_DB, Programme, SENTENCES};
use serde_json::Value;
use xtask::stack::{self, Router, Stack};

/// The chain takes some seconds; within this every dub is in its place.
const HOLD: &str = "8s";

fn chain() -> Result<Stack> {
    let apertium = stack::repository().join("tests/commands/apertium-nul.sh");
    let translate = format!("command-nul:bash {} eng-spa", apertium.display());
    let speech = [
        ("SPEECH_ENGINE", "cascade"),
        ("SPEECH_PAIRS", "en-es"),
        (
            "SPEECH_ASR",
            "command:pocketsphinx_continuous -infile /dev/stdin -logfn /dev/null",
        ),
        ("SPEECH_MT", &translate),
        ("SPEECH_TTS", "command:espeak-ng -v {target} --stdout"),
    ];
    start(Router::Own, &[("HOLD", HOLD)], &speech)
}

fn outcome(dub: &Value, name: &str) -> u64 {
    dub["outcomes"][name].as_u64().unwrap_or(0)
}

#[test]
fn english_is_heard_in_spanish() -> Result<()> {
    const NAME: &str = "real_speech::english_is_heard_in_spanish";
    if !stack::has_speech_chain() {
        ensure!(
            !stack::has_apt(),
            "`cargo xtask test` installs pocketsphinx and apertium; they are not here"
        );
        skipped::note(NAME, "pocketsphinx, apertium and their data are not on this system");
        return Ok(());
    }
    let Some(file) = spoken::file()? else {
        ensure!(
            !stack::has_apt(),
            "Debian's ffmpeg has the filter flite, this one has not"
        );
        skipped::note(NAME, "ffmpeg has no filter flite that speaks");
        return Ok(());
    };
    let stack = chain()?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/real/in?source=en&targets=es"))?;
    let stream = on_air(&stack, "real")?;
    ensure!(stream["engine"] == "cascade", "the engine that runs is named: {stream}");
    let mut recording = Recording::ffmpeg_sound(&stack.rtmp_url("live/real/out"))?;

    // Each dub's text is there until the next one's is.
    let mut texts = BTreeSet::new();
    let mut programme = |until: f64| {
        eventually(
            &format!("the programme reaches {until} s of its source"),
            || {
                if let Some(text) = stack.stream("real").and_then(|stream| said(&stream)) {
                    texts.insert(text);
                }
                let programme = Programme::new(recording.sound()).filter(|programme| programme.until() >= until);
                if programme.is_none() {
                    recording.check()?;
                }
                Ok(programme)
            },
            || logs(&stack),
        )
    };
    programme(SENTENCES[1].at)?;
    let heard = programme(SENTENCES[3].at + 5.0)?;

    let count = SENTENCES.len() as u64;
    let stream = stream_when(&stack, "real", "every utterance is settled", |stream| {
        let dub = &stream["programmes"][0]["dub"];
        dub["utterances"].as_u64() >= Some(count) && dub["open"] == 0
    })?;
    let dub = &stream["programmes"][0]["dub"];
    ensure!(
        outcome(dub, "on_time") + 1 >= count,
        "most are on time: {dub}\n{}",
        logs(&stack)
    );

    let understood = SENTENCES.iter().filter(|sentence| {
        let is_in = |text: &&String| sentence.spanish.iter().any(|word| text.to_lowercase().contains(word));
        texts.iter().find(is_in).is_some()
    });
    ensure!(
        understood.count() + 1 >= SENTENCES.len(),
        "what was said in Spanish: {texts:?}"
    );
    is_dubbed(&heard)
}

fn said(stream: &Value) -> Option<String> {
    let text = stream["programmes"][0]["dub"]["last_dub"].as_str();
    text.map(str::to_owned)
}

/// Something is said over the ducked bed where the sentences were, and the bed is never gone.
fn is_dubbed(heard: &Programme) -> Result<()> {
    let mut dubbed = 0;
    for sentence in &SENTENCES {
        let stretch = heard.between(sentence.at + 0.5, sentence.at + 2.0)?;
        if stretch.ducked > 0.7 && stretch.loud > 0.5 {
            dubbed += 1;
        }
    }
    let all: Vec<_> = SENTENCES
        .iter()
        .map(|sentence| heard.between(sentence.at, sentence.at + 5.0))
        .collect();
    if dubbed + 1 < SENTENCES.len() {
        bail!("only {dubbed} of the sentences are dubbed: {all:?}");
    }
    let whole = heard.between(8.0, SENTENCES[3].at + 4.5)?;
    ensure!(whole.bed_low_db > BED_DB - 26.0, "a gap in the sound: {whole:?}");
    let before = heard.between(7.5, SENTENCES[0].at - 0.2)?;
    ensure!(before.ducked == 0.0, "a dub before anybody spoke: {before:?}");
    Ok(())
}
