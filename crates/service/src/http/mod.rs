//! The HTTP side that every daemon has: probes, errors, serving with a graceful stop, and the health client.
//!
//! `/healthz`, `/readyz` and `/metrics` answer from what is in memory, within 10 ms; nothing behind them may block.

mod error;
mod health_client;
mod listener;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::FromRequest;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::lifecycle::Lifecycle;

pub use error::ApiError;
pub use health_client::{TIMEOUT as HEALTH_TIMEOUT, health_client};
pub use listener::{BODY_WITHIN, HEAD_WITHIN, MAX_CONNECTIONS, STALLED, serve_until};

/// What a service says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Whether it can take work; `/readyz` answers 503 when it cannot.
    pub ready: bool,
    /// The body of both probes, a JSON object that at least has `status`.
    pub body: serde_json::Value,
}

impl Report {
    /// Can take work.
    #[must_use]
    pub fn ready(body: serde_json::Value) -> Self {
        Self { ready: true, body }
    }

    /// Alive, but not able to take work.
    #[must_use]
    pub fn not_ready(body: serde_json::Value) -> Self {
        Self { ready: false, body }
    }
}

/// The routes `/healthz` (200 while the process answers), `/readyz` (200 or 503) and `/metrics`. `report` is called at
/// each request and must neither block nor wait.
pub fn probes<S, F>(registry: impl Into<Arc<Registry>>, report: F) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    F: Fn() -> Report + Send + Sync + 'static,
{
    let registry = registry.into();
    let report = Arc::new(report);
    let ready_report = Arc::clone(&report);
    Router::new()
        .route("/healthz", get(move || async move { axum::Json(report().body) }))
        .route("/readyz", get(move || async move { ready_response(ready_report()) }))
        .route("/metrics", get(move || async move { metrics_response(&registry) }))
}

fn ready_response(report: Report) -> Response {
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(report.body)).into_response()
}

fn metrics_response(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => ApiError::internal("the metrics could not be written").into_response(),
    }
}

/// A JSON body; what is wrong with one is answered as an [`ApiError`].
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
pub struct Json<T>(pub T);

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Listens at `addr`; the error names it.
pub async fn bind(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr)
        .await
        .with_context(|| format!("listen at {addr}"))
}

/// Serves `router` as an essential task of `lifecycle`: the drain lets requests in flight finish and takes no new ones.
/// What a peer may cost is bounded as [`serve_until`] bounds it.
pub fn serve(name: &'static str, listener: TcpListener, router: Router, lifecycle: &Lifecycle) {
    let soft = lifecycle.soft().clone();
    lifecycle.spawn_essential(name, async move {
        serve_until(listener, router, soft).await;
        Ok(())
    });
}
