//! Running stacks: one that scenarios share, others where a scenario needs its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::stack::{Options, PortChoice, Router, Stack};

use crate::eventually::eventually;

/// Short, so that scenarios about a publisher that is gone end soon; longer than one takes to come back.
const GRACE: &str = "8s";

/// The stack that scenarios share. It lives while one of them holds it.
pub fn shared() -> Result<Arc<Stack>> {
    static RUNNING: Mutex<Weak<Stack>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stack) = running.upgrade() {
        return Ok(stack);
    }
    let stack = Arc::new(start(Router::Own, &[], &[])?);
    *running = Arc::downgrade(&stack);
    Ok(stack)
}

/// A stack of its own, with more variables for media and speech.
pub fn start(router: Router, media: &[(&str, &str)], speech: &[(&str, &str)]) -> Result<Stack> {
    let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let mut variables = BTreeMap::from([("GRACE".to_owned(), GRACE.to_owned())]);
    variables.extend(owned(media));
    Stack::start(&Options {
        router,
        ports: PortChoice::Free,
        media: variables,
        speech: owned(speech),
        keep_logs: false,
    })
}

/// Waits until the media service says of a stream what `is_so` looks for.
pub fn stream_when(stack: &Stack, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    let explain = || {
        format!(
            "stream {id} is {}\n{}",
            stack.stream(id).unwrap_or_default(),
            logs(stack)
        )
    };
    eventually(what, || Ok(stack.stream(id).filter(|stream| is_so(stream))), explain)
}

/// Waits until all programmes of a stream are on air: they are sent, and the router has them for its readers.
pub fn on_air(stack: &Stack, id: &str) -> Result<Value> {
    stream_when(stack, id, "the stream is live", |stream| {
        let programmes = stream["programmes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sent = !programmes.is_empty() && programmes.iter().all(|one| one["state"] == "live");
        stream["state"] == "live" && sent && are_readable(stack, programmes)
    })
}

fn are_readable(stack: &Stack, programmes: &[Value]) -> bool {
    let paths = xtask::http::get_json(&format!("{}/v3/paths/list", stack.router_api_url()), None).unwrap_or_default();
    let is_ready = |path: &Value| {
        let mut items = paths["items"].as_array().into_iter().flatten();
        items.any(|item| item["name"] == *path && item["ready"] == true)
    };
    programmes.iter().all(|programme| is_ready(&programme["path"]))
}

/// Switches the dub of a stream.
pub fn set_dub(stack: &Stack, id: &str, enabled: bool) -> Result<()> {
    let url = format!("{}/v1/streams/{id}/dub", stack.media_url());
    let body = serde_json::json!({ "enabled": enabled });
    let answer = reqwest::blocking::Client::new()
        .put(url)
        .json(&body)
        .send()
        .context("the switch did not answer")?;
    answer.error_for_status().context("the switch refused")?;
    Ok(())
}

/// The last lines of each service's log, for a failing scenario.
pub fn logs(stack: &Stack) -> String {
    ["media", "speech", "router"]
        .map(|name| {
            let text = std::fs::read_to_string(stack.dir().join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(12)..].join("\n");
            format!("--- {name}\n{tail}\n")
        })
        .concat()
}
