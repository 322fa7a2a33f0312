//! The publishers and readers that people use: ffmpeg and GStreamer.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::peer::Peer;
use crate::server::{DEADLINE, Orchestrator, Server};

/// Four seconds whose stamps, published with this offset, cross 2^24 ms in their middle.
const OFFSET_MS: i64 = 16_775_216;

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_to_ffmpeg_keeps_every_byte_and_stamp_across_24_bits() {
    let clip = Clip::make().await;
    let server = Server::start().await;
    let mut publisher = clip.publish(&server.rtmp("live/x/in?source=en"), OFFSET_MS);
    let item = server.listed("live/x/in", |_| true).await;
    assert_eq!(item["tracks2"][0]["codecProps"]["width"], json!(320));
    assert_eq!(item["tracks2"][0]["codecProps"]["height"], json!(240));
    assert_eq!(
        item["tracks2"][1]["codecProps"],
        json!({"sampleRate": 44100, "channelCount": 1})
    );

    let copied = packets(&server.rtmp("live/x/in")).await;
    assert!(publisher.wait().await.unwrap().success());
    for (track, least) in [(0, 50), (1, 80)] {
        let sent: Vec<_> = clip.packets.iter().filter(|packet| packet.track == track).collect();
        let got: Vec<_> = copied.iter().filter(|packet| packet.track == track).collect();
        assert!(got.len() >= least, "track {track}: {} packets", got.len());
        let from = sent
            .iter()
            .position(|packet| packet.hash == got[0].hash)
            .expect("a packet that was sent");
        for (sent, got) in sent[from..].iter().zip(&got) {
            let moved = Packet {
                dts: sent.dts + OFFSET_MS,
                pts: sent.pts + OFFSET_MS,
                ..(*sent).clone()
            };
            assert_eq!(&&moved, got);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_decodes_http_flv_into_the_pictures_that_were_sent() {
    let clip = Clip::make().await;
    let server = Server::start().await;
    let mut publisher = clip.publish(&server.rtmp("live/x/in"), 0);
    server.listed("live/x/in", |_| true).await;
    let got = pictures(&format!("http://{}/live/x/in.flv", server.at.http)).await;
    assert!(publisher.wait().await.unwrap().success());

    let sent = pictures(clip.file.to_str().unwrap()).await;
    assert!(got.len() >= 50, "{} pictures", got.len());
    let from = sent
        .iter()
        .position(|hash| *hash == got[0])
        .expect("a picture that was sent");
    assert_eq!(from % 25, 0, "it begins with a keyframe");
    assert_eq!(sent[from..from + got.len()], got);
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_publishes_and_plays() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("played.flv");
    let location = format!("location={}", server.rtmp("live/g/in?targets=es"));
    let mut publisher = start(Command::new("gst-launch-1.0").args([
        "-q",
        "flvmux",
        "name=m",
        "latency=100000000",
        "!",
        "rtmp2sink",
        &location,
        "videotestsrc",
        "is-live=true",
        "num-buffers=120",
        "!",
        "video/x-raw,format=I420,width=320,height=240,framerate=30/1",
        "!",
        "x264enc",
        "tune=zerolatency",
        "key-int-max=30",
        "speed-preset=ultrafast",
        "!",
        "h264parse",
        "!",
        "m.",
        "audiotestsrc",
        "is-live=true",
        "num-buffers=190",
        "!",
        "audio/x-raw,rate=48000,channels=2",
        "!",
        "avenc_aac",
        "!",
        "aacparse",
        "!",
        "m.",
    ]));
    let item = server.listed("live/g/in", |_| true).await;
    assert_eq!(item["tracks"], json!(["H264", "MPEG-4 Audio"]));
    let played = output(Command::new("gst-launch-1.0").args([
        "-q",
        "rtmp2src",
        &format!("location={}", server.rtmp("live/g/in")),
        "!",
        "filesink",
        &format!("location={}", file.display()),
    ]))
    .await;
    assert!(
        played.status.success(),
        "the end of the stream is the end of rtmp2src: {played:?}"
    );
    assert!(publisher.wait().await.unwrap().success());
    let seen = pictures(file.to_str().unwrap()).await.len();
    assert!((50..=120).contains(&seen), "{seen} pictures of 120");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_publisher_ends_its_readers_and_is_reported() {
    let clip = Clip::make().await;
    let mut orchestrator = Orchestrator::start(false).await;
    let server = Server::reporting_to(Some(orchestrator.target.clone())).await;
    let mut publisher = clip.publish(&server.rtmp("live/x/in?hold=0"), 0);
    server.listed("live/x/in", |_| true).await;
    let mut reader = Peer::reading(&server).await;
    assert!(reader.next().await.is_some());

    publisher.kill().await.unwrap();
    reader.closed().await;
    assert!(!server.is_listed("live/x/in").await);
    assert_eq!(orchestrator.next_brief().await.0, "ready");
    let gone = orchestrator.next().await;
    assert_eq!(
        (gone.event.as_str(), &gone.body["query"]),
        ("not-ready", &json!("hold=0"))
    );
}

/// Four seconds of 320x240 at 25 pictures a second with B-frames and a keyframe a second, mono sound at 44.1 kHz.
struct Clip {
    _folder: TempDir,
    file: PathBuf,
    packets: Vec<Packet>,
}

impl Clip {
    async fn make() -> Clip {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clip.flv");
        let made = output(
            ffmpeg()
                .args([
                    "-f",
                    "lavfi",
                    "-i",
                    "testsrc2=s=320x240:r=25:d=4",
                    "-f",
                    "lavfi",
                    "-i",
                    "sine=f=440:r=44100:d=4",
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-bf",
                    "2",
                    "-g",
                    "25",
                    "-sc_threshold",
                    "0",
                    "-pix_fmt",
                    "yuv420p",
                    "-c:a",
                    "aac",
                    "-ac",
                    "1",
                ])
                .arg(&file),
        )
        .await;
        assert!(made.status.success(), "{made:?}");
        let packets = packets(file.to_str().unwrap()).await;
        assert!(packets.len() > 250);
        Clip {
            _folder: folder,
            file,
            packets,
        }
    }

    fn publish(&self, url: &str, offset_ms: i64) -> Child {
        let offset = format!("{offset_ms}ms");
        start(
            ffmpeg()
                .args([
                    "-re",
                    "-i",
                    path(&self.file),
                    "-c",
                    "copy",
                    "-copyts",
                    "-output_ts_offset",
                    &offset,
                    "-f",
                    "flv",
                ])
                .args(["-flvflags", "no_duration_filesize", url]),
        )
    }
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[derive(Clone, Debug, PartialEq)]
struct Packet {
    track: u32,
    dts: i64,
    pts: i64,
    hash: String,
}

/// Every packet of an input, undecoded, with its stamps as they are.
async fn packets(input: &str) -> Vec<Packet> {
    let listed = output(
        ffmpeg()
            .args([
                "-copyts", "-i", input, "-map", "0:v", "-map", "0:a", "-c", "copy", "-copyts",
            ])
            .args(["-f", "framemd5", "-"]),
    )
    .await;
    assert!(listed.status.success(), "{listed:?}");
    let rows = rows(&listed);
    let number = |text: &str| text.parse().unwrap();
    rows.iter()
        .map(|row| Packet {
            track: row[0].parse().unwrap(),
            dts: number(&row[1]),
            pts: number(&row[2]),
            hash: row[5].clone(),
        })
        .collect()
}

/// A hash of every picture of an input, decoded.
async fn pictures(input: &str) -> Vec<String> {
    let listed = output(ffmpeg().args([
        "-i",
        input,
        "-map",
        "0:v",
        "-vsync",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ]))
    .await;
    assert!(listed.status.success() && listed.stderr.is_empty(), "{listed:?}");
    rows(&listed).into_iter().map(|row| row[5].clone()).collect()
}

fn rows(listed: &Output) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(&listed.stdout);
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| line.split(',').map(|column| column.trim().to_owned()).collect())
        .collect()
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]);
    command
}

fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a program on the PATH")
}

async fn output(command: &mut Command) -> Output {
    let ended = command.stdin(Stdio::null()).kill_on_drop(true).output();
    timeout(DEADLINE, ended)
        .await
        .expect("an end")
        .expect("a program on the PATH")
}
