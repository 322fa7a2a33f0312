//! One command and everything is healthy, small, confined, quick to answer, and gone when it is told to go.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dragoman_tests::project::{Project, figure};
use serde_json::json;
use xtask::http;

const SERVICES: [&str; 3] = ["media", "mediamtx", "speech"];
/// Starts, of which the median counts.
const STARTS: usize = 3;
const ASKED: usize = 300;
const ROUNDS: usize = 8;
const P99_MS: f64 = 10.0;
const MOST_MS: f64 = 50.0;
/// `stop_grace_period` of `compose.yaml`.
const STOP_GRACE: Duration = Duration::from_secs(20);

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn one_command_is_all_it_takes() -> Result<()> {
    let project = Project::new()?;
    let mut starts = Vec::new();
    for start in 0..STARTS {
        if start > 0 {
            project.down()?;
        }
        starts.push(project.up(&[])?);
    }
    starts.sort();
    let (median, worst) = (starts[STARTS / 2], starts[STARTS - 1]);
    figure(
        "command to healthy",
        &format!(
            "{:.1} s, {:.1} s at most of {STARTS}",
            median.as_secs_f64(),
            worst.as_secs_f64()
        ),
        "10 s, 30 s at most",
    )?;
    ensure!(project.services()? == SERVICES, "{:?}", project.services()?);
    are_confined(&project)?;
    answer_at_once(&project)?;
    go_when_told(&project)?;
    ensure!(
        median <= Duration::from_secs(10) && worst <= Duration::from_secs(30),
        "{starts:?}"
    );
    Ok(())
}

/// A numeric user, no capabilities, a root that cannot be written.
fn are_confined(project: &Project) -> Result<()> {
    for service in SERVICES {
        let container = project.inspect(service)?;
        let host = &container["HostConfig"];
        ensure!(host["ReadonlyRootfs"] == true, "{service} may write its root");
        ensure!(host["CapDrop"] == json!(["ALL"]), "{service} keeps capabilities");
        ensure!(
            host["Privileged"] == false && host["CapAdd"].is_null(),
            "{service} has privileges"
        );
        let limits = ["Memory", "PidsLimit"].map(|limit| host[limit].as_u64().unwrap_or_default());
        ensure!(
            limits.iter().all(|limit| *limit > 0),
            "{service} has no limits: {limits:?}"
        );
        // What the engine was told is one thing, what the kernel does another.
        for pid in project.processes(service)? {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("a process is gone")?;
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default()
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            let is_bare = [field("CapEff:"), field("CapPrm:"), field("CapBnd:")]
                .iter()
                .all(|set| u64::from_str_radix(set, 16) == Ok(0));
            ensure!(
                field("Uid:") == "65532" && field("NoNewPrivs:") == "1" && is_bare,
                "{service}: {status}"
            );
        }
    }
    figure(
        "user, capabilities, root",
        "65532, none, read-only",
        "non-root, none, read-only",
    )
}

/// What else the machine does is no service's fault: of each the best of a few rounds counts.
fn answer_at_once(project: &Project) -> Result<()> {
    let services = [project.media_url(), project.speech_url()];
    let mut slowest = (0.0f64, 0.0f64);
    for url in services
        .iter()
        .flat_map(|service| ["healthz", "readyz"].map(|probe| format!("{service}/{probe}")))
    {
        let mut best = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            let (p99, most) = times(&url).with_context(|| project.logs())?;
            best = if p99 < best.0 { (p99, most) } else { best };
            if best.0 <= P99_MS && best.1 <= MOST_MS {
                break;
            }
        }
        slowest = if best.0 > slowest.0 { best } else { slowest };
    }
    figure(
        "health endpoints, the slowest",
        &format!("p99 {:.1} ms, {:.1} ms at most", slowest.0, slowest.1),
        "p99 10 ms, 50 ms at most",
    )?;
    ensure!(slowest.0 <= P99_MS && slowest.1 <= MOST_MS, "{slowest:?}");
    Ok(())
}

/// The 99th percentile and the longest of many answers, each over a connection of its own.
fn times(url: &str) -> Result<(f64, f64)> {
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let asked = Instant::now();
        ensure!(http::status(url)? == 200, "{url} is not well");
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok((times[ASKED * 99 / 100], times[ASKED - 1]))
}

/// Each ends by itself within its grace, and none of its processes is left.
fn go_when_told(project: &Project) -> Result<()> {
    let mut pids = Vec::new();
    for service in SERVICES {
        pids.extend(project.processes(service)?);
    }
    let asked = Instant::now();
    project.run(&["stop"])?;
    let took = asked.elapsed();
    for service in SERVICES {
        let state = project.inspect(service)?["State"].clone();
        ensure!(state["OOMKilled"] == false, "{service}: {state}");
        ensure!(state["ExitCode"] == 0, "{service} did not end as it should: {state}");
    }
    let left: Vec<u32> = pids
        .into_iter()
        .filter(|pid| Path::new(&format!("/proc/{pid}")).exists())
        .collect();
    ensure!(left.is_empty(), "processes are left: {left:?}");
    figure(
        "stop, no process left",
        &format!("{:.1} s", took.as_secs_f64()),
        "within 20 s",
    )?;
    ensure!(took < STOP_GRACE, "{took:?}");
    Ok(())
}
