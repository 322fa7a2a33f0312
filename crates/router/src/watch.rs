//! Where viewers come: HTTP-FLV at `/<path>.flv`, a player page at `/` and at `/<path>/`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::Listening;
use crate::hub::{Hub, Reader, Reading, Snapshot};
use crate::{api, flv, path};

/// Further viewers are turned away with 503.
const MAX_VIEWERS: usize = 256;

/// Nothing but our own files and streams, and no framing by others.
const PAGE_POLICY: &str = "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; worker-src 'self' blob:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

#[derive(Clone)]
struct Viewing {
    hub: Arc<Hub>,
    room: Arc<Semaphore>,
    rtmp_port: u16,
}

/// The routes.
pub(crate) fn routes(hub: Arc<Hub>, listening: Listening) -> Router {
    let viewing = Viewing {
        hub,
        room: Arc::new(Semaphore::new(MAX_VIEWERS)),
        rtmp_port: listening.rtmp.port(),
    };
    Router::new()
        .route("/", get(page))
        .route(
            "/healthz",
            get(|| async { Json(json!({ "status": "ok", "purpose": "demo and tests only" })) }),
        )
        .route("/-/streams", get(streams))
        .route(
            "/-/player.js",
            asset("text/javascript", include_bytes!("../assets/player.js")),
        )
        .route(
            "/-/player.css",
            asset("text/css", include_bytes!("../assets/player.css")),
        )
        .route(
            "/-/mpegts.js",
            asset(
                "text/javascript",
                include_bytes!("../assets/vendor/mpegts.js/mpegts.js"),
            ),
        )
        .fallback(by_path)
        .with_state(viewing)
}

fn asset<S: Clone + Send + Sync + 'static>(
    content_type: &'static str,
    content: &'static [u8],
) -> axum::routing::MethodRouter<S> {
    get(move || async move {
        (
            [
                (header::CONTENT_TYPE, content_type),
                (header::CACHE_CONTROL, "no-cache"),
            ],
            Bytes::from_static(content),
        )
    })
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("../assets/index.html")).into_response()
}

/// `/<path>.flv`, `/<path>/`, and `/<path>` on its way to the latter. Nothing here touches the file system.
async fn by_path(State(viewing): State<Viewing>, method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let name = uri.path().trim_start_matches('/');
    if let Some(name) = name.strip_suffix(".flv") {
        return match path::check(name) {
            Ok(()) => live_flv(&viewing, name),
            Err(why) => (StatusCode::BAD_REQUEST, why.to_string()).into_response(),
        };
    }
    match name.strip_suffix('/') {
        Some(name) if path::check(name).is_ok() => page().await,
        None if path::check(name).is_ok() => Redirect::temporary(&format!("/{name}/")).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn live_flv(viewing: &Viewing, name: &str) -> Response {
    // A page on another origin may play the stream: it is what a viewer sees, without credentials.
    let open = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    let Ok(permit) = viewing.room.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [open], "too many viewers").into_response();
    };
    let reader = Reader {
        kind: "flvSession",
        id: Uuid::new_v4(),
    };
    let Some(reading) = viewing.hub.read(name, reader, true) else {
        return (
            StatusCode::NOT_FOUND,
            [open],
            format!("no stream is available on path '{name}'"),
        )
            .into_response();
    };
    let headers = [
        open,
        (header::CONTENT_TYPE, "video/x-flv"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(tags(reading, permit))).into_response()
}

fn tags(
    reading: Reading,
    permit: OwnedSemaphorePermit,
) -> impl stream::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    let start = flv::file_header(reading.has_audio, reading.has_video);
    stream::unfold((reading, permit, Some(start)), |(reading, permit, start)| async move {
        if let Some(start) = start {
            return Some((Ok(start), (reading, permit, None)));
        }
        let messages = reading.queue.take().await?;
        let tags = Bytes::from(messages.iter().map(flv::tag).collect::<Vec<_>>().concat());
        reading.sent(tags.len());
        Some((Ok(tags), (reading, permit, None)))
    })
}

/// What the page shows: every stream, and the languages that its publisher asked for.
async fn streams(State(viewing): State<Viewing>) -> Response {
    let streams: Vec<Value> = viewing.hub.streams().iter().map(describe).collect();
    (
        [(header::CACHE_CONTROL, "no-store")],
        Json(json!({ "rtmpPort": viewing.rtmp_port, "streams": streams })),
    )
        .into_response()
}

fn describe(stream: &Snapshot) -> Value {
    let languages: BTreeMap<&str, Vec<String>> = ["source", "targets", "lang"]
        .into_iter()
        .filter_map(|name| Some((name, languages(&stream.query, name)?)))
        .collect();
    json!({
        "path": stream.path,
        "since": api::rfc3339(stream.ready_since),
        "source": stream.source_id.to_string(),
        "tracks": stream.tracks,
        "readers": stream.readers.len(),
        "discarded": stream.discarded,
        "languages": languages,
    })
}

/// The language tags of one query parameter; whatever else a query holds stays here.
fn languages(query: &str, name: &str) -> Option<Vec<String>> {
    let (_, value) = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name)?;
    let is_tag =
        |tag: &&str| (2..=16).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    Some(value.split(',').filter(is_tag).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_language_tags_leave_a_query() {
        let query = "user=a&pass=secret&source=en&targets=es,pt-BR,%3Cscript%3E,s3cretsecretsecret";
        assert_eq!(languages(query, "source").unwrap(), ["en"]);
        assert_eq!(languages(query, "targets").unwrap(), ["es", "pt-BR"]);
        assert_eq!(languages(query, "lang"), None);
    }
}
