//! Stages that are programs of the user's: Piper, espeak-ng, apertium, whisper.cpp, anything that reads and writes.
//!
//! `command:program word word`: words are separated by spaces, no shell looks at them; `{source}`, `{target}` and `{voice}` in them
//! are replaced. The same stands in the environment as `DRAGOMAN_SOURCE`, `DRAGOMAN_TARGET` and `DRAGOMAN_VOICE` (languages by their
//! BCP-47 tags; a voice only if the client named one), and `DRAGOMAN_STAGE` is `asr`, `mt` or `tts`.
//!
//! | spelling | fed | a record is |
//! | --- | --- | --- |
//! | `command:` | started once for each utterance or clause, which is all of its input; it answers and ends with 0 | |
//! | `command-lines:` | started once for each language pair, fed record by record | text: a line; sound: a line with the number of its bytes, then the bytes |
//! | `command-nul:` | the same | text up to a NUL; sound as above, with a NUL for the line's end |
//!
//! | stage | in | out |
//! | --- | --- | --- |
//! | recognise | PCM, 16-bit little endian, 16 kHz, mono | text; nothing where nothing was said |
//! | translate | text | text |
//! | synthesise | text | a WAV (16-bit PCM) or bare 16-bit samples, mono, at `SPEECH_TTS_RATE` |
//!
//! A program runs in a process group of its own, which is killed when a call takes longer than `SPEECH_COMMAND_TIMEOUT`, is
//! cancelled or too late; one that is kept is started anew then. At most `SPEECH_COMMAND_PROCESSES` of a stage run at once. What
//! it writes on standard error is in our log.

mod process;
mod runner;
mod sound;

use std::fmt;
use std::time::Duration;

use self::runner::{Languages, Runner};
use self::sound::Sound;
use super::DUB_RATE;
use super::pairs::Pairs;
use super::stage::{
    Call, Failure, Heard, Line, Place, Recognise, Sentence, Speech, Stage, Synthesise, Translate, primary, same,
};
use crate::engine::Model;

/// A program ended badly, or gave what cannot be used.
pub const COMMAND_FAILED: &str = "command_failed";
/// A program took too long.
pub const COMMAND_TIMED_OUT: &str = "command_timed_out";

/// Most text of an answer.
const MOST_TEXT: usize = 64 * 1024;
/// Most sound of an answer, in bytes: two minutes at 48 kHz.
const MOST_SOUND: usize = 2 * 60 * 96_000;

/// A program and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    feeding: Feeding,
    words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feeding {
    Once,
    Lines,
    Nul,
}

/// How much programs may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one stage at once.
    pub processes: usize,
    /// For one utterance or clause.
    pub timeout: Duration,
}

impl CommandLine {
    /// Reads `command:program word word`.
    pub fn read(text: &str) -> Option<Self> {
        let (kind, words) = text.split_once(':')?;
        let feeding = match kind {
            "command" => Feeding::Once,
            "command-lines" => Feeding::Lines,
            "command-nul" => Feeding::Nul,
            _ => return None,
        };
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty() && !text.contains('\0')).then_some(Self { feeding, words })
    }

    fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Fails with its name if the program cannot be found.
    fn find(&self) -> Result<(), String> {
        let program = self.program();
        let found = if program.contains('/') {
            std::path::Path::new(program).is_file()
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
        };
        if found {
            Ok(())
        } else {
            Err(format!("the program {program:?} of {self} is not there"))
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.feeding {
            Feeding::Once => "command",
            Feeding::Lines => "command-lines",
            Feeding::Nul => "command-nul",
        };
        write!(f, "{kind}:{}", self.words.join(" "))
    }
}

/// A recogniser that is a program.
pub struct Recogniser {
    runner: Runner,
    languages: Vec<String>,
}

impl Recogniser {
    /// For these languages; fails if there is no such program.
    pub fn open(line: &CommandLine, limits: Limits, languages: Vec<String>) -> Result<Self, String> {
        let runner = Runner::open("asr", line, limits)?;
        Ok(Self { runner, languages })
    }
}

impl Stage for Recogniser {
    fn models(&self) -> Vec<Model> {
        self.runner.models(self.languages.clone())
    }

    fn place(&self) -> Place {
        Place::Threads(self.runner.limits.processes)
    }
}

impl Recognise for Recogniser {
    /// It cannot say which language it heard; where it knows one only, that is the one.
    fn recognises(&self, lang: &str) -> bool {
        (lang == "auto" && self.languages.len() == 1) || self.languages.iter().any(|known| same(known, lang))
    }

    fn recognise(&self, speech: &Speech<'_>, call: &Call<'_>) -> Result<Heard, Failure> {
        let lang = speech
            .lang
            .map(str::to_owned)
            .or_else(|| self.languages.first().cloned());
        let languages = Languages {
            source: lang.clone(),
            ..Languages::default()
        };
        let text = self
            .runner
            .text_of(&languages, &self.runner.sound_record(speech.pcm), call)?;
        Ok(Heard {
            lang: lang.unwrap_or_default(),
            text,
            filtered: None,
        })
    }
}

/// A translator that is a program.
pub struct Translator {
    runner: Runner,
    pairs: Pairs,
}

impl Translator {
    /// For these pairs; fails if there is no such program.
    pub fn open(line: &CommandLine, limits: Limits, pairs: Pairs) -> Result<Self, String> {
        let runner = Runner::open("mt", line, limits)?;
        Ok(Self { runner, pairs })
    }
}

impl Stage for Translator {
    fn models(&self) -> Vec<Model> {
        self.runner
            .models(self.pairs.0.iter().map(ToString::to_string).collect())
    }

    fn place(&self) -> Place {
        Place::Threads(self.runner.limits.processes)
    }
}

impl Translate for Translator {
    fn translates(&self, from: &str, to: &str) -> bool {
        self.pairs.has(from, to)
    }

    fn translate(
        &self,
        sentence: &Sentence<'_>,
        call: &Call<'_>,
        _on_text: &mut dyn FnMut(&str),
    ) -> Result<String, Failure> {
        let languages = Languages {
            source: Some(sentence.from.to_owned()),
            target: Some(sentence.to.to_owned()),
            voice: None,
        };
        self.runner
            .text_of(&languages, &self.runner.record(sentence.text), call)
    }
}

/// A voice that is a program.
pub struct Speaker {
    runner: Runner,
    languages: Vec<String>,
    rate: u32,
}

impl Speaker {
    /// For these languages, with `rate` where it writes bare samples; fails if there is no such program.
    pub fn open(line: &CommandLine, limits: Limits, languages: Vec<String>, rate: u32) -> Result<Self, String> {
        let runner = Runner::open("tts", line, limits)?;
        if rate != DUB_RATE && !crate::resample::supported(rate, DUB_RATE) {
            return Err(format!("SPEECH_TTS_RATE: {rate} cannot be converted to {DUB_RATE}"));
        }
        Ok(Self {
            runner,
            languages,
            rate,
        })
    }
}

impl Stage for Speaker {
    fn models(&self) -> Vec<Model> {
        self.runner.models(self.languages.clone())
    }

    fn place(&self) -> Place {
        Place::Threads(self.runner.limits.processes)
    }
}

impl Synthesise for Speaker {
    fn speaks(&self, lang: &str) -> bool {
        self.languages.iter().any(|known| same(known, lang))
    }

    /// It may have any; a name is all that can be judged.
    fn has_voice(&self, _lang: &str, voice: &str) -> bool {
        let good = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        voice.len() <= 64 && !voice.starts_with('-') && voice.chars().all(good)
    }

    fn voices(&self, _lang: &str) -> Vec<String> {
        vec!["names of letters, digits, dots, dashes, pluses and underlines".into()]
    }

    fn speak(&self, line: &Line<'_>, call: &Call<'_>, on_pcm: &mut dyn FnMut(&[i16])) -> Result<(), Failure> {
        let languages = Languages {
            source: None,
            target: Some(primary(line.lang).to_owned()),
            voice: line.voice.map(str::to_owned),
        };
        let (once, mark) = (self.runner.line.feeding == Feeding::Once, self.runner.mark());
        let mut sound = Sound::new(self.rate);
        let mut samples = Vec::new();
        // Of a record: its first line, then how many bytes are to come.
        let (mut first, mut left) = (Vec::new(), None);
        let mut total = 0;
        self.runner
            .call(&languages, &self.runner.record(line.text), call, &mut |mut bytes| {
                if !once && left.is_none() {
                    let end = bytes.iter().position(|byte| *byte == mark);
                    first.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
                    let Some(end) = end else {
                        return if first.len() > 20 {
                            Err(self.no_length())
                        } else {
                            Ok(false)
                        };
                    };
                    bytes = &bytes[end + 1..];
                    let length = std::str::from_utf8(&first)
                        .ok()
                        .and_then(|text| text.trim().parse::<usize>().ok());
                    left = Some(length.ok_or_else(|| self.no_length())?);
                }
                if let Some(left) = &mut left {
                    bytes = &bytes[..bytes.len().min(*left)];
                    *left -= bytes.len();
                }
                total += bytes.len();
                if total > MOST_SOUND {
                    return Err(self.runner.useless("wrote more sound than a clause can have"));
                }
                sound
                    .push(bytes, &mut samples)
                    .map_err(|why| self.runner.useless(&format!("wrote {why}")))?;
                on_pcm(&samples);
                samples.clear();
                Ok(left == Some(0))
            })?;
        sound
            .finish(&mut samples)
            .map_err(|why| self.runner.useless(&format!("wrote {why}")))?;
        on_pcm(&samples);
        Ok(())
    }
}

impl Speaker {
    fn no_length(&self) -> Failure {
        self.runner
            .useless("wrote no line with the number of bytes before its sound")
    }
}

#[cfg(test)]
#[path = "command_test.rs"]
mod tests;
