//! What a process costs, from `/proc`; nothing where there is none.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{TICKS_PER_SECOND, read};

/// The first seconds load plugins and fill queues; they say nothing about a stream that runs for hours.
const SETTLING: Duration = Duration::from_secs(10);

/// Follows one worker; a restarted one starts the window anew.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    pid: Option<u64>,
    seen: Option<Instant>,
    from: Option<Reading>,
    to: Option<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    ticks: f64,
    rss_mb: f64,
    pss_mb: f64,
}

impl Usage {
    /// Looks at process `pid`; called about once a second while the programme is on air.
    pub(crate) fn look(&mut self, pid: u64, now: Instant) {
        if self.pid != Some(pid) {
            *self = Self {
                pid: Some(pid),
                seen: Some(now),
                ..Self::default()
            };
        }
        if self.seen.is_some_and(|seen| now.duration_since(seen) < SETTLING) {
            return;
        }
        let Some(found) = read(pid) else { return };
        let reading = Reading {
            at: now,
            ticks: found.ticks,
            rss_mb: found.rss_mb,
            pss_mb: found.pss_mb,
        };
        let from = *self.from.get_or_insert(reading);
        self.to = Some(Reading {
            rss_mb: reading.rss_mb.max(self.to.map_or(0.0, |to| to.rss_mb)),
            pss_mb: reading.pss_mb.max(self.to.map_or(0.0, |to| to.pss_mb)),
            ..reading
        });
        self.from = Some(from);
    }

    /// Share of one core over the window, and the highest memory seen in it.
    pub(crate) fn report(&self) -> Value {
        let (Some(from), Some(to)) = (self.from, self.to) else {
            return json!({ "pid": self.pid, "cpu_percent_of_core": null, "rss_mb": null, "pss_mb": null });
        };
        let seconds = to.at.duration_since(from.at).as_secs_f64();
        let percent = (to.ticks - from.ticks) / TICKS_PER_SECOND / seconds * 100.0;
        json!({
            "pid": self.pid,
            "cpu_percent_of_core": (seconds > 0.0).then(|| round(percent)),
            "rss_mb": round(to.rss_mb),
            "pss_mb": round(to.pss_mb),
            "window_s": round(seconds),
        })
    }
}

/// One decimal: more is noise.
pub(crate) fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_seconds_do_not_count_and_a_new_worker_starts_anew() {
        let pid = u64::from(std::process::id());
        let start = Instant::now();
        let mut usage = Usage::default();
        usage.look(pid, start);
        assert!(usage.report()["rss_mb"].is_null());
        usage.look(pid, start + SETTLING);
        usage.look(pid, start + SETTLING * 2);
        if cfg!(target_os = "linux") {
            assert_eq!(usage.report()["window_s"], 10.0);
            assert!(usage.report()["rss_mb"].as_f64().unwrap() > 1.0);
        }
        usage.look(pid + 1, start + SETTLING * 3);
        assert!(usage.report()["rss_mb"].is_null());
    }
}
