//! What processes cost and hold, from `/proc`; nothing where there is none.

use std::fs;
use std::path::Path;

/// `/proc` counts processor time in hundredths of a second on every Linux.
pub(crate) const TICKS_PER_SECOND: f64 = 100.0;

/// One look at a process, or the sum of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Processor time used so far, in [`TICKS_PER_SECOND`].
    pub(crate) ticks: f64,
    pub(crate) rss_mb: f64,
    /// Shared pages counted by their share.
    pub(crate) pss_mb: f64,
    pub(crate) threads: f64,
    pub(crate) descriptors: f64,
}

impl Reading {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            ticks: self.ticks + other.ticks,
            rss_mb: self.rss_mb + other.rss_mb,
            pss_mb: self.pss_mb + other.pss_mb,
            threads: self.threads + other.threads,
            descriptors: self.descriptors + other.descriptors,
        }
    }
}

/// Looks at process `pid`; nothing when it is gone.
pub(crate) fn read(pid: u64) -> Option<Reading> {
    let proc = Path::new("/proc").join(pid.to_string());
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    let status = fs::read_to_string(proc.join("status")).ok()?;
    let smaps = fs::read_to_string(proc.join("smaps_rollup")).unwrap_or_default();
    Some(Reading {
        ticks: ticks(&stat)?,
        rss_mb: number(&status, "VmRSS:")? / 1024.0,
        pss_mb: number(&smaps, "Pss:").unwrap_or(0.0) / 1024.0,
        threads: number(&status, "Threads:").unwrap_or(0.0),
        descriptors: fs::read_dir(proc.join("fd")).map_or(0.0, |entries| entries.count() as f64),
    })
}

/// The children of a process.
pub(crate) fn children(pid: u64) -> Vec<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u64>>()
        })
        .collect()
}

/// A process and all that descend from it.
pub(crate) fn family(pid: u64) -> Vec<u64> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        all.extend(children(pid));
        next += 1;
    }
    all
}

/// Whether a process was started with this argument.
pub(crate) fn has_argument(pid: u64, argument: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .skip(1)
        .any(|one| one == argument.as_bytes())
}

/// User and system time: the 14th and 15th field, counted behind the name, which may hold spaces.
fn ticks(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let user: f64 = fields.get(11)?.parse().ok()?;
    let system: f64 = fields.get(12)?.parse().ok()?;
    Some(user + system)
}

fn number(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
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
    fn sizes_and_counts_are_read_by_their_names() {
        assert_eq!(number("Name: x\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2048.0));
        assert_eq!(number("Threads:\t7\n", "Threads:"), Some(7.0));
        assert_eq!(number("Name: x\n", "VmRSS:"), None);
    }

    #[test]
    fn a_child_belongs_to_its_parents_family() {
        if cfg!(target_os = "linux") {
            let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            let own = u64::from(std::process::id());
            assert!(family(own).contains(&u64::from(child.id())));
            // Its arguments are there a moment after it is.
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
            let pid = u64::from(child.id());
            while !has_argument(pid, "60") && std::time::Instant::now() < deadline {
                std::thread::yield_now();
            }
            assert!(has_argument(pid, "60") && !has_argument(pid, "sleep"));
            assert!(read(own).is_some_and(|reading| reading.descriptors > 2.0 && reading.threads >= 1.0));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
