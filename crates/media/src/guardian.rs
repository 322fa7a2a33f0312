//! The first process: starts the orchestrator, starts it again when it dies, reaps, passes signals on.
//!
//! It has no network and no media, so that there is little it could die of: where it is process 1 of a
//! container its death takes every worker along. Elsewhere it is the subreaper, so that workers that have lost their
//! orchestrator become its children and are reaped.
//!
//! ```text
//!  starting ── exits before SETTLED without a signal ──▶ exit with its code (64: bad configuration)
//!     │ SETTLED
//!  running ── dies ──▶ wait (backoff) ──▶ running
//!     │   └─ exits with DRAINED ──▶ exit with 0
//!     │ SIGTERM, SIGINT (passed on)
//!  stopping ── dies within DRAIN, one signal ──▶ wait (backoff) ──▶ stopping, told what is left of DRAIN
//!     └─ orchestrator gone ──▶ remaining children: SIGTERM, then SIGKILL ──▶ exit with its code
//! ```

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use dragoman_service::backoff::Backoff;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};

/// An orchestrator that ends by itself sooner than this at its first start will not do better at the next.
const SETTLED: Duration = Duration::from_secs(3);
/// The shortest and the longest wait before an orchestrator is started again.
const RESTART_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// The exit code of an orchestrator that was asked to drain and has: the service is over.
pub(crate) const DRAINED: u8 = 10;
/// How long children that an orchestrator left behind at the stop may take after SIGTERM.
const LEFT_BEHIND: Duration = Duration::from_secs(10);

/// Guards until the service ends. When it is told to, streams on air may go on for `drain`.
pub fn run(worker_program: Option<PathBuf>, drain: Duration) -> ExitCode {
    match guard(worker_program.as_deref(), drain) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tracing::error!(%error, "guardian failed");
            ExitCode::FAILURE
        }
    }
}

fn guard(worker_program: Option<&Path>, drain: Duration) -> io::Result<u8> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut signals = Signals::install()?;
    let (min, max) = RESTART_WAIT;
    let backoff = Backoff::new(min, max, 0.0).map_err(io::Error::other)?;
    let mut deaths = 0;
    let mut settled = false;
    loop {
        let started = Instant::now();
        let orchestrator = spawn(worker_program, signals.left_of(drain))?;
        tracing::debug!(pid = orchestrator.as_raw_nonzero(), "orchestrator started");
        let status = signals.watch(orchestrator)?;
        let code = exit_code(status);
        if code == DRAINED {
            finish_the_rest(&mut signals)?;
            return Ok(0);
        }
        if signals.stopping.is_some() && (code == 0 || signals.is_time_to_end(drain)) {
            finish_the_rest(&mut signals)?;
            return Ok(code);
        }
        if started.elapsed() >= SETTLED {
            (settled, deaths) = (true, 0);
        }
        if !settled && status.exited() {
            return Ok(code.max(1));
        }
        let wait = backoff.delay(deaths, 0.0);
        tracing::error!(code, wait_ms = wait.as_millis(), "orchestrator died, starting it again");
        (deaths, settled) = (deaths + 1, true);
        signals.sleep(wait)?;
        if signals.is_time_to_end(drain) {
            finish_the_rest(&mut signals)?;
            return Ok(0);
        }
    }
}

fn spawn(worker_program: Option<&Path>, stop_within: Option<Duration>) -> io::Result<Pid> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("orchestrator")
        .arg("--guardian")
        .arg(std::process::id().to_string());
    if let Some(left) = stop_within {
        command.arg("--stop-within").arg(left.as_millis().to_string());
    }
    if let Some(program) = worker_program {
        command.arg("--worker-program").arg(program);
    }
    // In a group of its own a Ctrl-C reaches it once, through the guardian, and not twice.
    let child = command.stdin(Stdio::null()).process_group(0).spawn()?;
    // Never waited for through std: everything is reaped in one place.
    Ok(Pid::from_child(&child))
}

/// As a shell would say it.
fn exit_code(status: WaitStatus) -> u8 {
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Ends what an orchestrator has left behind: it died in the drain, or a worker ignored it.
fn finish_the_rest(signals: &mut Signals) -> io::Result<()> {
    let deadline = Instant::now() + LEFT_BEHIND;
    let mut told = Vec::new();
    loop {
        while reap()?.is_some() {}
        let children = children();
        if children.is_empty() {
            return Ok(());
        }
        let late = Instant::now() >= deadline;
        for &child in children.iter().filter(|child| late || !told.contains(*child)) {
            let signal = if late { Signal::KILL } else { Signal::TERM };
            tracing::warn!(
                pid = child.as_raw_nonzero(),
                ?signal,
                "ending a process that was left behind"
            );
            // It may have ended meanwhile.
            kill_process(child, signal).ok();
        }
        told = children;
        if late {
            while reap()?.is_some() {}
            return Ok(());
        }
        signals.sleep(Duration::from_millis(200))?;
    }
}

/// The processes that this one would have to reap; none where the system does not say.
fn children() -> Vec<Pid> {
    let me = std::process::id();
    let list = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

fn reap() -> io::Result<Option<(Pid, WaitStatus)>> {
    match wait(WaitOptions::NOHANG) {
        Err(rustix::io::Errno::CHILD) => Ok(None),
        reaped => Ok(reaped?),
    }
}

/// What wakes the guardian: signals, handed over by a thread that does nothing else.
struct Signals {
    receiver: Receiver<i32>,
    /// Since when, once it was told to stop.
    stopping: Option<Instant>,
    /// It was told again.
    insisted: bool,
}

impl Signals {
    fn install() -> io::Result<Signals> {
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGCHLD])?;
        // When full the thread waits, and the kernel merges what comes meanwhile: nothing is counted here.
        let (sender, receiver) = sync_channel(8);
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    break;
                }
            }
        })?;
        Ok(Signals {
            receiver,
            stopping: None,
            insisted: false,
        })
    }

    /// What is left of `drain`, once the wish to stop is there.
    fn left_of(&self, drain: Duration) -> Option<Duration> {
        Some(drain.saturating_sub(self.stopping?.elapsed()))
    }

    /// Whether nothing on air is waited for any more.
    fn is_time_to_end(&self, drain: Duration) -> bool {
        self.left_of(drain).is_some_and(|left| self.insisted || left.is_zero())
    }

    /// Waits until `orchestrator` is gone, reaping whatever else ends and passing the wish to stop on.
    fn watch(&mut self, orchestrator: Pid) -> io::Result<WaitStatus> {
        loop {
            while let Some((pid, status)) = reap()? {
                if pid == orchestrator {
                    return Ok(status);
                }
                tracing::debug!(pid = pid.as_raw_nonzero(), code = exit_code(status), "reaped");
            }
            // The timeout makes up for a signal that came between the last look and the wait.
            if let Some(signal) = self.next(Duration::from_secs(1))? {
                tracing::info!(signal, "stopping");
                let signal = if signal == SIGINT { Signal::INT } else { Signal::TERM };
                kill_process(orchestrator, signal)?;
            }
        }
    }

    /// Waits for that long, or until it is time to stop.
    fn sleep(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while self.next(until.saturating_duration_since(Instant::now()))?.is_none() {
            if Instant::now() >= until {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A wish to stop; `None` when something else came up, or nothing in that time.
    fn next(&mut self, time: Duration) -> io::Result<Option<i32>> {
        match self.receiver.recv_timeout(time) {
            Ok(SIGCHLD) | Err(RecvTimeoutError::Timeout) => Ok(None),
            Ok(signal) => {
                self.insisted |= self.stopping.is_some();
                self.stopping.get_or_insert_with(Instant::now);
                Ok(Some(signal))
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the signal thread ended")),
        }
    }
}
