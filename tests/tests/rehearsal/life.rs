//! The life of a host.

use anyhow::{Result, ensure};
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::project::figure;
use dragoman_tests::rehearsal::{HEALTHY_WITHIN, Rig};
use dragoman_tests::viewer::Viewer;

#[test]
#[ignore = "wants root and a Docker engine: cargo xtask rehearse"]
fn a_host_comes_up_by_itself_and_dubs() -> Result<()> {
    let mut rig = Rig::new()?;
    let gpu = rig.gpu(0)?;
    rig.store.put("speech", gpu.url())?;

    let began = rig.boot()?;
    let took = rig.until_it_answers(began)?;
    figure(
        "host: first boot to healthy, images at hand",
        &format!("{:.1} s", took.as_secs_f64()),
        &format!("{} s", HEALTHY_WITHIN.as_secs()),
    )?;
    let state = rig.until_state("the host says that it is healthy", |state| state["healthy"] == true)?;
    ensure!(state["problem"].is_null(), "{state}");
    ensure!(state["images"] == rig.images, "other images run: {state}");
    rig.until("the stack is told", || {
        Ok((rig.metadata.signals().len() == 1).then_some(()))
    })?;

    let viewer = Viewer::start(&rig.watch_url("first"), tone_hz("es"))?;
    let _publisher = Publisher::ffmpeg_with(
        &["-stream_loop", "-1"],
        &material::talk()?,
        &[],
        &rig.publish_url("first"),
    )?;
    rig.until("the programme is dubbed", || Ok(viewer.seen().first_dub_ns()))?;
    figure("host: a stream published to it", "dubbed", "dubbed")?;
    ensure!(took <= HEALTHY_WITHIN, "healthy after {took:?}");
    Ok(())
}
