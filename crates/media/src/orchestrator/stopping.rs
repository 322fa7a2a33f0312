//! What signals mean: the first lets streams on air go on for some time, and the next ends that.

use std::time::Duration;

use dragoman_service::lifecycle::Signals;
use tokio::sync::mpsc;

use super::supervisor::Command;

/// Passes signals on as the lifecycle takes them; it begins to end streams at the first. That one is held back for
/// `drain`, in which nothing new is taken. `begun` is what is left of it where an orchestrator before this one took
/// the signal.
pub(super) async fn relay(
    mut signals: Signals,
    lifecycle: mpsc::Sender<&'static str>,
    supervisor: mpsc::Sender<Command>,
    drain: Duration,
    begun: Option<Duration>,
) {
    let (mut name, drain) = match begun {
        Some(left) => ("SIGTERM", left),
        None => (signals.recv().await, drain),
    };
    if !drain.is_zero() && supervisor.send(Command::StopSoon).await.is_ok() {
        tracing::info!(
            signal = name,
            for_s = drain.as_secs_f64(),
            "draining: no further streams; those on air go on for a while"
        );
        tokio::select! {
            next = signals.recv() => name = next,
            () = tokio::time::sleep(drain) => tracing::warn!("streams are still on air, they are ended now"),
        }
    }
    while lifecycle.send(name).await.is_ok() {
        name = signals.recv().await;
    }
}
