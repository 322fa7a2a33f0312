//! Speech hosts come and go behind a stream.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_tests::project::figure;
use dragoman_tests::rehearsal::Rig;
use dragoman_tests::viewer::{Seen, Viewer};

use super::{healthy, on_air};

/// Pictures come each 33 ms, in bursts of the router's and the network's making.
const GAP_MS: f64 = 1_000.0;
const SILENCE_MS: f64 = 100.0;
const CUT_EACH: Duration = Duration::from_secs(10);
const CUTS: u64 = 6;

/// Waits for a dub that is heard from now on, and says when.
fn dub_from_now(rig: &Rig, viewer: &Viewer) -> Result<u64> {
    let from = now_ns();
    rig.until("a dub is heard again", || {
        let seen = viewer.seen();
        Ok(seen
            .sound
            .iter()
            .find(|look| look.at_ns > from && look.is_dubbed())
            .map(|look| look.at_ns))
    })
}

fn no_gap(seen: &Seen) -> Result<String> {
    let (picture, silence) = (seen.longest_without_picture_ms(), seen.longest_silence_ms());
    let shown = format!("{picture:.0} ms without a picture, {silence:.0} ms of silence");
    ensure!(seen.ups.is_empty(), "the viewer had to connect again");
    ensure!(picture <= GAP_MS && silence <= SILENCE_MS, "{shown}");
    Ok(shown)
}

#[test]
#[ignore = "wants root and a Docker engine: cargo xtask rehearse"]
fn speech_hosts_are_replaced_and_cut_without_a_gap() -> Result<()> {
    let (rig, old) = healthy()?;
    let (_publisher, viewer) = on_air(&rig, "moves")?;

    let from = now_ns();
    let new = rig.gpu(1)?;
    rig.store.put("speech", new.url())?;
    rig.until("the stream is at the new speech host", || {
        Ok((new.door().opened() > 0).then_some(()))
    })?;
    drop(old);
    dub_from_now(&rig, &viewer)?;
    let shown = no_gap(&viewer.seen().between(from, now_ns()))?;
    figure("list of speech hosts replaced in mid-stream", &shown, "no gap")?;

    let from = now_ns();
    new.door().cut_after(CUT_EACH);
    rig.until("it was cut often enough", || {
        Ok((new.door().cuts() >= CUTS).then_some(()))
    })?;
    dub_from_now(&rig, &viewer)?;
    let shown = no_gap(&viewer.seen().between(from, now_ns()))?;
    let shown = format!("{} cuts, {shown}", new.door().cuts());
    figure("socket cut every 10 s for a minute", &shown, "no gap")?;
    rig.secrets_are_where_they_belong().map(drop)
}
