//! From hooks and polls to sessions.

use serde_json::json;

use crate::bench::{Service, eventually, pid_of};

#[tokio::test]
async fn a_hook_starts_a_worker_with_what_the_publisher_asks_for() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    assert_eq!(
        service
            .hook(
                "ready",
                "a",
                "1",
                "source=en&targets=de,fr&hold=1500ms&user=u&pass=hunter2"
            )
            .await
            .0,
        202
    );
    let stream = service.live("a").await;
    assert_eq!((&stream["source"], &stream["hold_ms"]), (&json!("en"), &json!(1500)));
    assert_eq!(stream["engine"], "mock");
    let paths: Vec<_> = stream["programmes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["path"].clone())
        .collect();
    assert_eq!(paths, ["live/a/out", "live/a/out/fr"]);
    assert_eq!(stream["programmes"][1]["watch"], "http://127.0.0.1:8888/live/a/out/fr/");
    assert!(!stream.to_string().contains("hunter2"));
    let spec = &service.specs("a")[0];
    assert_eq!(spec["ingest"]["tracks"], json!({"video": true, "audio": true}));
    assert_eq!(spec["grace_ms"], 3000);
}

#[tokio::test]
async fn hooks_that_come_twice_start_one_worker() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    for _ in 0..5 {
        service.hook("ready", "a", "1", "").await;
    }
    let pid = pid_of(&service.live("a").await);
    // Late and false: the router still lists the source.
    service.hook("not-ready", "a", "1", "").await;
    for _ in 0..5 {
        service.hook("ready", "a", "1", "").await;
    }
    service.router.publish("b", "2");
    service.hook("ready", "b", "2", "").await;
    service.live("b").await;
    assert_eq!(pid_of(&service.live("a").await), pid);
    assert_eq!(service.specs("a").len(), 1);
}

#[tokio::test]
async fn a_lost_hook_is_made_up_for_by_the_poll_which_also_finds_the_query() {
    let service = Service::start().await;
    service.router.remember("1", "target=it");
    service.router.publish("a", "1");
    assert_eq!(service.live("a").await["programmes"][0]["target"], "it");
}

#[tokio::test]
async fn a_publisher_that_comes_back_keeps_worker_and_session() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    let before = service.live("a").await;
    service.router.unpublish("a");
    service.hook("not-ready", "a", "1", "").await;
    service
        .stream("a", "it is reconnecting", |s| s["state"] == "reconnecting")
        .await;
    service.router.publish("a", "2");
    service.hook("ready", "a", "2", "").await;
    let after = service.live("a").await;
    assert_eq!(
        (pid_of(&after), &after["session"]),
        (pid_of(&before), &before["session"])
    );
    eventually("the worker is told of the new source", || async {
        service
            .told("a")
            .contains(&json!({"type": "source", "id": "2"}))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_publisher_that_stays_away_ends_the_session() {
    let service = Service::start_with(&[("GRACE", "1s")]).await;
    service.router.publish("a", "1");
    let first = service.live("a").await;
    service.router.unpublish("a");
    let ended = service.stream("a", "it ends", |s| s["state"] == "ended").await;
    assert_eq!(ended["reason"], "the publisher went away");
    assert!(ended["worker"].is_null());
    service.router.publish("a", "2");
    service.hook("ready", "a", "2", "").await;
    assert_ne!(service.live("a").await["session"], first["session"]);
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_with_the_reason() {
    let service = Service::start_with(&[("MEDIA_MAX_STREAMS", "1")]).await;
    service.router.publish_tracks("hevc", "1", &["H265", "MPEG-4 Audio"]);
    service.router.publish_tracks("opus", "2", &["H264", "Zorglub"]);
    service.router.publish("query", "3");
    service.router.remember("3", "targets=es,fr,de,it,pt");
    service.router.publish("no id", "4");
    service.router.publish("refuse", "5");
    for (id, says) in [
        ("hevc", "video codec H265 is not supported"),
        ("query", "5 targets, at most 4"),
        ("no%20id", "invalid stream id"),
        ("refuse", "no keyframe in 10 s"),
    ] {
        let refused = |s: &serde_json::Value| s["reason"].as_str().unwrap_or_default().contains(says);
        let stream = service.stream(id, says, refused).await;
        assert_eq!(stream["state"], "refused", "{id}");
    }
    service.router.publish("a", "6");
    service.live("a").await;
    service.router.publish("b", "7");
    let full = service
        .stream("b", "there is no room", |s| s["state"] == "refused")
        .await;
    assert!(full["reason"].as_str().unwrap().starts_with("no room"));
    service.router.unpublish("a");
    service.live("b").await;
    let metrics = reqwest::get(format!("{}/metrics", service.url))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        "dragoman_media_streams_refused_total{reason=\"codec\"} ",
        "dragoman_media_streams{state=\"live\"} 1.0",
        "dragoman_media_engine{stream=\"b\",engine=\"mock\"} 1.0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}
