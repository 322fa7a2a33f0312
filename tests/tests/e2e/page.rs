//! The web pages in a real browser, without a screen.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dragoman_tests::eventually::eventually;
use dragoman_tests::material::{self, PLAIN};
use dragoman_tests::playing::Publisher;
use dragoman_tests::running::{logs, on_air, shared};
use dragoman_tests::skipped;
use xtask::stack::chromium;

/// The document as it stands after four seconds of the page's own time, which stands still while an answer is awaited.
fn document(browser: &Path, url: &str) -> Result<String> {
    let profile = tempfile::tempdir().context("cannot make a directory")?;
    let mut command = Command::new(browser);
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--mute-audio",
            "--no-first-run",
        ])
        .args([
            "--autoplay-policy=no-user-gesture-required",
            "--virtual-time-budget=4000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url);
    String::from_utf8(material::run(&mut command)?).context("the browser wrote no text")
}

#[test]
fn the_operators_page_shows_the_stream() -> Result<()> {
    let Some(browser) = chromium() else {
        skipped::note("the operator's page", "no Chromium on this machine");
        return Ok(());
    };
    let stack = shared()?;
    let _publisher = Publisher::ffmpeg(
        &material::file(&PLAIN)?,
        &stack.rtmp_url("live/operated/in?targets=es,fr"),
    )?;
    on_air(&stack, "operated")?;
    let page = format!("{}/", stack.media_url());
    let seen = eventually(
        "the page shows the stream",
        || Ok(Some(document(&browser, &page)?).filter(|text| text.contains("operated"))),
        || logs(&stack),
    )?;
    for expected in ["live", "mock", "live/operated/out", "live/operated/out/fr"] {
        ensure!(seen.contains(expected), "the page does not show {expected}: {seen}");
    }
    Ok(())
}

#[test]
fn the_player_page_lists_the_stream() -> Result<()> {
    let Some(browser) = chromium() else {
        skipped::note("the player page", "no Chromium on this machine");
        return Ok(());
    };
    let stack = shared()?;
    let _publisher = Publisher::ffmpeg(&material::file(&PLAIN)?, &stack.rtmp_url("live/watched/in"))?;
    on_air(&stack, "watched")?;
    let page = stack.watch_url("");
    eventually(
        "the page lists the stream",
        || Ok(Some(document(&browser, &page)?).filter(|text| text.contains("watched"))),
        || logs(&stack),
    )?;
    Ok(())
}
