//! Nobody takes the log any more: the disk is full, or its reader is gone.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::Setting;
use xtask::stack::Service;

use crate::orchestrator_killed::goes_on_without_its_orchestrator;

const TO: &str = "exec \"$0\" \"$@\" 2>";

#[test]
fn a_full_disk_under_the_log_changes_nothing() -> Result<()> {
    let mut scene = Scene::start_in("log disk full", &setting("/dev/full"))?;
    goes_on_without_its_orchestrator(&mut scene)?;
    scene.finish()
}

#[test]
fn without_a_reader_of_the_log_the_orchestrator_can_die_and_workers_are_adopted() -> Result<()> {
    let dir = tempfile::tempdir().context("no directory for a pipe")?;
    let pipe = dir.path().join("log");
    let made = Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .context("cannot run mkfifo")?;
    ensure!(made.success(), "mkfifo failed");
    // Opened without a writer, and read while the services start; a full pipe would hold them up.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut reader = File::options().read(true).custom_flags(nonblock).open(&pipe)?;
    let mut scene = Scene::start_in(
        "orchestrator killed, log reader gone",
        &setting(&pipe.display().to_string()),
    )?;
    let mut log = vec![0; 1 << 20];
    let read = reader.read(&mut log).context("nobody logs")?;
    ensure!(read > 0, "nothing is logged");
    drop(reader);
    goes_on_without_its_orchestrator(&mut scene)?;
    scene.finish()
}

fn setting(file: &str) -> Setting {
    let script = format!("{TO}{file}");
    let runner = ["sh", "-c", &script];
    let setting = Setting::new(&[("LOG", "warn,dragoman_media=debug")], &[]);
    setting.run(Service::Media, &runner).run(Service::Speech, &runner)
}
