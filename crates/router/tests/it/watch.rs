//! The page and what it needs.

use serde_json::{Value, json};

use crate::media::{aac_header, avc_header, inter, keyframe, sound};
use crate::peer::Peer;
use crate::server::Server;

#[tokio::test]
async fn http_flv_begins_with_headers_and_a_keyframe_and_ends_with_its_publisher() {
    let server = Server::start().await;
    let mut publisher = Peer::on_air(&server).await;
    publisher.video(40, keyframe(30)).await;
    let response = reqwest::get(format!("http://{}/live/x/in.flv", server.at.http))
        .await
        .unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["content-type"], "video/x-flv");
    server
        .listed("live/x/in", |item| item["readers"][0]["type"] == "flvSession")
        .await;
    publisher.video(80, inter(31)).await;
    publisher.audio(81, sound(1)).await;
    publisher.video(0x0100_0000, keyframe(32)).await;
    publisher.audio(0x0100_0001, sound(2)).await;
    drop(publisher);
    let file = response.bytes().await.unwrap();

    assert_eq!(&file[..13], b"FLV\x01\x05\0\0\0\x09\0\0\0\0");
    let tags = tags(&file[13..]);
    let bodies: Vec<_> = tags.iter().map(|(_, _, body)| body.clone()).collect();
    let expected = [avc_header(), aac_header(), keyframe(32), sound(2)];
    assert_eq!(
        bodies,
        expected.map(|body| body.to_vec()),
        "nothing of before the keyframe"
    );
    assert_eq!(tags[2].1, 0x0100_0000);
    assert_eq!(tags[3].1, 0x0100_0001);
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_404_and_its_page_is_there_all_the_same() {
    let server = Server::start().await;
    let get = |path: &str| reqwest::get(format!("http://{}{path}", server.at.http));
    assert_eq!(get("/live/none/out.flv").await.unwrap().status(), 404);
    for path in [
        "/",
        "/live/none/",
        "/live/none/out/",
        "/live/none/out/fr/",
        "/live/none/out",
    ] {
        let page = get(path).await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert!(page.text().await.unwrap().contains("/-/player.js"));
    }
    for (path, kind) in [
        ("/-/player.js", "text/javascript"),
        ("/-/player.css", "text/css"),
        ("/-/mpegts.js", "text/javascript"),
    ] {
        assert_eq!(get(path).await.unwrap().headers()["content-type"], kind);
    }
    let health: Value = get("/healthz").await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
}

#[tokio::test]
async fn the_page_s_list_names_languages_and_keeps_the_rest_of_the_query() {
    let server = Server::start().await;
    let query = "in?user=me&pass=secret&source=en&targets=es,fr";
    let mut publisher = Peer::publishing_at(&server, "live/x", query).await;
    publisher.video(0, avc_header()).await;
    publisher.audio(0, aac_header()).await;
    server.listed("live/x/in", |_| true).await;
    let text = reqwest::get(format!("http://{}/-/streams", server.at.http))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(!text.contains("secret"));
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["rtmpPort"], json!(server.at.rtmp.port()));
    assert_eq!(list["streams"][0]["path"], json!("live/x/in"));
    assert_eq!(
        list["streams"][0]["languages"],
        json!({"source": ["en"], "targets": ["es", "fr"]})
    );
}

/// Kind, stamp and body of each tag.
fn tags(mut file: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let mut tags = Vec::new();
    while let [kind, a, b, c, d, e, f, g, _, _, _, rest @ ..] = file {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        tags.push((*kind, u32::from_be_bytes([*g, *d, *e, *f]), rest[..length].to_vec()));
        file = &rest[length + 4..];
    }
    assert!(file.is_empty(), "a whole number of tags");
    tags
}
