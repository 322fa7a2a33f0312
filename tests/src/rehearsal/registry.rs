//! A registry with our images: Debian's `docker-registry`, once for this machine and once for the host, over one storage.
//!
//! Both listen on 127.0.0.1, where an engine takes plain HTTP, each in its network namespace: so a reference with its
//! digest is the same on either side.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::eventually::eventually;
use crate::material::run;
use crate::project::docker;

const PORT: u16 = 5_321;

/// Running registries; dropping them ends them.
#[derive(Debug)]
pub struct Registry {
    dir: PathBuf,
    host: u32,
    near: Child,
    far: Option<Child>,
}

impl Registry {
    /// Keeps its data in `dir`; `host` is a process in the host's network namespace.
    pub fn start(dir: &Path, host: u32) -> Result<Self> {
        let settings = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: false}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{PORT}\"}}\n",
            dir.join("storage").display()
        );
        std::fs::write(dir.join("registry.yml"), settings)?;
        let mut registry = Self {
            near: spawn(&mut Command::new("docker-registry"), dir, "near")?,
            far: None,
            dir: dir.to_owned(),
            host,
        };
        registry.back()?;
        eventually(
            "the registry listens",
            || Ok(std::net::TcpStream::connect(("127.0.0.1", PORT)).ok()),
            || std::fs::read_to_string(dir.join("near.log")).unwrap_or_default(),
        )?;
        Ok(registry)
    }

    /// Pushes an image of this machine: its reference by digest.
    pub fn push(&self, image: &str, name: &str) -> Result<String> {
        let reference = format!("127.0.0.1:{PORT}/{name}");
        run(&mut docker(&["tag", image, &reference]))?;
        let said = run(&mut docker(&["push", &reference]))?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let digest = said.split_whitespace().find(|word| word.starts_with("sha256:"));
        let digest = digest.with_context(|| format!("docker push names no digest: {said}"))?;
        Ok(format!("{reference}@{digest}"))
    }

    /// Takes it away from the host.
    pub fn away(&mut self) {
        if let Some(mut far) = self.far.take() {
            let _ = far.kill();
            let _ = far.wait();
        }
    }

    /// Gives it back to the host.
    pub fn back(&mut self) -> Result<()> {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.host.to_string(), "--net", "docker-registry"]);
        self.far = Some(spawn(&mut command, &self.dir, "far")?);
        Ok(())
    }

    /// How often the host asked for anything of it.
    pub fn requests(&self) -> usize {
        let log = std::fs::read_to_string(self.dir.join("far.log")).unwrap_or_default();
        log.matches("\"GET /v2/dragoman").count()
    }
}

fn spawn(command: &mut Command, dir: &Path, name: &str) -> Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join(format!("{name}.log")))?;
    command.arg("serve").arg(dir.join("registry.yml"));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().context("cannot run docker-registry")
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.away();
        let _ = self.near.kill();
        let _ = self.near.wait();
    }
}
