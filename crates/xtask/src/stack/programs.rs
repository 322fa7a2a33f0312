//! The programs of a stack: where they are and how each is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{PortChoice, Router, Stack};
use crate::needs;

impl Stack {
    pub(super) fn media(&self) -> Result<Command> {
        let (ports, options) = (self.ports, &self.options);
        let rtsp = match options.router {
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

    pub(super) fn speech(&self) -> Result<Command> {
        let mut command = Command::new(binary("dragoman-speech")?);
        command
            .env("SPEECH_LISTEN", format!("127.0.0.1:{}", self.ports.speech))
            .envs(&self.options.speech);
        Ok(command)
    }

    pub(super) fn router(&self) -> Result<Command> {
        let media = self.around.hooks.clone().unwrap_or_else(|| self.media_url());
        let mut command = match self.options.router {
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
            Router::MediaMtx => self.mediamtx(&media, self.options.ports == PortChoice::Usual)?,
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

/// The configuration with which MediaMTX calls our hook: what was installed with this program, or the repository's.
fn mediamtx_configuration() -> PathBuf {
    let installed = bin_dir()
        .ok()
        .and_then(|dir| Some(dir.parent()?.join("share/dragoman/mediamtx.yml")));
    installed
        .filter(|file| file.is_file())
        .unwrap_or_else(|| repository().join("crates/hook/mediamtx.yml"))
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

/// The directory of our own binaries.
pub(crate) fn bin_dir() -> Result<PathBuf> {
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
