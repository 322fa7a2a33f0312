//! The part of MediaMTX's control API that an orchestrator asks: same paths, same fields, same errors.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::codec::Track;
use crate::connections::{self, Connections};
use crate::hub::{Hub, Snapshot};

/// As MediaMTX when it is not told otherwise.
const ITEMS_PER_PAGE: usize = 100;

/// The routes. `started` is what `/v3/info` says.
pub(crate) fn routes(hub: Arc<Hub>, connections: Arc<Connections>, started: SystemTime) -> Router {
    let connections = Router::new()
        .route("/v3/rtmpconns/get/{id}", get(connection))
        .with_state(connections);
    Router::new()
        .route(
            "/v3/info",
            get(move || async move { Json(json!({ "version": version(), "started": rfc3339(started) })) }),
        )
        .route("/v3/paths/list", get(list))
        .route("/v3/paths/get/{*name}", get(one))
        .with_state(hub)
        .merge(connections)
        .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found") })
}

/// Says that this is not MediaMTX.
fn version() -> String {
    format!("dragoman-router {}", env!("CARGO_PKG_VERSION"))
}

/// A time as JSON has it.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    page: Option<String>,
    items_per_page: Option<String>,
}

async fn list(State(hub): State<Arc<Hub>>, Query(paging): Query<Paging>) -> Response {
    let number = |text: Option<String>, default| text.map_or(Ok(default), |text| text.parse::<usize>());
    let Ok(page) = number(paging.page, 0) else {
        return error(StatusCode::BAD_REQUEST, "invalid page");
    };
    let per_page = match number(paging.items_per_page, ITEMS_PER_PAGE) {
        Ok(0) | Err(_) => return error(StatusCode::BAD_REQUEST, "invalid items per page"),
        Ok(number) => number,
    };
    let streams = hub.streams();
    let (count, pages) = (streams.len(), streams.len().div_ceil(per_page));
    let items: Vec<_> = streams
        .into_iter()
        .skip(page.saturating_mul(per_page))
        .take(per_page)
        .map(Item::from)
        .collect();
    Json(json!({ "itemCount": count, "pageCount": pages, "items": items })).into_response()
}

async fn one(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Response {
    match hub.stream(&name) {
        Some(stream) => Json(Item::from(stream)).into_response(),
        None => error(StatusCode::NOT_FOUND, "path not found"),
    }
}

async fn connection(State(connections): State<Arc<Connections>>, Path(id): Path<String>) -> Response {
    let id = match id.parse::<Uuid>() {
        Ok(id) => id,
        Err(why) => return error(StatusCode::BAD_REQUEST, &why.to_string()),
    };
    match connections.get(id) {
        Some(connection) => Json(Connection::from(connection)).into_response(),
        None => error(StatusCode::NOT_FOUND, "connection not found"),
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "status": "error", "error": message }))).into_response()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    conf_name: &'static str,
    ready: bool,
    ready_time: String,
    available: bool,
    available_time: String,
    online: bool,
    online_time: String,
    source: Party,
    tracks: Vec<&'static str>,
    tracks2: Vec<Track>,
    readers: Vec<Party>,
    inbound_bytes: u64,
    outbound_bytes: u64,
    inbound_frames_in_error: u64,
    bytes_received: u64,
    bytes_sent: u64,
    /// Ours: MediaMTX counts it for each connection, elsewhere.
    outbound_frames_discarded: u64,
}

#[derive(Serialize)]
struct Party {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
}

impl From<Snapshot> for Item {
    fn from(stream: Snapshot) -> Item {
        let since = rfc3339(stream.ready_since);
        Item {
            name: stream.path,
            conf_name: "all_others",
            ready: true,
            ready_time: since.clone(),
            available: true,
            available_time: since.clone(),
            online: true,
            online_time: since,
            source: Party {
                kind: "rtmpConn",
                id: stream.source_id.to_string(),
            },
            tracks: stream.tracks.iter().map(|track| track.codec).collect(),
            tracks2: stream.tracks,
            readers: stream
                .readers
                .iter()
                .map(|reader| Party {
                    kind: reader.kind,
                    id: reader.id.to_string(),
                })
                .collect(),
            inbound_bytes: stream.inbound,
            outbound_bytes: stream.outbound,
            inbound_frames_in_error: 0,
            bytes_received: stream.inbound,
            bytes_sent: stream.outbound,
            outbound_frames_discarded: stream.discarded,
        }
    }
}

/// As MediaMTX's, without the frames that a reader lost, which are counted for the path here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    id: String,
    created: String,
    remote_addr: String,
    state: &'static str,
    path: String,
    query: String,
    user: &'static str,
    user_agent: String,
    inbound_bytes: u64,
    outbound_bytes: u64,
    bytes_received: u64,
    bytes_sent: u64,
}

impl From<connections::Snapshot> for Connection {
    fn from(connection: connections::Snapshot) -> Connection {
        let (path, query) = connection
            .address
            .map_or_else(Default::default, |address| (address.path, address.query));
        Connection {
            id: connection.id.to_string(),
            created: rfc3339(connection.created),
            remote_addr: connection.peer.to_string(),
            state: match connection.state {
                connections::State::Idle => "idle",
                connections::State::Read => "read",
                connections::State::Publish => "publish",
            },
            path,
            query,
            // There are no users here.
            user: "",
            user_agent: connection.user_agent,
            inbound_bytes: connection.received,
            outbound_bytes: connection.sent,
            bytes_received: connection.received,
            bytes_sent: connection.sent,
        }
    }
}
