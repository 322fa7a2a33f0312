//! Dubs that take longer than the hold: they are heard late, nothing else changes.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use serde_json::Value;
use xtask::stack::Service;

#[test]
fn late_dubs_are_heard_late_and_break_nothing() -> Result<()> {
    let mut scene = Scene::start("speech slow", &[], &[])?;
    let begun = scene.begin();
    scene.stack.kill(Service::Speech);
    scene.start_again(Service::Speech, &[("MOCK_DELAY", "4s")])?;
    scene.is_dubbed_after("though it is late", begun + 6_000_000_000)?;
    let said = scene.says("late dubs are counted", |state| {
        state["programmes"][0]["dub"]["outcomes"]["late"]
            .as_u64()
            .is_some_and(|late| late >= 3)
    })?;
    let lag = said["programmes"][0]["dub"]["lag_ms"].clone();
    scene.note("lag_ms", lag.clone());
    ensure!(lag != Value::Null, "the lag is told: {said}");
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
