//! The media service is ended and started again, as for an update.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use xtask::stack::Service;

#[test]
fn it_says_goodbye_in_time_and_takes_its_streams_up_again() -> Result<()> {
    let mut scene = Scene::start("media ended and started again", &[], &[])?;
    scene.begin();
    let took = scene.stack.end(Service::Media);
    scene.note("shutdown_ms", took.as_millis() as u64);
    ensure!(
        took < Duration::from_secs(8),
        "it ends within its grace period, not after {took:?}"
    );
    scene.start_again(Service::Media, &[])?;
    scene.programme_is_back(u64::try_from(took.as_millis())? + 2_500 + 2_000 + 1_000 + 1_000)?;
    scene.finish_all_hit()
}
