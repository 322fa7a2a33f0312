//! `/v1/streams/{id}/forwards`: third parties that a stream's programme also goes to.
//!
//! A list is kept for a stream's id, whether it is on air or not, and is replaced as a whole. No answer holds a path of
//! a URL, whatever is wrong with it: stream keys are there.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use dragoman_service::http::{ApiError, Json};
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{Api, ask};
use crate::forward::reach::{System, Unreached, permitted};
use crate::forward::{self, Fault, FaultAt, Forward, Wanted};
use crate::orchestrator::session::is_stream_id;
use crate::orchestrator::supervisor::Command;
use crate::orchestrator::view::ForwardView;

/// A name that is not resolved by then is taken as it is: it is judged again at each connect.
const RESOLVE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
pub(super) struct List {
    forwards: Arc<Vec<ForwardView>>,
}

pub(super) async fn get(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<List>, ApiError> {
    judge_id(&id)?;
    Ok(shown(&api, &id))
}

pub(super) async fn put(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<List>, ApiError> {
    judge_id(&id)?;
    // The reason of a reader of JSON may repeat what it has read.
    let wanted: Vec<Wanted> = serde_json::from_value(body).map_err(|_| {
        ApiError::bad_request(
            "bad_body",
            "expected a list of {\"url\": \"rtmp(s)://host/app/key\", \"target\": \"es\", \"name\": \"…\"}; \
             target and name may be left out",
        )
    })?;
    let list = forward::judge(wanted, &api.allow).map_err(unprocessable)?;
    judge_addresses(&api, &list).await?;
    set(&api, &id, list).await?;
    Ok(shown(&api, &id))
}

pub(super) async fn delete(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    judge_id(&id)?;
    set(&api, &id, Vec::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn judge_id(id: &str) -> Result<(), ApiError> {
    match is_stream_id(id) {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad_stream_id",
            "a stream id has 1 to 64 of A-Z a-z 0-9 _ -",
        )),
    }
}

/// What names resolve to now: said here, so that whoever sets a list need not look for it in a state. A name that has
/// no address yet is none of our business.
async fn judge_addresses(api: &Api, list: &[Forward]) -> Result<(), ApiError> {
    let asked = list
        .iter()
        .map(|forward| timeout(RESOLVE, permitted(&System, &forward.url, &api.allow)));
    for (index, answer) in join_all(asked).await.into_iter().enumerate() {
        if let Ok(Err(Unreached::Refused(refusal))) = answer {
            return Err(unprocessable(Fault::At(index + 1, FaultAt::Refused(refusal))));
        }
    }
    Ok(())
}

fn unprocessable(fault: Fault) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, fault.code(), fault.to_string())
}

async fn set(api: &Api, id: &str, list: Vec<Forward>) -> Result<(), ApiError> {
    let id = id.to_owned();
    ask(api, |reply| Command::Forwards { id, list, reply }).await
}

fn shown(api: &Api, id: &str) -> Json<List> {
    let forwards = api.supervisor.snapshot.borrow().forwards.get(id).cloned();
    Json(List {
        forwards: forwards.unwrap_or_default(),
    })
}
