//! A Docker engine and its compose plugin: the machine's own, or for the tests one that is started here.

mod daemon;
mod plugin;
pub(crate) mod suite;

pub(crate) use self::plugin::archive;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::needs;

/// An engine that answers.
#[derive(Debug)]
pub(crate) struct Docker {
    /// Where it is, when it is not the one that `docker` finds by itself.
    host: Option<String>,
    /// Holds the compose plugin, when `docker` has none.
    config: Option<PathBuf>,
    /// Ends with this value.
    _daemon: Option<daemon::Daemon>,
}

impl Docker {
    /// The engine that this machine runs.
    pub(crate) fn running() -> Result<Self> {
        if needs::on_path("docker").is_none() {
            bail!("no `docker` on the PATH: install Docker Engine or Docker Desktop");
        }
        let docker = Self {
            host: None,
            config: None,
            _daemon: None,
        };
        if !docker.answers() {
            bail!(
                "docker does not answer: start it (sudo systemctl start docker, or Docker Desktop), or let your user talk \
                 to it (group docker)"
            );
        }
        Ok(docker)
    }

    /// The engine that this machine runs, or one that is started for as long as the value lives; with compose.
    pub(crate) fn for_tests() -> Result<Self> {
        let mut docker = match Self::running() {
            Ok(docker) => docker,
            Err(reason) => {
                let daemon = daemon::Daemon::start().with_context(|| format!("{reason:#}"))?;
                Self {
                    host: Some(daemon.host()),
                    config: None,
                    _daemon: Some(daemon),
                }
            }
        };
        if !needs::succeeds(docker.command().args(["compose", "version"])) {
            docker.config = Some(plugin::fetch()?);
            if !needs::succeeds(docker.command().args(["compose", "version"])) {
                bail!("`docker compose` does not run, though its plugin is there");
            }
        }
        Ok(docker)
    }

    /// `docker`, pointed at this engine.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.envs(self.variables());
        command
    }

    /// What makes any `docker` find this engine.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let host = self.host.clone().map(|host| ("DOCKER_HOST", host));
        let config = self
            .config
            .as_ref()
            .map(|dir| ("DOCKER_CONFIG", dir.display().to_string()));
        host.into_iter().chain(config).collect()
    }

    fn answers(&self) -> bool {
        needs::succeeds(self.command().args(["version", "--format", "{{.Server.Version}}"]))
    }
}
