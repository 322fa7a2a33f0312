//! The HTTP side over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod lost_log;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use dragoman_service::auth::{self, Access, Keys};
use dragoman_service::http::{self, ApiError, Json, Report};
use dragoman_service::lifecycle::{Lifecycle, Signals};
use dragoman_service::metrics;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// A daemon with probes, two keyed routes and a request that takes as long as the test wants.
struct Daemon {
    addr: SocketAddr,
    signals: mpsc::Sender<&'static str>,
    exit: tokio::task::JoinHandle<u8>,
    started: mpsc::Receiver<()>,
    finish: oneshot::Sender<()>,
}

async fn start(ready: bool) -> Daemon {
    let lifecycle = Lifecycle::new(Duration::from_secs(20));
    let (signals, receiver) = mpsc::channel(2);
    let (start_slow, started) = mpsc::channel(1);
    let (finish, finished) = oneshot::channel();
    let finished = Arc::new(Mutex::new(Some(finished)));
    let slow = move || {
        let finished = finished.lock().unwrap().take().unwrap();
        let start_slow = start_slow.clone();
        async move {
            start_slow.send(()).await.unwrap();
            finished.await.unwrap();
            "done"
        }
    };
    let slow = Router::new().route("/slow", get(slow));
    let echo = |Json(body): Json<Body>| async move { Json(json!({"n": body.n})) };
    let keyed = Router::new().route("/echo", post(echo)).route(
        "/fails",
        get(|| async { Err::<(), _>(ApiError::busy("full", "no room")) }),
    );
    let access = Access::Keyed(Keys::parse("secret-key").unwrap());
    let report = move || {
        let body = json!({"status": if ready { "ok" } else { "starting" }});
        if ready {
            Report::ready(body)
        } else {
            Report::not_ready(body)
        }
    };
    let router = http::probes(metrics::registry("dragoman_test", "0"), report)
        .merge(slow)
        .merge(auth::require(keyed, access));
    let listener = http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    http::serve("api", listener, router, &lifecycle);
    let exit = tokio::spawn(lifecycle.run_to_code(Signals::from_channel(receiver)));
    Daemon {
        addr,
        signals,
        exit,
        started,
        finish,
    }
}

#[derive(Debug, serde::Deserialize)]
struct Body {
    n: u32,
}

/// One request over a connection of its own: status and body.
fn request(addr: SocketAddr, head: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = body.len();
    write!(
        stream,
        "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

async fn ask(addr: SocketAddr, head: &'static str, body: &'static str) -> (u16, String) {
    tokio::task::spawn_blocking(move || request(addr, head, body))
        .await
        .unwrap()
        .unwrap()
}

fn code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    assert!(!body["message"].as_str().unwrap().is_empty());
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_or_wrong_key_is_401_and_says_nothing_more() {
    let daemon = start(true).await;
    for head in [
        "POST /echo HTTP/1.1\r\nContent-Type: application/json",
        "POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer wrong",
        "POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: secret-key",
        "GET /fails HTTP/1.1",
    ] {
        let (status, body) = ask(daemon.addr, head, "{\"n\": 7}").await;
        assert_eq!((status, code(&body).as_str()), (401, "unauthorized"), "{head}");
        assert!(!body.contains("wrong") && !body.contains("secret-key"));
    }
    let good = "POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer secret-key";
    assert_eq!(
        ask(daemon.addr, good, "{\"n\": 7}").await,
        (200, "{\"n\":7}".to_owned())
    );
    assert_eq!(ask(daemon.addr, "GET /healthz HTTP/1.1", "").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_body_is_said() {
    let daemon = start(true).await;
    let json = "POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer secret-key";
    let plain = "POST /echo HTTP/1.1\r\nAuthorization: Bearer secret-key";
    let fails = "GET /fails HTTP/1.1\r\nAuthorization: Bearer secret-key";
    for (head, body, expected) in [
        (json, "{", (400, "bad_body")),
        (json, "{\"n\": \"seven\"}", (400, "bad_body")),
        (plain, "{\"n\": 7}", (415, "not_json")),
        (fails, "", (429, "full")),
    ] {
        let (status, answer) = ask(daemon.addr, head, body).await;
        assert_eq!((status, code(&answer).as_str()), expected, "{answer}");
    }
    let big: &'static str = " ".repeat(3 << 20).leak();
    let (status, answer) = ask(daemon.addr, json, big).await;
    assert_eq!((status, code(&answer).as_str()), (413, "too_large"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_answer_at_once() {
    let daemon = start(true).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let head: &'static str = format!("GET {path} HTTP/1.1").leak();
        let (status, body) = ask(daemon.addr, head, "").await;
        assert_eq!(status, 200);
        let expected = if path == "/metrics" {
            "dragoman_test_build_info"
        } else {
            "{\"status\":\"ok\"}"
        };
        assert!(body.contains(expected), "{body}");
        let mut times = Vec::new();
        for _ in 0..51 {
            let start = Instant::now();
            ask(daemon.addr, head, "").await;
            times.push(start.elapsed());
        }
        times.sort();
        assert!(times[25] < Duration::from_millis(10), "{path}: {times:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_client_tells_ready_from_not_ready_and_away() {
    for ready in [true, false] {
        let daemon = start(ready).await;
        let url = format!("http://{}/readyz", daemon.addr);
        let result = tokio::task::spawn_blocking(move || http::health_client(&url))
            .await
            .unwrap();
        if ready {
            assert_eq!(result, Ok(()));
        } else {
            let expected = format!("{}/readyz answered 503 {{\"status\":\"starting\"}}", daemon.addr);
            assert_eq!(result, Err(expected));
        }
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(
        http::health_client(&format!("http://{free}/"))
            .unwrap_err()
            .contains("refused")
    );
    assert!(
        http::health_client("https://u:pw@localhost/")
            .unwrap_err()
            .contains("is no http:// URL")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_client_gives_a_silent_peer_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let start = Instant::now();
    let result = tokio::task::spawn_blocking(move || http::health_client(&url))
        .await
        .unwrap();
    assert!(result.is_err());
    assert!(start.elapsed() < http::HEALTH_TIMEOUT * 4, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_the_request_in_flight_finish() {
    let mut daemon = start(true).await;
    let slow = tokio::spawn(ask(daemon.addr, "GET /slow HTTP/1.1", ""));
    daemon.started.recv().await.unwrap();
    daemon.signals.send("SIGTERM").await.unwrap();
    // The listener goes first: from then on the daemon only waits for the request.
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(daemon.addr).is_ok() {
        assert!(Instant::now() < deadline, "still listens");
        tokio::task::yield_now().await;
    }
    assert!(!daemon.exit.is_finished());
    daemon.finish.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), (200, "done".to_owned()));
    assert_eq!(daemon.exit.await.unwrap(), 0);
}
