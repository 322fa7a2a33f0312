//! A programme also goes to third parties, and none of them costs anybody else anything.

use anyhow::{Context, Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::eventually::eventually;
use dragoman_tests::leftovers::{family, orchestrator};
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::running::{logs, on_air, start, stream_when};
use dragoman_tests::scene::send;
use dragoman_tests::skipped;
use dragoman_tests::third_party::{Certificate, Hanging, ThirdParty, forward, nowhere, said, set_forwards};
use dragoman_tests::viewer::{Seen, Viewer};
use serde_json::{Value, json};
use xtask::stack::{Router, Service, Signal, Stack, has_mediamtx};

/// What a busy machine does by itself to pictures that come every 33 ms.
const GAP_MS: f64 = 300.0;
/// Part of every stream key here: nothing that is shown may have it.
const SECRET: &str = "hunter2";

fn stack(media: &[(&str, &str)]) -> Result<Stack> {
    let mut variables = vec![(
        "FORWARD_ALLOW",
        "rtmp://127.0.0.1:*,rtmps://127.0.0.1:*,rtmps://[::1]:*",
    )];
    variables.extend(media);
    start(Router::Own, &variables, &[])
}

fn publish(stack: &Stack, id: &str) -> Result<Publisher> {
    let url = stack.rtmp_url(&format!("live/{id}/in?targets=es,fr"));
    Publisher::ffmpeg_with(&["-stream_loop", "-1"], &material::talk()?, &[], &url)
}

fn watch(url: &str, target: &str) -> Result<Viewer> {
    Viewer::start(url, tone_hz(target))
}

/// The forward, once `is_so` holds of it.
fn forward_when(stack: &Stack, id: &str, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    eventually(
        &format!("{name}: {what}"),
        || Ok(forward(stack, id, name).filter(|one| is_so(one))),
        || format!("{} {}", stack.stream(id).unwrap_or_default()["forwards"], logs(stack)),
    )
}

fn is_live(one: &Value) -> bool {
    one["state"] == "live" && one["video_units"].as_u64() > Some(30)
}

fn count(one: &Value, name: &str) -> u64 {
    one[name].as_u64().unwrap_or(0)
}

/// Waits until the viewer has a dub that came after a time.
fn is_dubbed_after(stack: &Stack, viewer: &Viewer, what: &str, after_ns: u64) -> Result<Seen> {
    eventually(
        &format!("a dub is heard: {what}"),
        || {
            let seen = viewer.seen().between(after_ns, u64::MAX);
            Ok(seen.first_dub_ns().is_some().then_some(seen))
        },
        || logs(stack),
    )
}

fn is_unbroken(what: &str, seen: &Seen) -> Result<()> {
    let (picture, sound) = (seen.longest_without_picture_ms(), seen.longest_without_sound_ms());
    println!(
        "{what}: {picture:.0} ms without picture, {sound:.0} ms without sound at most, {} pictures",
        seen.pictures.len()
    );
    ensure!(
        picture < GAP_MS && sound < GAP_MS,
        "{what}: {picture} ms without picture, {sound} ms without sound"
    );
    ensure!(
        seen.ups.is_empty() && seen.jumps.is_empty(),
        "{what}: {:?} {:?}",
        seen.ups,
        seen.jumps
    );
    ensure!(
        seen.longest_silence_ms() < 10.0 && seen.is_monotonic(),
        "{what} has a hole"
    );
    Ok(())
}

#[test]
fn dead_hanging_and_slow_third_parties_cost_nobody_else() -> Result<()> {
    let stack = stack(&[])?;
    let (healthy, slow, hanging) = (ThirdParty::start()?, ThirdParty::start()?, Hanging::start()?);
    let key = |name: &str| format!("live/{name}-{SECRET}/key-{SECRET}?auth={SECRET}");
    // Before there is such a stream.
    let set = set_forwards(
        &stack,
        "many",
        &json!([
            {"name": "healthy", "url": healthy.url(&key("a"))},
            {"name": "french", "url": healthy.url(&key("b")), "target": "fr"},
            {"name": "slow", "url": slow.url(&key("c"))},
            {"name": "hanging", "url": hanging.url(&key("d"))?},
            {"name": "dead", "url": nowhere(&key("e"))?},
            {"name": "german", "url": healthy.url(&key("f")), "target": "de"},
        ]),
    )?;
    ensure!(
        !set.to_string().contains(SECRET) && set["forwards"][0]["state"] == "off",
        "{set}"
    );
    let _publisher = publish(&stack, "many")?;
    on_air(&stack, "many")?;
    for name in ["healthy", "french", "slow"] {
        forward_when(&stack, "many", name, "is live", is_live)?;
    }
    let programme = watch(&stack.rtmp_url("live/many/out"), "es")?;
    let third = watch(&healthy.url(&key("a")), "es")?;
    let french = watch(&healthy.url(&key("b")), "fr")?;
    for (what, viewer) in [
        ("programme", &programme),
        ("third party", &third),
        ("in French", &french),
    ] {
        is_dubbed_after(&stack, viewer, what, 0)?;
    }

    let dropped = |name: &str| forward(&stack, "many", name).map(|one| count(&one, "dropped_units"));
    let before = [dropped("healthy"), dropped("french")];
    let begun = now_ns();
    slow.signal(Signal::STOP)?;
    let failed = |atleast: u64| move |one: &Value| count(one, "failures") >= atleast && count(one, "dropped_units") > 0;
    let stuck = forward_when(&stack, "many", "slow", "is given up", failed(1))?;
    let took = (now_ns() - begun) as f64 / 1e6;
    println!("one that reads no more is given up after {took:.0} ms: {stuck}");
    for name in ["dead", "hanging"] {
        let one = forward_when(&stack, "many", name, "has failed twice", failed(2))?;
        ensure!(one["connects"] == 0 && one["reason"].is_string(), "{one}");
        println!("{one}");
    }
    let german = forward(&stack, "many", "german").context("it is listed")?;
    ensure!(german["state"] == "off" && german["reason"].is_string(), "{german}");

    for (what, viewer) in [
        ("programme", &programme),
        ("third party", &third),
        ("in French", &french),
    ] {
        is_dubbed_after(&stack, viewer, what, now_ns())?;
        is_unbroken(what, &viewer.seen().between(begun, u64::MAX))?;
    }
    for (name, before) in [("healthy", before[0]), ("french", before[1])] {
        let one = forward(&stack, "many", name).context("it is listed")?;
        ensure!(one["failures"] == 0 && before == dropped(name), "{before:?} {one}");
    }
    let stream = stream_when(&stack, "many", "the stream is well", |stream| stream["state"] == "live")?;
    ensure!(
        stream["programmes"][0]["dropped_units"] == 0 && stream["programmes"][0]["connects"] == 1,
        "{stream}"
    );

    slow.signal(Signal::CONT)?;
    forward_when(&stack, "many", "slow", "is live again", |one| {
        one["state"] == "live" && count(one, "connects") == 2
    })?;
    let said = said(&stack, &family(stack.pid(Service::Media).context("media runs")?))?;
    ensure!(
        said.contains("forward is on air") && said.contains("dragoman_media_forward_live"),
        "it says so"
    );
    ensure!(!said.contains(SECRET), "a stream key is shown: {said}");
    stack.stop();
    Ok(())
}

#[test]
fn a_forward_survives_its_worker_and_the_orchestrator() -> Result<()> {
    let stack = stack(&[])?;
    let party = ThirdParty::start()?;
    let path = format!("app/{SECRET}");
    let publisher = publish(&stack, "kept")?;
    on_air(&stack, "kept")?;
    set_forwards(&stack, "kept", &json!([{"name": "party", "url": party.url(&path)}]))?;
    let before = forward_when(&stack, "kept", "party", "is live", is_live)?;
    let viewer = watch(&party.url(&path), "es")?;
    is_dubbed_after(&stack, &viewer, "at first", 0)?;

    let begun = now_ns();
    let first = orchestrator(&stack)?;
    send(first, Signal::KILL)?;
    eventually(
        "there is another orchestrator",
        || Ok(orchestrator(&stack).ok().filter(|pid| *pid != first)),
        || logs(&stack),
    )?;
    let after = forward_when(&stack, "kept", "party", "is known to the next one", is_live)?;
    ensure!(
        after["connects"] == 1 && count(&after, "video_units") >= count(&before, "video_units"),
        "{before} {after}"
    );
    // The same list again, and one more: what is there already goes on.
    set_forwards(
        &stack,
        "kept",
        &json!([
            {"name": "more", "url": party.url("app/more"), "target": "fr"},
            {"name": "renamed", "url": party.url(&path)},
        ]),
    )?;
    forward_when(&stack, "kept", "more", "is live", is_live)?;
    is_dubbed_after(&stack, &viewer, "with another orchestrator", now_ns())?;
    is_unbroken(
        "while the orchestrator is replaced",
        &viewer.seen().between(begun, u64::MAX),
    )?;

    let stream = stack.stream("kept").context("the stream is there")?;
    let worker = u32::try_from(stream["worker"]["pid"].as_u64().context("a worker")?)?;
    let killed = now_ns();
    send(worker, Signal::KILL)?;
    stream_when(&stack, "kept", "another worker serves it", |now| {
        now["worker"]["pid"].is_u64() && now["worker"]["pid"] != stream["worker"]["pid"]
    })?;
    forward_when(&stack, "kept", "renamed", "is live again", is_live)?;
    is_dubbed_after(&stack, &viewer, "of another worker", killed + 500_000_000)?;

    // Its publisher comes back later: the list is the stream's, not the session's.
    drop(publisher);
    stream_when(&stack, "kept", "the stream ends", |stream| stream["state"] == "ended")?;
    let waits = forward(&stack, "kept", "renamed").context("it is kept")?;
    ensure!(waits["state"] == "off", "{waits}");
    let again = now_ns();
    let _publisher = publish(&stack, "kept")?;
    on_air(&stack, "kept")?;
    forward_when(&stack, "kept", "renamed", "is live in the next session", is_live)?;
    is_dubbed_after(&stack, &viewer, "in the next session", again)?;

    let url = format!("{}/v1/streams/kept/forwards", stack.media_url());
    let answer = reqwest::blocking::Client::new().delete(&url).send()?;
    ensure!(answer.status() == 204, "{}", answer.status());
    ensure!(forward(&stack, "kept", "renamed").is_none(), "it is forgotten");
    let deleted = now_ns();
    eventually(
        "nothing more comes",
        || {
            let last = viewer.last().0.map_or(0, |picture| picture.at_ns);
            Ok((now_ns() > last.max(deleted) + 2_000_000_000).then_some(()))
        },
        || logs(&stack),
    )?;
    ensure!(stack.stream("kept").context("it goes on")?["state"] == "live");
    let said = said(&stack, &family(stack.pid(Service::Media).context("media runs")?))?;
    ensure!(!said.contains(SECRET), "a stream key is shown: {said}");
    Ok(())
}

#[test]
fn mediamtx_takes_a_forward_by_rtmp_and_by_rtmps() -> Result<()> {
    if !has_mediamtx() {
        skipped::note("forwards to MediaMTX", "no `mediamtx` on the PATH");
        return Ok(());
    }
    let (Some(certificate), Some(other)) = (Certificate::make()?, Certificate::make()?) else {
        skipped::note("forwards to MediaMTX", "no `openssl` to make a certificate");
        return Ok(());
    };
    let (trusted, stranger) = (ThirdParty::mediamtx(&certificate)?, ThirdParty::mediamtx(&other)?);
    let file = certificate.file();
    let stack = stack(&[("SSL_CERT_FILE", file.to_str().context("a path that is text")?)])?;
    let _publisher = publish(&stack, "mtx")?;
    on_air(&stack, "mtx")?;
    set_forwards(
        &stack,
        "mtx",
        &json!([
            {"name": "plain", "url": trusted.url("app/plain")},
            {"name": "tls", "url": trusted.rtmps_url("app/tls")?},
            {"name": "stranger", "url": stranger.rtmps_url("app/tls")?},
        ]),
    )?;
    for (name, path) in [("plain", "app/plain"), ("tls", "app/tls")] {
        forward_when(&stack, "mtx", name, "is live", is_live)?;
        let viewer = watch(&trusted.url(path), "es")?;
        let seen = is_dubbed_after(&stack, &viewer, name, 0)?;
        ensure!(
            seen.is_monotonic() && seen.longest_silence_ms() < 10.0,
            "{name} has a hole"
        );
    }
    let refused = forward_when(&stack, "mtx", "stranger", "is not trusted", |one| {
        count(one, "failures") > 0
    })?;
    ensure!(
        refused["connects"] == 0 && refused["reason"].to_string().contains("certificate"),
        "{refused}"
    );
    Ok(())
}
