//! Others take the processor: the worker gets next to none of it for a while.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn a_starved_worker_is_late_in_order_and_recovers() -> Result<()> {
    let mut scene = Scene::start("worker starved of processor", &[], &[])?;
    scene.begin();
    let worker = scene.worker()?;
    let all = processors()?;
    let one = all.split([',', '-']).next().context("no processor")?.to_owned();
    run("taskset", &["--all-tasks", "--cpu-list", "--pid", &one], worker)?;
    run("chrt", &["--all-tasks", "--idle", "--pid", "0"], worker)?;
    let hogs = Hogs::start(&one)?;
    scene.watch(6.0)?;
    drop(hogs);
    let starved = scene.seen().longest_without_sound_ms();
    scene.note("starved_ms", starved.round());
    // It may have been taken for frozen, and replaced.
    if scene.worker().is_ok_and(|now| now == worker) {
        run("chrt", &["--all-tasks", "--other", "--pid", "0"], worker)?;
        run("taskset", &["--all-tasks", "--cpu-list", "--pid", &all], worker)?;
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

/// Less important than the other scenarios and more so than the worker, which is left a hundredth of the processor.
struct Hogs(Vec<Child>);

impl Hogs {
    fn start(processor: &str) -> Result<Self> {
        let mut hogs = Self(Vec::new());
        for _ in 0..3 {
            let mut command = Command::new("taskset");
            command.args([
                "--cpu-list",
                processor,
                "nice",
                "-n",
                "10",
                "sh",
                "-c",
                "while :; do :; done",
            ]);
            hogs.0
                .push(command.stdin(Stdio::null()).spawn().context("cannot start a hog")?);
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

/// The processors that we may use, as a list.
fn processors() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    Ok(list.context("no list of processors")?.trim().to_owned())
}

fn run(program: &str, words: &[&str], pid: u32) -> Result<()> {
    let mut command = Command::new(program);
    command.args(words).arg(pid.to_string()).stdout(Stdio::null());
    let status = command.status().with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} failed");
    Ok(())
}
