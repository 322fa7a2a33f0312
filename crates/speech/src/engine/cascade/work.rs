//! What the threads do: one function for each stage, from a task to the tasks that follow from it.

use std::sync::Arc;
use std::time::Duration;

use dragoman_protocol::{Outcome, code};

use super::dub::{Dub, Origin, take_apart};
use super::meters::{ASR, Crew, MT, TTS};
use super::saying::{Part, Saying};
use super::shared::{Loaded, Seat, Shared, Task};
use super::stage::{Call, Failure, Heard, Line, Sentence, Speech, Stop, same};
use crate::engine::{Event, Job};
use crate::text::{Clauses, Glossary, prepare};

/// Does a task.
pub(super) fn perform(shared: &Shared, loaded: &Loaded, crew: &Crew, task: Task) {
    match task {
        Task::Hear(job, seat) => hear(shared, loaded, job, seat),
        Task::Translate(dub, text, from) => translate(shared, loaded, crew, *dub, &text, &from),
        Task::Say(saying, part) => say(shared, loaded, &saying, part),
    }
}

/// Recognises an utterance and hands each of its dubs on.
fn hear(shared: &Shared, loaded: &Loaded, job: Job, seat: Seat) {
    let (origin, pcm, source, sink, mut dubs) = take_apart(job, seat);
    dubs.retain_mut(|dub| match dub.stopped() {
        Some(stop) => {
            dub.fail("asr", &Failure::Stopped(stop));
            false
        }
        None => true,
    });
    if dubs.is_empty() {
        return;
    }
    shared.meters.speech(origin.length);
    let known = (!source.eq_ignore_ascii_case("auto")).then_some(source.as_str());
    let english = |dub: &Dub| shared.settings.pairs.hears_into(&loaded.stages, dub.lang());
    // The recogniser's own translation costs no second model; but with other targets beside it, they need what was really said.
    let into_english = known.is_none_or(|lang| !same(lang, "en")) && dubs.iter().all(english);
    let glossary = glossary(shared, &origin.stream);
    let prompt = glossary.prompt();
    let mut speech = Speech {
        pcm: &pcm,
        lang: known,
        into_english,
        prompt: prompt.as_deref(),
    };
    let (heard, asr_ms) = match recognise(shared, loaded, &origin, &speech, &dubs) {
        Ok(heard) => heard,
        Err(failure) => return dubs.iter_mut().for_each(|dub| dub.fail("asr", &failure)),
    };
    if let Some(reason) = heard.filtered {
        shared.meters.filtered(reason);
    }
    let (lang, text) = (heard.lang.clone(), heard.text.clone());
    if sink.send(Event::Recognised { lang, text }).is_err() {
        return dubs.iter_mut().for_each(|dub| dub.end(Outcome::Cancelled, None));
    }
    let text: Arc<str> = heard.text.trim().into();
    for mut dub in dubs {
        dub.stage_ms.asr = asr_ms;
        // Nothing was said, or in the very language that is wanted: then the original is what should be heard.
        if text.is_empty() || same(&heard.lang, dub.lang()) {
            dub.end(Outcome::Empty, None);
        } else if into_english {
            tell(shared, dub, &text);
        } else if loaded.stages.translate.translates(&heard.lang, dub.lang()) {
            let (target, stream) = (dub.target(), origin.stream.clone());
            let task = Task::Translate(Box::new(dub), Arc::clone(&text), heard.lang.clone());
            shared.hand_on(&stream, target, task);
        } else if english(&dub) {
            speech.into_english = true;
            match recognise(shared, loaded, &origin, &speech, std::slice::from_ref(&dub)) {
                Ok((again, ms)) => {
                    dub.stage_ms.mt = ms;
                    tell(shared, dub, again.text.trim());
                }
                Err(failure) => dub.fail("asr", &failure),
            }
        } else {
            let message = format!("nothing translates {} into {}", heard.lang, dub.lang());
            dub.fail("mt", &Failure::failed(code::UNSUPPORTED_PAIR, message));
        }
    }
}

fn recognise(
    shared: &Shared,
    loaded: &Loaded,
    origin: &Origin,
    speech: &Speech<'_>,
    dubs: &[Dub],
) -> Result<(Heard, u32), Failure> {
    // As long as one of them is wanted it goes on; if none is, the first one's reason is as good as any.
    let stopped = || -> Option<Stop> {
        let mut reasons = dubs.iter().map(Dub::stopped);
        let first = reasons.next()??;
        reasons.all(|reason| reason.is_some()).then_some(first)
    };
    let call = Call {
        stream: &origin.stream,
        stopped: &stopped,
    };
    let timing = shared.meters.begin(ASR);
    let heard = loaded.stages.recognise.recognise(speech, &call);
    let ms = timing.elapsed_ms();
    timing.end(Duration::ZERO);
    count(shared, ASR, &heard);
    heard.map(|heard| (heard, ms))
}

/// Translates for one dub; what is complete is said while the rest is translated.
fn translate(shared: &Shared, loaded: &Loaded, crew: &Crew, mut dub: Dub, text: &str, from: &str) {
    if let Some(stop) = dub.stopped() {
        return dub.fail("mt", &Failure::Stopped(stop));
    }
    let glossary = glossary(shared, &dub.origin.stream);
    let mut telling = Telling::new(shared, dub);
    let (saying, origin) = (Arc::clone(&telling.saying), Arc::clone(&telling.origin));
    let to = telling.lang.clone();
    let stopped = || saying.lock().dub.stopped();
    let call = Call {
        stream: &origin.stream,
        stopped: &stopped,
    };
    let timing = shared.meters.begin(MT);
    let (mut apart, mut first_ms) = (Duration::ZERO, None);
    let model = &loaded.stages.translate;
    let translated = if glossary.apply(text, &to).is_empty() {
        let sentence = Sentence { text, from, to: &to };
        model.translate(&sentence, &call, &mut |so_far| {
            if telling.grow(so_far, timing.elapsed_ms()) {
                first_ms.get_or_insert_with(|| timing.elapsed_ms());
                apart += shared.interleave(crew);
            }
        })
    } else {
        // Where terms come out wrong they are mended when all is translated: nothing can be said before.
        glossary.translate(text, &to, &mut |text| {
            let sentence = Sentence { text, from, to: &to };
            model.translate(&sentence, &call, &mut |_| {})
        })
    };
    let ms = first_ms.unwrap_or_else(|| timing.elapsed_ms());
    timing.end(apart);
    count(shared, MT, &translated);
    match translated {
        Ok(text) => telling.finish(&text, Some(ms)),
        Err(failure) => saying.lock().dub.fail("mt", &failure),
    }
}

/// The stream's glossary; what is wrong with its file is said once.
fn glossary(shared: &Shared, stream: &str) -> Arc<Glossary> {
    let found = shared.glossaries.of(stream);
    if let Some(problem) = found.problem {
        tracing::error!(stream, "{problem}");
    }
    found.glossary
}

/// Says a text that needs no translation.
fn tell(shared: &Shared, dub: Dub, text: &str) {
    Telling::new(shared, dub).finish(text, None);
}

/// A dub whose text becomes known.
struct Telling<'a> {
    shared: &'a Shared,
    origin: Arc<Origin>,
    saying: Arc<Saying>,
    lang: String,
    clauses: Clauses,
}

impl<'a> Telling<'a> {
    fn new(shared: &'a Shared, dub: Dub) -> Self {
        let (origin, lang) = (Arc::clone(&dub.origin), dub.lang().to_owned());
        Self {
            shared,
            origin,
            saying: Arc::new(Saying::new(dub)),
            clauses: Clauses::new(&lang),
            lang,
        }
    }

    /// This much of the text is known; whether that completes a clause.
    fn grow(&mut self, text: &str, mt_ms: u32) -> bool {
        let mut grown = false;
        while let Some(clause) = self.clauses.next(text) {
            if !std::mem::replace(&mut grown, true) {
                // The rest will take about as long as it took to say in the source language.
                let least = self.origin.length.as_millis() as u32;
                let estimate = self.shared.estimates.of(&self.lang, text).max(least);
                self.text(text, estimate, Some(mt_ms));
            }
            self.say(clause);
        }
        grown
    }

    /// This is the whole text.
    fn finish(mut self, text: &str, mt_ms: Option<u32>) {
        self.text(text, self.shared.estimates.of(&self.lang, text), mt_ms);
        while let Some(clause) = self.clauses.next(text) {
            self.say(clause);
        }
        if let Some(clause) = self.clauses.finish(text) {
            self.say(clause);
        }
        self.hand_on(Part::End);
    }

    fn text(&self, text: &str, estimate_ms: u32, mt_ms: Option<u32>) {
        let mut said = self.saying.lock();
        if let (Some(ms), false) = (mt_ms, said.dub.has_begun()) {
            said.dub.stage_ms.mt = ms;
        }
        if !text.is_empty() {
            said.text(text, estimate_ms);
        }
    }

    fn say(&self, clause: &str) {
        let clause = prepare(clause, &self.lang);
        if !clause.is_empty() {
            self.hand_on(Part::Clause(clause));
        }
    }

    fn hand_on(&self, part: Part) {
        let target = self.saying.lock().dub.target();
        let task = Task::Say(Arc::clone(&self.saying), part);
        self.shared.hand_on(&self.origin.stream, target, task);
    }
}

/// Says a part of a dub.
fn say(shared: &Shared, loaded: &Loaded, saying: &Saying, part: Part) {
    let (stop, stream, lang, voice) = {
        let said = saying.lock();
        let voice = said.dub.voice().map(str::to_owned);
        (
            said.dub.stopped(),
            said.dub.origin.stream.clone(),
            said.dub.lang().to_owned(),
            voice,
        )
    };
    if let Some(stop) = stop {
        return saying.lock().dub.fail("tts", &Failure::Stopped(stop));
    }
    let Part::Clause(text) = part else {
        return saying.lock().end(&shared.estimates);
    };
    saying.lock().begin();
    let stopped = || saying.lock().dub.stopped();
    let call = Call {
        stream: &stream,
        stopped: &stopped,
    };
    let line = Line {
        text: &text,
        lang: &lang,
        voice: voice.as_deref(),
    };
    let timing = shared.meters.begin(TTS);
    let spoken = loaded
        .stages
        .synthesise
        .speak(&line, &call, &mut |pcm| saying.lock().audio(pcm));
    timing.end(Duration::ZERO);
    count(shared, TTS, &spoken);
    if let Err(failure) = spoken {
        saying.lock().dub.fail("tts", &failure);
    }
}

fn count<T>(shared: &Shared, stage: usize, outcome: &Result<T, Failure>) {
    match outcome {
        Ok(_) => shared.worked(stage),
        Err(Failure::Failed { code, message }) => shared.failed(stage, code, message),
        Err(Failure::Stopped(_)) => {}
    }
}
