//! A speech engine of programs, with the mock's tone for each utterance, that breaks when told to.

use std::path::PathBuf;

use anyhow::{Context, Result};
use dragoman_speech::engine::mock::tone;
use tempfile::TempDir;

use crate::setting::Setting;

/// Fits into the shortest utterance of the talk, in samples at 16 kHz.
const DUB: usize = 16_000;

/// The programs' directory.
#[derive(Debug)]
pub struct Engine(TempDir);

impl Engine {
    /// One that works.
    pub fn new() -> Result<Self> {
        let engine = Self(tempfile::tempdir().context("no directory for an engine")?);
        let pcm: Vec<u8> = tone("es", DUB).into_iter().flat_map(i16::to_le_bytes).collect();
        engine.write("tone", &pcm)?;
        engine.write(
            "speak",
            format!("cat >/dev/null\ncat {}", engine.file("tone").display()).as_bytes(),
        )?;
        engine.mend()?;
        Ok(engine)
    }

    /// What a scene needs for it.
    pub fn setting(&self) -> Setting {
        let run = |program: &str| format!("command:sh {}", self.file(program).display());
        Setting::new(
            &[],
            &[
                ("SPEECH_ENGINE", "cascade"),
                ("SPEECH_PAIRS", "en-es"),
                ("SPEECH_ASR", &run("hear")),
                ("SPEECH_MT", "command:cat"),
                ("SPEECH_TTS", &run("speak")),
                ("SPEECH_TTS_RATE", "24000"),
                ("SPEECH_CUT_CAP", "1500ms"),
            ],
        )
    }

    /// From now on recognition runs this instead.
    pub fn break_down(&self, script: &str) -> Result<()> {
        self.write("hear", script.as_bytes())
    }

    /// It works again.
    pub fn mend(&self) -> Result<()> {
        self.write("hear", b"cat >/dev/null\necho Something was said.")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A shell that reads a script never sees half of it.
    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let new = self.file("new");
        std::fs::write(&new, content).context("cannot write a program")?;
        std::fs::rename(&new, self.file(name)).context("cannot put a program in its place")
    }
}
