//! The engine that says again what was said: for hearing where dubs are placed.

use std::time::Duration;

use dragoman_protocol::LagMs;

use super::mock::{CUTS, DUB_RATE, dub_len, lag, plain, plain_about};
use super::pace::{Make, Pace};
use super::{About, Engine, Full, Job, JobTarget, Unsupported};
use crate::listen::cut;
use crate::resample::resample;

/// See the module.
pub struct Echo {
    about: About,
    pace: Pace,
}

impl Echo {
    /// Starts it; each dub comes `delay` after its utterance.
    pub fn start(delay: Duration) -> std::io::Result<Self> {
        Ok(Self {
            about: plain_about("echo", "echo"),
            pace: Pace::start("echo", delay, Again)?,
        })
    }
}

impl Engine for Echo {
    fn about(&self) -> &About {
        &self.about
    }

    fn cuts(&self) -> cut::Settings {
        CUTS
    }

    fn supports(&self, _source: &str, target: &str, voice: Option<&str>) -> Result<(), Unsupported> {
        plain(target, voice)
    }

    fn submit(&self, job: Job) -> Result<(), Full> {
        self.pace.submit(job)
    }

    fn expected_lag(&self) -> Option<LagMs> {
        Some(lag(self.pace.delay()))
    }
}

struct Again;

impl Make for Again {
    fn recognise(&self, job: &Job) -> (String, String) {
        (
            job.source.clone(),
            format!("[echo {}] utterance {}", job.source, job.utterance),
        )
    }

    fn dub(&self, job: &Job, target: &JobTarget) -> (String, Vec<i16>) {
        // Both rates are ours; were they not convertible, the dub would be silent.
        let mut samples = resample(&job.pcm, cut::RATE, DUB_RATE).unwrap_or_default();
        samples.resize(dub_len(job.pcm.len()), 0);
        (format!("[echo {}] utterance {}", target.lang, job.utterance), samples)
    }

    fn rate(&self) -> u32 {
        DUB_RATE
    }
}
