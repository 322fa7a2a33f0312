//! The engine's device is lost, or its memory full: the host says so and serves nobody until it works again.

use anyhow::{Result, ensure};
use dragoman_tests::engine::Engine;
use dragoman_tests::readme;
use dragoman_tests::scene::Scene;

const SENTENCE: &str = "the engine is not ready: ";

#[test]
fn a_lost_device_ends_the_sessions_and_readiness_and_heals() -> Result<()> {
    let script = "cat >/dev/null\necho CUDA_ERROR_ILLEGAL_ADDRESS >&2\nexit 1";
    breaks("speech device lost", script)
}

#[test]
fn an_engine_out_of_memory_ends_the_sessions_and_readiness_and_heals() -> Result<()> {
    // As the kernel ends what takes too much.
    breaks("speech out of memory", "cat >/dev/null\nkill -9 $$")
}

fn breaks(name: &str, script: &str) -> Result<()> {
    let engine = Engine::new()?;
    let mut scene = Scene::start_in(name, &engine.setting())?;
    scene.begin();
    engine.break_down(script)?;
    scene.says("media says that the engine is broken", |state| {
        state["speech"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains(&format!("{SENTENCE}asr")))
    })?;
    readme::quotes(SENTENCE)?;
    let readiness = readiness(&scene)?;
    ensure!(readiness == 503, "readiness is {readiness} with a broken engine");
    scene.falls_back_to_the_original()?;
    engine.mend()?;
    scene.until("the host is ready again", || {
        Ok((self::readiness(&scene)? == 200).then_some(()))
    })?;
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}

fn readiness(scene: &Scene) -> Result<u16> {
    let answer = reqwest::blocking::get(format!("{}/readyz", scene.stack.speech_url()))?;
    Ok(answer.status().as_u16())
}
