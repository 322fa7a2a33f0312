//! What reaches the orchestrator from outside, for fuzz targets: each takes any bytes and returns.

use std::time::Duration;

use super::http::{Hook, judge};
use super::plan::stream_of;
use super::router::{Connection, Page};
use super::settings::{AUTO, MAX_HOLD, MAX_TARGETS, Settings};

/// The body of a hook, and the query in it.
pub fn hook_body(bytes: &[u8]) {
    let Ok(hook) = serde_json::from_slice::<Hook>(bytes) else {
        return;
    };
    if judge(&hook).is_ok() && stream_of(&hook.path).is_some() {
        assert!(!hook.path.chars().any(char::is_control));
        publish_query(hook.query.as_bytes());
    }
}

/// An answer of the router's API: a page of its paths, or one of its connections.
pub fn router_answer(bytes: &[u8]) {
    if let Ok(page) = serde_json::from_slice::<Page>(bytes) {
        for listed in page.items.into_iter().filter_map(super::router::Item::listed) {
            assert!(listed.source.tracks.is_none_or(|tracks| !tracks.is_empty()));
        }
    }
    if let Ok(connection) = serde_json::from_slice::<Connection>(bytes) {
        publish_query(connection.query.as_bytes());
    }
}

/// What a publisher asks for in its URL.
pub fn publish_query(bytes: &[u8]) {
    let defaults = Settings {
        source: AUTO.to_owned(),
        targets: vec!["es".to_owned()],
        hold: Duration::ZERO,
    };
    match defaults.overridden_by(&String::from_utf8_lossy(bytes)) {
        Ok(settings) => {
            assert!((1..=MAX_TARGETS).contains(&settings.targets.len()) && settings.hold <= MAX_HOLD);
            assert!(!settings.targets.contains(&settings.source));
        }
        // It is shown to the operator and kept in the stream's view.
        Err(reason) => assert!(!reason.is_empty() && reason.len() < 400, "{reason}"),
    }
}
