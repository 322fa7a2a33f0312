//! The key of the speech service changes before the media service knows the new one.

use anyhow::Result;
use dragoman_tests::scene::Scene;
use xtask::stack::Service;

#[test]
fn a_key_that_no_longer_fits_is_told_and_an_overlap_heals_it() -> Result<()> {
    let mut scene = Scene::start("speech key rotated", &[], &[("SPEECH_KEY", "first-key")])?;
    scene.begin();
    scene.stack.kill(Service::Speech);
    scene.start_again(Service::Speech, &[("SPEECH_KEY", "second-key")])?;
    scene.says("media says that its key is refused", |state| {
        state["speech"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("401"))
    })?;
    scene.falls_back_to_the_original()?;
    scene.stack.kill(Service::Speech);
    scene.start_again(Service::Speech, &[("SPEECH_KEY", "second-key,first-key")])?;
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
