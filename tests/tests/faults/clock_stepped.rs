//! The wall clock of the machine is wrong and is put right: an hour forward, an hour back.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::{Setting, WallClock};
use xtask::stack::Service;

/// In seconds.
const HOUR: i64 = 3_600;

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
    clock.step(HOUR)?;
    // Later steps cannot be seen so: the date of an answer is kept until its clock has passed it.
    scene.until("the services go by the new time", || {
        let urls = [
            scene.stack.media_url(),
            scene.stack.speech_url(),
            scene.stack.router_api_url(),
        ];
        let all = urls.iter().map(|url| ahead(url)).collect::<Result<Vec<_>>>()?;
        Ok(all.iter().all(|ahead| (ahead - HOUR).abs() < 60).then_some(()))
    })?;
    for offset in [HOUR, -HOUR, 0] {
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

/// How many seconds a service's clock is ahead of the real one, by the date of its answers.
fn ahead(url: &str) -> Result<i64> {
    const DAY: i64 = 86_400;
    let answer = reqwest::blocking::get(format!("{url}/healthz"))?;
    let date = answer
        .headers()
        .get("date")
        .context("an answer without a date")?
        .to_str()?;
    let time = date.split(' ').nth(4).context("a date without a time")?;
    let said = time
        .split(':')
        .try_fold(0, |sum, part| Ok::<i64, anyhow::Error>(sum * 60 + part.parse::<i64>()?))?;
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_secs())? % DAY;
    Ok((said - now + DAY + DAY / 2) % DAY - DAY / 2)
}
