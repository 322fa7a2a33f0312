//! Runs a stage's program: once for each use, or kept and fed record by record.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::stage::{Call, Failure};
use super::process::Process;
use super::{COMMAND_FAILED, CommandLine, Feeding, Limits, MOST_TEXT};
use crate::engine::Model;

/// The languages of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Languages {
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    pub(super) voice: Option<String>,
}

/// Runs a stage's program.
pub(super) struct Runner {
    stage: &'static str,
    pub(super) line: CommandLine,
    pub(super) limits: Limits,
    /// Kept programs that wait for a record, the oldest first.
    idle: Mutex<Vec<(Languages, Process)>>,
}

impl Runner {
    pub(super) fn open(stage: &'static str, line: &CommandLine, limits: Limits) -> Result<Self, String> {
        line.find()?;
        Ok(Self {
            stage,
            line: line.clone(),
            limits,
            idle: Mutex::default(),
        })
    }

    pub(super) fn models(&self, languages: Vec<String>) -> Vec<Model> {
        vec![Model {
            stage: Some(self.stage),
            languages,
            ..Model::new(self.line.to_string(), "of the program")
        }]
    }

    fn start(&self, languages: &Languages) -> Result<Process, Failure> {
        let Languages { source, target, voice } = languages;
        let known = [("source", source), ("target", target), ("voice", voice)];
        let words: Vec<String> = self
            .line
            .words
            .iter()
            .map(|word| {
                known.iter().fold(word.clone(), |word, (name, value)| {
                    word.replace(&format!("{{{name}}}"), value.as_deref().unwrap_or_default())
                })
            })
            .collect();
        let mut variables = vec![("DRAGOMAN_STAGE", self.stage.to_owned())];
        let names = ["DRAGOMAN_SOURCE", "DRAGOMAN_TARGET", "DRAGOMAN_VOICE"];
        for (name, value) in names.into_iter().zip([source, target, voice]) {
            variables.extend(value.clone().map(|value| (name, value)));
        }
        Process::start(&words, &variables)
    }

    /// One record in, what comes of it to `on_output`, which says when it has all.
    pub(super) fn call(
        &self,
        languages: &Languages,
        input: &[u8],
        call: &Call<'_>,
        on_output: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + self.limits.timeout;
        if self.line.feeding == Feeding::Once {
            return self.start(languages)?.exchange(input, true, deadline, call, on_output);
        }
        let answered = Cell::new(false);
        let mut on_output = |bytes: &[u8]| {
            answered.set(true);
            on_output(bytes)
        };
        let kept = self.take(languages);
        let mut process = match kept {
            Some(mut process) => match process.exchange(input, false, deadline, call, &mut on_output) {
                Ok(()) => {
                    self.give_back(languages, process);
                    return Ok(());
                }
                // It may have ended long ago, between two utterances.
                Err(Failure::Failed { code, .. }) if code == COMMAND_FAILED && !answered.get() => {
                    self.start(languages)?
                }
                Err(failure) => return Err(failure),
            },
            None => self.start(languages)?,
        };
        process.exchange(input, false, deadline, call, &mut on_output)?;
        self.give_back(languages, process);
        Ok(())
    }

    fn take(&self, languages: &Languages) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().position(|(kept, _)| kept == languages);
        match at {
            Some(at) => Some(idle.remove(at).1),
            None => {
                // Another one is about to start: with it there may be no more than the limit.
                let keep = self.limits.processes.saturating_sub(1);
                while idle.len() > keep {
                    drop(idle.remove(0));
                }
                None
            }
        }
    }

    fn give_back(&self, languages: &Languages, process: Process) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.len() >= self.limits.processes.max(1) {
            drop(idle.remove(0));
        }
        idle.push((languages.clone(), process));
    }

    /// What ends a record of text.
    pub(super) fn mark(&self) -> u8 {
        if self.line.feeding == Feeding::Nul { 0 } else { b'\n' }
    }

    /// A text as a record: on one line, since a line's end is the record's.
    pub(super) fn record(&self, text: &str) -> Vec<u8> {
        let mut record = one_line(text).into_bytes();
        record.retain(|byte| *byte != 0);
        record.push(self.mark());
        record
    }

    /// A sound as a record.
    pub(super) fn sound_record(&self, pcm: &[i16]) -> Vec<u8> {
        let mut record = Vec::with_capacity(2 * pcm.len() + 16);
        if self.line.feeding != Feeding::Once {
            record.extend((2 * pcm.len()).to_string().as_bytes());
            record.push(self.mark());
        }
        record.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        record
    }

    /// Text in or sound in, text out.
    pub(super) fn text_of(&self, languages: &Languages, input: &[u8], call: &Call<'_>) -> Result<String, Failure> {
        let mut answer = Vec::new();
        let once = self.line.feeding == Feeding::Once;
        self.call(languages, input, call, &mut |bytes| {
            let end = bytes.iter().position(|byte| !once && *byte == self.mark());
            answer.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            if answer.len() > MOST_TEXT {
                return Err(self.useless("wrote more text than an utterance can have"));
            }
            Ok(end.is_some())
        })?;
        match String::from_utf8(answer) {
            Ok(text) => Ok(one_line(&text)),
            Err(_) => Err(self.useless("wrote what is no UTF-8")),
        }
    }

    pub(super) fn useless(&self, what: &str) -> Failure {
        Failure::failed(COMMAND_FAILED, format!("{} {what}", self.line.program()))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
