//! Processor time and memory by what the processes are for, over a window.

use std::time::Instant;

use serde_json::{Value, json};

use crate::process::{self, Reading, TICKS_PER_SECOND};

/// Several processes that are counted as one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    /// Percent of one core.
    pub(super) cpu: f64,
    pub(super) pss_mb: f64,
    pub(super) rss_mb: f64,
}

/// A window that has begun.
pub(super) struct Window {
    began: Instant,
    groups: Vec<(Vec<u64>, Reading)>,
}

impl Window {
    /// Begins to count these groups of processes.
    pub(super) fn begin(groups: Vec<Vec<u64>>) -> Self {
        let groups = groups.into_iter().map(|pids| {
            let sum = sum(&pids);
            (pids, sum)
        });
        Self {
            groups: groups.collect(),
            began: Instant::now(),
        }
    }

    /// What each group cost since the beginning; its memory now.
    pub(super) fn end(self) -> Vec<Cost> {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let cost = |(pids, before): (Vec<u64>, Reading)| cost(before, sum(&pids), seconds);
        self.groups.into_iter().map(cost).collect()
    }
}

fn sum(pids: &[u64]) -> Reading {
    let readings = pids.iter().filter_map(|pid| process::read(*pid));
    readings.fold(Reading::default(), Reading::plus)
}

fn cost(before: Reading, after: Reading, seconds: f64) -> Cost {
    Cost {
        cpu: (after.ticks - before.ticks).max(0.0) / TICKS_PER_SECOND / seconds * 100.0,
        pss_mb: after.pss_mb,
        rss_mb: after.rss_mb,
    }
}

impl Cost {
    /// The share of each of `count`.
    pub(super) fn each(self, count: usize) -> Self {
        let count = count.max(1) as f64;
        Self {
            cpu: self.cpu / count,
            pss_mb: self.pss_mb / count,
            rss_mb: self.rss_mb / count,
        }
    }

    pub(super) fn json(self) -> Value {
        let round = |value: f64| (value * 100.0).round() / 100.0;
        json!({ "cpu_percent_of_core": round(self.cpu), "pss_mb": round(self.pss_mb), "rss_mb": round(self.rss_mb) })
    }
}

/// How much of the machine was used since it started, and how much there was, in the same unit.
pub(super) fn machine() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let all: f64 = fields.iter().take(8).sum();
    let idle = fields.get(3)? + fields.get(4)?;
    Some((all - idle, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_what_was_added_within_the_window() {
        let at = |ticks| Reading {
            ticks,
            pss_mb: 60.0,
            ..Reading::default()
        };
        let cost = cost(at(1000.0), at(1100.0), 10.0);
        assert_eq!((cost.cpu, cost.pss_mb), (10.0, 60.0));
        assert_eq!(cost.each(2).cpu, 5.0);
    }
}
