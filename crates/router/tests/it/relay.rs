//! What readers get: the same bytes and stamps, from a keyframe on.

use bytes::Bytes;
use serde_json::json;

use crate::media::{aac_header, avc_header, hevc, inter, keyframe, sound};
use crate::peer::{Got, Peer};
use crate::server::Server;

#[tokio::test]
async fn a_late_reader_gets_headers_and_sound_at_once_and_pictures_from_the_next_keyframe() {
    let server = Server::start().await;
    let mut publisher = Peer::on_air(&server).await;
    publisher.video(40, keyframe(100)).await;
    publisher.video(80, inter(50)).await;
    server
        .listed("live/x/in", |item| item["inboundBytes"].as_u64() > Some(200))
        .await;

    let mut reader = Peer::reading(&server).await;
    publisher.video(120, inter(51)).await;
    publisher.audio(121, sound(1)).await;
    publisher.video(160, keyframe(101)).await;
    publisher.video(200, inter(52)).await;

    for expected in [
        Got::Video(80, avc_header()),
        Got::Audio(80, aac_header()),
        Got::Audio(121, sound(1)),
        Got::Video(160, keyframe(101)),
        Got::Video(200, inter(52)),
    ] {
        assert_eq!(reader.next().await, Some(expected));
    }
}

#[tokio::test]
async fn stamps_pass_unchanged_beyond_24_bits_around_32_bits_and_backwards() {
    let server = Server::start().await;
    let mut publisher = Peer::on_air(&server).await;
    let mut reader = Peer::reading(&server).await;
    reader.skip_headers().await;
    // Bodies of several chunks: each continued chunk repeats an extended stamp.
    let (large, stamps) = (
        200_000,
        [0x00ff_fff0, 0x0100_0018, 0x0100_0040, 0xffff_fff0, 24, 64, 10],
    );
    for stamp in stamps {
        publisher.video(stamp, keyframe(large)).await;
        publisher.audio(stamp, sound(9)).await;
    }
    for stamp in stamps {
        assert!(
            reader.next().await == Some(Got::Video(stamp, keyframe(large))),
            "stamp {stamp}"
        );
        assert_eq!(reader.next().await, Some(Got::Audio(stamp, sound(9))));
    }
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_skips_to_a_keyframe_and_is_counted_while_others_get_all() {
    const PICTURE: usize = 64 << 10;
    let server = Server::start().await;
    let mut publisher = Peer::on_air(&server).await;
    let mut slow = Peer::reading(&server).await;
    let mut quick = Peer::reading(&server).await;
    quick.skip_headers().await;

    let mut stamp = 0;
    let discarded = |item: &serde_json::Value| item["outboundFramesDiscarded"].as_u64().unwrap();
    while discarded(&server.listed("live/x/in", |_| true).await) == 0 {
        for _ in 0..25 {
            stamp += 40;
            let picture = if stamp % 400 == 40 {
                keyframe(PICTURE)
            } else {
                inter(PICTURE)
            };
            publisher.video(stamp, picture.clone()).await;
            assert!(
                quick.next().await == Some(Got::Video(stamp, picture)),
                "the quick reader gets all"
            );
        }
        assert!(stamp < 400_000, "no queue is without a bound");
    }
    let last = stamp + 40;
    publisher.video(last, keyframe(10)).await;
    assert_eq!(quick.next().await, Some(Got::Video(last, keyframe(10))));

    slow.skip_headers().await;
    let (mut before, mut hole, mut renewed) = (0, 0, false);
    while before < last {
        let Some(Got::Video(stamp, picture)) = slow.next().await else {
            panic!("the reader was closed")
        };
        if picture == avc_header() {
            renewed = true;
            continue;
        }
        if before > 0 && stamp > before + 40 {
            assert_eq!(picture[0] >> 4, 1, "after a hole comes a keyframe");
            assert!(renewed, "and before it the decoder's configuration");
            hole += (stamp - before) / 40 - 1;
        }
        before = stamp;
    }
    let counted = discarded(&server.listed("live/x/in", |_| true).await);
    assert!(hole > 0);
    assert_eq!(
        counted,
        u64::from(hole),
        "each picture that the reader missed is counted"
    );
}

#[tokio::test]
async fn pictures_of_enhanced_rtmp_are_named_and_not_relayed() {
    let server = Server::start().await;
    let mut publisher = Peer::publishing(&server).await;
    let [start, picture] = hevc();
    publisher.video(0, start).await;
    publisher.audio(0, aac_header()).await;
    let item = server.listed("live/x/in", |_| true).await;
    assert_eq!(item["tracks"], json!(["H265", "MPEG-4 Audio"]));
    assert_eq!(item["tracks2"][0], json!({"codec": "H265", "codecProps": null}));

    let mut reader = Peer::reading(&server).await;
    publisher.video(40, picture).await;
    publisher.audio(41, sound(1)).await;
    assert_eq!(reader.next().await, Some(Got::Audio(0, aac_header())));
    assert_eq!(reader.next().await, Some(Got::Audio(41, sound(1))));
}

#[tokio::test]
async fn other_codecs_are_named_too() {
    let cases: [(&[u8], &[u8], serde_json::Value); 3] = [
        (b"\x90av01\x81", &[0x2f, 0xff, 0xfb], json!(["AV1", "MPEG-1/2 Audio"])),
        (b"\x1c\x00\x00\x00\x00", b"\x90Opus", json!(["H265", "Opus"])),
        (b"\x90vp09\x01", &[0x7e, 0x55], json!(["VP9", "G711"])),
    ];
    let server = Server::start().await;
    for (index, (video, audio, expected)) in cases.into_iter().enumerate() {
        let key = index.to_string();
        let mut publisher = Peer::publishing_at(&server, "codecs", &key).await;
        publisher.video(0, Bytes::from_static(video)).await;
        publisher.audio(0, Bytes::from_static(audio)).await;
        let item = server.listed(&format!("codecs/{key}"), |_| true).await;
        assert_eq!(item["tracks"], expected);
    }
}
