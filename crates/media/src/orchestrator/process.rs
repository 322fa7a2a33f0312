//! Processes that need not be children: wait for one, kill it, see what it uses.

use std::io;
use std::time::Duration;

use rustix::process::Pid;

/// Clock ticks a second of the times in `/proc`, a constant of Linux's interface to user space.
const TICKS_PER_SECOND: u64 = 100;

/// How often a process that is about to end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A process, held so that its number cannot come to mean another one (where the system can do that).
pub(crate) struct Process {
    pid: Pid,
    #[cfg(target_os = "linux")]
    fd: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Process {
    /// Takes hold of the process with this number.
    pub(crate) fn open(pid: i32) -> io::Result<Process> {
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        let fd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
        Ok(Process { pid, fd })
    }

    /// Kills it; it may be gone already.
    pub(crate) fn kill(&self) {
        rustix::process::pidfd_send_signal(&self.fd, rustix::process::Signal::KILL).ok();
    }

    fn is_gone(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // The descriptor turns readable at the process's end.
        poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
    }
}

#[cfg(not(target_os = "linux"))]
impl Process {
    /// Takes hold of the process with this number.
    pub(crate) fn open(pid: i32) -> io::Result<Process> {
        Ok(Process {
            pid: Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?,
        })
    }

    /// Kills it; it may be gone already.
    pub(crate) fn kill(&self) {
        rustix::process::kill_process(self.pid, rustix::process::Signal::KILL).ok();
    }

    fn is_gone(&self) -> bool {
        rustix::process::test_kill_process(self.pid).is_err()
    }
}

impl Process {
    /// Waits until it is gone.
    pub(crate) async fn gone(&self) {
        while !self.is_gone() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Processor time.
    pub(crate) cpu: Duration,
    /// How long it has been there.
    pub(crate) age: Duration,
    /// Resident memory.
    pub(crate) rss_kb: u64,
    /// Its share of the memory that it shares.
    pub(crate) pss_kb: Option<u64>,
}

/// What the process with this number has used; `None` where the system does not say or it is gone. `with_pss` walks
/// all its mappings, which costs about a millisecond.
pub(crate) fn usage(pid: i32, with_pss: bool) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let rollup = with_pss
        .then(|| std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok())
        .flatten();
    parse(&stat, &uptime, &status, rollup.as_deref())
}

fn parse(stat: &str, uptime: &str, status: &str, rollup: Option<&str>) -> Option<Usage> {
    // The program's name stands in parentheses and may hold anything; fields count from behind it.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let time = |ticks: u64| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    let kb = |text: &str, name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))?
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    };
    let up = Duration::from_secs_f64(uptime.split(' ').next()?.parse().ok()?);
    Some(Usage {
        cpu: time(ticks(11)? + ticks(12)?),
        age: up.saturating_sub(time(ticks(19)?)),
        rss_kb: kb(status, "VmRSS:")?,
        pss_kb: rollup.and_then(|text| kb(text, "Pss:")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_whatever_the_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 1000 9 10";
        let found = parse(
            stat,
            "30.5 9\n",
            "Name:\tx\nVmRSS:\t  2048 kB\n",
            Some("Rss: 1 kB\nPss:  1024 kB\n"),
        );
        let ms = Duration::from_millis;
        let want = Usage {
            cpu: ms(3000),
            age: ms(20_500),
            rss_kb: 2048,
            pss_kb: Some(1024),
        };
        assert_eq!(found, Some(want));
        assert_eq!(parse("", "1", "", None), None);
    }

    #[tokio::test]
    async fn a_process_is_killed_and_seen_to_be_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(i32::try_from(child.id()).unwrap()).unwrap();
        process.kill();
        tokio::time::timeout(Duration::from_secs(5), async {
            #[cfg(not(target_os = "linux"))]
            child.wait().unwrap();
            process.gone().await;
        })
        .await
        .unwrap();
        child.wait().unwrap();
    }
}
