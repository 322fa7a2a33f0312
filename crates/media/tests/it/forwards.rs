//! Third parties of a stream: what is refused, what is kept, and that no key is shown.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bench::{Service, cmdline, eventually, pid_of, signal};

const PATH: &str = "/v1/streams/a/forwards";
const SECRET: &str = "hunter2";

fn list() -> Value {
    json!([
        {"name": "one", "url": format!("rtmp://127.0.0.1:9/app/{SECRET}")},
        {"url": format!("rtmps://127.0.0.1:9/{SECRET}/key?a={SECRET}"), "target": "es"},
    ])
}

/// The forwards that a spec, an order or a hello holds.
fn urls(forwards: &Value) -> Vec<&str> {
    let list = forwards["list"].as_array().into_iter().flatten();
    list.filter_map(|one| one["url"].as_str()).collect()
}

#[tokio::test]
async fn what_is_not_public_is_refused_with_the_rule() {
    let service = Service::start().await;
    for (url, code, says) in [
        ("rtmp://127.0.0.1/app/hunter2", "forward_refused", "loopback"),
        ("rtmp://localhost/app/hunter2", "forward_refused", "loopback"),
        ("rtmp://2130706433/app/hunter2", "forward_refused", "loopback"),
        ("rtmp://0/app/hunter2", "forward_refused", "unspecified"),
        ("rtmp://10.0.0.1/app/hunter2", "forward_refused", "private"),
        ("rtmp://169.254.169.254/app/hunter2", "forward_refused", "link-local"),
        ("rtmp://100.64.0.1/app/hunter2", "forward_refused", "carrier-grade NAT"),
        ("rtmps://[::1]/app/hunter2", "forward_refused", "loopback"),
        ("rtmps://[::ffff:192.168.0.1]/app/hunter2", "forward_refused", "private"),
        ("rtmps://[64:ff9b::a00:1]/app/hunter2", "forward_refused", "private"),
        ("rtmps://[2002:a00:1::]/app/hunter2", "forward_refused", "private"),
        ("rtmp://203.0.113.7/app/hunter2", "forward_refused", "documentation"),
        (
            "rtmp://1.1.1.1:6379/app/hunter2",
            "forward_refused",
            "no entry for rtmp://1.1.1.1:6379",
        ),
        ("rtmps://1.1.1.1:1935/app/hunter2", "forward_refused", "no entry"),
        ("http://1.1.1.1/app/hunter2", "bad_forward_url", "rtmp://"),
        ("rtmp://me:hunter2@1.1.1.1/app/key", "bad_forward_url", "user"),
        ("rtmp://1.1.1.1/hunter2", "bad_forward_url", "/app/key"),
    ] {
        let (status, answer) = service.request(Method::PUT, PATH, Some(json!([{"url": url}]))).await;
        assert_eq!((status, answer["code"].as_str()), (422, Some(code)), "{url}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(
            message.contains(says) && message.starts_with("forward 1: "),
            "{url}: {message}"
        );
        assert!(!message.contains(SECRET), "{message}");
    }
    assert_eq!(service.get(PATH).await, json!({"forwards": []}));
    let off = Service::start_with(&[("FORWARD_ALLOW", "none")]).await;
    let (status, answer) = off
        .request(Method::PUT, PATH, Some(json!([{"url": "rtmp://1.1.1.1/a/b"}])))
        .await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (422, Some("forward_refused")),
        "{answer}"
    );
}

#[tokio::test]
async fn what_is_no_list_is_refused_without_repeating_it() {
    let service = Service::start_with(&[("FORWARD_ALLOW", "127.0.0.1:*")]).await;
    let url = format!("rtmp://127.0.0.1:9/app/{SECRET}");
    let many: Vec<_> = (0..9).map(|n| json!({"url": format!("{url}{n}")})).collect();
    for (path, body, status, code) in [
        (PATH, json!({"url": url}), 400, "bad_body"),
        (PATH, json!([url]), 400, "bad_body"),
        (PATH, json!([{"url": url, "key": SECRET}]), 400, "bad_body"),
        (PATH, json!([{"target": "es"}]), 400, "bad_body"),
        (PATH, json!([{"url": url}, {"url": url}]), 422, "duplicate_forward"),
        (PATH, json!([{"url": url, "target": "hunter2"}]), 422, "bad_target"),
        (PATH, json!([{"url": url, "name": ""}]), 422, "bad_name"),
        (
            PATH,
            json!([{"url": format!("{url}{}", "x".repeat(1100))}]),
            422,
            "bad_forward_url",
        ),
        (PATH, Value::from(many), 422, "too_many_forwards"),
        (
            PATH,
            json!([{"url": url.clone() + &"x".repeat(20_000)}]),
            413,
            "too_large",
        ),
        ("/v1/streams/a.b/forwards", json!([]), 422, "bad_stream_id"),
    ] {
        let (found, answer) = service.request(Method::PUT, path, Some(body.clone())).await;
        assert_eq!(
            (found, answer["code"].as_str()),
            (status, Some(code)),
            "{body}: {answer}"
        );
        assert!(!answer.to_string().contains(SECRET), "{answer}");
    }
    assert_eq!(
        service
            .request(Method::DELETE, "/v1/streams/a.b/forwards", None)
            .await
            .0,
        422
    );
    // What a page of somebody else's could make a browser send: without asking first it cannot say that it is JSON.
    let client = reqwest::Client::new();
    let put = client.put(format!("{}{PATH}", service.url)).body(list().to_string());
    assert_eq!(put.send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_list_is_there_before_its_stream_and_outlives_workers_and_orchestrators() {
    let service = Service::start_with(&[("FORWARD_ALLOW", "127.0.0.1:*")]).await;
    let (status, set) = service.request(Method::PUT, PATH, Some(list())).await;
    assert_eq!(status, 200, "{set}");
    let shown: Vec<_> = set["forwards"].as_array().unwrap().iter().collect();
    assert_eq!(shown[0]["url"], "rtmp://127.0.0.1:9/…");
    assert_eq!(
        (&shown[1]["url"], &shown[1]["name"]),
        (&json!("rtmps://127.0.0.1:9/…"), &json!("127.0.0.1"))
    );
    assert!(shown.iter().all(|one| one["state"] == "off"), "{set}");

    service.router.publish("a", "1");
    let first = service.live("a").await;
    let spec = &service.specs("a")[0]["forwards"];
    assert_eq!(urls(spec)[0], format!("rtmp://127.0.0.1:9/app/{SECRET}"));
    assert_eq!(spec["allow"], "127.0.0.1/32:*");
    let live = |s: &Value| {
        s["forwards"]
            .as_array()
            .is_some_and(|all| all.iter().all(|f| f["state"] == "live"))
    };
    let stream = service.stream("a", "its forwards are live", live).await;
    assert_eq!(stream["forwards"][0]["target"], "es", "the stream's first");
    let text = reqwest::get(format!("{}/metrics", service.url))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains("dragoman_media_forward_live{stream=\"a\",forward=\"one\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("dragoman_media_forward_video_units_total{stream=\"a\",forward=\"127.0.0.1\"}"),
        "{text}"
    );

    signal(pid_of(&first), Signal::KILL);
    let second = service
        .stream("a", "another worker serves it", |s| {
            live(s) && s["worker"]["pid"].is_i64() && s["worker"]["pid"] != first["worker"]["pid"]
        })
        .await;
    assert_eq!(&service.specs("a")[1]["forwards"], spec);

    let orchestrator = service.orchestrator();
    signal(orchestrator, Signal::KILL);
    eventually("it is gone", || async {
        cmdline(orchestrator).is_empty().then_some(())
    })
    .await;
    service.wait_for_router().await;
    let adopted = service.stream("a", "the next one knows it", live).await;
    assert_eq!(pid_of(&adopted), pid_of(&second));
    assert_eq!(adopted["forwards"].as_array().unwrap().len(), 2);

    let one = json!([{"name": "one", "url": format!("rtmp://127.0.0.1:9/app/{SECRET}")}]);
    assert_eq!(service.request(Method::PUT, PATH, Some(one)).await.0, 200);
    eventually("the worker is told", || async {
        let told = service.told("a");
        told.iter()
            .any(|line| line["type"] == "forwards" && urls(&line["forwards"]).len() == 1)
            .then_some(())
    })
    .await;
    assert_eq!(service.request(Method::DELETE, PATH, None).await, (204, Value::Null));
    assert_eq!(service.get(PATH).await, json!({"forwards": []}));
    eventually("the worker is told of that too", || async {
        let last = service.told("a").into_iter().rfind(|line| line["type"] == "forwards")?;
        urls(&last["forwards"]).is_empty().then_some(())
    })
    .await;
    service
        .stream("a", "there are none", |s| s["forwards"] == json!([]))
        .await;

    for path in ["/v1/streams", "/healthz", PATH] {
        let shown = service.get(path).await.to_string();
        assert!(!shown.contains(SECRET), "{path}: {shown}");
    }
}

#[tokio::test]
async fn what_is_set_while_a_worker_is_taken_over_comes_first() {
    let service = Service::start_with(&[("FORWARD_ALLOW", "127.0.0.1:*")]).await;
    service.router.publish("a", "1");
    service.live("a").await;
    assert_eq!(service.request(Method::PUT, PATH, Some(list())).await.0, 200);
    service
        .stream("a", "the worker has it", |s| s["forwards"][1]["state"] == "live")
        .await;
    let orchestrator = service.orchestrator();
    signal(orchestrator, Signal::KILL);
    eventually("it is gone", || async {
        cmdline(orchestrator).is_empty().then_some(())
    })
    .await;
    // As soon as the next one listens.
    let client = reqwest::Client::new();
    eventually("it is deleted", || async {
        let answer = client.delete(format!("{}{PATH}", service.url)).send().await.ok()?;
        (answer.status() == 204).then_some(())
    })
    .await;
    service.live("a").await;
    eventually("the worker has none", || async {
        let last = service.told("a").into_iter().rfind(|line| line["type"] == "forwards")?;
        urls(&last["forwards"]).is_empty().then_some(())
    })
    .await;
    assert_eq!(service.get(PATH).await, json!({"forwards": []}));
}
