//! Hooks come twice, late, for the wrong source and for streams that do not exist: the polled truth wins.

use anyhow::{Context, Result, ensure};
use dragoman_tests::scene::Scene;
use serde_json::json;

#[test]
fn lying_hooks_change_nothing_on_air() -> Result<()> {
    let mut scene = Scene::start("hooks doubled, late and wrong", &[], &[])?;
    let before = scene.state();
    scene.begin();
    let client = reqwest::blocking::Client::new();
    let tell = |event: &str, path: &str, source: &str| -> Result<()> {
        let url = format!("{}/v1/mediamtx/events/{event}", scene.stack.media_url());
        let body = json!({"path": path, "query": "", "sourceType": "rtmpConn", "sourceId": source});
        let answer = client
            .post(url)
            .json(&body)
            .send()
            .context("the hook was not answered")?;
        answer.error_for_status().context("the hook was refused")?;
        Ok(())
    };
    for _ in 0..3 {
        tell("not-ready", "live/hit/in", "00000000-0000-4000-8000-000000000001")?;
        tell("ready", "live/hit/in", "00000000-0000-4000-8000-000000000001")?;
        tell("ready", "live/hit/in", "00000000-0000-4000-8000-000000000002")?;
        tell("not-ready", "live/hit/in", "00000000-0000-4000-8000-000000000002")?;
        tell("ready", "live/ghost/in", "00000000-0000-4000-8000-000000000003")?;
    }
    scene.watch(4.0)?;
    let after = scene.state();
    ensure!(
        after["worker"]["pid"] == before["worker"]["pid"],
        "the worker is the same: {before} {after}"
    );
    let ghost = scene.stack.stream("ghost").unwrap_or_default();
    ensure!(
        ghost["worker"]["pid"].is_null(),
        "a stream that nobody publishes has a worker: {ghost}"
    );
    scene.is_unbroken()?;
    scene.finish()
}
