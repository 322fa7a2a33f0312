//! The live line: rewritten in place on a terminal, one below the other elsewhere.

use std::io::{IsTerminal, Write};

use serde_json::Value;

/// Where the line goes.
#[derive(Debug, Default)]
pub(crate) struct Display {
    written: bool,
}

impl Display {
    pub(crate) fn show(&mut self, line: &str) {
        let mut out = std::io::stdout();
        // A terminal that went away is no reason to stop measuring.
        let _ = match out.is_terminal() {
            true => write!(out, "\r\x1b[K{line}").and_then(|()| out.flush()),
            false => writeln!(out, "{line}"),
        };
        self.written = true;
    }
}

impl Drop for Display {
    /// Leaves the last line standing, whatever ended it.
    fn drop(&mut self) {
        let mut out = std::io::stdout();
        if self.written && out.is_terminal() {
            let _ = writeln!(out);
        }
    }
}

/// Whether the probe has seen a picture of the source in every programme.
pub(crate) fn has_picture(probe: &Value) -> bool {
    probe["seconds"].is_number()
}

/// What is in the line: in, out, hold, and for each target its latency, utterances and dub lag; the engine.
pub(crate) fn describe(probe: &Value, stream: &Value) -> String {
    let state = stream["state"].as_str().unwrap_or("waiting");
    let mut parts = vec![state.to_owned(), format!("in {}", pictures(&probe["source"]))];
    if let Some(hold) = stream["hold_ms"].as_f64() {
        parts.push(format!("hold {:.1} s", hold / 1000.0));
    }
    for programme in list(probe) {
        let target = programme["language"].as_str().unwrap_or("?");
        let mut part = format!("{target}: out {}", pictures(programme));
        if let Some(latency) = programme["added_latency_ms"].as_f64() {
            part += &format!(" +{:.2} s", latency / 1000.0);
        }
        if let Some(shown) = list(stream).find(|one| one["target"] == target) {
            part += &utterances(&shown["dub"]);
        }
        parts.push(part);
    }
    if let Some(engine) = stream["engine"].as_str() {
        parts.push(format!("engine {engine}"));
    }
    parts.join(" | ")
}

fn list(of: &Value) -> impl Iterator<Item = &Value> {
    of["programmes"].as_array().into_iter().flatten()
}

fn pictures(side: &Value) -> String {
    let fps = side["fps"].as_u64().unwrap_or(0);
    let kbit = side["kbit"].as_u64().unwrap_or(0);
    format!("{fps} fps {:.1} Mb/s", kbit as f64 / 1000.0)
}

fn utterances(dub: &Value) -> String {
    let outcomes = dub["outcomes"].as_object();
    let settled: u64 = outcomes
        .iter()
        .flat_map(|all| all.values())
        .filter_map(Value::as_u64)
        .sum();
    let on_time = dub["outcomes"]["on_time"].as_u64().unwrap_or(0);
    let all = dub["utterances"].as_u64().unwrap_or(0);
    let mut text = format!(", {all} utterances, {on_time} of {settled} on time");
    if settled > 0
        && let Some(lag) = dub["lag_ms"]["p50"].as_f64()
    {
        text += &format!(", dub lag {:.2} s", lag / 1000.0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_line_names_both_ends_and_the_engine() {
        let probe = json!({ "seconds": 3.0, "source": { "fps": 30, "kbit": 2010 }, "programmes": [
            { "language": "es", "fps": 29, "kbit": 1995, "added_latency_ms": 2540.0 }] });
        let stream = json!({ "state": "live", "engine": "mock", "hold_ms": 2500, "programmes": [{
            "target": "es", "dub": { "utterances": 3, "outcomes": { "on_time": 2 }, "lag_ms": { "p50": 0.0 } } }] });
        assert_eq!(
            describe(&probe, &stream),
            "live | in 30 fps 2.0 Mb/s | hold 2.5 s | es: out 29 fps 2.0 Mb/s +2.54 s, 3 utterances, 2 of 2 on time, \
             dub lag 0.00 s | engine mock"
        );
        assert!(has_picture(&probe));
    }

    #[test]
    fn a_stream_that_is_not_there_yet_is_waited_for() {
        let probe = json!({ "seconds": null, "source": { "fps": 0 }, "programmes": [{ "language": "es", "fps": 0 }] });
        assert_eq!(
            describe(&probe, &Value::Null),
            "waiting | in 0 fps 0.0 Mb/s | es: out 0 fps 0.0 Mb/s"
        );
        assert!(!has_picture(&probe));
    }
}
