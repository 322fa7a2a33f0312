//! Others take the processor: the worker gets next to none of it for a while.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn a_starved_worker_is_late_in_order_and_recovers() -> Result<()> {
    let mut scene = Scene::start("worker starved of processor", &[], &[])?;
    scene.begin();
    let worker = scene.worker()?;
    policy(&["--idle", "0"], worker)?;
    let hogs = Hogs::start()?;
    scene.watch(6.0)?;
    drop(hogs);
    // It may have been taken for frozen, and replaced.
    if scene.worker().is_ok_and(|now| now == worker) {
        policy(&["--other", "0"], worker)?;
    }
    let well = scene.begin();
    scene.is_dubbed_after("again", well)?;
    scene.watch(3.0)?;
    let seen = scene.seen();
    scene.measure(&seen);
    scene.time_goes_on()?;
    scene.begin();
    scene.watch(3.0)?;
    let seen = scene.seen();
    ensure!(seen.jumps.is_empty(), "it is whole again: {:?}", seen.jumps);
    ensure!(scene.workers()? == 2, "one worker for each of the two streams");
    scene.finish()
}

/// As many as there are processors, less important than the other scenarios and more so than the worker.
struct Hogs(Vec<Child>);

impl Hogs {
    fn start() -> Result<Self> {
        let mut hogs = Self(Vec::new());
        for _ in 0..std::thread::available_parallelism()?.get() {
            let mut command = Command::new("nice");
            command
                .args(["-n", "10", "sh", "-c", "while :; do :; done"])
                .stdin(Stdio::null());
            hogs.0.push(command.spawn().context("cannot start a hog")?);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

/// Gives all threads of a process another scheduling policy.
fn policy(policy: &[&str], pid: u32) -> Result<()> {
    let mut command = Command::new("chrt");
    command
        .arg("--all-tasks")
        .args(policy.iter().take(1))
        .arg("--pid")
        .args(policy.iter().skip(1));
    let status = command.arg(pid.to_string()).status().context("cannot run chrt")?;
    ensure!(status.success(), "chrt failed");
    Ok(())
}
