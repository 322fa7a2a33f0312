//! The JSON report: what the probe saw, what the media service says, what the worker cost.

use serde_json::{Value, json};

use crate::stack::Router;

/// Everything that the report is made of.
pub(crate) struct Facts<'a> {
    /// The probe's report: video, latency, skew and audio gaps of each programme, as a viewer saw them.
    pub(crate) probe: &'a Value,
    /// The media service's view of the stream: hold, engine, what became of the utterances.
    pub(crate) stream: &'a Value,
    /// What the worker cost.
    pub(crate) worker: Value,
    /// The router that carried it.
    pub(crate) router: Router,
    /// From the start of the processes until all were ready.
    pub(crate) stack_ready_ms: f64,
    /// From the publisher's first keyframe to the first picture of the programme.
    pub(crate) first_programme_frame_ms: Option<f64>,
}

/// The outcomes that an utterance can have.
pub(crate) const OUTCOMES: [&str; 9] = [
    "on_time",
    "late",
    "shed",
    "stale",
    "truncated",
    "cancelled",
    "failed",
    "empty",
    "discarded",
];
/// The JSON report: the first programme's figures, then those of every programme.
pub(crate) fn build(facts: &Facts<'_>) -> Value {
    let hold = number(facts.stream, "/hold_ms");
    let programmes: Vec<Value> = list(facts.probe, "programmes")
        .iter()
        .map(|measured| {
            let target = measured["language"].as_str().unwrap_or_default();
            json!({
                "target": target,
                "video": measured["video"],
                "added_latency_ms": measured["added_latency_ms"],
                "av_skew_added_ms": measured["av_skew_added_ms"],
                "av_skew_missing": measured["av_skew_missing"],
                "audio": measured["audio"],
                "dub": dub(facts.stream, target),
            })
        })
        .collect();
    let first = programmes.first().cloned().unwrap_or(Value::Null);
    json!({
        "hold_ms": hold,
        "router": match facts.router { Router::Own => "dragoman-router", Router::MediaMtx => "mediamtx" },
        "video": first["video"],
        "added_latency_ms": first["added_latency_ms"],
        "av_skew_added_ms": first["av_skew_added_ms"],
        "audio": first["audio"],
        "dub": first["dub"],
        "worker": facts.worker,
        "startup_ms": {
            "stack_ready": facts.stack_ready_ms.round(),
            "first_programme_frame": facts.first_programme_frame_ms.map(f64::round),
        },
        "measured_s": facts.probe["seconds"],
        "events_dropped": facts.probe["events_dropped"],
        "programmes": programmes,
    })
}

/// One target's utterances, every outcome named even where it is zero.
fn dub(stream: &Value, target: &str) -> Value {
    let programme = list(stream, "programmes")
        .into_iter()
        .find(|programme| programme["target"] == target);
    let dub = programme.map_or(Value::Null, |programme| programme["dub"].clone());
    let mut merged = json!({
        "engine": stream["engine"],
        "utterances": dub["utterances"].as_u64().unwrap_or(0),
        "open": dub["open"].as_u64().unwrap_or(0),
        "heard_original": dub["heard_original"],
        "lost": dub["lost"],
        "lag_ms": { "p50": dub["lag_ms"]["p50"], "p95": dub["lag_ms"]["p95"] },
    });
    for outcome in OUTCOMES {
        merged[outcome] = json!(dub["outcomes"][outcome].as_u64().unwrap_or(0));
    }
    merged
}

pub(crate) fn number(value: &Value, path: &str) -> Option<f64> {
    value.pointer(path).and_then(Value::as_f64)
}

pub(crate) fn list(value: &Value, name: &str) -> Vec<Value> {
    value[name].as_array().cloned().unwrap_or_default()
}
