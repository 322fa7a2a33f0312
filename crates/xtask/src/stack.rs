//! Router, speech and media as child processes on ports of this machine: started, waited for, stopped.
//!
//! Everything listens on 127.0.0.1 only. Dropping a [`Stack`] stops it: SIGTERM, a bounded wait, SIGKILL.

mod programs;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use rustix::process::Signal;
use serde_json::Value;

pub(crate) use self::programs::bin_dir;
pub use self::programs::{binary, chromium, has_apt, has_mediamtx, has_speech_chain, repository};
use crate::child::Child;
use crate::ports::{self, Ports};
use crate::{http, ready};

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

/// What tests put around the services.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Programs that run a service, with their words; the service's own program and words follow, and have to become the
    /// same process.
    pub runners: BTreeMap<Service, Vec<String>>,
    /// Where the router's hooks go instead of to the media service.
    pub hooks: Option<String>,
}

/// One of the services of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Guardian, orchestrator and workers.
    Media,
    /// The speech service.
    Speech,
    /// The router.
    Router,
}

impl Service {
    /// In the order in which they are stopped: media first, so that it can say goodbye to the others.
    const ALL: [Self; 3] = [Self::Media, Self::Speech, Self::Router];

    fn name(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Speech => SPEECH,
            Self::Router => "router",
        }
    }
}

/// The running services.
#[derive(Debug)]
pub struct Stack {
    children: Vec<Child>,
    ports: Ports,
    options: Options,
    around: Around,
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
        Self::start_within(options, &Around::default())
    }

    /// The same with something around the services.
    pub fn start_within(options: &Options, around: &Around) -> Result<Self> {
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
            match Self::start_on(ports, options, around) {
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

    fn start_on(ports: Ports, options: &Options, around: &Around) -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("dragoman-")
            .tempdir_in("/tmp")
            .context("cannot make a run directory")?
            .keep();
        let started = Instant::now();
        let mut stack = Self {
            children: Vec::new(),
            ports,
            options: options.clone(),
            around: around.clone(),
            media_key: options.media.get("MEDIA_API_KEY").cloned(),
            ready_after: Duration::ZERO,
            dir: RunDir { path, keep: true },
        };
        for service in Service::ALL {
            let child = stack.spawn(service)?;
            stack.children.push(child);
        }
        stack.wait_until_ready(started)?;
        stack.ready_after = started.elapsed();
        stack.dir.keep = options.keep_logs;
        Ok(stack)
    }

    fn spawn(&self, service: Service) -> Result<Child> {
        let mut command = match service {
            Service::Media => self.media()?,
            Service::Speech => self.speech()?,
            Service::Router => self.router()?,
        };
        if let Some(runner) = self.around.runners.get(&service) {
            command = within(runner, &command);
        }
        Child::spawn(service.name(), &mut command, &self.dir.path, false)
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

    /// The process of a service: of media it is the guardian.
    pub fn pid(&self, service: Service) -> Option<u32> {
        self.child(service).map(Child::pid)
    }

    /// Sends a signal to the process of a service.
    pub fn signal(&mut self, service: Service, signal: Signal) {
        if let Some(child) = self.child_mut(service) {
            child.signal(signal);
        }
    }

    /// Kills a service and what it started, as a crash would. [`Stack::check`] reports it until it is started again.
    pub fn kill(&mut self, service: Service) {
        if let Some(child) = self.child_mut(service) {
            child.kill();
        }
    }

    /// Ends a service as its operator would, with SIGTERM; the time that it took.
    pub fn end(&mut self, service: Service) -> Duration {
        let begun = Instant::now();
        if let Some(child) = self.child_mut(service) {
            child.stop();
        }
        begun.elapsed()
    }

    /// Starts a service that has ended, where it was, with more variables.
    pub fn start_again(&mut self, service: Service, variables: &[(&str, &str)]) -> Result<()> {
        let more = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        match service {
            Service::Media => self.options.media.extend(more),
            Service::Speech => self.options.speech.extend(more),
            Service::Router => {}
        }
        let child = self.spawn(service)?;
        if let Some(place) = self.child_mut(service) {
            *place = child;
        }
        Ok(())
    }

    fn child(&self, service: Service) -> Option<&Child> {
        self.children.iter().find(|child| child.name() == service.name())
    }

    fn child_mut(&mut self, service: Service) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.name() == service.name())
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

/// The command, run by another program.
fn within(runner: &[String], command: &Command) -> Command {
    let mut words = runner.iter().map(OsStr::new).chain([command.get_program()]);
    let mut outer = Command::new(words.next().unwrap_or_default());
    outer.args(words).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
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
