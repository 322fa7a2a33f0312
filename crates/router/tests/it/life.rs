//! When streams come and go, and who is told.

use std::time::Duration;

use serde_json::{Value, json};

use crate::media::{aac_header, avc_header, keyframe};
use crate::peer::Peer;
use crate::server::{Call, Orchestrator, Server, until};

#[tokio::test]
async fn nobody_reads_before_both_tracks_are_known() {
    let server = Server::start().await;
    let mut publisher = Peer::publishing(&server).await;
    publisher.video(0, avc_header()).await;

    let mut reader = Peer::connect(server.at.rtmp, "live/x").await;
    reader.ask_to_play("in").await;
    assert_eq!(reader.status().await.as_deref(), Some("NetStream.Play.StreamNotFound"));
    reader.closed().await;
    assert!(!server.is_listed("live/x/in").await);

    publisher.audio(0, aac_header()).await;
    server.listed("live/x/in", |item| item["ready"] == true).await;
    Peer::reading(&server).await.skip_headers().await;
}

#[tokio::test]
async fn a_stream_with_one_track_is_available_a_second_later() {
    let server = Server::start().await;
    let mut publisher = Peer::publishing(&server).await;
    publisher.video(0, avc_header()).await;
    publisher.video(0, keyframe(10)).await;
    server_has_taken(&server).await;
    advance(Duration::from_millis(900)).await;
    assert!(!server.is_listed("live/x/in").await);
    advance(Duration::from_millis(200)).await;
    let item = server.listed("live/x/in", |_| true).await;
    assert_eq!(item["tracks"], json!(["H264"]));
}

#[tokio::test]
async fn a_silent_publisher_is_closed() {
    let server = Server::start().await;
    let mut publisher = Peer::on_air(&server).await;
    advance(Duration::from_secs(11)).await;
    publisher.closed().await;
    assert!(!server.is_listed("live/x/in").await);
}

#[tokio::test]
async fn a_newer_publisher_takes_over_and_the_old_readers_are_closed() {
    let mut orchestrator = Orchestrator::start(false).await;
    let server = Server::reporting_to(Some(orchestrator.target.clone())).await;
    let mut old = Peer::on_air(&server).await;
    let mut reader = Peer::reading(&server).await;
    let old_source = source(&server.listed("live/x/in", |_| true).await);

    let mut new = Peer::publishing(&server).await;
    reader.closed().await;
    old.closed().await;
    assert!(!server.is_listed("live/x/in").await, "the new one has no tracks yet");
    new.video(0, avc_header()).await;
    new.audio(0, aac_header()).await;
    let new_source = source(&server.listed("live/x/in", |_| true).await);
    assert_ne!(old_source, new_source);
    drop(new);

    let path = || "live/x/in".to_owned();
    assert_eq!(
        orchestrator.next_brief().await,
        ("ready".into(), path(), old_source.clone())
    );
    assert_eq!(
        orchestrator.next_brief().await,
        ("not-ready".into(), path(), old_source)
    );
    assert_eq!(
        orchestrator.next_brief().await,
        ("ready".into(), path(), new_source.clone())
    );
    assert_eq!(
        orchestrator.next_brief().await,
        ("not-ready".into(), path(), new_source)
    );
}

#[tokio::test]
async fn hook_calls_carry_query_and_key_and_are_repeated_in_order() {
    let mut orchestrator = Orchestrator::start(true).await;
    let server = Server::reporting_to(Some(orchestrator.target.clone())).await;
    let query = "source=en&targets=es,fr&hold=1500ms&pass=a%26b";
    let mut publisher = Peer::publishing_at(&server, "live/q", &format!("in?{query}")).await;
    publisher.video(0, avc_header()).await;
    publisher.audio(0, aac_header()).await;
    let id = source(&server.listed("live/q/in", |_| true).await);
    drop(publisher);

    let body = json!({"path": "live/q/in", "query": query, "sourceType": "rtmpConn", "sourceId": id});
    for event in ["ready", "ready", "not-ready", "not-ready"] {
        let authorization = Some("Bearer sesame".to_owned());
        assert_eq!(
            orchestrator.next().await,
            Call {
                event: event.into(),
                authorization,
                body: body.clone()
            }
        );
    }
}

#[tokio::test]
async fn the_list_is_mediamtx_s_in_shape_and_paging() {
    let server = Server::start().await;
    let mut publishers = Vec::new();
    for key in ["b", "a", "c"] {
        let mut publisher = Peer::publishing_at(&server, "list", key).await;
        publisher.video(0, avc_header()).await;
        publisher.audio(0, aac_header()).await;
        server.listed(&format!("list/{key}"), |_| true).await;
        publishers.push(publisher);
    }
    let (_, list) = server.api("/v3/paths/list").await;
    let names = |list: &Value| -> Vec<String> {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(names(&list), ["list/a", "list/b", "list/c"]);
    assert_eq!((&list["itemCount"], &list["pageCount"]), (&json!(3), &json!(1)));

    let (_, second) = server.api("/v3/paths/list?page=1&itemsPerPage=2").await;
    assert_eq!(names(&second), ["list/c"]);
    assert_eq!((&second["itemCount"], &second["pageCount"]), (&json!(3), &json!(2)));
    let (status, refusal) = server.api("/v3/paths/list?itemsPerPage=0").await;
    assert_eq!(
        (status, refusal),
        (400, json!({"status": "error", "error": "invalid items per page"}))
    );
    let (status, refusal) = server.api("/v3/paths/get/list/none").await;
    assert_eq!(
        (status, refusal),
        (404, json!({"status": "error", "error": "path not found"}))
    );

    let mut item = list["items"][0].clone();
    for (name, value) in item.as_object_mut().unwrap() {
        if name.ends_with("Time") {
            assert!(value.as_str().unwrap().ends_with('Z'), "{name}");
            *value = json!("<time>");
        }
    }
    item["source"]["id"] = json!("<id>");
    insta::assert_json_snapshot!(item);

    let (_, info) = server.api("/v3/info").await;
    assert!(info["version"].as_str().unwrap().starts_with("dragoman-router "));
    assert!(info["started"].is_string());
}

#[tokio::test]
async fn a_connection_tells_its_query_like_mediamtx_until_it_is_closed() {
    let server = Server::start().await;
    let query = "source=en&targets=es,fr&pass=a%26b";
    let mut publisher = Peer::publishing_at(&server, "live/x", &format!("in?{query}")).await;
    publisher.video(0, avc_header()).await;
    publisher.audio(0, aac_header()).await;
    let item = server.listed("live/x/in", |_| true).await;
    let place = |id: &str| format!("/v3/rtmpconns/get/{id}");
    let publishing = place(&source(&item));
    let (status, mut connection) = server.api(&publishing).await;
    assert_eq!(status, 200);

    let _reader = Peer::reading(&server).await;
    let item = server.listed("live/x/in", |item| item["readers"][0].is_object()).await;
    let (_, reading) = server.api(&place(item["readers"][0]["id"].as_str().unwrap())).await;
    assert_eq!(
        (&reading["state"], &reading["path"], &reading["query"]),
        (&json!("read"), &json!("live/x/in"), &json!("user=a&pass=b"))
    );

    for (name, shown) in [("id", "<id>"), ("remoteAddr", "<address>"), ("created", "<time>")] {
        assert!(connection[name].is_string());
        connection[name] = json!(shown);
    }
    for name in ["inboundBytes", "bytesReceived", "outboundBytes", "bytesSent"] {
        assert!(connection[name].as_u64().unwrap() > 51, "{name}");
        connection[name] = json!(0);
    }
    insta::assert_json_snapshot!(connection, @r#"
    {
      "bytesReceived": 0,
      "bytesSent": 0,
      "created": "<time>",
      "id": "<id>",
      "inboundBytes": 0,
      "outboundBytes": 0,
      "path": "live/x/in",
      "query": "source=en&targets=es,fr&pass=a%26b",
      "remoteAddr": "<address>",
      "state": "publish",
      "user": "",
      "userAgent": "WIN 23,0,0,207"
    }
    "#);

    drop(publisher);
    let (status, refusal) = until("the end of a connection that is closed", || async {
        Some(server.api(&publishing).await).filter(|(status, _)| *status != 200)
    })
    .await;
    assert_eq!(
        (status, refusal),
        (404, json!({"status": "error", "error": "connection not found"}))
    );
    assert_eq!(server.api(&place("xyz")).await.0, 400);
}

fn source(item: &Value) -> String {
    item["source"]["id"].as_str().unwrap().to_owned()
}

/// The answer to a later connection's request shows that what came before it is taken.
async fn server_has_taken(server: &Server) {
    for _ in 0..3 {
        Peer::connect(server.at.rtmp, "probe").await;
    }
}

/// Lets only the router's clock jump.
async fn advance(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
