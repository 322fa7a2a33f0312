//! Speech is behind a proxy that ends TLS and cuts each socket after a time; once it forgets one instead.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dragoman_tests::relay::Relay;
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::Setting;
use dragoman_tests::skipped;
use dragoman_tests::third_party::Certificate;
use dragoman_tests::tls::TlsEnd;

/// No single look at a scene is longer.
const LOOK: Duration = Duration::from_secs(10);
/// What a silent connection is lost after, and what is said in that time waits: two utterances more may come late.
const LATE_BY_SILENCE: u64 = 2;

#[test]
fn a_socket_that_is_cut_every_ten_seconds_costs_nothing() -> Result<()> {
    proxied("speech behind TLS, cut every 10 s", Duration::from_secs(10), 6)
}

/// Ten minutes, as proxies in clouds do it.
#[test]
#[ignore = "ten minutes; by hand"]
fn a_socket_that_is_cut_every_hundred_seconds_costs_nothing() -> Result<()> {
    proxied("speech behind TLS, cut every 100 s", Duration::from_secs(100), 6)
}

/// The third cut is a silence.
fn proxied(name: &str, every: Duration, cuts: u64) -> Result<()> {
    let Some(certificate) = Certificate::make()? else {
        skipped::note(name, "no `openssl` on the PATH");
        return Ok(());
    };
    let relay = Relay::start()?;
    let url = format!("wss://localhost:{}", relay.address().port());
    let trusted = certificate.file();
    let trusted = trusted.to_str().context("a path that is no text")?;
    let setting = Setting::new(&[("SPEECH_URL", &url), ("SSL_CERT_FILE", trusted)], &[]);
    let mut end = None;
    let mut scene = Scene::start_led(name, &setting, |stack| {
        let tls = end.insert(TlsEnd::start(&certificate, stack.ports().speech)?);
        relay.lead_to(tls.port());
        Ok(())
    })?;
    let connects = |scene: &Scene| scene.state()["speech"]["connects"].as_u64().unwrap_or(0);
    let missing = ["truncated", "failed", "lost", "stale", "shed"];
    let count = |scene: &Scene| missing.map(|outcome| scene.outcomes(outcome)).iter().sum::<u64>();
    let (first, late, lost) = (connects(&scene), scene.outcomes("late"), count(&scene));
    scene.begin();
    for cut in 1..=cuts {
        for _ in 0..every.as_secs() / LOOK.as_secs() {
            scene.watch(LOOK.as_secs_f64())?;
        }
        match cut {
            3 => relay.forget(),
            _ => relay.cut(),
        }
        scene.says("the session goes on", |state| {
            state["speech"]["state"] == "ready" && state["speech"]["connects"].as_u64() >= Some(first + cut)
        })?;
    }
    scene.watch(5.0)?;

    let survived = connects(&scene) - first;
    let (late, lost) = (scene.outcomes("late") - late, count(&scene) - lost);
    let longest = scene.seen().longest_run_ms(|look| !look.is_dubbed());
    scene.note("cuts", survived);
    scene.note("late", late);
    scene.note("missing", lost);
    scene.note("without_dub_ms", longest.round());
    ensure!(survived == cuts, "{survived} connections for {cuts} cuts");
    ensure!(late <= cuts + LATE_BY_SILENCE, "{late} utterances are dubbed late");
    ensure!(
        lost == 0,
        "{lost} utterances are not dubbed as a whole: {}",
        scene.state()
    );
    scene.is_unbroken()?;
    // The other stream's socket is cut too, and its programme does not show it.
    scene.finish()
}
