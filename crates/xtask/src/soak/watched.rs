//! A stream of a soak with its publisher and its viewer.

use std::process::Command;
use std::sync::mpsc::Receiver;

use anyhow::Result;
use serde_json::Value;

use super::publisher::{Event, Publisher, Role};
use super::row::Stream;
use crate::child::Child;
use crate::demo::read_lines;
use crate::stack::{self, Stack};

/// Dubs of an utterance that were heard.
const DUBBED: [&str; 2] = ["on_time", "late"];

pub(super) struct Watched {
    name: &'static str,
    publisher: Publisher,
    probe: Child,
    lines: Receiver<Value>,
    latest: Value,
}

impl Watched {
    pub(super) fn start(role: Role, stack: &Stack) -> Result<Self> {
        let name = role.name;
        let [source, programme] = ["in", "out"].map(|end| stack.rtmp_url(&format!("live/{name}/{end}")));
        let publisher = Publisher::start(role, source.clone(), stack.dir().to_owned())?;
        let mut probe = Command::new(stack::binary("dragoman-probe")?);
        probe
            .args(["measure", "--source", &source])
            .args(["--programme", &format!("es={programme}")]);
        let mut probe = Child::spawn(&format!("measure-{name}"), &mut probe, stack.dir(), true)?;
        let lines = read_lines(&mut probe)?;
        Ok(Self {
            name,
            publisher,
            probe,
            lines,
            latest: Value::Null,
        })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Does what is due to the publisher, and hears what the viewer says.
    pub(super) fn turn(&mut self) -> Result<Option<Event>> {
        self.probe.check()?;
        if let Some(line) = self.lines.try_iter().last() {
            self.latest = line;
        }
        self.publisher.turn()
    }

    /// The stream now, with what the media service says of it.
    pub(super) fn look(&self, view: &Value) -> Stream {
        let programme = &self.latest["programmes"][0];
        let number = |value: &Value| value.as_f64().unwrap_or(0.0);
        let outcomes = view["dub"]["outcomes"].as_object();
        let outcomes = || outcomes.into_iter().flatten();
        let dubbed = outcomes().filter(|(outcome, _)| DUBBED.contains(&outcome.as_str()));
        Stream {
            state: view["state"].as_str().unwrap_or("unknown").to_owned(),
            skew_ms: programme["av_skew_added_ms"].as_f64(),
            latency_ms: programme["added_latency_ms"].as_f64(),
            gaps: number(&programme["gaps"]),
            lost: number(&programme["lost"]),
            settled: outcomes().fold(0.0, |sum, (_, count)| sum + number(count)),
            dubbed: dubbed.fold(0.0, |sum, (_, count)| sum + number(count)),
            calm_s: self.publisher.since.elapsed().as_secs_f64(),
        }
    }
}
