//! A streaming host from its first boot to a dubbed stream, and what happens to it then.
//!
//! Wants root and an engine, so that `cargo test` leaves it out: `cargo xtask rehearse` brings what it needs. Each scenario
//! boots a host of its own; afterwards each looks where the secrets are.

mod boots;
mod releases;
mod speech;

use anyhow::Result;
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::rehearsal::Rig;
use dragoman_tests::rehearsal::gpu::Gpu;
use dragoman_tests::viewer::Viewer;

/// A host that is healthy, with a speech host.
fn healthy() -> Result<(Rig, Gpu)> {
    let mut rig = Rig::new()?;
    let gpu = rig.gpu(0)?;
    rig.store.put("speech", gpu.url())?;
    rig.boot()?;
    rig.until_state("the host is healthy", |state| state["healthy"] == true)?;
    Ok((rig, gpu))
}

/// A stream that is dubbed, and who watches it.
fn on_air(rig: &Rig, id: &str) -> Result<(Publisher, Viewer)> {
    let viewer = Viewer::start(&rig.watch_url(id), tone_hz("es"))?;
    let talk = material::talk()?;
    let publisher = Publisher::ffmpeg_with(&["-stream_loop", "-1"], &talk, &[], &rig.publish_url(id))?;
    rig.until("the programme is dubbed", || Ok(viewer.seen().first_dub_ns()))?;
    Ok((publisher, viewer))
}
