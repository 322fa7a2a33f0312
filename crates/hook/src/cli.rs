//! The command line.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::event::{self, Kind};
use crate::vars::Vars;
use crate::{Failure, exec, health, post, recordings, signals};

/// How long an event may take with all its retries: MediaMTX starts the next hook without waiting for this one, and
/// by then the media service has polled the state of things.
const LIMIT_MS: u64 = 10_000;

/// The hook that MediaMTX runs, and its image's health check.
#[derive(Debug, Parser)]
#[command(
    name = "dragoman-hook",
    version,
    about,
    subcommand_negates_reqs = true,
    arg_required_else_help = true
)]
struct Cli {
    /// Print the configuration, without secrets, and stop; exit 64 with every problem that `exec` would refuse (reads
    /// MODE, ALLOW_OPEN, DOMAIN, CERTIFICATES_DIR, MEDIA_API_URL, MEDIA_API_KEY, and the MTX_ variables with their files)
    #[arg(long, required = true)]
    check_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell the media service that a stream has come (reads MTX_PATH, MTX_QUERY, MTX_SOURCE_TYPE, MTX_SOURCE_ID;
    /// MEDIA_API_URL, default http://127.0.0.1:8080; MEDIA_API_KEY or MEDIA_API_KEY_FILE)
    Ready {
        #[arg(long, hide = true, default_value_t = LIMIT_MS)]
        limit_ms: u64,
    },
    /// Tell the media service that a stream has gone (reads the same variables)
    NotReady {
        #[arg(long, hide = true, default_value_t = LIMIT_MS)]
        limit_ms: u64,
    },
    /// Remove the oldest recordings while less is free than RECORD_FREE, default 5G (reads MTX_PATH, MTX_SEGMENT_PATH)
    Recorded,
    /// Ask a URL (http://) and exit 0 when it answers 2xx within 2 s
    Health {
        /// What to ask, such as http://127.0.0.1:9997/v3/info
        url: String,
    },
    /// Replace each variable NAME_FILE by NAME with the file's content, then become PROGRAM; exit 64 when variables are bad,
    /// or when MediaMTX would let other machines in without a key and ALLOW_OPEN is not 1. With DOMAIN and CERTIFICATES_DIR
    /// it first waits there for Caddy's certificate of that name, with which MediaMTX then serves RTMPS
    Exec {
        /// Look only at names that start with this (repeatable): outside a container there are other people's
        /// variables that end in _FILE
        #[arg(long, value_name = "PREFIX")]
        only: Vec<String>,
        /// The program and its arguments, behind `--`
        #[arg(last = true, required = true)]
        program: Vec<OsString>,
    },
}

/// Runs the program named by `args` with the variables `vars`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    vars: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), Failure> {
    let vars = Vars::new(vars);
    // Wrong usage and --help end the process here, with clap's own text.
    match Cli::parse_from(args).command {
        None => {
            let config = Config::judge(&vars, &["MTX_".to_owned()]).map_err(|problems| Failure::config(&problems))?;
            print!("{}", config.shown);
            Ok(())
        }
        Some(Command::Ready { limit_ms }) => notify(Kind::Ready, &vars, limit_ms),
        Some(Command::NotReady { limit_ms }) => notify(Kind::NotReady, &vars, limit_ms),
        Some(Command::Recorded) => recordings::make_room(&vars),
        Some(Command::Health { url }) => health::check(&url),
        Some(Command::Exec { only, program }) => exec::exec(&vars, &only, &program),
    }
}

fn notify(kind: Kind, vars: &Vars, limit_ms: u64) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_millis(limit_ms);
    let Some(request) = event::request(kind, vars)? else {
        return Ok(());
    };
    // MediaMTX interrupts a hook that still runs when its stream ends: the event is then of no use any more.
    signals::end_with(&format!(
        "{}: stopped by a signal before it was delivered",
        request.label
    ))?;
    post::deliver(&request, deadline)
}
