//! Router, speech and media as child processes on ports of this machine: started, waited for, stopped.
//!
//! Everything listens on 127.0.0.1 only. Dropping a [`Stack`] stops it: SIGTERM, a bounded wait, SIGKILL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::child::Child;
use crate::ports::{self, Ports};
use crate::{http, needs, ready};

pub(crate) const SPEECH: &str = "speech";
/// Another process can take a free port between our look and our child's.
const ATTEMPTS_ON_FREE_PORTS: usize = 3;

/// Which media router carries the streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Router {
    /// `dragoman-router`, for the demo and for tests
    #[default]
    Own,
    /// MediaMTX, found on the PATH, with the configuration of this repository
    #[value(name = "mediamtx")]
    MediaMtx,
}

/// Where the stack listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChoice {
    /// The usual ports; one that is taken is an error.
    Usual,
    /// The usual ports, others for those that are taken.
    UsualOrFree,
    /// Ports that nobody listens on.
    Free,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The router.
    pub router: Router,
    /// The ports.
    pub ports: PortChoice,
    /// More variables for the media service.
    pub media: BTreeMap<String, String>,
    /// More variables for the speech service.
    pub speech: BTreeMap<String, String>,
    /// Keep the logs after a clean end.
    pub keep_logs: bool,
}

/// The running services.
#[derive(Debug)]
pub struct Stack {
    /// In the order in which they are stopped: media first, so that it can say goodbye to the others.
    children: Vec<Child>,
    ports: Ports,
    router: Router,
    media_key: Option<String>,
    ready_after: Duration,
    dir: RunDir,
}

/// The directory with logs and sockets. Its path is short, since a socket's may not exceed about a hundred bytes.
#[derive(Debug)]
struct RunDir {
    path: PathBuf,
    keep: bool,
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if !self.keep && !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Stack {
    /// Starts everything and waits until it is ready.
    pub fn start(options: &Options) -> Result<Self> {
        let mut attempt = 1;
        loop {
            let ports = match options.ports {
                PortChoice::Usual => ports::USUAL,
                PortChoice::UsualOrFree => usual_or_free()?,
                PortChoice::Free => Ports::free()?,
            };
            let taken = ports.taken();
            if options.ports == PortChoice::Usual && !taken.is_empty() {
                bail!("{}", taken.join("; "));
            }
            match Self::start_on(ports, options) {
                Err(_)
                    if options.ports != PortChoice::Usual
                        && attempt < ATTEMPTS_ON_FREE_PORTS
                        && !ports.taken().is_empty() =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn start_on(ports: Ports, options: &Options) -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("dragoman-")
            .tempdir_in("/tmp")
            .context("cannot make a run directory")?
            .keep();
        let started = Instant::now();
        let mut stack = Self {
            children: Vec::new(),
            ports,
            router: options.router,
            media_key: options.media.get("MEDIA_API_KEY").cloned(),
            ready_after: Duration::ZERO,
            dir: RunDir { path, keep: true },
        };
        for (name, mut command) in [
            ("media", stack.media(options)?),
            (SPEECH, stack.speech(options)?),
            ("router", stack.router_command(options)?),
        ] {
            let child = Child::spawn(name, &mut command, &stack.dir.path, false)?;
            stack.children.push(child);
        }
        stack.wait_until_ready(started)?;
        stack.ready_after = started.elapsed();
        stack.dir.keep = options.keep_logs;
        Ok(stack)
    }

    fn media(&self, options: &Options) -> Result<Command> {
        let ports = self.ports;
        let rtsp = match self.router {
            Router::Own => "none".to_owned(),
            Router::MediaMtx => format!("rtsp://127.0.0.1:{}", ports.rtsp),
        };
        let mut command = Command::new(binary("dragoman-media")?);
        command
            .env("MEDIA_LISTEN", format!("127.0.0.1:{}", ports.media))
            .env("ROUTER_URL", format!("rtmp://127.0.0.1:{}", ports.rtmp))
            .env("ROUTER_RTSP_URL", rtsp)
            .env("ROUTER_API_URL", format!("http://127.0.0.1:{}", ports.api))
            .env("SPEECH_URL", format!("ws://127.0.0.1:{}", ports.speech))
            .env("WATCH_URL", format!("http://127.0.0.1:{}", ports.http))
            .env("RUN_DIR", self.dir.path.join("run"))
            .envs(&options.media);
        if let Some(key) = options.speech.get("SPEECH_KEY") {
            command.env("SPEECH_KEY", key);
        }
        Ok(command)
    }

    fn speech(&self, options: &Options) -> Result<Command> {
        let mut command = Command::new(binary("dragoman-speech")?);
        command
            .env("SPEECH_LISTEN", format!("127.0.0.1:{}", self.ports.speech))
            .envs(&options.speech);
        Ok(command)
    }

    fn router_command(&self, options: &Options) -> Result<Command> {
        let media = self.media_url();
        let mut command = match self.router {
            Router::Own => {
                let mut command = Command::new(binary("dragoman-router")?);
                for (flag, port) in [
                    ("--rtmp", self.ports.rtmp),
                    ("--http", self.ports.http),
                    ("--api", self.ports.api),
                ] {
                    command.arg(flag).arg(format!("127.0.0.1:{port}"));
                }
                command.arg("--hook-url").arg(&media);
                command
            }
            Router::MediaMtx => self.mediamtx(&media, options.ports == PortChoice::Usual)?,
        };
        if let Some(key) = &self.media_key {
            command.env("MEDIA_API_KEY", key);
        }
        Ok(command)
    }

    /// MediaMTX takes each of its settings from `MTX_<SETTING>` too; its hook is found beside our own binaries.
    fn mediamtx(&self, media: &str, srt: bool) -> Result<Command> {
        let program = needs::on_path("mediamtx").context("no `mediamtx` on the PATH: see https://mediamtx.org")?;
        let mut path = vec![bin_dir()?];
        path.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        let mut command = Command::new(program);
        command
            .arg(mediamtx_configuration())
            .env(
                "PATH",
                std::env::join_paths(path).context("the PATH cannot be extended")?,
            )
            .env("MEDIA_API_URL", media)
            .env("MTX_RTMPADDRESS", format!("127.0.0.1:{}", self.ports.rtmp))
            .env("MTX_RTSPADDRESS", format!("127.0.0.1:{}", self.ports.rtsp))
            .env("MTX_HLSADDRESS", format!("127.0.0.1:{}", self.ports.http))
            .env("MTX_APIADDRESS", format!("127.0.0.1:{}", self.ports.api))
            .env("MTX_MOQ", "no")
            // Its port is fixed and UDP: off where several stacks may run on one machine.
            .env("MTX_SRT", if srt { "yes" } else { "no" });
        Ok(command)
    }

    fn wait_until_ready(&mut self, started: Instant) -> Result<()> {
        let waiting = vec![
            ("router", format!("{}/v3/info", self.router_api_url())),
            (SPEECH, format!("http://127.0.0.1:{}/readyz", self.ports.speech)),
            ("media", format!("{}/readyz", self.media_url())),
        ];
        ready::wait(&mut self.children, waiting, started)
    }

    /// Fails, with the end of its log, when one of the services has ended.
    pub fn check(&mut self) -> Result<()> {
        self.children.iter_mut().try_for_each(Child::check)
    }

    /// Kills the speech service, as a crash would. [`Stack::check`] reports it from then on.
    pub fn kill_speech(&mut self) {
        if let Some(speech) = self.children.iter_mut().find(|child| child.name() == SPEECH) {
            speech.kill();
        }
    }

    /// From the start of the processes until all were ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The ports in use.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Where logs and sockets are.
    pub fn dir(&self) -> &Path {
        &self.dir.path
    }

    /// Where a stream is published and read: `rtmp://…/<path>`.
    pub fn rtmp_url(&self, path: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{path}", self.ports.rtmp)
    }

    /// Where a stream is watched in a browser.
    pub fn watch_url(&self, path: &str) -> String {
        match path {
            "" => format!("http://127.0.0.1:{}/", self.ports.http),
            path => format!("http://127.0.0.1:{}/{path}/", self.ports.http),
        }
    }

    /// The media service: API and operator's page.
    pub fn media_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.media)
    }

    /// The speech service.
    pub fn speech_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.speech)
    }

    /// The router's control API.
    pub fn router_api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.api)
    }

    /// What the media service says of one stream, nothing while it does not know it.
    pub fn stream(&self, id: &str) -> Option<Value> {
        http::get_json(
            &format!("{}/v1/streams/{id}", self.media_url()),
            self.media_key.as_deref(),
        )
        .ok()
    }

    /// Stops everything, media first. The same happens when it is dropped.
    pub fn stop(mut self) {
        self.stop_children();
    }

    fn stop_children(&mut self) {
        for child in &mut self.children {
            child.stop();
        }
        self.children.clear();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop_children();
    }
}

fn usual_or_free() -> Result<Ports> {
    let pick = |port| if ports::is_free(port) { Ok(port) } else { ports::free() };
    let usual = ports::USUAL;
    Ok(Ports {
        rtmp: pick(usual.rtmp)?,
        http: pick(usual.http)?,
        api: pick(usual.api)?,
        media: pick(usual.media)?,
        speech: pick(usual.speech)?,
        rtsp: pick(usual.rtsp)?,
    })
}

/// Whether a MediaMTX is on the PATH.
pub fn has_mediamtx() -> bool {
    needs::on_path("mediamtx").is_some()
}

/// The Chromium of this machine, if it has one.
pub fn chromium() -> Option<PathBuf> {
    needs::chromium()
}

/// Whether the programs are here that dub English into Spanish in the test of real speech.
pub fn has_speech_chain() -> bool {
    needs::missing(needs::Scope::Chain).is_empty()
}

/// Whether packages that are missing could be had from Debian, so that nothing has to be skipped for them.
pub fn has_apt() -> bool {
    needs::on_path("apt-get").is_some()
}

/// The configuration with which MediaMTX calls our hook.
fn mediamtx_configuration() -> PathBuf {
    repository().join("crates/hook/mediamtx.yml")
}

/// The root of this repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// One of our own binaries, built into the directory from which this very program runs.
pub fn binary(name: &str) -> Result<PathBuf> {
    let file = bin_dir()?.join(name);
    if !file.is_file() {
        bail!(
            "{} does not exist: run `cargo build --workspace --bins` first",
            file.display()
        );
    }
    Ok(file)
}

fn bin_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let dir = program.parent().context("this program is in no directory")?;
    // Test binaries run from a directory below.
    let dir = if dir.ends_with("deps") {
        dir.parent().unwrap_or(dir)
    } else {
        dir
    };
    Ok(dir.to_owned())
}
