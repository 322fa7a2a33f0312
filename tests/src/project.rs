//! A compose project: `compose.yaml` unchanged in a real engine, with a name and ports of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::{http, ports, stack};

use crate::eventually::eventually;
use crate::material;

/// Variables of this process that `docker` needs. No other may decide what compose sees.
const KEPT: [&str; 4] = ["PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG"];
/// What `up` waits for by itself.
pub const UP_WITHIN: Duration = Duration::from_secs(60);

/// A project; dropping it removes its containers, networks and volumes.
#[derive(Debug)]
pub struct Project {
    name: String,
    variables: BTreeMap<String, String>,
    dir: TempDir,
}

impl Project {
    /// One that has nothing but ports in its environment.
    pub fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut project = Self {
            name: format!("dragoman-test-{}-{count}", std::process::id()),
            variables: BTreeMap::new(),
            dir: tempfile::tempdir().context("cannot make a directory")?,
        };
        for name in [
            "RTMP_PORT",
            "RTMPS_PORT",
            "RTSP_PORT",
            "HLS_PORT",
            "API_PORT",
            "SPEECH_PORT",
            "SRT_PORT",
            "HTTP_PORT",
            "HTTPS_PORT",
        ] {
            project.set(name, &ports::free()?.to_string());
        }
        Ok(project)
    }

    /// Puts a variable into its environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Puts a secret into a file and says where: `name` is the variable without `_FILE`.
    pub fn secret(&mut self, name: &str, value: &str) -> Result<()> {
        let file = self.dir.path().join(name.to_ascii_lowercase());
        std::fs::write(&file, value).context("cannot write a secret")?;
        self.set(&format!("{name}_FILE"), &file.display().to_string());
        Ok(())
    }

    /// Puts more of a compose file behind `compose.yaml`, as an operator does who has needs of his own.
    pub fn also(&mut self, yaml: &str) -> Result<()> {
        std::fs::write(self.override_file(), yaml).context("cannot write a compose file")
    }

    fn override_file(&self) -> PathBuf {
        self.dir.path().join("override.yaml")
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// `docker compose …` for this project.
    pub fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = docker(&["compose", "--project-name", &self.name, "--file"]);
        command.arg(stack::repository().join("compose.yaml"));
        if self.override_file().exists() {
            command.arg("--file").arg(self.override_file());
        }
        command
            .args(["--env-file", "/dev/null", "--progress", "quiet"])
            .args(arguments)
            .envs(&self.variables);
        command
    }

    /// `up`, everything or some services, until all are healthy: how long that took.
    pub fn up(&self, services: &[&str]) -> Result<Duration> {
        let started = Instant::now();
        let limit = UP_WITHIN.as_secs().to_string();
        let up = ["up", "--detach", "--wait", "--wait-timeout", &limit];
        let outcome = material::run(&mut self.compose(&[&up[..], services].concat()));
        outcome.with_context(|| self.logs())?;
        Ok(started.elapsed())
    }

    /// `up` that is expected to fail: what it said, and how long that took.
    pub fn up_fails(&self, services: &[&str]) -> Result<(String, Duration)> {
        let started = Instant::now();
        let limit = UP_WITHIN.as_secs().to_string();
        let up = ["up", "--detach", "--wait", "--wait-timeout", &limit];
        let output = self
            .compose(&[&up[..], services].concat())
            .stdin(Stdio::null())
            .output()?;
        ensure!(!output.status.success(), "`up` is content with what it was given");
        Ok((String::from_utf8_lossy(&output.stderr).into_owned(), started.elapsed()))
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let said = material::run(&mut self.compose(arguments))?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// The last lines of all containers.
    pub fn logs(&self) -> String {
        let output = self.compose(&["logs", "--no-color", "--tail", "25"]).output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    /// The services that have a container, in order.
    pub fn services(&self) -> Result<Vec<String>> {
        let text = self.run(&["ps", "--all", "--services"])?;
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    /// What the engine knows of a service's container.
    pub fn inspect(&self, service: &str) -> Result<Value> {
        let id = self.run(&["ps", "--all", "--quiet", service])?;
        let id = id.trim();
        ensure!(!id.is_empty(), "{service} has no container");
        let text = material::run(&mut docker(&["inspect", id]))?;
        let all: Value = serde_json::from_slice(&text).context("docker inspect wrote no JSON")?;
        Ok(all[0].clone())
    }

    /// When a service's container was started, how often it was started again by the engine, and its process.
    pub fn life(&self, service: &str) -> Result<Value> {
        let container = self.inspect(service)?;
        Ok(json!([
            container["State"]["StartedAt"],
            container["RestartCount"],
            container["State"]["Pid"]
        ]))
    }

    /// The network between its services.
    pub fn network(&self) -> String {
        format!("{}_default", self.name)
    }

    /// Where a stream is published and read, for programs of this machine.
    pub fn rtmp_url(&self, path: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{path}", self.get("RTMP_PORT"))
    }

    /// The media service.
    pub fn media_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.get("API_PORT"))
    }

    /// The speech service.
    pub fn speech_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.get("SPEECH_PORT"))
    }

    /// What the media service says of one stream.
    pub fn stream(&self, id: &str, key: Option<&str>) -> Value {
        http::get_json(&format!("{}/v1/streams/{id}", self.media_url()), key).unwrap_or_default()
    }

    /// Waits for something; the containers' logs explain why it never came.
    pub fn until<T>(&self, what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        eventually(what, look, || self.logs())
    }

    /// `docker compose run --rm publish`, the test stream, until it is dropped.
    pub fn publish(&self) -> Result<TestStream<'_>> {
        let container = format!("{}-publish", self.name);
        let mut command = self.compose(&["run", "--rm", "--name", &container, "publish"]);
        let process = command.stdin(Stdio::null()).spawn().context("cannot run docker")?;
        Ok(TestStream {
            project: self,
            container,
            process,
        })
    }

    /// Stops everything and removes the containers; volumes stay.
    pub fn down(&self) -> Result<()> {
        self.run(&["--profile", "*", "down", "--remove-orphans"]).map(drop)
    }

    /// The processes of a service's container, as the engine lists them.
    pub fn processes(&self, service: &str) -> Result<Vec<u32>> {
        let id = self.run(&["ps", "--quiet", service])?;
        let text = material::run(&mut docker(&["top", id.trim(), "-o", "pid"]))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(text.lines().filter_map(|line| line.trim().parse().ok()).collect())
    }

    /// The memory of all containers, in megabytes, as the engine counts it.
    pub fn memory_mb(&self) -> Result<f64> {
        let ids = self.run(&["ps", "--quiet"])?;
        let ids: Vec<&str> = ids.lines().collect();
        let stats = ["stats", "--no-stream", "--format", "{{.MemUsage}}"];
        let text = material::run(&mut docker(&[&stats[..], &ids].concat()))?;
        String::from_utf8_lossy(&text).lines().map(megabytes).sum()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.run(&[
            "--profile",
            "*",
            "down",
            "--volumes",
            "--remove-orphans",
            "--timeout",
            "3",
        ]);
    }
}

/// The running test stream.
#[derive(Debug)]
pub struct TestStream<'a> {
    project: &'a Project,
    container: String,
    process: Child,
}

impl TestStream<'_> {
    /// It is told to end: it does so at once, in order, and its container is removed.
    pub fn end(mut self) -> Result<()> {
        material::run(&mut docker(&["stop", &self.container]))?;
        let ended = self.process.wait().context("compose is gone")?;
        ensure!(ended.success(), "the test stream ended with {ended}");
        let services = self.project.services()?;
        ensure!(!services.contains(&"publish".to_owned()), "its container is left");
        Ok(())
    }
}

impl Drop for TestStream<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `docker …` on the engine that the suite was given.
pub fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.env_clear().args(arguments);
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The first figure of `12.5MiB / 512MiB`.
fn megabytes(usage: &str) -> Result<f64> {
    let used = usage.split('/').next().unwrap_or_default().trim();
    let digits = used.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &used[digits.len()..] {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => bail!("no memory: {usage}"),
    };
    let number: f64 = digits.parse().with_context(|| format!("no memory: {usage}"))?;
    Ok(number * factor / 1e6)
}

/// Keeps a figure for the table: what was measured and what is promised.
pub fn figure(what: &str, seen: &str, promised: &str) -> Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let dir = table()?;
    let file = dir.join(format!(
        "{:03} {}.json",
        COUNT.fetch_add(1, Ordering::Relaxed),
        what.replace('/', "-")
    ));
    println!("{what}: {seen} ({promised})");
    let row = json!({"figure": what, "seen": seen, "promised": promised});
    std::fs::write(&file, row.to_string()).with_context(|| format!("cannot write {}", file.display()))
}

/// Where the rows of the table are: where DRAGOMAN_FIGURES says, or `target/<profile>/compose`.
fn table() -> Result<PathBuf> {
    let dir = match std::env::var_os("DRAGOMAN_FIGURES") {
        Some(dir) => PathBuf::from(dir),
        None => material::dir()?.with_file_name("compose"),
    };
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_figures_are_read() {
        assert_eq!(megabytes("1MiB / 512MiB").unwrap(), 1.048576);
        assert_eq!(megabytes("0B / 0B").unwrap(), 0.0);
        assert!(megabytes("-- / --").is_err());
    }
}
