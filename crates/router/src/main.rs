//! `dragoman-router`: listens, says where in one JSON line, and serves until SIGTERM.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use dragoman_router::{Config, Router, Target};
use dragoman_service::auth::listener_policy;
use dragoman_service::config::{self, Check, Vars};
use dragoman_service::lifecycle::{Lifecycle, Signals};
use dragoman_service::telemetry;
use serde::Deserialize;
use serde_json::json;
use tracing::{error, info};
use url::Url;

/// A small RTMP hub for the demo and the tests. Not for production: run MediaMTX there.
///
/// Publish and play at rtmp://HOST/<path>, watch at http://HOST:8888/ or /<path>/, read HTTP-FLV at /<path>.flv.
/// Its hook calls and its /v3 API are MediaMTX's, as far as an orchestrator uses them.
///
/// Variables: LOG and LOG_FORMAT; MEDIA_API_KEY or MEDIA_API_KEY_FILE instead of --hook-key; ALLOW_OPEN=1 to listen
/// beyond loopback, where anybody can publish, watch and ask.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Print the configuration, without secrets, and stop; exit 64 if it is bad.
    #[arg(long)]
    check_config: bool,
    /// Where publishers and readers come.
    #[arg(long, default_value = "127.0.0.1:1935")]
    rtmp: SocketAddr,
    /// Where viewers come: the player page and HTTP-FLV.
    #[arg(long, default_value = "127.0.0.1:8888")]
    http: SocketAddr,
    /// The control API.
    #[arg(long, default_value = "127.0.0.1:9997")]
    api: SocketAddr,
    /// The orchestrator that is told what comes and goes; /v1/mediamtx/events/... is appended.
    #[arg(long, value_parser = http_url)]
    hook_url: Option<Url>,
    /// Its key, sent as bearer token.
    #[arg(long)]
    hook_key: Option<String>,
    /// As ALLOW_OPEN=1, where the environment is another's: a host that is rehearsed without MediaMTX.
    #[arg(long)]
    open: bool,
}

#[derive(Default, Deserialize)]
struct Raw {
    log: Option<String>,
    log_format: Option<String>,
    allow_open: Option<String>,
    media_api_key: Option<String>,
}

/// How long connections may take to end; nothing here needs it.
const GRACE: Duration = Duration::from_secs(5);

fn http_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "http" && url.has_host() => Ok(url),
        Ok(_) => Err("expected http://HOST[:PORT]".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => {
            let code = if refusal.use_stderr() { config::EXIT_CODE } else { 0 };
            return refusal.print().map_or(ExitCode::FAILURE, |()| ExitCode::from(code));
        }
    };
    let only_shown = arguments.check_config;
    let (config, log) = match configure(arguments) {
        Ok(configured) => configured,
        Err(problems) => return config::refuse(&problems),
    };
    if only_shown {
        print!("{}", shown(&config, &log));
        return ExitCode::SUCCESS;
    }
    match telemetry::init(&log).and_then(|()| run(config)) {
        Ok(code) => code,
        Err(failure) => {
            error!(error = format!("{failure:#}"), "router failed");
            ExitCode::FAILURE
        }
    }
}

fn configure(arguments: Arguments) -> Result<(Config, telemetry::Options), config::ConfigError> {
    let mut check = Check::new();
    let variables: Raw = Vars::new(std::env::vars_os()).read(&mut check);
    let log = telemetry::Options::check(&mut check, variables.log, variables.log_format);
    let allow_open = check.flag("ALLOW_OPEN", variables.allow_open) || arguments.open;
    let Arguments {
        open: _,
        check_config: _,
        rtmp,
        http,
        api,
        hook_url,
        hook_key,
    } = arguments;
    for (name, address) in [("--rtmp", rtmp), ("--http", http), ("--api", api)] {
        if listener_policy(address, false, allow_open).is_err() {
            check.problem(
                name,
                Some(&address.to_string()),
                "a loopback address, or ALLOW_OPEN=1: there are no keys here",
            );
        }
    }
    let key = check.secret("MEDIA_API_KEY", hook_key.or(variables.media_api_key));
    let hook = hook_url.map(|url| Target {
        url,
        key: key.map(|key| key.expose().to_owned()),
    });
    check.finish().map(|()| (Config { rtmp, http, api, hook }, log))
}

/// What it would run with, flags as flags and variables as variables, without secrets.
fn shown(config: &Config, log: &telemetry::Options) -> String {
    let hook = config.hook.as_ref();
    let rows = [
        ("--rtmp", config.rtmp.to_string()),
        ("--http", config.http.to_string()),
        ("--api", config.api.to_string()),
        (
            "--hook-url",
            hook.map_or_else(
                || "not set".to_owned(),
                |hook| config::parse::redacted(hook.url.as_str()),
            ),
        ),
        (
            "MEDIA_API_KEY",
            match hook.and_then(|hook| hook.key.as_ref()) {
                Some(_) => "set, not shown",
                None => "not set",
            }
            .to_owned(),
        ),
        ("LOG", log.filter.clone()),
        ("LOG_FORMAT", log.format.name().to_owned()),
    ];
    rows.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

#[tokio::main(worker_threads = 2)]
async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let router = Router::bind(config).await?;
    let signals = Signals::install().context("take signals")?;
    let listening = router.listening();
    info!(
        rtmp = %listening.rtmp,
        http = %listening.http,
        api = %listening.api,
        access = "open",
        "listening, for demo and tests only"
    );
    println!("{}", json!({ "listening": listening }));
    let lifecycle = Lifecycle::new(GRACE);
    lifecycle.spawn_essential("router", router.run(lifecycle.soft().clone()));
    Ok(lifecycle.run(signals).await)
}
