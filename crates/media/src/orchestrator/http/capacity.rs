//! How much is served, how much could be, and whether more is taken at all.

use axum::extract::State;
use axum::http::StatusCode;
use dragoman_service::http::{ApiError, Json};

use super::super::room::Capacity;
use super::super::supervisor::Command;
use super::{Api, ask};

/// `{"slots": 8, "used": 1.5, "draining": false}`: a stream takes a slot, each target beyond its first half a slot more.
/// Without a key, as the probes are: a load balancer asks, or whoever decides where the next stream goes, and neither
/// should hold a key that can cut streams.
pub(super) async fn get(State(api): State<Api>) -> Json<Capacity> {
    Json(api.supervisor.snapshot.borrow().capacity)
}

/// 202 with the capacity: no further stream is taken, and the service ends once none is on air.
pub(super) async fn drain(State(api): State<Api>) -> Result<(StatusCode, Json<Capacity>), ApiError> {
    ask(&api, |reply| Command::Drain { wanted: true, reply }).await?;
    Ok((StatusCode::ACCEPTED, get(State(api)).await))
}

/// 200 with the capacity: streams are taken again. 409 `stopping` when the service drains because it was told to stop.
pub(super) async fn go_on(State(api): State<Api>) -> Result<Json<Capacity>, ApiError> {
    ask(&api, |reply| Command::Drain { wanted: false, reply }).await?;
    Ok(get(State(api)).await)
}
