//! What a scene plays in: the router, the services' variables, and what is put around their processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use xtask::stack::{Around, Options, PortChoice, Router, Service, Stack, has_mediamtx};

/// `mediamtx` runs every scenario over the MediaMTX on the PATH.
const ROUTER: &str = "FAULTS_ROUTER";

/// Where a scene differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// More variables of the media service.
    pub media: BTreeMap<String, String>,
    /// More variables of the speech service.
    pub speech: BTreeMap<String, String>,
    /// What is put around the services.
    pub around: Around,
    /// Another router than the one that the environment names.
    pub router: Option<Router>,
}

impl Setting {
    /// With these variables.
    pub fn new(media: &[(&str, &str)], speech: &[(&str, &str)]) -> Self {
        Self {
            media: owned(media),
            speech: owned(speech),
            ..Self::default()
        }
    }

    /// Over MediaMTX; `None`, with a note, where there is none.
    pub fn mediamtx(test: &str) -> Option<Self> {
        if !has_mediamtx() {
            crate::skipped::note(test, "no `mediamtx` on the PATH");
            return None;
        }
        Some(Self {
            router: Some(Router::MediaMtx),
            ..Self::default()
        })
    }

    /// A service is run by this program.
    pub fn run(mut self, service: Service, runner: &[&str]) -> Self {
        let words = runner.iter().map(|word| (*word).to_owned()).collect();
        self.around.runners.insert(service, words);
        self
    }

    /// Which router carries the streams.
    pub fn router(&self) -> Result<Router> {
        match (self.router, std::env::var(ROUTER)) {
            (Some(router), _) => Ok(router),
            (None, Err(_)) => Ok(Router::Own),
            (None, Ok(name)) => {
                ensure!(
                    name == "mediamtx" || name == "own",
                    "{ROUTER} is own or mediamtx, not {name}"
                );
                Ok(if name == "own" { Router::Own } else { Router::MediaMtx })
            }
        }
    }

    /// Starts the services.
    pub fn start(&self) -> Result<Stack> {
        let mut media = owned(&[("GRACE", "8s")]);
        media.extend(self.media.clone());
        let options = Options {
            router: self.router()?,
            ports: PortChoice::Free,
            media,
            speech: self.speech.clone(),
            keep_logs: false,
        };
        Stack::start_within(&options, &self.around)
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A wall clock that can be stepped, of the processes that run by it; the monotonic clock goes on.
#[derive(Debug)]
pub struct WallClock {
    dir: TempDir,
    library: String,
}

impl WallClock {
    /// `None`, with a note, where libfaketime is not installed.
    pub fn new(test: &str) -> Result<Option<Self>> {
        let mut command = Command::new("faketime");
        command.args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"]);
        let output = command.stdin(Stdio::null()).output();
        // A path that the loader understands: Debian's holds a `$LIB`.
        let library = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let Some(library) = library.ok().filter(|library| !library.is_empty()) else {
            crate::skipped::note(test, "no `faketime` on the PATH");
            return Ok(None);
        };
        let dir = tempfile::tempdir().context("no directory for a clock")?;
        let clock = Self { dir, library };
        clock.step(0)?;
        Ok(Some(clock))
    }

    /// Steps it to so many seconds ahead of the real one.
    pub fn step(&self, ahead: i64) -> Result<()> {
        // Read whenever somebody asks for the time: never half written.
        let new = self.dir.path().join("new");
        std::fs::write(&new, format!("{ahead:+}")).context("cannot write the clock")?;
        std::fs::rename(&new, self.file()).context("cannot step the clock")
    }

    /// Runs a service by it.
    pub fn runner(&self) -> Vec<String> {
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", self.library),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file().display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            "FAKETIME_DISABLE_SHM=1".to_owned(),
        ]
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("offset")
    }
}

/// Mounts a small file system where the media service keeps its sockets, which nobody else sees, and runs the service.
const OWN_RUN_DIR: &str = "mkdir -p \"$RUN_DIR\" && mount -t tmpfs -o size=1m,nr_inodes=64,mode=0700 tmpfs \"$RUN_DIR\" && exec \"$0\" \"$@\"";

/// Runs the media service with a small file system of its own as `RUN_DIR`; `None`, with a note, where no file system can
/// be mounted.
pub fn small_run_dir(test: &str) -> Option<Vec<String>> {
    let unshare = match rustix::process::geteuid().is_root() {
        true => vec!["unshare", "-m"],
        false => vec!["unshare", "-r", "-m"],
    };
    let mut trial = Command::new(unshare[0]);
    trial
        .args(&unshare[1..])
        .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    let outcome = trial
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !outcome.is_ok_and(|status| status.success()) {
        crate::skipped::note(test, "no file system can be mounted in a namespace of its own");
        return None;
    }
    let words = unshare.into_iter().chain(["sh", "-c", OWN_RUN_DIR]);
    Some(words.map(str::to_owned).collect())
}

/// Fills the file system at `dir` as `process` sees it, until nothing more can be created; dropping it makes room again.
#[derive(Debug)]
pub struct Full(Vec<PathBuf>);

impl Full {
    /// Fills it.
    pub fn fill(process: u32, dir: &Path) -> Result<Self> {
        let seen = PathBuf::from(format!("/proc/{process}/root")).join(dir.strip_prefix("/").unwrap_or(dir));
        let mut full = Self(Vec::new());
        for number in 0..4_096 {
            let file = seen.join(format!("filler-{number}"));
            match std::fs::write(&file, [0; 512]) {
                Ok(()) => full.0.push(file),
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(full),
                Err(error) => return Err(error).with_context(|| format!("cannot fill {}", seen.display())),
            }
        }
        anyhow::bail!("{} does not get full", seen.display())
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        self.0.iter().for_each(|file| drop(std::fs::remove_file(file)));
    }
}
