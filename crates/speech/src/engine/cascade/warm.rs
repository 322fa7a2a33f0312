//! Every stage is tried before the first session: what is slow at first is so here, and what does not work is known.

use std::time::Duration;

use super::Stages;
use super::meters::{ASR, MT, STAGES, TTS};
use super::shared::Shared;
use super::stage::{Call, Failure, Line, Sentence, Speech};
use crate::listen::cut;
use crate::text::prepare;

/// Sound that recognition is tried with: a short utterance, which every model has room for.
const TRIAL_S: usize = 2;
/// What is translated and spoken to try a pair: the same in most languages.
const TRIAL_TEXT: &str = "Radio, 2026.";

/// Uses each stage once for each language and pair, then measures what a use costs.
pub(super) fn warm_up(shared: &Shared, stages: &Stages) -> Result<(), String> {
    let pcm = noise();
    let call = Call {
        stream: "warm-up",
        stopped: &|| None,
    };
    let failed = |stage: usize, failure: Failure| format!("{}: {failure}", STAGES[stage]);
    for lang in shared.settings.pairs.sources() {
        let speech = Speech {
            pcm: &pcm,
            lang: Some(&lang),
            into_english: false,
            prompt: None,
        };
        let heard = stages.recognise.recognise(&speech, &call);
        heard.map_err(|failure| failed(ASR, failure))?;
    }
    for pair in &shared.settings.pairs.0 {
        let (from, to) = (pair.from.as_str(), pair.to.as_str());
        if !stages.translate.translates(from, to) {
            continue;
        }
        let sentence = Sentence {
            text: TRIAL_TEXT,
            from,
            to,
        };
        let translated = stages.translate.translate(&sentence, &call, &mut |_| {});
        translated.map_err(|failure| failed(MT, failure))?;
    }
    for lang in shared.settings.pairs.targets() {
        let line = Line {
            text: &prepare(TRIAL_TEXT, &lang),
            lang: &lang,
            voice: None,
        };
        let mut samples = 0;
        let spoken = stages.synthesise.speak(&line, &call, &mut |pcm| samples += pcm.len());
        spoken.map_err(|failure| failed(TTS, failure))?;
        if samples == 0 {
            return Err(format!("tts: nothing was said in {lang:?}"));
        }
    }
    measure(shared, stages, &call);
    Ok(())
}

/// What the stages cost once they are warm, so that the first sessions are admitted by a figure.
fn measure(shared: &Shared, stages: &Stages, call: &Call<'_>) {
    let Some(pair) = shared.settings.pairs.0.first() else {
        return;
    };
    let pcm = noise();
    let speech = Speech {
        pcm: &pcm,
        lang: Some(&pair.from),
        into_english: false,
        prompt: None,
    };
    shared.meters.speech(speech.duration());
    let timing = shared.meters.begin(ASR);
    // It worked a moment ago.
    drop(stages.recognise.recognise(&speech, call));
    timing.end(Duration::ZERO);
    let line = Line {
        text: &prepare(TRIAL_TEXT, &pair.to),
        lang: &pair.to,
        voice: None,
    };
    let timing = shared.meters.begin(TTS);
    drop(stages.synthesise.speak(&line, call, &mut |_| {}));
    timing.end(Duration::ZERO);
}

/// Quiet noise, the same each time.
fn noise() -> Vec<i16> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 24) as i16 - 128) / 8
    };
    (0..TRIAL_S * cut::RATE as usize).map(|_| next()).collect()
}
