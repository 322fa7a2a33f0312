//! Releases: when they come, and when they go back.

use anyhow::{Result, ensure};
use dragoman_tests::project::figure;
use serde_json::json;

use super::{healthy, on_air};

/// The first image of the media service with a label more.
const BASE: &str = "dragoman-rehearsal:media";

#[test]
#[ignore = "wants root and a Docker engine: cargo xtask rehearse"]
fn a_release_waits_for_streams_unless_it_is_told_not_to_and_a_bad_one_goes_back() -> Result<()> {
    let (rig, _gpu) = healthy()?;
    let mediamtx = rig.images["mediamtx"].clone();
    let first = rig.container("media")?;

    let (publisher, viewer) = on_air(&rig, "waits")?;
    let media = rig.derive("second", BASE, false, &["LABEL release=2"])?;
    let second = json!({"mediamtx": mediamtx, "media": media});
    rig.release("000000000002", &second, false)?;
    let state = rig.until_state("the release waits", |state| state["waiting"].is_string())?;
    ensure!(state["release"] == "000000000001", "{state}");
    ensure!(rig.container("media")? == first, "swapped while a stream is on air");
    figure("a release while a stream is on air", "waits", "waits")?;
    drop((publisher, viewer));
    rig.until_state("the release is swapped in", |state| state["release"] == "000000000002")?;
    figure("the same when the stream has ended", "swapped", "swapped")?;

    let _stream = on_air(&rig, "cut")?;
    let media = rig.derive("third", BASE, false, &["LABEL release=3"])?;
    let third = json!({"mediamtx": mediamtx, "media": media});
    rig.release("000000000003", &third, true)?;
    let state = rig.until_state("the release is swapped in at once", |state| {
        state["release"] == "000000000003"
    })?;
    ensure!(state["images"] == third && state["problem"].is_null(), "{state}");
    figure("a release with `now` while a stream is on air", "swapped", "swapped")?;

    let media = rig.derive("bad", BASE, false, &["HEALTHCHECK --interval=1s CMD [\"/bin/false\"]"])?;
    rig.release("00000000000b", &json!({"mediamtx": mediamtx, "media": media}), true)?;
    let state = rig.until_state("the bad release is said", |state| {
        state["problem"]
            .as_str()
            .is_some_and(|problem| problem.contains("00000000000b"))
    })?;
    ensure!(
        state["release"] == "000000000003" && state["healthy"] == true,
        "{state}"
    );
    ensure!(state["images"] == third, "{state}");
    let after = rig.container("media")?;
    rig.on_host(&["dragoman-host", "now"])?;
    ensure!(rig.container("media")? == after, "it is tried again");
    figure(
        "a release that does not get healthy",
        "went back, not tried again",
        "goes back by itself",
    )?;
    rig.secrets_are_where_they_belong().map(drop)
}
