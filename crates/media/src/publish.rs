//! `publish URL`: a talking test stream, so that a new installation has something to dub.
//!
//! A short clip that is encoded already is sent over and over in real time: nothing is decoded and nothing encoded, and an
//! image that can dub can publish too. It waits for the router, and comes back after whatever cuts it.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use dragoman_service::config::{Check, Vars, refuse};
use dragoman_service::telemetry;
use rml_rtmp::sessions::StreamMetadata;
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use crate::rtmp_url::RtmpUrl;
use crate::worker::egress::publisher::{Error, Publisher};

/// 16 s of H.264 and AAC; `assets/test-stream.sh` makes it.
const CLIP: &[u8] = include_bytes!("../assets/test-stream.flv");
/// From the start of one round to that of the next: whole frames of both tracks.
const ROUND_MS: u32 = 16_000;
const SIZE: (u32, u32) = (640, 360);
/// From one attempt to the next. Whoever starts everything at once waits for the router a moment only.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Default, Deserialize)]
struct Raw {
    router_user: Option<String>,
    router_pass: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
}

/// Publishes to `url` until SIGTERM or SIGINT.
pub(crate) fn main(url: &str, vars: &Vars) -> ExitCode {
    let mut check = Check::new();
    let raw: Raw = vars.read(&mut check);
    let mut target = check.url("URL", Some(url.to_owned()), "", &["rtmp", "rtmps"]);
    if raw.router_user.is_some() != raw.router_pass.is_some() {
        check.problem("ROUTER_USER", None, "both ROUTER_USER and ROUTER_PASS, or neither");
    }
    let user = check.secret("ROUTER_USER", raw.router_user);
    let pass = check.secret("ROUTER_PASS", raw.router_pass);
    let log = telemetry::Options::check(&mut check, raw.log, raw.log_format);
    if let Err(problems) = check.finish() {
        return refuse(&problems);
    }
    let path = target.path().to_owned();
    if let Some((user, pass)) = user.zip(pass) {
        let mut query = target.query_pairs_mut();
        query
            .append_pair("user", user.expose())
            .append_pair("pass", pass.expose());
    }
    let published = telemetry::init(&log).and_then(|()| {
        let tags = tags(CLIP).ok_or_else(|| anyhow::anyhow!("the clip in this program is broken"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(until_stopped(&RtmpUrl::parse(target.as_str())?, &path, &tags))
    });
    match published {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot publish: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn until_stopped(url: &RtmpUrl, path: &str, tags: &[Tag]) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let publishing = async {
        loop {
            let Err(error) = rounds(url, path, tags).await;
            warn!(path, %error, "not on air, trying again");
            sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = publishing => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// One connection, for as long as it holds.
async fn rounds(url: &RtmpUrl, path: &str, tags: &[Tag]) -> Result<std::convert::Infallible, Error> {
    let mut publisher = Publisher::connect(url, None).await?;
    let mut metadata = StreamMetadata::new();
    metadata.video_width = Some(SIZE.0);
    metadata.video_height = Some(SIZE.1);
    metadata.encoder = Some(concat!("dragoman ", env!("CARGO_PKG_VERSION")).to_owned());
    publisher.metadata(&metadata).await?;
    info!(path, "on air: the test stream, until it is stopped");
    let began = Instant::now();
    let mut round = 0u32;
    loop {
        for tag in tags {
            // Both tracks are announced once.
            if round > 0 && tag.is_header {
                continue;
            }
            let at_ms = round.wrapping_mul(ROUND_MS).wrapping_add(tag.at_ms);
            let due = began + Duration::from_millis(u64::from(round) * u64::from(ROUND_MS) + u64::from(tag.at_ms));
            wait(&mut publisher, due).await?;
            match tag.is_video {
                true => publisher.video(at_ms, tag.body.clone()).await?,
                false => publisher.audio(at_ms, tag.body.clone()).await?,
            }
        }
        round = round.wrapping_add(1);
    }
}

/// Hears the router until `due`: what it has to say, that it closes above all, is not to be missed.
async fn wait(publisher: &mut Publisher, due: Instant) -> Result<(), Error> {
    loop {
        tokio::select! {
            () = sleep_until(due) => return Ok(()),
            read = publisher.read() => publisher.take_input(read?).await?,
        }
    }
}

/// A message of the clip.
#[derive(Debug, PartialEq, Eq)]
struct Tag {
    at_ms: u32,
    is_video: bool,
    /// What a decoder needs before the first frame.
    is_header: bool,
    body: Bytes,
}

/// Pictures and sound of an FLV file, those of one round; none when it is no such file.
fn tags(flv: &'static [u8]) -> Option<Vec<Tag>> {
    const HEADER: usize = 9;
    const SIZE: usize = 4;
    const TAG: usize = 11;
    let mut rest = flv.strip_prefix(b"FLV")?.get(HEADER - 3 + SIZE..)?;
    let mut tags = Vec::new();
    while let Some((tag, tail)) = rest.split_first_chunk::<TAG>() {
        let &[kind, s2, s1, s0, t2, t1, t0, t3, ..] = tag;
        let length = usize::try_from(u32::from_be_bytes([0, s2, s1, s0])).ok()?;
        let body = tail.get(..length)?;
        let at_ms = u32::from_be_bytes([t3, t2, t1, t0]);
        // 8 is sound, 9 pictures; the byte behind the codec is 0 for a decoder's configuration, 1 for a frame, 2 for the end,
        // which does not come here.
        if matches!((kind, body.get(1)), (8 | 9, Some(0 | 1))) && at_ms < ROUND_MS {
            tags.push(Tag {
                at_ms,
                is_video: kind == 9,
                is_header: body.get(1) == Some(&0),
                body: Bytes::from_static(body),
            });
        }
        rest = tail.get(length + SIZE..)?;
    }
    (!tags.is_empty()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seam would be heard as a click and seen as a jump at each round.
    #[test]
    fn the_clip_is_whole_rounds_of_both_tracks() {
        let tags = tags(CLIP).unwrap();
        let of = |video: bool| tags.iter().filter(move |tag| tag.is_video == video && !tag.is_header);
        assert_eq!(of(true).count(), 25 * 16);
        assert_eq!(of(false).count(), 48_000 * 16 / 1024);
        assert_eq!(tags.iter().filter(|tag| tag.is_header).count(), 2);
        for video in [true, false] {
            let stamps: Vec<u32> = of(video).map(|tag| tag.at_ms).collect();
            let longest = if video { 40 } else { 22 };
            assert!(stamps.windows(2).all(|two| (1..=longest).contains(&(two[1] - two[0]))));
            assert!(stamps[0] + ROUND_MS - stamps.last().unwrap() <= longest);
        }
        // A reader comes in at each second.
        let keys = of(true).filter(|tag| tag.body[0] >> 4 == 1).count();
        assert_eq!(keys, 16);
        assert!(CLIP.len() <= 300_000);
    }

    #[test]
    fn what_is_no_clip_is_none() {
        assert_eq!(super::tags(b"FLV"), None);
        assert_eq!(super::tags(&CLIP[..CLIP.len() - 7]), None);
    }
}
