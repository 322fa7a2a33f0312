//! Which cores of the machine what runs on.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;

/// One core for the media service and its workers, the others for everything else, as long as this lives.
pub(super) struct Apart {
    all: Vec<usize>,
}

impl Apart {
    /// Leaves the first core: this process, and what it starts from now on. On a machine with one core nothing changes.
    pub(super) fn begin() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").context("one core needs Linux")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let all = list
            .and_then(|list| cores(list.trim()))
            .context("cannot tell the cores")?;
        let apart = Self { all };
        if let [_, others @ ..] = &apart.all[..]
            && !others.is_empty()
        {
            pin(u64::from(std::process::id()), others)?;
        }
        Ok(apart)
    }

    /// A process, with all that descends from it now or later, gets the first core alone.
    pub(super) fn give(&self, pid: u32) -> Result<()> {
        let pids = process::family(u64::from(pid));
        pids.into_iter().try_for_each(|pid| pin(pid, &self.all[..1]))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Err(error) = pin(u64::from(std::process::id()), &self.all) {
            eprintln!("cannot go back to all cores: {error:#}");
        }
    }
}

fn pin(pid: u64, cores: &[usize]) -> Result<()> {
    let list: Vec<String> = cores.iter().map(usize::to_string).collect();
    let status = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &list.join(","), &pid.to_string()])
        .stdout(Stdio::null())
        .status()
        .context("cannot run taskset")?;
    if !status.success() {
        bail!("taskset ended with {status}");
    }
    Ok(())
}

/// The cores of a list such as `0-2,5`; none where it has none.
fn cores(list: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for range in list.split(',') {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        all.extend(from.parse::<usize>().ok()?..=to.parse().ok()?);
    }
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(cores("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(cores("7"), Some(vec![7]));
        assert_eq!(cores(""), None);
    }
}
