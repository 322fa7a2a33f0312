//! Hooks, API and the operator's page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{delete, get, post, put};
use dragoman_service::auth::{self, Access};
use dragoman_service::config::parse;
use dragoman_service::http::{ApiError, Json};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::metrics::Counters;
use super::plan::stream_of;
use super::poller::Hint;
use super::supervisor::{Answer, Command, Handle};
use super::view::StreamView;
use crate::forward::Allow;

mod capacity;
mod forwards;

/// The largest body that we take is a list of forwards, each with a URL of a kilobyte.
const MAX_BODY: usize = 16 * 1024;
/// The page is one file and speaks to us only.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = include_str!("../../assets/operator.html");

/// What the routes need.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) supervisor: Handle,
    pub(crate) hints: mpsc::Sender<Hint>,
    pub(crate) counters: Arc<Counters>,
    /// Where forwards may go.
    pub(crate) allow: Arc<Allow>,
}

/// All routes but the probes; all of them but the page itself and the capacity ask for the key.
pub(crate) fn routes(api: Api, access: Access) -> Router {
    let keyed = Router::new()
        .route("/v1/mediamtx/events/{event}", post(hook))
        .route("/v1/streams", get(streams))
        .route("/v1/streams/{id}", get(stream))
        .route("/v1/streams/{id}/worker", delete(restart))
        .route("/v1/streams/{id}/dub", put(dub))
        .route(
            "/v1/streams/{id}/forwards",
            get(forwards::get).put(forwards::put).delete(forwards::delete),
        )
        .route("/v1/drain", post(capacity::drain).delete(capacity::go_on));
    auth::require(keyed, access)
        .route("/", get(page))
        .route("/capacity", get(capacity::get))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .fallback(|| async { ApiError::not_found("no_such_route", "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path takes another method",
            )
        })
        .with_state(api)
}

async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, Html(PAGE))
}

#[derive(Serialize)]
struct Streams {
    streams: Vec<Arc<StreamView>>,
}

async fn streams(State(api): State<Api>) -> Json<Streams> {
    let snapshot = api.supervisor.snapshot.borrow().clone();
    Json(Streams {
        streams: snapshot.streams.values().cloned().collect(),
    })
}

async fn stream(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Arc<StreamView>>, ApiError> {
    let found = api.supervisor.snapshot.borrow().streams.get(&id).cloned();
    found.map(Json).ok_or_else(no_such_stream)
}

async fn restart(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    ask(&api, |reply| Command::Restart { id, reply }).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dub {
    enabled: bool,
    target: Option<String>,
}

async fn dub(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(body): Json<Dub>,
) -> Result<Json<Arc<StreamView>>, ApiError> {
    let target = match body.target {
        None => None,
        Some(text) => Some(parse::language(&text).ok_or_else(no_such_target)?),
    };
    let enabled = body.enabled;
    ask(&api, |reply| Command::Dub {
        id: id.clone(),
        target,
        enabled,
        reply,
    })
    .await?;
    stream(State(api), Path(id)).await
}

/// Has the supervisor do something and says what became of it.
async fn ask(api: &Api, command: impl FnOnce(oneshot::Sender<Answer>) -> Command) -> Result<(), ApiError> {
    let (reply, answer) = oneshot::channel();
    let busy = || ApiError::unavailable("busy", "too many requests wait already, or the service stops");
    api.supervisor.commands.try_send(command(reply)).map_err(|_| busy())?;
    match answer.await.map_err(|_| busy())? {
        Answer::Done => Ok(()),
        Answer::NoSuchStream => Err(no_such_stream()),
        Answer::NoSuchTarget => Err(no_such_target()),
        Answer::TooMany => Err(ApiError::busy(
            "too_many_streams",
            "too many streams have forwards already",
        )),
        Answer::Stopping => Err(ApiError::conflict(
            "stopping",
            "the service was told to stop, and goes on to do so",
        )),
        Answer::NotServed => Err(ApiError::conflict("not_served", "this stream is not being served now")),
    }
}

fn no_such_stream() -> ApiError {
    ApiError::not_found("no_such_stream", "no stream has this id")
}

fn no_such_target() -> ApiError {
    ApiError::not_found("no_such_target", "this stream is not dubbed into this language")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hook {
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: String,
    #[serde(default)]
    source_type: String,
    source_id: String,
}

#[derive(Serialize)]
struct Heard {
    accepted: bool,
}

async fn hook(
    State(api): State<Api>,
    Path(event): Path<String>,
    body: Result<Json<Hook>, ApiError>,
) -> Result<(StatusCode, Json<Heard>), ApiError> {
    let event = match event.as_str() {
        "ready" => "ready",
        "not-ready" => "not-ready",
        _ => return Err(ApiError::not_found("no_such_event", "events are ready and not-ready")),
    };
    let Json(hook) = body.inspect_err(|_| api.counters.hook(event, "malformed"))?;
    if let Err(reason) = judge(&hook) {
        api.counters.hook(event, "malformed");
        return Err(ApiError::bad_request("bad_hook", reason));
    }
    let Some(stream) = stream_of(&hook.path) else {
        // Programmes are published too, and their hooks come as well.
        api.counters.hook(event, "ignored");
        return Ok((StatusCode::OK, Json(Heard { accepted: false })));
    };
    tracing::info!(
        stream,
        event,
        source_id = hook.source_id,
        source_type = hook.source_type,
        "hook"
    );
    let hint = Hint {
        stream: stream.to_owned(),
        query: (event == "ready").then_some(hook.query),
        source_id: hook.source_id,
    };
    if api.hints.try_send(hint).is_err() {
        api.counters.hook(event, "busy");
        return Err(ApiError::unavailable(
            "busy",
            "too many hooks wait already, or the service stops",
        ));
    }
    api.counters.hook(event, "accepted");
    Ok((StatusCode::ACCEPTED, Json(Heard { accepted: true })))
}

/// What is wrong with a hook that is JSON; its values are foreign and not repeated.
pub(super) fn judge(hook: &Hook) -> Result<(), &'static str> {
    let plain = |text: &str| !text.chars().any(char::is_control);
    match hook {
        Hook { path, .. } if path.is_empty() || path.len() > 256 => Err("path must have 1 to 256 bytes"),
        Hook { path, .. } if path.starts_with('/') || !plain(path) => {
            Err("path must be a router path such as live/<id>/in, without a slash before it")
        }
        Hook { source_id, .. } if source_id.is_empty() || source_id.len() > 128 || !plain(source_id) => {
            Err("sourceId must have 1 to 128 printable characters")
        }
        Hook { query, source_type, .. } if query.len() > 4096 || source_type.len() > 64 => {
            Err("query or sourceType is too long")
        }
        _ => Ok(()),
    }
}
