//! What every daemon of Dragoman shares: configuration that reports all its problems at once, logs, an orderly life
//! from start to stop, keys, the probes `/healthz`, `/readyz` and `/metrics`, and backoff.
//!
//! It knows nothing of media, speech or routers, reads no environment by itself (`main.rs` hands the variables in) and
//! keeps no global state besides the log subscriber.
//!
//! A daemon starts in this order:
//!
//! ```no_run
//! # use dragoman_service::{config::{self, Check, Vars}, http, lifecycle::{Lifecycle, Signals}, metrics, telemetry};
//! # use std::{process::ExitCode, time::Duration};
//! # #[derive(Default, serde::Deserialize)]
//! # struct Raw { log: Option<String>, log_format: Option<String>, media_listen: Option<String> }
//! # async fn start() -> anyhow::Result<ExitCode> {
//! let vars = Vars::new(std::env::vars_os());
//! let mut check = Check::new();
//! let raw: Raw = vars.read(&mut check);
//! let log = telemetry::Options::check(&mut check, raw.log, raw.log_format);
//! let listen = check.address("MEDIA_LISTEN", raw.media_listen, "127.0.0.1:8080");
//! if let Err(error) = check.finish() {
//!     return Ok(config::refuse(&error));
//! }
//! telemetry::init(&log)?;
//! let lifecycle = Lifecycle::new(Duration::from_secs(10));
//! let signals = Signals::install()?;
//! let registry = metrics::registry("dragoman_media", env!("CARGO_PKG_VERSION"));
//! let router = http::probes(registry, || http::Report::ready(serde_json::json!({"status": "ok"})));
//! http::serve("api", http::bind(listen).await?, router, &lifecycle);
//! Ok(lifecycle.run(signals).await)
//! # }
//! ```

pub mod auth;
pub mod backoff;
pub mod config;
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod telemetry;
