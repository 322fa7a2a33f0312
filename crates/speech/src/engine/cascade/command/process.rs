//! A program that runs for a stage: fed and read without ever waiting for it longer than it may take.
//!
//! One thread does all of it: the pipes do not block, and `poll` waits for whichever has something, a few milliseconds at a time so
//! that a cancelled call ends at once. The program has a process group of its own, which is killed as a whole.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use super::super::stage::{Call, Failure};
use super::{COMMAND_FAILED, COMMAND_TIMED_OUT};

/// Between two looks at whether the call is still wanted.
const LOOK: Duration = Duration::from_millis(10);
/// Read at once.
const CHUNK: usize = 16 * 1024;
/// Lines of its standard error that are logged in one call, and their length.
const LOG_LINES: usize = 50;
const LOG_LINE: usize = 400;
/// Variables that are nobody else's business.
const SECRETS: [&str; 6] = [
    "SPEECH_KEY",
    "SPEECH_KEY_FILE",
    "HF_TOKEN",
    "HF_TOKEN_FILE",
    "MEDIA_API_KEY",
    "MEDIA_API_KEY_FILE",
];

/// See the module. Dropping it kills it.
pub(super) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// The beginning of a line that is to be logged.
    line: Vec<u8>,
    lines: usize,
}

impl Process {
    pub(super) fn start(words: &[String], variables: &[(&str, String)]) -> Result<Self, Failure> {
        let name = words.first().cloned().unwrap_or_default();
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::failed(COMMAND_FAILED, format!("{name} cannot be started: {error}"))
        };
        let mut command = Command::new(&name);
        command
            .args(words.iter().skip(1))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for secret in SECRETS {
            command.env_remove(secret);
        }
        for (variable, value) in variables {
            command.env(variable, value);
        }
        let mut child = command.spawn().map_err(|error| cannot(&error))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Self {
            child,
            stdin,
            stdout,
            stderr,
            name: name.clone(),
            line: Vec::new(),
            lines: 0,
        };
        process.unblock().map_err(|error| cannot(&error))?;
        Ok(process)
    }

    fn unblock(&self) -> rustix::io::Result<()> {
        let pipes = [
            self.stdin.as_ref().map(AsFd::as_fd),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        pipes.into_iter().flatten().try_for_each(|pipe: BorrowedFd<'_>| {
            let flags = fcntl_getfl(pipe)?;
            fcntl_setfl(pipe, flags | OFlags::NONBLOCK)
        })
    }

    /// Writes `input` and hands what comes to `on_output` until that has all it wants. `last`: nothing more will be written, and
    /// the program has to end well; otherwise it has to go on.
    pub(super) fn exchange(
        &mut self,
        mut input: &[u8],
        last: bool,
        deadline: Instant,
        call: &Call<'_>,
        on_output: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        self.lines = 0;
        loop {
            if let Some(stop) = (call.stopped)() {
                return Err(Failure::Stopped(stop));
            }
            if Instant::now() >= deadline {
                return Err(Failure::failed(
                    COMMAND_TIMED_OUT,
                    format!("{} took too long", self.name),
                ));
            }
            if input.is_empty() && last {
                self.stdin = None;
            }
            self.wait(!input.is_empty());
            self.write(&mut input)?;
            self.log(call.stream);
            if self.read(on_output)? {
                return Ok(());
            }
            if self.stdout.is_some() {
                continue;
            }
            match self.child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) if last && status.success() => return Ok(()),
                Ok(Some(status)) => return Err(self.ended(status)),
                Err(error) => return Err(Failure::failed(COMMAND_FAILED, format!("{}: {error}", self.name))),
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        Failure::failed(COMMAND_FAILED, format!("{} ended with {status}", self.name))
    }

    /// Until a pipe has something or room, or a moment has passed.
    fn wait(&self, writes: bool) {
        let mut pipes = Vec::with_capacity(3);
        if let Some(stdin) = self.stdin.as_ref().filter(|_| writes) {
            pipes.push(PollFd::new(stdin, PollFlags::OUT));
        }
        if let Some(stdout) = &self.stdout {
            pipes.push(PollFd::new(stdout, PollFlags::IN));
        }
        if let Some(stderr) = &self.stderr {
            pipes.push(PollFd::new(stderr, PollFlags::IN));
        }
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: LOOK.subsec_nanos().into(),
        };
        // An interrupted or failed wait is a look that comes early.
        let _ = poll(&mut pipes, Some(&timeout));
    }

    fn write(&mut self, input: &mut &[u8]) -> Result<(), Failure> {
        let Some(stdin) = &mut self.stdin else {
            *input = &[];
            return Ok(());
        };
        while !input.is_empty() {
            match stdin.write(input) {
                Ok(count) => *input = &input[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    // It has read enough; what it makes of that is seen in its output.
                    self.stdin = None;
                    *input = &[];
                    break;
                }
                Err(error) => return Err(Failure::failed(COMMAND_FAILED, format!("{}: {error}", self.name))),
            }
        }
        Ok(())
    }

    /// Whether `on_output` has all it wants.
    fn read(&mut self, on_output: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>) -> Result<bool, Failure> {
        let mut chunk = [0; CHUNK];
        loop {
            let Some(stdout) = &mut self.stdout else {
                return Ok(false);
            };
            match stdout.read(&mut chunk) {
                Ok(0) => self.stdout = None,
                Ok(count) => {
                    if on_output(&chunk[..count])? {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::failed(COMMAND_FAILED, format!("{}: {error}", self.name))),
            }
        }
    }

    /// What it complains of goes into our log, as much as a log can bear.
    fn log(&mut self, stream: &str) {
        let mut chunk = [0; CHUNK];
        while let Some(stderr) = &mut self.stderr {
            match stderr.read(&mut chunk) {
                Ok(0) => {
                    self.stderr = None;
                    self.log_line(stream);
                }
                Ok(count) => {
                    for byte in &chunk[..count] {
                        if *byte == b'\n' {
                            self.log_line(stream);
                        } else if self.line.len() < LOG_LINE {
                            self.line.push(*byte);
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn log_line(&mut self, stream: &str) {
        let line = std::mem::take(&mut self.line);
        self.lines += 1;
        if line.is_empty() || self.lines > LOG_LINES {
            return;
        }
        let (command, line) = (&self.name, String::from_utf8_lossy(&line));
        tracing::info!(stream, command, "{}", line.trim_end());
        if self.lines == LOG_LINES {
            tracing::warn!(stream, command, "what it says besides is not logged");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Gone already is what was wanted; the group outlives its leader if that left children.
            let _ = kill_process_group(group, Signal::KILL);
        }
        // Only reaps: what was sent SIGKILL ends.
        drop(self.child.wait());
    }
}
