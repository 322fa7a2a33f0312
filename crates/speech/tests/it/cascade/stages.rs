//! Stages whose words are scripted and whose sound can be read again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dragoman_speech::engine::Model;
use dragoman_speech::engine::cascade::stage::*;
use dragoman_speech::engine::cascade::{CUT_CAP, DUB_RATE, Pairs, Settings, Stages};
use dragoman_speech::text::prepare;

/// Samples of a character's sound.
const PER_CHAR: usize = DUB_RATE as usize / 1000;

/// Called within a stage with the text that it works on.
pub(super) type Hook = Box<dyn Fn(&str) + Send + Sync>;

/// A recogniser that hears what is written for each stream, one line after another.
#[derive(Default)]
pub(super) struct Script {
    pub(super) lines: Mutex<HashMap<String, Vec<String>>>,
    /// The language that `auto` turns out to be.
    pub(super) detected: String,
    pub(super) into_english: bool,
    pub(super) calls: AtomicUsize,
    pub(super) on_call: Option<Hook>,
}

impl Script {
    pub(super) fn new(lines: &[(&str, &[&str])]) -> Self {
        let lines = lines.iter().map(|(stream, lines)| {
            let lines = lines.iter().rev().map(|line| (*line).to_owned()).collect();
            ((*stream).to_owned(), lines)
        });
        Self {
            lines: Mutex::new(lines.collect()),
            detected: "en".into(),
            ..Self::default()
        }
    }
}

impl Stage for Script {
    fn models(&self) -> Vec<Model> {
        vec![Model::new("script", "Apache-2.0")]
    }
}

impl Recognise for Script {
    fn recognises(&self, _lang: &str) -> bool {
        true
    }

    fn hears_english(&self) -> bool {
        self.into_english
    }

    fn recognise(&self, speech: &Speech<'_>, call: &Call<'_>) -> Result<Heard, Failure> {
        if call.stream == "warm-up" {
            return Ok(Heard::default());
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(stop) = (call.stopped)() {
            return Err(Failure::Stopped(stop));
        }
        let text = self
            .lines
            .lock()
            .unwrap()
            .get_mut(call.stream)
            .and_then(Vec::pop)
            .unwrap_or_default();
        if let Some(hook) = &self.on_call {
            hook(&text);
        }
        Ok(Heard {
            lang: speech.lang.unwrap_or(&self.detected).to_owned(),
            text: if speech.into_english {
                format!("in English: {text}")
            } else {
                text
            },
            filtered: None,
        })
    }
}

/// A translator that says which pair it was asked for, clause by clause.
#[derive(Default)]
pub(super) struct Tags {
    pub(super) pairs: Pairs,
    pub(super) on_clause: Option<Hook>,
}

impl Stage for Tags {
    fn models(&self) -> Vec<Model> {
        vec![Model::new("tags", "Apache-2.0")]
    }
}

impl Translate for Tags {
    fn translates(&self, from: &str, to: &str) -> bool {
        self.pairs.has(from, to)
    }

    fn translate(
        &self,
        sentence: &Sentence<'_>,
        call: &Call<'_>,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<String, Failure> {
        match sentence.text {
            "panic" => panic!("as the script says"),
            "fail" => return Err(Failure::failed("scripted", "as the script says")),
            "lose the device" => return Err(Failure::failed("device_lost", "as the script says")),
            _ => {}
        }
        let mut text = format!("{} {}", sentence.from, sentence.to);
        for word in sentence.text.split_whitespace() {
            text = format!("{text} {word}");
            on_text(&text);
            if let Some(hook) = &self.on_clause {
                hook(&text);
            }
            if let Some(stop) = (call.stopped)() {
                return Err(Failure::Stopped(stop));
            }
        }
        Ok(text)
    }
}

/// A voice that says each character as a millisecond of its code.
#[derive(Default)]
pub(super) struct Codes {
    pub(super) langs: Vec<String>,
    pub(super) on_line: Option<Hook>,
    pub(super) takes: Duration,
}

impl Stage for Codes {
    fn models(&self) -> Vec<Model> {
        vec![Model::new("codes", "Apache-2.0")]
    }
}

impl Synthesise for Codes {
    fn speaks(&self, lang: &str) -> bool {
        self.langs.iter().any(|known| same(known, lang))
    }

    fn has_voice(&self, _lang: &str, voice: &str) -> bool {
        voice == "ana"
    }

    fn voices(&self, _lang: &str) -> Vec<String> {
        vec!["ana".into()]
    }

    fn speak(&self, line: &Line<'_>, call: &Call<'_>, on_pcm: &mut dyn FnMut(&[i16])) -> Result<(), Failure> {
        if let Some(hook) = &self.on_line {
            hook(line.text);
        }
        std::thread::sleep(self.takes);
        for char in line.text.chars() {
            if let Some(stop) = (call.stopped)() {
                return Err(Failure::Stopped(stop));
            }
            on_pcm(&[char as i16; PER_CHAR]);
        }
        Ok(())
    }
}

/// Stages of a script whose voice panics while the flag is set.
pub(super) fn breakable(lines: &[&str], broken: &Arc<AtomicBool>) -> Stages {
    let (base, _) = stages("en-es", Script::new(&[("talk", lines)]));
    let broken = Arc::clone(broken);
    let voice = Codes {
        langs: vec!["es".into()],
        on_line: Some(Box::new(move |_| {
            assert!(!broken.load(Ordering::Relaxed), "as the test says")
        })),
        ..Codes::default()
    };
    Stages {
        synthesise: Arc::new(voice),
        ..base
    }
}

/// What a voice is given of a text: each part is prepared for speaking.
pub(super) fn spoken(lang: &str, parts: &[&str]) -> String {
    parts.iter().map(|part| prepare(part, lang)).collect()
}

/// The text that [`Codes`] said.
pub(super) fn text_of(samples: &[i16]) -> String {
    assert_eq!(samples.len() % PER_CHAR, 0, "a part of a character");
    samples
        .chunks(PER_CHAR)
        .map(|chunk| {
            assert!(chunk.iter().all(|sample| *sample == chunk[0]), "a character is cut");
            char::from_u32(chunk[0] as u32).unwrap()
        })
        .collect()
}

pub(super) fn pairs(list: &str) -> Pairs {
    Pairs(list.split(',').map(|pair| Pairs::read(pair).unwrap()).collect())
}

pub(super) fn settings(list: &str) -> Settings {
    Settings {
        pairs: pairs(list),
        device: "cpu",
        glossaries: None,
        cut_cap: CUT_CAP,
        retry: Duration::from_millis(10),
    }
}

/// The stages of a script, for these pairs.
pub(super) fn stages(list: &str, script: Script) -> (Stages, Arc<Script>) {
    let script = Arc::new(script);
    let tags = Tags {
        pairs: pairs(list),
        on_clause: None,
    };
    let codes = Codes {
        langs: pairs(list).targets(),
        ..Codes::default()
    };
    let stages = Stages {
        recognise: Arc::clone(&script) as Arc<dyn Recognise>,
        translate: Arc::new(tags),
        synthesise: Arc::new(codes),
    };
    (stages, script)
}
