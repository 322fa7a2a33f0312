//! The main job through the router that production uses, where this machine has it.

use anyhow::{Result, ensure};
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material::{self, PLAIN};
use dragoman_tests::playing::Publisher;
use dragoman_tests::recording::Recording;
use dragoman_tests::running::{on_air, start};
use dragoman_tests::skipped;
use xtask::stack::{Router, has_mediamtx};

use crate::dubbing::{has_same_pictures, heard_all};

#[test]
fn the_dubbed_programme_comes_through_mediamtx() -> Result<()> {
    if !has_mediamtx() {
        skipped::note("the main job through MediaMTX", "no `mediamtx` on the PATH");
        return Ok(());
    }
    let stack = start(Router::MediaMtx, &[], &[])?;
    let file = material::file(&PLAIN)?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/real/in?source=en&targets=es,fr"))?;
    let stream = on_air(&stack, "real")?;
    ensure!(stream["engine"] == "mock", "{stream}");
    let mut spanish = Recording::ffmpeg(&stack.rtmp_url("live/real/out"))?;
    let mut french = Recording::ffmpeg(&stack.rtmp_url("live/real/out/fr"))?;
    for (recording, own) in [(&mut spanish, "es"), (&mut french, "fr")] {
        heard_all(recording, &stack)?.is_dubbed(tone_hz(own))?;
        has_same_pictures(recording, &file)?;
    }
    Ok(())
}
