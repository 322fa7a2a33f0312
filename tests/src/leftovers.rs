//! What a fault may leave behind: memory, threads, descriptors and children of the services' processes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xtask::stack::{Service, Stack};

/// A count may be this much higher: a connection that just begins.
const SLACK: u64 = 4;
/// Memory may be this much higher, in megabytes: allocators keep some.
const SLACK_MB: u64 = 24;

/// Sums over all processes of the stack.
#[derive(Clone, Debug, Default)]
pub struct Leftovers {
    /// Descriptors that services had from us when they were started again.
    inherited: HashSet<PathBuf>,
    processes: u64,
    threads: u64,
    descriptors: u64,
    zombies: u64,
    memory_mb: u64,
    /// Workers' sockets in `RUN_DIR`.
    sockets: u64,
    /// What the speech service serves; nothing where it does not run.
    sessions: Option<u64>,
}

impl Leftovers {
    /// What there is now.
    pub fn look(stack: &Stack) -> Result<Self> {
        Self::default().again(stack)
    }

    /// A service is about to be started, or was a moment ago: what it gets from us is not its own. Scenarios share this
    /// process, and not all of its libraries close theirs at exec.
    pub fn hand_down(&mut self) {
        let sockets = links(std::process::id()).into_iter().filter(|link| is_unique(link));
        self.inherited.extend(sockets);
    }

    fn again(&self, stack: &Stack) -> Result<Self> {
        let mut sum = Self {
            inherited: self.inherited.clone(),
            ..Self::default()
        };
        sum.sockets = sockets(stack);
        let health = xtask::http::get_json(&format!("{}/healthz", stack.speech_url()), None);
        sum.sessions = health.ok().and_then(|health| health["sessions"].as_u64());
        let roots = [Service::Media, Service::Speech, Service::Router].map(|service| stack.pid(service));
        for pid in roots.into_iter().flatten() {
            for pid in family(pid) {
                sum.add(pid);
            }
        }
        Ok(sum)
    }

    /// How much more there is than at first, once that is little.
    pub fn compare(&self, stack: &Stack) -> Result<Option<Value>> {
        let now = self.again(stack)?;
        let is_back = now.processes == self.processes
            && now.zombies == 0
            && now.sockets == self.sockets
            && (now.sessions.is_none() || now.sessions == self.sessions)
            && now.threads <= self.threads + SLACK
            && now.descriptors <= self.descriptors + SLACK
            && now.memory_mb <= self.memory_mb + SLACK_MB;
        Ok(is_back.then(|| {
            json!({
                "threads": now.threads.saturating_sub(self.threads),
                "descriptors": now.descriptors.saturating_sub(self.descriptors),
                "memory_mb": now.memory_mb.saturating_sub(self.memory_mb),
            })
        }))
    }

    fn add(&mut self, pid: u32) {
        let proc = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(proc.join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        };
        self.processes += 1;
        self.threads += field("Threads:").unwrap_or(0);
        self.memory_mb += field("VmRSS:").unwrap_or(0) / 1024;
        self.zombies += u64::from(status.contains("State:\tZ"));
        let own = links(pid).into_iter().filter(|link| !self.inherited.contains(link));
        self.descriptors += own.count() as u64;
    }
}

/// As the media service sees the directory.
fn sockets(stack: &Stack) -> u64 {
    let dir = stack.dir().join("run");
    let root = format!("/proc/{}/root", stack.pid(Service::Media).unwrap_or_default());
    let dir = Path::new(&root).join(dir.strip_prefix("/").unwrap_or(&dir));
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sockets = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "sock"));
    sockets.count() as u64
}

fn is_unique(link: &Path) -> bool {
    let text = link.to_string_lossy();
    text.starts_with("socket:") || text.starts_with("pipe:")
}

/// What the descriptors of a process are.
fn links(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
}

/// Whether there is such a process.
pub fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// A process and all that descend from it.
pub fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        all.extend(children(pid));
        next += 1;
    }
    all
}

/// The children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// The child of the media service's guardian that is its orchestrator.
pub fn orchestrator(stack: &Stack) -> Result<u32> {
    let guardian = stack.pid(Service::Media).context("media does not run")?;
    let is_orchestrator = |pid: &u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains("orchestrat")
    };
    children(guardian)
        .into_iter()
        .find(is_orchestrator)
        .context("the guardian has no orchestrator")
}
