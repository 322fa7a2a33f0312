//! Durations and memory, by what was done and who did it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Everything that was measured, in order; medians are taken by whoever reads it.
#[derive(Default)]
pub(crate) struct Figures {
    values: Vec<Figure>,
    memory: Vec<Value>,
}

struct Figure {
    what: String,
    who: String,
    /// In seconds, or in another unit where the name says so.
    values: Vec<f64>,
}

impl Figures {
    /// Runs it once and keeps how long that took.
    pub(crate) fn time<T>(
        &mut self,
        what: &str,
        who: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let begun = Instant::now();
        let result = std::hint::black_box(work()?);
        self.add(what, who, begun.elapsed());
        Ok(result)
    }

    /// Keeps a duration.
    pub(crate) fn add(&mut self, what: &str, who: &str, took: Duration) {
        self.value(what, who, took.as_secs_f64());
    }

    /// Keeps a value.
    pub(crate) fn value(&mut self, what: &str, who: &str, value: f64) {
        match self
            .values
            .iter_mut()
            .find(|figure| figure.what == what && figure.who == who)
        {
            Some(figure) => figure.values.push(value),
            None => self.values.push(Figure {
                what: what.to_owned(),
                who: who.to_owned(),
                values: vec![value],
            }),
        }
    }

    /// Loads something and keeps by how much the process has grown, where the system tells.
    pub(crate) fn load<T>(
        &mut self,
        what: &str,
        who: &str,
        load: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let before = resident();
        let loaded = load()?;
        if let (Some(before), Some(after)) = (before, resident()) {
            self.memory
                .push(json!({"what": what, "who": who, "mb": after - before}));
        }
        Ok(loaded)
    }

    /// All of it.
    pub(crate) fn report(&self) -> Value {
        let values: Vec<Value> = self
            .values
            .iter()
            .map(|figure| json!({"what": figure.what, "who": figure.who, "values": figure.values}))
            .collect();
        json!({"values": values, "memory": self.memory})
    }
}

/// Memory of this process in MB.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kb / 1024.0)
}
