//! The speech service has room for one session only: who finds it full hears the original and is told why.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use serde_json::Value;
use xtask::stack::Service;

#[test]
fn a_full_host_refuses_one_and_serves_the_other() -> Result<()> {
    let mut scene = Scene::start("speech full", &[], &[])?;
    scene.begin();
    scene.stack.kill(Service::Speech);
    scene.start_again(Service::Speech, &[("SPEECH_MAX_SESSIONS", "1")])?;
    let states = |scene: &Scene| ["hit", "bystander"].map(|id| scene.stack.stream(id).unwrap_or_default());
    let is_refused = |state: &Value| {
        state["speech"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("429"))
    };
    let is_served = |state: &Value| state["speech"]["state"] == "ready";
    scene.until("one is served and the other refused", || {
        let [a, b] = states(&scene);
        Ok((is_served(&a) && is_refused(&b) || is_served(&b) && is_refused(&a)).then_some(()))
    })?;
    scene.watch(3.0)?;
    let [a, b] = states(&scene);
    ensure!(is_served(&a) != is_served(&b), "still one of the two: {a} {b}");
    scene.stack.kill(Service::Speech);
    scene.start_again(Service::Speech, &[("SPEECH_MAX_SESSIONS", "8")])?;
    scene.until("both are served", || {
        Ok(states(&scene).iter().all(is_served).then_some(()))
    })?;
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
