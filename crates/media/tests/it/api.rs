//! Keys, bodies, errors, probes, the page.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{Service, media};

#[tokio::test]
async fn a_malformed_hook_is_answered_with_what_is_wrong() {
    let service = Service::start().await;
    let path = "/v1/mediamtx/events/ready";
    for (body, says) in [
        (json!({}), "path"),
        (json!({"path": "live/a/in"}), "sourceId"),
        (json!({"path": "live/a/in", "sourceId": ""}), "sourceId"),
        (json!({"path": "/live/a/in", "sourceId": "1"}), "path"),
        (json!({"path": "", "sourceId": "1"}), "path"),
        (json!({"path": 7, "sourceId": "1"}), "invalid type"),
    ] {
        let (status, answer) = service.request(Method::POST, path, Some(body.clone())).await;
        assert_eq!(status, 400, "{body}");
        assert!(
            answer["code"].is_string() && answer["message"].as_str().unwrap().contains(says),
            "{body}: {answer}"
        );
    }
    let out = json!({"path": "live/a/out", "sourceId": "1"});
    assert_eq!(
        service.request(Method::POST, path, Some(out)).await,
        (200, json!({"accepted": false}))
    );
    let long = json!({"path": "x".repeat(20_000), "sourceId": "1"});
    assert_eq!(service.request(Method::POST, path, Some(long)).await.0, 413);
    let body = Some(json!({"path": "live/a/in", "sourceId": "1"}));
    assert_eq!(
        service.request(Method::POST, "/v1/mediamtx/events/gone", body).await.0,
        404
    );
}

#[tokio::test]
async fn errors_are_json_with_a_code() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    service.live("a").await;
    let dub = |enabled: Value, target: Value| Some(json!({"enabled": enabled, "target": target}));
    for (method, path, body, status, code) in [
        (Method::GET, "/v1/streams/none", None, 404, "no_such_stream"),
        (Method::DELETE, "/v1/streams/none/worker", None, 404, "no_such_stream"),
        (
            Method::PUT,
            "/v1/streams/none/dub",
            dub(json!(true), Value::Null),
            404,
            "no_such_stream",
        ),
        (
            Method::PUT,
            "/v1/streams/a/dub",
            dub(json!(true), json!("fr")),
            404,
            "no_such_target",
        ),
        (
            Method::PUT,
            "/v1/streams/a/dub",
            dub(json!("yes"), Value::Null),
            400,
            "bad_body",
        ),
        (Method::GET, "/nothing", None, 404, "no_such_route"),
        (Method::GET, "/v1/streams/a/worker", None, 405, "method_not_allowed"),
    ] {
        let (found, answer) = service.request(method, path, body).await;
        assert_eq!(
            (found, answer["code"].as_str()),
            (status, Some(code)),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn each_route_but_page_probes_and_capacity_asks_for_the_key() {
    let service = Service::start_with(&[("MEDIA_API_KEY", "old,right")]).await;
    let http = reqwest::Client::new();
    let routes = [
        (Method::GET, "/v1/streams"),
        (Method::GET, "/v1/streams/a"),
        (Method::DELETE, "/v1/streams/a/worker"),
        (Method::PUT, "/v1/streams/a/dub"),
        (Method::POST, "/v1/mediamtx/events/ready"),
        (Method::POST, "/v1/drain"),
        (Method::DELETE, "/v1/drain"),
    ];
    for (method, path) in routes {
        for key in [None, Some("wrong"), Some("")] {
            let mut request = http.request(method.clone(), format!("{}{path}", service.url));
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path} {key:?}");
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "unauthorized");
        }
    }
    let right = http
        .get(format!("{}/v1/streams", service.url))
        .bearer_auth("right")
        .send()
        .await
        .unwrap();
    assert_eq!(right.status(), 200);
    for path in ["/", "/healthz", "/readyz", "/metrics", "/capacity"] {
        assert_eq!(service.request(Method::GET, path, None).await.0, 200, "{path}");
    }
    assert_eq!(service.get("/healthz").await["access"], "keyed");
}

#[tokio::test]
async fn health_tells_what_really_runs_and_at_once() {
    let service = Service::start().await;
    assert_eq!(service.get("/healthz").await["engines"], json!([]));
    service.router.publish("a", "1");
    service.live("a").await;
    let health = service.get("/healthz").await;
    assert_eq!(
        (&health["engines"], &health["access"], &health["status"]),
        (&json!(["mock"]), &json!("open"), &json!("ok"))
    );
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        service.get("/healthz").await;
        times.push(start.elapsed());
    }
    times.sort();
    assert!(times[50] < Duration::from_millis(10), "{times:?}");
    let check = media(&[])
        .arg("health")
        .arg(format!("{}/healthz", service.url))
        .status()
        .unwrap();
    assert!(check.success());
}

#[tokio::test]
async fn the_page_may_do_little() {
    let service = Service::start().await;
    let page = reqwest::get(&service.url).await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("connect-src 'self'"),
        "{policy}"
    );
    let text = page.text().await.unwrap();
    assert!(
        !text.contains("innerHTML") && !text.contains("http://"),
        "foreign text or foreign pages"
    );
}
