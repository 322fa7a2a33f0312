//! How many streams there may be, and a service that takes no more.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bench::{Service, cmdline, eventually, pid_of, signal};

async fn metric(service: &Service, line: &str) -> bool {
    let metrics = reqwest::get(format!("{}/metrics", service.url)).await.unwrap();
    metrics.text().await.unwrap().lines().any(|found| found == line)
}

/// The stream, once it is refused for `reason`.
async fn refused(service: &Service, id: &str, reason: &str) -> Value {
    let says = |s: &Value| s["state"] == "refused" && s["reason"].as_str().unwrap_or_default().starts_with(reason);
    service.stream(id, reason, says).await
}

async fn draining(service: &Service) {
    eventually("it drains", || async {
        (service.get("/capacity").await["draining"] == true).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_target_beyond_the_first_takes_half_a_slot() {
    let service = Service::start_with(&[("MEDIA_MAX_STREAMS", "3")]).await;
    assert_eq!(
        service.get("/capacity").await,
        json!({"slots": 3, "used": 0, "draining": false})
    );
    service.router.remember("1", "targets=es,fr");
    service.router.publish("a", "1");
    service.live("a").await;
    service.router.publish("b", "2");
    service.live("b").await;
    assert_eq!(service.get("/capacity").await["used"], json!(2.5));
    assert!(metric(&service, "dragoman_media_free_slots 0.5").await);
    service.router.publish("c", "3");
    let full = refused(&service, "c", "no room").await;
    assert_eq!(
        full["reason"],
        "no room: this stream takes 1 of the slots for streams, and 0.5 are free"
    );
    service.router.unpublish("b");
    service.live("c").await;
}

#[tokio::test]
async fn a_drain_cuts_nobody_and_ends_the_service_with_0() {
    let mut service = Service::start().await;
    service.router.publish("a", "1");
    let before = service.live("a").await;
    let (status, capacity) = service.request(Method::POST, "/v1/drain", None).await;
    assert_eq!(
        (status, capacity),
        (202, json!({"slots": 8, "used": 1, "draining": true}))
    );
    assert_eq!(service.request(Method::GET, "/healthz", None).await.0, 200);
    let (status, ready) = service.request(Method::GET, "/readyz", None).await;
    assert_eq!((status, &ready["status"]), (503, &json!("draining")));
    assert!(metric(&service, "dragoman_media_draining 1.0").await);
    service.router.publish("b", "2");
    refused(&service, "b", "the service is draining").await;

    // Its publisher blinks: that is no new stream.
    service.router.unpublish("a");
    service.hook("not-ready", "a", "1", "").await;
    service
        .stream("a", "it is reconnecting", |s| s["state"] == "reconnecting")
        .await;
    service.router.publish("a", "3");
    let after = service.live("a").await;
    assert_eq!(
        (pid_of(&after), &after["session"]),
        (pid_of(&before), &before["session"])
    );

    // The wish outlives the orchestrator.
    let orchestrator = service.orchestrator();
    signal(orchestrator, Signal::KILL);
    eventually("it is gone", || async {
        cmdline(orchestrator).is_empty().then_some(())
    })
    .await;
    eventually("the next one answers", || async {
        reqwest::get(format!("{}/healthz", service.url)).await.ok().map(|_| ())
    })
    .await;
    draining(&service).await;
    assert_eq!(pid_of(&service.live("a").await), pid_of(&before));

    service.router.unpublish("a");
    assert_eq!(service.exit().await.code(), Some(0));
    let drained = |told: &[Value]| told.iter().filter(|order| order["type"] == "drain").count();
    assert_eq!(drained(&service.told("a")), 1, "only when its publisher had left");
    assert_eq!(service.specs("b").len(), 0);
    assert!(!service.run_dir().join("draining").exists());
}

#[tokio::test]
async fn a_drain_is_taken_back() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    let pid = pid_of(&service.live("a").await);
    service.request(Method::POST, "/v1/drain", None).await;
    service.router.publish("b", "2");
    refused(&service, "b", "the service is draining").await;
    let (status, capacity) = service.request(Method::DELETE, "/v1/drain", None).await;
    assert_eq!((status, &capacity["draining"]), (200, &json!(false)));
    service.live("b").await;
    assert_eq!(service.request(Method::GET, "/readyz", None).await.0, 200);
    assert_eq!(pid_of(&service.live("a").await), pid);
}

#[tokio::test]
async fn a_service_with_nothing_on_air_has_drained_at_once() {
    let mut service = Service::start().await;
    assert_eq!(service.request(Method::POST, "/v1/drain", None).await.0, 202);
    assert_eq!(service.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_wish_of_an_earlier_run_is_void() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("draining"), "1").unwrap();
    let service = Service::start_with(&[("RUN_DIR", dir.path().to_str().unwrap())]).await;
    assert_eq!(service.get("/capacity").await["draining"], false);
    assert!(!dir.path().join("draining").exists());
}

#[tokio::test]
async fn sigterm_lets_streams_go_on_until_they_end() {
    let mut service = Service::start_with(&[("DRAIN", "1h")]).await;
    service.router.publish("a", "1");
    let before = service.live("a").await;
    service.terminate();
    draining(&service).await;
    service.router.publish("b", "2");
    refused(&service, "b", "the service is draining").await;
    let (status, answer) = service.request(Method::DELETE, "/v1/drain", None).await;
    assert_eq!((status, &answer["code"]), (409, &json!("stopping")));

    // The next orchestrator goes on with what is left of it.
    let orchestrator = service.orchestrator();
    signal(orchestrator, Signal::KILL);
    eventually("it is gone", || async {
        cmdline(orchestrator).is_empty().then_some(())
    })
    .await;
    eventually("the next one answers", || async {
        reqwest::get(format!("{}/healthz", service.url)).await.ok().map(|_| ())
    })
    .await;
    draining(&service).await;
    assert_eq!(pid_of(&service.live("a").await), pid_of(&before));
    service.router.unpublish("a");
    assert_eq!(service.exit().await.code(), Some(0));
    assert_eq!(service.specs("a").len(), 1);
}

#[tokio::test]
async fn a_second_sigterm_or_the_end_of_the_time_ends_streams() {
    for (drain, again) in [("1h", true), ("1s", false)] {
        let mut service = Service::start_with(&[("DRAIN", drain)]).await;
        service.router.publish("a", "1");
        let pid = pid_of(&service.live("a").await);
        service.terminate();
        draining(&service).await;
        assert_eq!(service.told("a").len(), 1, "it is not ended yet");
        if again {
            service.terminate();
        }
        assert_eq!(service.exit().await.code(), Some(0));
        assert_eq!(cmdline(pid), "");
        let told = service.told("a");
        assert_eq!(told.last().unwrap(), &json!({"type": "drain", "deadline_ms": 7000}));
    }
}
