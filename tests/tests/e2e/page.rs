//! The web pages in a real browser, without a screen.

use anyhow::{Result, ensure};
use dragoman_tests::browser::Page;
use dragoman_tests::material::{self, PLAIN};
use dragoman_tests::playing::Publisher;
use dragoman_tests::running::{on_air, shared, stream_when};
use dragoman_tests::skipped;
use xtask::stack::chromium;

/// A browser may take its time on a busy machine: the stream does not end before it.
fn endless(url: &str) -> Result<Publisher> {
    Publisher::ffmpeg_with(&["-stream_loop", "-1"], &material::file(&PLAIN)?, &[], url)
}

#[test]
fn the_operators_page_shows_the_stream_and_switches_its_dub() -> Result<()> {
    let Some(browser) = chromium() else {
        skipped::note("the operator's page", "no Chromium on this machine");
        return Ok(());
    };
    let stack = shared()?;
    let _publisher = endless(&stack.rtmp_url("live/operated/in?targets=es,fr"))?;
    on_air(&stack, "operated")?;
    let mut page = Page::open(&browser, &format!("{}/", stack.media_url()))?;
    page.wait_until("the stream is shown", "document.body.innerText.includes('operated')")?;
    for expected in ["live", "mock"] {
        let shown = format!("document.body.innerText.includes('{expected}')");
        page.wait_until(&format!("the page shows {expected}"), &shown)?;
    }
    for path in ["live/operated/in", "live/operated/out", "live/operated/out/fr"] {
        let linked = format!(
            "[...document.links].some(link => link.href === '{}')",
            stack.watch_url(path)
        );
        page.wait_until(&format!("the page links to {path}"), &linked)?;
    }

    // Other streams are on the page too.
    let switch = "[...document.querySelectorAll('[aria-label=\"Stream operated\"] [role=switch]')]\
                  .find(one => one.offsetParent)";
    page.wait_until("the dub's switch is there", switch)?;
    page.evaluate(&format!("{switch}.click()"))?;
    let stream = stream_when(&stack, "operated", "a dub is switched off", |stream| {
        stream["programmes"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|programme| programme["enabled"] == false)
    })?;
    ensure!(stream["state"] == "live", "{stream}");
    Ok(())
}

#[test]
fn the_player_page_plays_source_and_programme() -> Result<()> {
    let Some(browser) = chromium() else {
        skipped::note("the player page", "no Chromium on this machine");
        return Ok(());
    };
    let stack = shared()?;
    let _publisher = endless(&stack.rtmp_url("live/watched/in"))?;
    on_air(&stack, "watched")?;
    let mut list = Page::open(&browser, &stack.watch_url(""))?;
    list.wait_until("the list has the stream", "document.body.innerText.includes('watched')")?;

    let mut player = Page::open(&browser, &stack.watch_url("live/watched"))?;
    for path in ["live/watched/in", "live/watched/out"] {
        let plays = format!(
            "[...document.querySelectorAll('video')].some(video => video.closest('[data-path=\"{path}\"]') \
             && video.currentTime > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 30)"
        );
        player.wait_until(&format!("{path} is played"), &plays)?;
    }
    Ok(())
}
