//! No hook reaches the media service; later all of them do, the last one first: the polled truth is enough.

use anyhow::{Result, ensure};
use dragoman_tests::hooks::Hooks;
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::Setting;

/// The grace period and the poll that finds the publisher gone; then the worker plays out its hold.
const ENDED_MS: u64 = 3_000 + 2_000 + 4_000;
/// The poll that finds the publisher, then the start.
const ON_AIR_MS: u64 = 2_000 + 2_500 + 2_000 + 2_000;

#[test]
fn streams_begin_and_end_without_a_hook_and_late_ones_change_nothing() -> Result<()> {
    let hooks = Hooks::start()?;
    let mut setting = Setting::new(&[("GRACE", "3s")], &[]);
    setting.around.hooks = Some(hooks.url().to_owned());
    let mut scene = Scene::start_in("hooks lost, then told backwards", &setting)?;
    let before = scene.state();
    let begun = scene.begin();
    scene.publisher = None;
    scene.says("the session ends", |state| state["state"] == "ended")?;
    let ended = scene.begin();
    scene.note("ended_ms", (ended - begun) / 1_000_000);
    ensure!(ended - begun < ENDED_MS * 1_000_000, "it ends in time");
    scene.publish()?;
    let back = scene.is_dubbed_after("again", ended)?;
    scene.note("programme_back_ms", (back - ended) / 1_000_000);
    ensure!(back - ended < ON_AIR_MS * 1_000_000, "it is on air in time");
    let after = scene.state();
    ensure!(after["session"] != before["session"], "another session: {after}");
    ensure!(hooks.count() >= 4, "the router reported {} times", hooks.count());
    scene.begin();
    hooks.tell_backwards(&scene.stack.media_url())?;
    scene.watch(4.0)?;
    let later = scene.state();
    ensure!(
        later["worker"]["pid"] == after["worker"]["pid"],
        "the worker goes on: {after} {later}"
    );
    scene.is_unbroken()?;
    scene.finish()
}
