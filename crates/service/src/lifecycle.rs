//! The life of a daemon: from the first task to the exit code.
//!
//! ```text
//!  running ── first signal, stop(), or an essential task ends ──▶ soft: drain
//!     soft ── all tasks done ──▶ exit
//!     soft ── second signal, or the grace period is over ──▶ hard: tasks are dropped
//!     hard ── all tasks done, or FINAL_WAIT is over ──▶ exit
//! ```
//!
//! The hard token is the parent of the soft one, so whoever waits for soft also sees hard. Every task runs on one
//! tracker. The exit code is 0 unless a task ended unexpectedly or outlived the final wait.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long dropped tasks may take to disappear; only code that blocks a thread needs any of it.
pub const FINAL_WAIT: Duration = Duration::from_secs(2);

/// The exit code when a task ended unexpectedly and named no other.
const FAILED: u8 = 1;

/// Handle to the life of the process; clones are the same life.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    hard: CancellationToken,
    soft: CancellationToken,
    tracker: TaskTracker,
    exit_code: Arc<AtomicU8>,
    grace: Duration,
}

impl Lifecycle {
    /// A life whose drain may take `grace`.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        let hard = CancellationToken::new();
        let soft = hard.child_token();
        Self {
            hard,
            soft,
            tracker: TaskTracker::new(),
            exit_code: Arc::default(),
            grace,
        }
    }

    /// Cancelled when the process starts to drain: take no new work, finish what is in flight.
    #[must_use]
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when the process no longer waits.
    #[must_use]
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Starts the drain, as the first signal does.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Starts the drain because something broke; the process will exit with `code` (the first one given counts).
    pub fn fail(&self, code: u8) {
        let code = if code == 0 { FAILED } else { code };
        // Losing the race means that another failure was first, and that one is the cause.
        let _first = self
            .exit_code
            .compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
        self.soft.cancel();
    }

    /// Starts a task that may end at any time, such as a connection. It is waited for in the drain, dropped after it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let hard = self.hard.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = hard.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Starts a task without which the process is of no use. When it ends before the drain has begun, or ends with an
    /// error or a panic at any time, the process drains and its exit code is not 0.
    pub fn spawn_essential(&self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let guard = EssentialGuard {
            name,
            lifecycle: self.clone(),
            expected: false,
        };
        let hard = self.hard.clone();
        self.tracker.spawn(async move {
            // The whole guard moves in; left alone, the closure would copy the field that it sets.
            let mut guard = guard;
            let ended = tokio::select! {
                biased;
                () = hard.cancelled() => Ok(()),
                ended = task => ended,
            };
            match ended {
                Ok(()) => guard.expected = guard.lifecycle.is_stopping(),
                Err(error) => tracing::error!(task = name, error = format!("{error:#}"), "task failed"),
            }
        });
    }

    /// Waits for the end: a signal, [`Lifecycle::stop`] or a failure, then the drain. Gives the exit code of `main`.
    pub async fn run(self, signals: Signals) -> ExitCode {
        ExitCode::from(self.run_to_code(signals).await)
    }

    /// [`Lifecycle::run`] with the exit code as a number.
    pub async fn run_to_code(self, mut signals: Signals) -> u8 {
        tokio::select! {
            name = signals.recv() => tracing::info!(signal = name, "stopping"),
            () = self.soft.cancelled() => tracing::info!("stopping"),
        }
        self.soft.cancel();
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => {}
            name = signals.recv() => tracing::warn!(signal = name, tasks = self.tracker.len(), "not waiting any longer"),
            () = tokio::time::sleep(self.grace) => {
                tracing::warn!(tasks = self.tracker.len(), "the grace period is over");
            }
        }
        self.hard.cancel();
        if tokio::time::timeout(FINAL_WAIT, self.tracker.wait()).await.is_err() {
            tracing::error!(tasks = self.tracker.len(), "tasks did not end");
            self.fail(FAILED);
        }
        let code = self.exit_code.load(Ordering::Relaxed);
        tracing::info!(code, "stopped");
        code
    }
}

/// Reports an essential task's end from `Drop`, so that a panic counts too.
struct EssentialGuard {
    name: &'static str,
    lifecycle: Lifecycle,
    expected: bool,
}

impl Drop for EssentialGuard {
    fn drop(&mut self) {
        if !self.expected {
            tracing::error!(task = self.name, "task ended unexpectedly");
            self.lifecycle.fail(FAILED);
        }
    }
}

/// Where the wish to stop comes from: SIGTERM and SIGINT, or a channel in tests.
pub struct Signals(mpsc::Receiver<&'static str>);

impl Signals {
    /// Takes SIGTERM and SIGINT over from now on. Needs a tokio runtime.
    pub fn install() -> std::io::Result<Self> {
        // Two are all that counts: one to drain, one to stop draining. More are dropped.
        let (sender, receiver) = mpsc::channel(2);
        for (kind, name) in [
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::interrupt(), "SIGINT"),
        ] {
            let mut signal = signal(kind)?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    if matches!(sender.try_send(name), Err(mpsc::error::TrySendError::Closed(_))) {
                        break;
                    }
                }
            });
        }
        Ok(Self(receiver))
    }

    /// Signals from a channel, for embedding and tests.
    #[must_use]
    pub fn from_channel(receiver: mpsc::Receiver<&'static str>) -> Self {
        Self(receiver)
    }

    /// Waits for the next one; for ever when there will be none.
    pub fn recv(&mut self) -> Pin<Box<dyn Future<Output = &'static str> + Send + '_>> {
        Box::pin(async {
            match self.0.recv().await {
                Some(name) => name,
                None => std::future::pending().await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const GRACE: Duration = Duration::from_secs(10);

    /// Runs `lifecycle` with signals after the given seconds; the exit code and how long the stop took.
    async fn run(lifecycle: Lifecycle, signals_at: &'static [u64]) -> (u8, Duration) {
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let start = Instant::now();
            for at in signals_at {
                tokio::time::sleep_until(start + Duration::from_secs(*at)).await;
                sender.send("SIGTERM").await.unwrap();
            }
        });
        let start = Instant::now();
        let code = lifecycle.run_to_code(Signals::from_channel(receiver)).await;
        (code, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn drains_and_exits_0() {
        let lifecycle = Lifecycle::new(GRACE);
        let soft = lifecycle.soft().clone();
        lifecycle.spawn_essential("drain", async move {
            soft.cancelled().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(())
        });
        assert_eq!(run(lifecycle, &[1]).await, (0, Duration::from_secs(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn grace_bounds_the_drain() {
        let lifecycle = Lifecycle::new(GRACE);
        lifecycle.spawn(std::future::pending());
        lifecycle.spawn_essential("deaf", std::future::pending());
        assert_eq!(run(lifecycle, &[1]).await, (0, Duration::from_secs(11)));
    }

    #[tokio::test(start_paused = true)]
    async fn second_signal_ends_the_drain() {
        let lifecycle = Lifecycle::new(GRACE);
        lifecycle.spawn(std::future::pending());
        assert_eq!(run(lifecycle, &[1, 2]).await, (0, Duration::from_secs(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_essential_end_stops_the_process() {
        for outcome in ["return", "error", "panic"] {
            let lifecycle = Lifecycle::new(GRACE);
            lifecycle.spawn_essential("short", async move {
                match outcome {
                    "return" => Ok(()),
                    "error" => anyhow::bail!("broken"),
                    _ => panic!("broken"),
                }
            });
            let soft = lifecycle.soft().clone();
            lifecycle.spawn(async move { soft.cancelled().await });
            assert_eq!(run(lifecycle, &[]).await, (1, Duration::ZERO), "{outcome}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_ordinary_end_does_not() {
        let lifecycle = Lifecycle::new(GRACE);
        lifecycle.spawn(async {});
        assert_eq!(run(lifecycle, &[5]).await, (0, Duration::from_secs(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_failure_names_the_code() {
        let lifecycle = Lifecycle::new(GRACE);
        lifecycle.fail(65);
        lifecycle.fail(70);
        assert!(lifecycle.is_stopping() && !lifecycle.hard().is_cancelled());
        assert_eq!(run(lifecycle, &[]).await, (65, Duration::ZERO));
    }

    #[tokio::test]
    async fn a_blocked_thread_cannot_hold_the_exit() {
        let lifecycle = Lifecycle::new(Duration::ZERO);
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        lifecycle.tracker.spawn_blocking(move || blocked.recv());
        lifecycle.stop();
        let (code, took) = run(lifecycle, &[]).await;
        assert_eq!(code, 1);
        assert!(took >= FINAL_WAIT);
        drop(release);
    }
}
