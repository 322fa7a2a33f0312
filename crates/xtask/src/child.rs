//! One child process: its log in a file, its end in order.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a child may take to end after SIGTERM before it is killed: what containers are given.
const GRACE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const TAIL_LINES: usize = 15;

/// A running program; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    log: PathBuf,
    process: std::process::Child,
    ended: Option<ExitStatus>,
}

impl Child {
    /// Starts `command` with its standard error, and its standard output where that is not `piped`, in `<dir>/<name>.log`.
    ///
    /// It gets a process group of its own: Ctrl-C at the terminal reaches us alone, and we end it in our order.
    pub(crate) fn spawn(name: &str, command: &mut Command, dir: &Path, piped: bool) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let out = file.try_clone().context("cannot share the log file")?;
        command.stdin(Stdio::null()).stderr(file).process_group(0);
        command.stdout(if piped { Stdio::piped() } else { Stdio::from(out) });
        let process = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            process,
            ended: None,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.process.stdout.take()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.process.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Fails, with the last lines that it wrote, when it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}\n{}", self.name, self.tail()),
        }
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        let shown: String = lines[from..].iter().map(|line| format!("  | {line}\n")).collect();
        format!("{shown}  ({})", self.log.display())
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.ended().is_none()
            && let Some(pid) = self.rustix_pid()
        {
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        self.ended()
    }

    /// SIGTERM, a bounded wait, then SIGKILL for it and whatever it left in its process group.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let _ = self.wait(GRACE);
        self.kill();
    }

    /// SIGKILL, as a crash would end it, for it and for what it started.
    pub(crate) fn kill(&mut self) {
        if let Some(pid) = self.rustix_pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        if self.ended().is_none() {
            self.ended = self.process.wait().ok();
        }
    }

    fn rustix_pid(&self) -> Option<Pid> {
        i32::try_from(self.process.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, dir: &Path) -> Child {
        Child::spawn("shell", Command::new("sh").args(["-c", script]), dir, false).unwrap()
    }

    #[test]
    fn a_child_that_ended_is_reported_with_its_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = shell("echo first; echo 'the reason' >&2; exit 7", dir.path());
        assert_eq!(
            child.wait(Duration::from_secs(10)).and_then(|status| status.code()),
            Some(7)
        );
        let message = child.check().unwrap_err().to_string();
        assert!(
            message.contains("shell ended") && message.contains("the reason"),
            "{message}"
        );
    }

    #[test]
    fn a_child_gets_the_chance_to_end_itself() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = shell(
            "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
            dir.path(),
        );
        let deadline = Instant::now() + Duration::from_secs(10);
        while !child.tail().contains("ready") && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        child.stop();
        assert_eq!(child.ended().and_then(|status| status.code()), Some(0));
        assert!(child.tail().contains("bye"));
    }
}
