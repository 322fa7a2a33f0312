//! The wall clock of the machine is wrong and is put right: an hour forward, an hour back.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::{Setting, WallClock};
use xtask::stack::Service;

#[test]
fn an_hour_more_or_less_is_not_noticed_on_air() -> Result<()> {
    let name = "clock stepped by an hour";
    let Some(clock) = WallClock::new(name)? else {
        return Ok(());
    };
    let runner = clock.runner();
    let words: Vec<&str> = runner.iter().map(String::as_str).collect();
    let mut setting = Setting::default();
    for service in [Service::Media, Service::Speech, Service::Router] {
        setting = setting.run(service, &words);
    }
    let mut scene = Scene::start_in(name, &setting)?;
    let before = scene.state();
    scene.begin();
    for offset in ["+3600", "-3600", "+0"] {
        clock.step(offset)?;
        scene.watch(3.0)?;
    }
    let begun = scene.begin();
    scene.is_dubbed_after("whatever the time", begun)?;
    let after = scene.state();
    ensure!(
        after["worker"]["pid"] == before["worker"]["pid"]
            && after["speech"]["connects"] == before["speech"]["connects"],
        "worker and speech session are the same: {before} {after}"
    );
    scene.is_unbroken()?;
    scene.finish()
}
