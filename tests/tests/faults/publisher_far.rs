//! The publisher's network becomes 300 ms slower for good, with no hold to absorb it.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn without_a_hold_a_slower_network_costs_one_short_hole_and_no_more() -> Result<()> {
    let (mut scene, relay) =
        Scene::with_relay_to_publisher("network to the publisher 300 ms slower, no hold", "hold=0")?;
    let begun = scene.begin();
    relay.delay(Duration::from_millis(300));
    scene.until("the worker follows", || {
        Ok(scene.state()["ingest"]["reanchored"]
            .as_u64()
            .filter(|count| *count > 0))
    })?;
    let followed = scene.begin();
    scene.note("followed_after_ms", (followed - begun) / 1_000_000);
    scene.watch(6.0)?;
    let seen = scene.seen();
    scene.measure(&seen);
    ensure!(
        seen.longest_silence_ms() < 10.0,
        "silence of {} ms once it has followed",
        seen.longest_silence_ms()
    );
    scene.is_unbroken()?;
    scene.finish()
}
