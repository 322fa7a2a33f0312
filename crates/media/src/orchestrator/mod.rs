//! The control half of the service: hears of streams, has a worker serve each, shows what they do.
//!
//! ```text
//!  hooks ──hints──▶ poller ──truths──▶ supervisor ──effects──▶ link ──process, socket──▶ worker
//!                    │ asks             │ one session machine    │
//!                    ▼                  │ for each stream        └──reports──▶ supervisor
//!                  router               └──snapshot──▶ API, page, metrics, health
//! ```
//!
//! It holds no media: it can die without a programme noticing, and the next one takes the workers over.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use dragoman_service::auth::Access;
use dragoman_service::http::{self as service_http, Report};
use dragoman_service::lifecycle::{Lifecycle, Signals};
use dragoman_service::{metrics as service_metrics, telemetry};
use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};

use crate::config::Config;
use crate::guardian::DRAINED;

mod codecs;
#[doc(hidden)]
pub mod hostile;
mod http;
mod link;
mod metrics;
mod plan;
mod poller;
mod process;
mod restarts;
mod room;
mod router;
mod session;
pub mod settings;
mod stopping;
mod supervisor;
mod view;

/// Hints wait here for the poller; when full the hook is told to come again.
const HINTS: usize = 64;
/// Longer than the workers' drain, shorter than the 10 s that containers are given.
const GRACE: Duration = supervisor::DRAIN.saturating_add(Duration::from_secs(2));

/// What the guardian says to the orchestrator that it starts.
#[derive(Debug)]
pub struct Launch {
    /// Its process id.
    pub guardian: Option<i32>,
    /// It was told to stop while an orchestrator before this one ran, and streams on air may go on for so long.
    pub stop_within: Option<Duration>,
    /// Started for each session instead of this program's own worker.
    pub worker_program: Option<PathBuf>,
}

/// Runs the orchestrator until it is told to stop, or has drained.
pub fn main(config: Config, launch: Launch) -> ExitCode {
    let code = telemetry::init(&config.log).and_then(|()| {
        end_with(launch.guardian)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(run(config, launch))
    });
    code.unwrap_or_else(|error| {
        tracing::error!(error = format!("{error:#}"), "orchestrator failed");
        ExitCode::FAILURE
    })
}

async fn run(config: Config, launch: Launch) -> anyhow::Result<ExitCode> {
    let signals = Signals::install()?;
    let lifecycle = Lifecycle::new(GRACE);
    let listener = service_http::bind(config.listen).await?;
    make_run_dir(&config.run_dir).with_context(|| format!("use RUN_DIR {}", config.run_dir.display()))?;
    tracing::info!(
        listen = %listener.local_addr()?,
        access = config.access.name(),
        mode = config.mode.name(),
        run_dir = %config.run_dir.display(),
        "orchestrator started"
    );

    let program = match launch.worker_program {
        Some(program) => vec![program],
        None => vec![std::env::current_exe()?, PathBuf::from("worker")],
    };
    let counters = Arc::new(metrics::Counters::default());
    let poke = Arc::new(Notify::new());
    let (hints, heard) = mpsc::channel(HINTS);
    // Two polls: what is older than that is not worth knowing.
    let (truths, known) = mpsc::channel(2);
    let client = router::Client::new(config.router.api.clone(), config.router.login.clone())?;
    let wish = supervisor::Wish::new(&config.run_dir, launch.guardian);
    let (mut supervisor, handle) =
        supervisor::Supervisor::new(config.clone(), program, Arc::clone(&counters), Arc::clone(&poke), wish);
    supervisor.adopt(link::found(&config.run_dir)?);

    let mut registry = service_metrics::registry("dragoman_media", env!("CARGO_PKG_VERSION"));
    service_metrics::register_access(&mut registry, "api", &config.access);
    counters.register(&mut registry, handle.snapshot.clone());
    let probes = probes(&config, registry, handle.snapshot.clone());
    let commands = handle.commands.clone();
    let api = http::Api {
        supervisor: handle,
        hints,
        counters: Arc::clone(&counters),
        allow: Arc::new(config.forward_allow.clone()),
    };
    service_http::serve(
        "http",
        listener,
        probes.merge(http::routes(api, config.access.clone())),
        &lifecycle,
    );

    let drained = Arc::new(AtomicBool::new(false));
    let (life, is_drained) = (lifecycle.clone(), Arc::clone(&drained));
    lifecycle.spawn_essential("supervisor", async move {
        if supervisor.run(known, life.soft().clone()).await {
            tracing::info!("drained");
            is_drained.store(true, Ordering::Relaxed);
            life.stop();
        }
        Ok(())
    });
    let stop = lifecycle.soft().clone();
    lifecycle.spawn_essential("poller", async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = poller::run(client, heard, poke, truths, counters) => {}
        }
        Ok(())
    });
    // As many as the lifecycle looks at.
    let (relayed, signals_to_heed) = mpsc::channel(2);
    tokio::spawn(stopping::relay(
        signals,
        relayed,
        commands,
        config.drain,
        launch.stop_within,
    ));
    match lifecycle.run_to_code(Signals::from_channel(signals_to_heed)).await {
        0 if launch.guardian.is_some() && drained.load(Ordering::Relaxed) => Ok(ExitCode::from(DRAINED)),
        code => Ok(ExitCode::from(code)),
    }
}

/// What the service says of itself: from the last poll and the workers' last reports, never by asking now.
fn probes(
    config: &Config,
    registry: prometheus_client::registry::Registry,
    snapshot: watch::Receiver<Arc<view::Snapshot>>,
) -> axum::Router {
    let (mode, access) = (config.mode.name(), config.access.clone());
    service_http::probes(registry, move || report(&snapshot.borrow(), mode, &access))
}

fn report(snapshot: &view::Snapshot, mode: &str, access: &Access) -> Report {
    let served: Vec<_> = snapshot.streams.values().filter(|view| view.worker.is_some()).collect();
    let mut engines: Vec<&str> = served.iter().filter_map(|view| view.engine.as_deref()).collect();
    engines.sort_unstable();
    engines.dedup();
    let wanted = served
        .iter()
        .filter_map(|view| view.speech.as_ref())
        .filter(|speech| speech.is_wanted());
    let away = wanted.clone().filter(|speech| !speech.is_ready()).count();
    let speech = match (wanted.count(), away) {
        (0, _) => json!({"state": "idle"}),
        (_, 0) => json!({"state": "ready"}),
        (sessions, away) => json!({"state": "degraded", "sessions": sessions, "away": away}),
    };
    let degraded = away > 0
        || snapshot
            .streams
            .values()
            .any(|view| view.state == view::StreamState::Degraded);
    let capacity = snapshot.capacity;
    let status = match (snapshot.router.reachable, capacity.draining, degraded) {
        (false, ..) => "unavailable",
        (true, true, _) => "draining",
        (true, false, true) => "degraded",
        (true, false, false) => "ok",
    };
    let states: serde_json::Map<_, _> = view::StreamState::ALL
        .iter()
        .map(|state| {
            (
                state.name().to_owned(),
                snapshot.streams.values().filter(|v| v.state == *state).count().into(),
            )
        })
        .collect();
    let body = json!({
        "status": status,
        "service": "dragoman-media",
        "version": env!("CARGO_PKG_VERSION"),
        "mode": mode,
        "access": access.name(),
        "engines": engines,
        "router": snapshot.router,
        "speech": speech,
        "streams": states,
        "room": capacity.free(),
        "capacity": capacity,
    });
    if snapshot.router.reachable && !capacity.draining {
        Report::ready(body)
    } else {
        Report::not_ready(body)
    }
}

/// An orchestrator whose guardian is killed would keep the port from the next one, so it ends too; its workers go on
/// and are adopted.
fn end_with(guardian: Option<i32>) -> anyhow::Result<()> {
    let Some(guardian) = guardian else { return Ok(()) };
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // It may have died before that was set.
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    anyhow::ensure!(parent == Some(guardian), "the guardian is gone");
    Ok(())
}

/// Makes the directory of sockets and locks, for nobody else to look into. One that is there must be ours: in a shared
/// directory another user could have made it first.
fn make_run_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let found = std::fs::metadata(dir)?;
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to, or can be written by, other users",
        ));
    }
    Ok(())
}
