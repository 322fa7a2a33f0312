//! The HTTP side: who is let in, and what can be asked besides dubbing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use dragoman_protocol::{Refusal, code, limits, negotiate};
use dragoman_service::auth::Access;
use dragoman_service::http::{ApiError, Report, bind, probes, serve};
use dragoman_service::lifecycle::Lifecycle;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Config;
use crate::engine::{Engine, Readiness};
use crate::metrics::Metrics;
use crate::session::{self, Registry};
use crate::trial;

/// How long sessions may go on after the service was told to stop.
pub const DRAIN: Duration = Duration::from_secs(6);
/// How long the process waits for its sessions: longer than they take with their goodbye, shorter than the 10 s after which
/// containers are killed.
pub const GRACE: Duration = Duration::from_secs(9);
/// When a refused client may come again.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// What a WebSocket reads before the protocol's own limit speaks: the larger one lets us say why.
const READ_LIMIT: usize = 4 * limits::MAX_MESSAGE_BYTES;
/// What a WebSocket keeps to be written. Answers to pings count, so that a client that never reads cannot make it grow.
const WRITE_LIMIT: usize = 1 << 20;

/// What all requests share.
pub(crate) struct Service {
    pub(crate) access: Access,
    mode: &'static str,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Registry,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) max_sessions: usize,
}

impl Service {
    /// Room for one more session, or why there is none.
    pub(crate) fn room(&self) -> Result<OwnedSemaphorePermit, String> {
        let sessions = self.max_sessions - self.slots.available_permits();
        self.engine.admit(sessions).map_err(|busy| busy.to_string())?;
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        permit.map_err(|_full| format!("all {} sessions are taken", self.max_sessions))
    }
}

/// Listens and serves as a task of `lifecycle`; gives the address.
pub async fn start(
    config: &Config,
    engine: Arc<dyn Engine>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<std::net::SocketAddr> {
    let listener: TcpListener = bind(config.listen).await?;
    let address = listener.local_addr()?;
    let about = engine.about();
    tracing::info!(
        %address,
        mode = config.mode.name(),
        engine = about.name,
        device = about.device,
        access = config.access.name(),
        "listening"
    );
    serve("speech", listener, router(config, engine, lifecycle), lifecycle);
    Ok(address)
}

fn router(config: &Config, engine: Arc<dyn Engine>, lifecycle: &Lifecycle) -> Router {
    let (metrics, registry) = Metrics::new(engine.as_ref(), &config.access);
    let service = Arc::new(Service {
        access: config.access.clone(),
        mode: config.mode.name(),
        engine,
        lifecycle: lifecycle.clone(),
        metrics: Arc::new(metrics),
        registry: Registry::default(),
        slots: Arc::new(Semaphore::new(config.max_sessions)),
        max_sessions: config.max_sessions,
    });
    let health = Arc::clone(&service);
    Router::new()
        .route("/v1/dub", get(upgrade).post(trial::dub))
        .route("/v1/engine", get(about))
        .route_layer(from_fn_with_state(Arc::clone(&service), keyed))
        .layer(axum::extract::DefaultBodyLimit::max(trial::MAX_BYTES))
        .with_state(service)
        .merge(probes(registry, move || report(&health)))
}

/// Before anything of a request but its head is read: who has no key cannot have us keep a body.
async fn keyed(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    match service.access.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(_) => refuse(&service, Refusal::unauthorized()),
    }
}

async fn upgrade(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let message = format!(
                "GET /v1/dub speaks WebSocket, POST takes a WAV: {}",
                rejection.body_text()
            );
            return ApiError::new(rejection.status(), "not_websocket", message).into_response();
        }
    };
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let Some(version) = negotiate::choose(offers.iter().filter_map(|value| value.to_str().ok())) else {
        return refuse(&service, Refusal::unsupported_version());
    };
    if service.lifecycle.is_stopping() {
        return refuse(&service, busy("the server goes away"));
    }
    let permit = match service.room() {
        Ok(permit) => Some(permit),
        // It may be the client that a session waits for, which needs no further room.
        Err(_) if service.registry.any_detached() => None,
        Err(why) => return refuse(&service, busy(&why)),
    };
    upgrade
        .protocols([version.to_string()])
        .max_message_size(READ_LIMIT)
        .max_frame_size(READ_LIMIT)
        .max_write_buffer_size(WRITE_LIMIT)
        .on_upgrade(|socket| async move {
            // A task of the lifecycle: the process does not end before clients were told why.
            let lifecycle = service.lifecycle.clone();
            lifecycle.spawn(session::serve(socket, service, permit));
        })
}

async fn about(State(service): State<Arc<Service>>) -> Json<serde_json::Value> {
    let mut body = json!(service.engine.about());
    body["access"] = json!(service.access.name());
    body["lag_ms"] = json!(service.metrics.measured_lag().or_else(|| service.engine.expected_lag()));
    body["protocol"] = json!(negotiate::SUPPORTED.iter().map(ToString::to_string).collect::<Vec<_>>());
    Json(body)
}

fn report(service: &Service) -> Report {
    let about = service.engine.about();
    let (status, problem) = match service.engine.state() {
        _ if service.lifecycle.is_stopping() => ("draining", None),
        Readiness::Ready => ("ok", None),
        Readiness::Loading => ("loading", None),
        Readiness::Failed(problem) => ("failed", Some(problem)),
    };
    let mut body = json!({
        "status": status,
        "engine": about.name,
        "device": about.device,
        "mode": service.mode,
        "access": service.access.name(),
        "sessions": service.max_sessions - service.slots.available_permits(),
        "max_sessions": service.max_sessions,
    });
    if let Some(problem) = problem {
        body["problem"] = problem.into();
    }
    if status == "ok" {
        Report::ready(body)
    } else {
        Report::not_ready(body)
    }
}

pub(crate) fn busy(message: &str) -> Refusal {
    Refusal::busy(message, RETRY_AFTER.as_millis() as u64)
}

pub(crate) fn refuse(service: &Service, refusal: Refusal) -> Response {
    let reason = match &refusal {
        Refusal::UnsupportedVersion { .. } => code::UNSUPPORTED_VERSION,
        Refusal::Unauthorized { .. } => code::UNAUTHORIZED,
        Refusal::Busy { .. } | Refusal::Unknown => code::BUSY,
    };
    tracing::info!(reason, "request refused");
    service.metrics.refused(reason);
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], refusal.to_json()).into_response();
    match refusal {
        Refusal::Busy { .. } => response
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER.as_secs().into()),
        Refusal::Unauthorized { .. } => response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer")),
        Refusal::UnsupportedVersion { .. } | Refusal::Unknown => None,
    };
    response
}
