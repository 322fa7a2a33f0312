//! Workers that crash, freeze, or outlive their orchestrator.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bench::{Service, cmdline, eventually, pid_of, signal};

/// The stream, once another worker than `old` serves it.
async fn replaced(service: &Service, id: &str, old: i32) -> Value {
    let other =
        |s: &Value| s["state"] == "live" && s["worker"]["pid"].as_i64().is_some_and(|pid| pid != i64::from(old));
    service.stream(id, "another worker serves it", other).await
}

#[tokio::test]
async fn a_crashed_worker_is_replaced_and_goes_on_where_it_was() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    service.router.publish("b", "2");
    let (a, b) = (service.live("a").await, service.live("b").await);
    signal(pid_of(&a), Signal::KILL);
    let after = replaced(&service, "a", pid_of(&a)).await;
    assert_eq!(
        (&after["session"], &after["worker"]["restarts"]),
        (&a["session"], &json!(1))
    );
    let resume = &service.specs("a")[1]["resume"];
    assert_eq!(resume["shift_ns"], 1000);
    assert!(
        resume["out_ns"].as_i64().unwrap() >= 100_000_000 && resume["age_ns"].as_i64().unwrap() >= 0,
        "{resume}"
    );
    assert_eq!(
        pid_of(&service.live("b").await),
        pid_of(&b),
        "another stream does not notice"
    );
}

#[tokio::test]
async fn a_frozen_worker_is_killed_and_replaced() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    let pid = pid_of(&service.live("a").await);
    signal(pid, Signal::STOP);
    replaced(&service, "a", pid).await;
    assert_eq!(cmdline(pid), "", "the frozen one is gone");
}

#[tokio::test]
async fn a_worker_that_keeps_crashing_makes_the_stream_degraded() {
    let service = Service::start().await;
    service.router.publish("crash", "1");
    let stream = service
        .stream("crash", "it is degraded", |s| s["state"] == "degraded")
        .await;
    assert!(stream["reason"].as_str().unwrap().contains("code 70"), "{stream}");
    assert_eq!(service.get("/healthz").await["status"], "degraded");
}

#[tokio::test]
async fn a_run_directory_that_takes_no_lock_is_the_reason_until_it_does() {
    let service = Service::start().await;
    let lock = service.run_dir().join("a.lock");
    std::fs::create_dir(&lock).unwrap();
    service.router.publish("a", "1");
    let says = |s: &Value| s["reason"].as_str().is_some_and(|reason| reason.contains("a.lock: "));
    service.stream("a", "it says what is wrong", says).await;
    std::fs::remove_dir(&lock).unwrap();
    service.live("a").await;
}

#[tokio::test]
async fn a_killed_orchestrator_costs_nothing() {
    let service = Service::start().await;
    service.router.publish("a", "1");
    let before = service.live("a").await;
    service
        .request(Method::PUT, "/v1/streams/a/dub", Some(json!({"enabled": false})))
        .await;
    service
        .stream("a", "the worker knows", |s| s["programmes"][0]["enabled"] == false)
        .await;
    eventually("the worker is told", || async {
        (service.told("a").len() > 1).then_some(())
    })
    .await;
    let orchestrator = service.orchestrator();
    signal(orchestrator, Signal::KILL);
    eventually("it is gone", || async {
        cmdline(orchestrator).is_empty().then_some(())
    })
    .await;
    service.wait_for_router().await;
    let after = service.live("a").await;
    assert_eq!(
        (pid_of(&after), &after["session"]),
        (pid_of(&before), &before["session"])
    );
    assert_eq!(after["programmes"][0]["enabled"], false, "the bypass stays");
    assert_eq!(service.specs("a").len(), 1);
    // The one that was adopted is watched like one that was started.
    signal(pid_of(&after), Signal::KILL);
    replaced(&service, "a", pid_of(&after)).await;
    assert_eq!(service.specs("a")[1]["programmes"][0]["muted"], true);
}

#[tokio::test]
async fn the_bypass_survives_a_restart_of_the_worker() {
    let service = Service::start_with(&[("TARGETS", "es,fr")]).await;
    service.router.publish("a", "1");
    let pid = pid_of(&service.live("a").await);
    let (status, stream) = service
        .request(
            Method::PUT,
            "/v1/streams/a/dub",
            Some(json!({"enabled": false, "target": "fr"})),
        )
        .await;
    assert_eq!((status, &stream["programmes"][1]["enabled"]), (200, &json!(false)));
    assert_eq!(
        service.request(Method::DELETE, "/v1/streams/a/worker", None).await.0,
        202
    );
    let after = replaced(&service, "a", pid).await;
    let enabled: Vec<_> = after["programmes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["enabled"].clone())
        .collect();
    assert_eq!(enabled, [true, false]);
    let told = service.told("a");
    assert!(told.contains(&json!({"type": "mute", "target": "fr", "on": true})));
    assert!(told.contains(&json!({"type": "drain", "deadline_ms": 1000})));
    assert!(!service.specs("a")[1]["resume"].is_null());
}

#[tokio::test]
async fn sigterm_drains_and_exits_0() {
    let mut service = Service::start().await;
    service.router.publish("a", "1");
    let pid = pid_of(&service.live("a").await);
    service.terminate();
    assert_eq!(service.exit().await.code(), Some(0));
    assert_eq!(cmdline(pid), "");
    assert_eq!(service.told("a").last().unwrap()["type"], "drain");
}

#[tokio::test]
async fn a_socket_without_a_worker_is_removed() {
    let service = Service::start().await;
    let socket = service.run_dir().join("a.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let orchestrator = service.orchestrator();
    signal(orchestrator, Signal::KILL);
    eventually("it is removed", || async { (!socket.exists()).then_some(()) }).await;
}
