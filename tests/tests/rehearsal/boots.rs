//! First boot and reboots.

use anyhow::{Result, ensure};
use dragoman_tests::project::figure;
use dragoman_tests::rehearsal::{HEALTHY_WITHIN, Rig};

use super::on_air;

#[test]
#[ignore = "wants root and a Docker engine: cargo xtask rehearse"]
fn a_host_comes_up_by_itself_and_dubs() -> Result<()> {
    let mut rig = Rig::new()?;
    let gpu = rig.gpu(0)?;
    rig.store.put("speech", gpu.url())?;

    let began = rig.boot()?;
    let took = rig.until_it_answers(began)?;
    let limit = format!("{} s", HEALTHY_WITHIN.as_secs());
    let shown = |took: std::time::Duration| format!("{:.1} s", took.as_secs_f64());
    figure("first boot to healthy, images at hand", &shown(took), &limit)?;
    ensure!(took <= HEALTHY_WITHIN, "healthy after {took:?}");
    let state = rig.until_state("the host says that it is healthy", |state| state["healthy"] == true)?;
    ensure!(state["problem"].is_null(), "{state}");
    ensure!(state["images"] == rig.images, "other images run: {state}");
    rig.until("the stack is told", || {
        Ok((rig.metadata.signals().len() == 1).then_some(()))
    })?;
    drop(on_air(&rig, "first")?);
    figure("a stream published after the first boot", "dubbed", "dubbed")?;
    let group = serde_json::json!({"logGroupName": "/dragoman/dragoman", "logStreamName": "host"});
    rig.until("the journal is sent", || {
        let events = rig.store.call("Logs_20140328.GetLogEvents", &group).unwrap_or_default();
        let text = events["events"].to_string();
        Ok((text.contains("dragoman-media") && text.contains("dragoman-mediamtx")).then_some(()))
    })?;

    let pulled = rig.registry.requests();
    let took = rig.until_it_answers(rig.reboot()?)?;
    figure("reboot to healthy", &shown(took), &limit)?;
    ensure!(took <= HEALTHY_WITHIN, "healthy after {took:?}");
    drop(on_air(&rig, "second")?);

    rig.cloud(false)?;
    let took = rig.until_it_answers(rig.reboot()?)?;
    figure(
        "reboot to healthy, registry and secret store away",
        &shown(took),
        &limit,
    )?;
    ensure!(took <= HEALTHY_WITHIN, "healthy after {took:?}");
    drop(on_air(&rig, "third")?);
    rig.cloud(true)?;
    let pulled = rig.registry.requests() - pulled;
    figure("asked of the registry in two reboots", &pulled.to_string(), "0")?;
    ensure!(pulled == 0, "pulled again");
    ensure!(rig.metadata.signals().len() == 1, "the stack is told twice");

    let files = rig.secrets_are_where_they_belong()?;
    figure(
        "secrets on the host, in its processes, journal and logs",
        &format!("in {files} files of their own"),
        "nowhere else",
    )
}
