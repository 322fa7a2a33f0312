//! A router in this process, and the orchestrator that it reports to.

use std::collections::HashSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router as Routes};
use dragoman_router::{Config, Listening, Router, Target};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Long enough for a busy machine; nothing waits for it when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) at: Listening,
    _stop: DropGuard,
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::reporting_to(None).await
    }

    pub(crate) async fn reporting_to(hook: Option<Target>) -> Server {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let router = Router::bind(Config {
            rtmp: any,
            http: any,
            api: any,
            hook,
        })
        .await
        .unwrap();
        let (at, stop) = (router.listening(), CancellationToken::new());
        tokio::spawn(router.run(stop.clone()));
        Server {
            at,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn rtmp(&self, path: &str) -> String {
        format!("rtmp://{}/{path}", self.at.rtmp)
    }

    pub(crate) async fn api(&self, path: &str) -> (u16, Value) {
        let response = reqwest::get(format!("http://{}{path}", self.at.api)).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Waits until the path is listed and its item passes `test`.
    pub(crate) async fn listed(&self, path: &str, test: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{path} in the list"), || async {
            let (status, item) = self.api(&format!("/v3/paths/get/{path}")).await;
            (status == 200 && test(&item)).then_some(item)
        })
        .await
    }

    pub(crate) async fn is_listed(&self, path: &str) -> bool {
        self.api(&format!("/v3/paths/get/{path}")).await.0 == 200
    }
}

pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, probe: impl Fn() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "no {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One POST as it arrived.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) event: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

#[derive(Clone)]
struct Answering {
    calls: mpsc::Sender<Call>,
    refuse_first: bool,
    seen: Arc<Mutex<HashSet<String>>>,
}

/// An orchestrator that notes what it is told; with `refuse_first` it answers each body's first POST with 503.
pub(crate) struct Orchestrator {
    pub(crate) target: Target,
    calls: mpsc::Receiver<Call>,
}

impl Orchestrator {
    pub(crate) async fn start(refuse_first: bool) -> Orchestrator {
        let (sender, calls) = mpsc::channel(100);
        let routes = Routes::new()
            .route("/v1/mediamtx/events/{event}", post(note))
            .with_state(Answering {
                calls: sender,
                refuse_first,
                seen: Arc::default(),
            });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(axum::serve(listener, routes).into_future());
        Orchestrator {
            target: Target {
                url,
                key: Some("sesame".into()),
            },
            calls,
        }
    }

    pub(crate) async fn next(&mut self) -> Call {
        tokio::time::timeout(DEADLINE, self.calls.recv())
            .await
            .expect("a hook call")
            .unwrap()
    }

    /// The next call's event, path and source.
    pub(crate) async fn next_brief(&mut self) -> (String, String, String) {
        let Call { event, body, .. } = self.next().await;
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (event, text("path"), text("sourceId"))
    }
}

async fn note(
    State(answering): State<Answering>,
    Path(event): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    let authorization = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned());
    let is_first = answering.seen.lock().unwrap().insert(format!("{event} {body}"));
    answering
        .calls
        .send(Call {
            event,
            authorization,
            body,
        })
        .await
        .unwrap();
    match answering.refuse_first && is_first {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::NO_CONTENT,
    }
}
