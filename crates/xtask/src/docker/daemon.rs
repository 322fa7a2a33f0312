//! An engine of our own, for as long as the tests run: its own data, sockets and networks.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;

use crate::child::Child;
use crate::install;
use crate::needs::{self, Need, Probe, Scope};

const NEEDS: &[Need] = &[
    program(&"docker", "runs the images", &["docker.io"]),
    program(&"dockerd", "runs the images", &["docker.io"]),
    program(&"iptables", "makes the containers' networks", &["iptables"]),
    program(&"curl", "asks over TLS", &["curl"]),
    program(
        &"/etc/ssl/certs/ca-certificates.crt",
        "what the images trust",
        &["ca-certificates"],
    ),
];

const fn program(name: &'static &'static str, reason: &'static str, apt: &'static [&'static str]) -> Need {
    Need {
        scope: Scope::Test,
        probe: Probe::Program(std::slice::from_ref(name)),
        reason,
        apt,
        brew: "",
    }
}

const WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// A running engine; dropping it stops it and what it runs, and removes its data.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Option<Child>,
    dir: TempDir,
}

impl Daemon {
    /// Installs Debian's packages where they are missing, and starts the engine. Only root can.
    pub(crate) fn start() -> Result<Self> {
        if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
            bail!("an engine of our own needs Linux and root");
        }
        install::ensure_all(&|| NEEDS.iter().filter(|need| need.find().is_err()).collect(), false)?;
        let program = needs::on_path("dockerd").context("no `dockerd` on the PATH")?;
        // Sockets have short paths, and data may be large: /var/tmp is a disk where /tmp is memory.
        let dir = tempfile::Builder::new()
            .prefix("dragoman-docker-")
            .tempdir_in("/var/tmp")?;
        let at = |name: &str| dir.path().join(name);
        let settings = json!({
            "data-root": at("data"),
            "exec-root": at("exec"),
            "pidfile": at("pid"),
            "hosts": [format!("unix://{}", at("sock").display())],
            "bridge": "none",
            // It stands in for NVIDIA's: what happens where the runtime is there and the GPU is not.
            "runtimes": { "nvidia": { "path": "runc" } },
        });
        fs::write(at("daemon.json"), settings.to_string()).context("cannot write the engine's settings")?;
        let mut command = Command::new(program);
        command.arg("--config-file").arg(at("daemon.json"));
        eprintln!("starting a Docker engine in {}", dir.path().display());
        let child = Child::spawn("dockerd", &mut command, dir.path(), false)?;
        let mut daemon = Self {
            child: Some(child),
            dir,
        };
        daemon.wait()?;
        Ok(daemon)
    }

    /// What DOCKER_HOST says.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            if needs::succeeds(Command::new("docker").env("DOCKER_HOST", self.host()).arg("version")) {
                return Ok(());
            }
            let child = self.child.as_mut().context("the engine was stopped")?;
            child.check()?;
            if started.elapsed() > WITHIN {
                bail!("the engine does not answer after {WITHIN:?}\n{}", child.tail());
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // What it mounted is gone only once it has ended.
        self.child = None;
    }
}
