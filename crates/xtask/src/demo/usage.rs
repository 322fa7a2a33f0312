//! What a process costs, from `/proc`; nothing where there is none.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The first seconds load plugins and fill queues; they say nothing about a stream that runs for hours.
const SETTLING: Duration = Duration::from_secs(10);
/// `/proc` counts processor time in hundredths of a second on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

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
        let Some(reading) = read(pid, now) else { return };
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

fn read(pid: u64, at: Instant) -> Option<Reading> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    Some(Reading {
        at,
        ticks: ticks(&stat)?,
        rss_mb: megabytes(&status, "VmRSS:")?,
        pss_mb: megabytes(&smaps, "Pss:").unwrap_or(0.0),
    })
}

/// User and system time: the 14th and 15th field, counted behind the name, which may hold spaces.
fn ticks(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let user: f64 = fields.get(11)?.parse().ok()?;
    let system: f64 = fields.get(12)?.parse().ok()?;
    Some(user + system)
}

fn megabytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_name_with_spaces() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 1 2 3 4 120 30 5 6 20 0 9 0 100 1 2";
        assert_eq!(ticks(stat), Some(150.0));
    }

    #[test]
    fn memory_is_read_in_megabytes() {
        assert_eq!(megabytes("Name: x\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2.0));
        assert_eq!(megabytes("Name: x\n", "VmRSS:"), None);
    }

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
