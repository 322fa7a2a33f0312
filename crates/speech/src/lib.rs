//! The speech service: source audio in, dubs out, over the protocol of `dragoman-protocol`.
//!
//! It may not know RTMP or GStreamer, and its engines never run on a tokio worker. The way of a sound:
//!
//! ```text
//!  socket ─▶ session::connection ─▶ session::actor ─▶ listen (runs, voice, cuts) ─▶ engine (own thread)
//!     ▲                                   │  ▲                                          │
//!     └──────── 32 frames ◀── tracks ◀────┘  └──────────── 256 events ◀─────────────────┘
//! ```
//!
//! Start reading at [`server`], then `session`; [`engine::Engine`] is what a further engine implements.

pub mod config;
pub mod engine;
#[doc(hidden)]
pub mod hostile;
pub mod listen;
mod metrics;
#[cfg(feature = "models")]
mod models_cli;
pub mod resample;
pub mod server;
mod session;
pub mod text;
mod trial;
mod wav;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use dragoman_service::config::{self as variables, Vars};
use dragoman_service::lifecycle::{Lifecycle, Signals};
use dragoman_service::{http, telemetry};

use crate::config::Config;

/// Dubs speech: a WebSocket service that cuts source audio into utterances and answers with their dubs.
#[derive(Debug, Parser)]
#[command(name = "dragoman-speech", version, about)]
pub struct Cli {
    /// Judge the configuration and stop: exit 0, or 64 with every problem.
    #[arg(long)]
    check_config: bool,
    /// Before serving, fetch the models that the configuration names and that are not there yet, for a host that has nobody
    /// to do it. A service that is on air never downloads.
    #[cfg(feature = "models")]
    #[arg(long)]
    fetch_models: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a running service whether it is well; exit 0 or 1.
    Health {
        /// What to ask; without it the configured listener.
        url: Option<String>,
    },
    /// The weights of the built-in models: fetch, verify, list.
    #[cfg(feature = "models")]
    #[command(subcommand)]
    Models(models_cli::Models),
}

/// Runs the program: `vars` are the process's variables.
pub async fn run(cli: Cli, vars: Vars) -> anyhow::Result<ExitCode> {
    let ask_configured = match cli.command {
        Some(Command::Health { url: Some(url) }) => return Ok(health(&url)),
        Some(Command::Health { url: None }) => true,
        #[cfg(feature = "models")]
        Some(Command::Models(command)) => return models_cli::run(command, &vars).await,
        None => false,
    };
    let config = match Config::from_vars(&vars) {
        Ok(config) => config,
        Err(error) => return Ok(variables::refuse(&error)),
    };
    if ask_configured {
        return Ok(health(&format!("http://{}/healthz", loopback(config.listen))));
    }
    if cli.check_config {
        print!("{}", config::shown(&config));
        return Ok(ExitCode::SUCCESS);
    }
    #[cfg(feature = "models")]
    if cli.fetch_models && config.engine == engine::Name::Cascade {
        let fetched = models_cli::run(models_cli::Models::configured(), &vars).await?;
        if fetched != ExitCode::SUCCESS {
            return Ok(fetched);
        }
    }
    serve(&config).await
}

async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    telemetry::init(&config.log)?;
    let lifecycle = Lifecycle::new(server::GRACE);
    let signals = Signals::install().context("take signals over")?;
    let engine = match engine::start(config) {
        Ok(engine) => engine,
        Err(error) => match error.downcast_ref::<engine::cascade::DeviceError>() {
            Some(missing) => {
                eprintln!("bad configuration, 1 problem:\n  {missing}");
                return Ok(ExitCode::from(variables::EXIT_CODE));
            }
            None => return Err(error).context("start the engine"),
        },
    };
    server::start(config, engine, &lifecycle).await?;
    Ok(lifecycle.run(signals).await)
}

/// Where a listener at `address` answers on this machine.
fn loopback(address: std::net::SocketAddr) -> std::net::SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

fn health(url: &str) -> ExitCode {
    match http::health_client(url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
