//! Each container is restarted in mid-stream: the dub comes back, and the other containers run on as they did.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::project::{Project, figure};
use dragoman_tests::viewer::Viewer;

const SERVICES: [&str; 3] = ["media", "mediamtx", "speech"];

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn the_dub_is_back_and_the_others_run_on() -> Result<()> {
    let project = Project::new()?;
    project.up(&[])?;
    let url = project.rtmp_url("live/held/in?source=en&targets=es");
    let viewer = Viewer::start(&project.rtmp_url("live/held/out"), tone_hz("es"))?;
    let mut publisher = publish(&url)?;
    project.until("the programme is dubbed", || Ok(viewer.seen().first_dub_ns()))?;

    for (service, within) in [("speech", 10), ("media", 15), ("mediamtx", 15)] {
        let others = SERVICES.map(|other| (other, project.life(other)));
        // As the engine restarts it: told to end, then started.
        let began = now_ns();
        project.run(&["restart", service])?;
        let up = now_ns();
        // Streaming software connects again by itself.
        if service == "mediamtx" {
            publisher = publish(&url)?;
        }
        let back = project.until(&format!("the dub is back after {service}"), || {
            Ok(viewer.seen().between(up, u64::MAX).first_dub_ns())
        })?;
        for (other, life) in others {
            let same = project.life(other)? == life?;
            ensure!(same != (other == service), "{other} when {service} was restarted");
        }
        let seen = viewer.seen().between(began, u64::MAX);
        let [whole, after] = [began, up].map(|from| Duration::from_nanos(back.saturating_sub(from)).as_secs_f64());
        figure(
            &format!("{service} restarted in mid-stream, dub back"),
            &format!(
                "{whole:.1} s, {after:.1} s after the restart; no picture for {:.1} s",
                seen.longest_without_picture_ms() / 1000.0
            ),
            &format!("within {within} s of the restart"),
        )?;
        ensure!(after <= f64::from(within), "{service}: the dub is back after {after} s");
        if service == "speech" {
            ensure!(
                seen.longest_without_picture_ms() < 500.0,
                "the programme stopped without speech"
            );
        }
    }
    drop(publisher);
    Ok(())
}

fn publish(url: &str) -> Result<Publisher> {
    Publisher::ffmpeg_with(&["-stream_loop", "-1"], &material::talk()?, &[], url)
}
