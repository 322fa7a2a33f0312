//! Under which names a listener on loopback answers.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// A listener on loopback answers only to local names, so that no page elsewhere reaches it by a name of its own that
/// points here.
pub(crate) fn guard(routes: Router, listener: SocketAddr) -> Router {
    match listener.ip().is_loopback() {
        true => routes.layer(middleware::from_fn(local_names_only)),
        false => routes,
    }
}

async fn local_names_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(HeaderValue::to_str);
    match host {
        Some(Ok(host)) if is_local_name(host) => next.run(request).await,
        _ => (StatusCode::MISDIRECTED_REQUEST, "unknown host").into_response(),
    }
}

fn is_local_name(host: &str) -> bool {
    match url::Url::parse(&format!("http://{host}")) {
        Ok(url) => match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
            None => false,
        },
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_pointed_here_is_not_ours() {
        for host in ["127.0.0.1:8888", "localhost", "[::1]:8888", "a.localhost:1"] {
            assert!(is_local_name(host), "{host}");
        }
        for host in ["evil.example:8888", "localhost.evil.example", ""] {
            assert!(!is_local_name(host), "{host}");
        }
    }
}
