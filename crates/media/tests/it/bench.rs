//! What every test starts: a router that lists what it is told to, and the service.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Longer than anything takes on a busy machine; a wait that passes it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lists what it is told to.
#[derive(Clone, Default)]
pub(crate) struct FakeRouter {
    paths: Arc<Mutex<Vec<Value>>>,
    queries: Arc<Mutex<Vec<(String, String)>>>,
}

impl FakeRouter {
    /// `live/<stream>/in` is published by `source`, with usual tracks.
    pub(crate) fn publish(&self, stream: &str, source: &str) {
        self.publish_tracks(stream, source, &["H264", "MPEG-4 Audio"]);
    }

    pub(crate) fn publish_tracks(&self, stream: &str, source: &str, tracks: &[&str]) {
        let tracks2: Vec<Value> = tracks
            .iter()
            .map(|codec| json!({"codec": codec, "codecProps": null}))
            .collect();
        let name = format!("live/{stream}/in");
        self.unpublish(stream);
        self.paths.lock().unwrap().push(json!({
            "name": name, "ready": true, "available": true, "tracks": tracks, "tracks2": tracks2,
            "source": {"type": "rtmpConn", "id": source}, "readers": [],
        }));
    }

    /// The router knows this query of the publisher's.
    pub(crate) fn remember(&self, source: &str, query: &str) {
        self.queries.lock().unwrap().push((source.to_owned(), query.to_owned()));
    }

    pub(crate) fn unpublish(&self, stream: &str) {
        let name = format!("live/{stream}/in");
        self.paths.lock().unwrap().retain(|path| path["name"] != name);
    }

    async fn serve(self) -> String {
        async fn list(State(router): State<FakeRouter>) -> Json<Value> {
            let items = router.paths.lock().unwrap().clone();
            Json(json!({"itemCount": items.len(), "pageCount": 1, "items": items}))
        }
        async fn connection(
            State(router): State<FakeRouter>,
            UrlPath(id): UrlPath<String>,
        ) -> Result<Json<Value>, StatusCode> {
            let queries = router.queries.lock().unwrap();
            let found = queries
                .iter()
                .find(|(source, _)| *source == id)
                .ok_or(StatusCode::NOT_FOUND)?;
            Ok(Json(json!({"id": id, "query": found.1})))
        }
        let routes = Router::new()
            .route("/v3/paths/list", get(list))
            .route("/v3/rtmpconns/get/{id}", get(connection))
            .with_state(self);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        format!("http://{address}")
    }
}

/// A running service; killed, with its workers, when dropped.
pub(crate) struct Service {
    pub(crate) router: FakeRouter,
    pub(crate) url: String,
    guardian: Child,
    run_dir: tempfile::TempDir,
    http: reqwest::Client,
}

impl Service {
    pub(crate) async fn start() -> Service {
        Service::start_with(&[]).await
    }

    /// Starts the service with these variables besides the usual ones and waits until it has asked the router.
    pub(crate) async fn start_with(vars: &[(&str, &str)]) -> Service {
        let router = FakeRouter::default();
        let api = router.clone().serve().await;
        let run_dir = tempfile::tempdir().unwrap();
        let listen = free_address();
        let mut command = media(&[("RUN_DIR", run_dir.path().to_str().unwrap()), ("ROUTER_API_URL", &api)]);
        command
            .env("MEDIA_LISTEN", &listen)
            .env("GRACE", "3s")
            .envs(vars.iter().copied());
        let guardian = command.arg("--worker-program").arg(stub_worker()).spawn().unwrap();
        let url = format!("http://{listen}");
        let service = Service {
            router,
            url,
            guardian,
            run_dir,
            http: reqwest::Client::new(),
        };
        service.wait_for_router().await;
        service
    }

    pub(crate) async fn wait_for_router(&self) {
        eventually("the service is ready", || async {
            let answer = self.http.get(format!("{}/readyz", self.url)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    pub(crate) async fn request(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.request(Method::GET, path, None).await.1
    }

    pub(crate) async fn hook(&self, event: &str, stream: &str, source: &str, query: &str) -> (u16, Value) {
        let path = format!("live/{stream}/in");
        let body = json!({"path": path, "query": query, "sourceType": "rtmpConn", "sourceId": source});
        self.request(Method::POST, &format!("/v1/mediamtx/events/{event}"), Some(body))
            .await
    }

    /// The stream, once `wanted` holds of it.
    pub(crate) async fn stream(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/streams/{id}");
        eventually(what, || async {
            let (status, stream) = self.request(Method::GET, &path, None).await;
            (status == 200 && wanted(&stream)).then_some(stream)
        })
        .await
    }

    /// The stream, once it is live with a worker that has reported.
    pub(crate) async fn live(&self, id: &str) -> Value {
        self.stream(id, "the stream is live", |s| {
            s["state"] == "live" && s["worker"]["pid"].is_i64()
        })
        .await
    }

    /// What the stream's workers were told: the spec of each, and orders.
    pub(crate) fn told(&self, stream: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.run_dir().join(format!("{stream}.told"))).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The specs that the stream's workers were started with.
    pub(crate) fn specs(&self, stream: &str) -> Vec<Value> {
        self.told(stream)
            .into_iter()
            .filter(|line| line["session"].is_string())
            .collect()
    }

    pub(crate) fn run_dir(&self) -> &Path {
        self.run_dir.path()
    }

    /// The orchestrator's process id.
    pub(crate) fn orchestrator(&self) -> i32 {
        let orchestrators = children(self.guardian.id());
        *orchestrators
            .iter()
            .find(|&&pid| cmdline(pid).contains("orchestrator"))
            .expect("an orchestrator runs")
    }

    pub(crate) fn terminate(&self) {
        signal(i32::try_from(self.guardian.id()).unwrap(), Signal::TERM);
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.guardian.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the service does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The guardian first, or it would start what is killed again; its children become nobody's then.
        let mut rest = descendants(self.guardian.id());
        self.guardian.kill().ok();
        self.guardian.wait().ok();
        rest.retain(|&pid| !cmdline(pid).is_empty());
        for pid in rest {
            signal(pid, Signal::KILL);
        }
    }
}

/// The program, without this process's own configuration.
pub(crate) fn media(vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman-media"));
    command.env_clear().envs(vars.iter().copied()).stdin(Stdio::null());
    command
}

/// The examples are built by `cargo test`, beside the program.
fn stub_worker() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_dragoman-media"))
        .with_file_name("examples")
        .join("stub-worker");
    assert!(
        path.exists(),
        "{} is missing: cargo build -p dragoman-media --examples",
        path.display()
    );
    path
}

/// An address that nobody listens at now.
pub(crate) fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

/// Tries until there is something; fails with `what` when there is not for too long.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).ok();
}

pub(crate) fn pid_of(stream: &Value) -> i32 {
    i32::try_from(stream["worker"]["pid"].as_i64().expect("a worker")).unwrap()
}

fn children(pid: u32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn descendants(pid: u32) -> Vec<i32> {
    let mut all = children(pid);
    for child in all.clone() {
        all.extend(descendants(u32::try_from(child).unwrap()));
    }
    all
}

pub(crate) fn cmdline(pid: i32) -> String {
    let raw = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&raw).replace('\0', " ")
}
