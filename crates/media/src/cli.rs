//! The command line: which kind of process this is.

use std::ffi::OsString;
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use dragoman_service::config::{Check, Vars, refuse};
use dragoman_service::{http, telemetry};

use crate::config::{self, Config};
use crate::control::exit;
use crate::spec::Spec;
use crate::{guardian, orchestrator, publish, worker};

/// A spec that is longer is none of ours.
const MAX_SPEC_BYTES: u64 = 1 << 20;

/// Dubs live streams: pulls them from the media router and pushes dubbed programmes back.
///
/// Configuration comes from environment variables; see .env.example.
#[derive(Parser)]
#[command(name = "dragoman-media", version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print the configuration, without secrets, and stop; exit 64 if it is bad.
    #[arg(long)]
    check_config: bool,
    /// Started for each session instead of this program's own worker.
    #[arg(long, hide = true, global = true, value_name = "PATH")]
    worker_program: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Hooks, API and workers; started by the guardian, and ends with it.
    #[command(hide = true)]
    Orchestrator {
        /// The guardian's process id.
        #[arg(long, value_name = "PID")]
        guardian: Option<i32>,
        /// The guardian was told to stop already; streams on air may go on for so long.
        #[arg(long, value_name = "MS")]
        stop_within: Option<u64>,
    },
    /// One session; its spec is read from standard input.
    #[command(hide = true)]
    Worker,
    /// Ask a running service how it is; exit 0 if it answers well.
    Health {
        /// Default: /healthz of the address in MEDIA_LISTEN.
        url: Option<String>,
    },
    /// Send a talking test stream to the router, until it is stopped (reads ROUTER_USER and ROUTER_PASS).
    Publish {
        /// Where to, such as rtmp://127.0.0.1:1935/live/test/in
        url: String,
    },
}

/// Runs the program with its arguments and environment.
pub fn main<A, V>(args: A, vars: V) -> ExitCode
where
    A: IntoIterator<Item = OsString>,
    V: IntoIterator<Item = (OsString, OsString)>,
{
    let args = Args::parse_from(args);
    let vars = Vars::new(vars);
    match args.command {
        Some(Command::Worker) => run_worker(&vars),
        Some(Command::Health { url }) => health(url, &vars),
        Some(Command::Publish { url }) => publish::main(&url, &vars),
        Some(Command::Orchestrator { guardian, stop_within }) => match Config::from_vars(&vars) {
            Ok(config) => orchestrator::main(
                config,
                orchestrator::Launch {
                    guardian,
                    stop_within: stop_within.map(Duration::from_millis),
                    worker_program: args.worker_program,
                },
            ),
            Err(error) => refuse(&error),
        },
        None if args.check_config => match Config::from_vars(&vars) {
            Ok(config) => {
                print!("{}", config::shown(&config));
                ExitCode::SUCCESS
            }
            Err(error) => refuse(&error),
        },
        None => {
            start_log(&vars);
            guardian::run(args.worker_program, config::drain(&vars))
        }
    }
}

/// The orchestrator judges all variables; whoever only logs takes what is readable of these two.
fn start_log(vars: &Vars) {
    #[derive(Default, serde::Deserialize)]
    struct Raw {
        log: Option<String>,
        log_format: Option<String>,
    }
    let mut check = Check::new();
    let raw: Raw = vars.read(&mut check);
    let options = telemetry::Options::check(&mut check, raw.log, raw.log_format);
    if let Err(error) = telemetry::init(&options) {
        eprintln!("{error:#}");
    }
}

fn run_worker(vars: &Vars) -> ExitCode {
    start_log(vars);
    let mut line = String::new();
    let read = std::io::stdin().lock().take(MAX_SPEC_BYTES).read_line(&mut line);
    let spec = read
        .map_err(|e| e.to_string())
        .and_then(|_| serde_json::from_str::<Spec>(&line).map_err(|e| e.to_string()));
    let code = match spec {
        Ok(spec) => worker::run(spec),
        Err(error) => {
            tracing::error!(error, "the spec cannot be read");
            exit::SPEC
        }
    };
    ExitCode::from(u8::try_from(code).unwrap_or(exit::INTERNAL as u8))
}

fn health(url: Option<String>, vars: &Vars) -> ExitCode {
    match http::health_client(&url.unwrap_or_else(|| config::health_url(vars))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
