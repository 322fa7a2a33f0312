//! The disk with the workers' sockets is full: programmes on air go on, a further stream waits and says why.

use anyhow::{Context, Result};
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::{Full, Setting, small_run_dir};
use serde_json::Value;
use xtask::stack::Service;

#[test]
fn what_is_on_air_goes_on_and_what_cannot_begin_says_why() -> Result<()> {
    let name = "disk full under RUN_DIR";
    let Some(runner) = small_run_dir(name) else {
        return Ok(());
    };
    let runner: Vec<&str> = runner.iter().map(String::as_str).collect();
    let setting = Setting::new(&[("GRACE", "3s")], &[]).run(Service::Media, &runner);
    let mut scene = Scene::start_in(name, &setting)?;
    scene.begin();
    let media = scene.stack.pid(Service::Media).context("media does not run")?;
    let full = Full::fill(media, &scene.stack.dir().join("run"))?;
    let third = scene.publish_as("third")?;
    let state = |scene: &Scene| scene.stack.stream("third").unwrap_or_default();
    let reason = scene.until("the third stream says what is wrong", || {
        let reason = state(&scene)["reason"].as_str().unwrap_or_default().to_owned();
        Ok(reason.contains("No space left on device").then_some(reason))
    })?;
    scene.note("said", Value::from(reason));
    drop(full);
    scene.until("the third stream is on air", || {
        Ok((state(&scene)["state"] == "live").then_some(()))
    })?;
    drop(third);
    scene.is_unbroken()?;
    scene.finish()
}
