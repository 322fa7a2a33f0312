//! One sample of a soak. Rows are kept as JSON lines, so a soak that was killed can still be judged.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::publisher::Event;

/// What is looked at in each process.
pub(super) const QUANTITIES: [&str; 4] = ["pss_mb", "rss_mb", "descriptors", "threads"];

/// Everything at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) at_s: f64,
    pub(super) processes: BTreeMap<String, Process>,
    pub(super) streams: BTreeMap<String, Stream>,
    /// What was done to a publisher since the last row.
    pub(super) event: Option<Event>,
}

/// One process by what it is for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) pid: u64,
    /// In the order of [`QUANTITIES`].
    pub(super) quantities: [f64; QUANTITIES.len()],
}

/// One stream as its viewer has it, and as the media service tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stream {
    pub(super) state: String,
    /// Sound less picture, added on the way.
    pub(super) skew_ms: Option<f64>,
    pub(super) latency_ms: Option<f64>,
    /// Holes in the sound so far.
    pub(super) gaps: f64,
    /// Pictures that never came, so far.
    pub(super) lost: f64,
    /// Utterances that have an outcome, and those of them that were dubbed, in this session so far.
    pub(super) settled: f64,
    pub(super) dubbed: f64,
    /// Since its publisher was last disturbed.
    pub(super) calm_s: f64,
}

impl Row {
    pub(super) fn json(&self) -> Value {
        let round = |value: f64| (value * 100.0).round() / 100.0;
        let processes: BTreeMap<_, _> = self
            .processes
            .iter()
            .map(|(name, process)| {
                let mut value = json!({ "pid": process.pid });
                for (quantity, found) in QUANTITIES.iter().zip(process.quantities) {
                    value[*quantity] = json!(round(found));
                }
                (name, value)
            })
            .collect();
        let streams: BTreeMap<_, _> = self
            .streams
            .iter()
            .map(|(name, stream)| {
                let value = json!({
                    "state": stream.state,
                    "skew_ms": stream.skew_ms,
                    "latency_ms": stream.latency_ms,
                    "gaps": stream.gaps,
                    "lost": stream.lost,
                    "settled": stream.settled,
                    "dubbed": stream.dubbed,
                    "calm_s": round(stream.calm_s),
                });
                (name, value)
            })
            .collect();
        let event = self
            .event
            .as_ref()
            .map(|event| json!({ "stream": event.stream, "restart": event.restart }));
        json!({ "at_s": round(self.at_s), "processes": processes, "streams": streams, "event": event })
    }

    /// A row as [`Row::json`] gave it.
    fn read(value: &Value) -> Option<Self> {
        let processes = value["processes"].as_object()?.iter().map(|(name, process)| {
            let quantities = QUANTITIES.map(|quantity| process[quantity].as_f64().unwrap_or(f64::NAN));
            let pid = process["pid"].as_u64()?;
            Some((name.clone(), Process { pid, quantities }))
        });
        let streams = value["streams"].as_object()?.iter().map(|(name, stream)| {
            let stream = Stream {
                state: stream["state"].as_str()?.to_owned(),
                skew_ms: stream["skew_ms"].as_f64(),
                latency_ms: stream["latency_ms"].as_f64(),
                gaps: stream["gaps"].as_f64()?,
                lost: stream["lost"].as_f64()?,
                settled: stream["settled"].as_f64()?,
                dubbed: stream["dubbed"].as_f64()?,
                calm_s: stream["calm_s"].as_f64()?,
            };
            Some((name.clone(), stream))
        });
        let event = &value["event"];
        let event = event["stream"].as_str().zip(event["restart"].as_bool());
        Some(Self {
            at_s: value["at_s"].as_f64()?,
            processes: processes.collect::<Option<_>>()?,
            streams: streams.collect::<Option<_>>()?,
            event: event.map(|(stream, restart)| Event {
                stream: stream.to_owned(),
                restart,
            }),
        })
    }
}

/// The rows of a file; the last line of a soak that was killed may be cut, and is left out.
pub(super) fn read(text: &str) -> Vec<Row> {
    text.lines()
        .filter_map(|line| Row::read(&serde_json::from_str(line).ok()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_a_cut_line_costs_only_itself() {
        let process = Process {
            pid: 7,
            quantities: [61.5, 180.0, 40.0, 9.0],
        };
        let stream = Stream {
            state: "live".into(),
            skew_ms: Some(-1.5),
            latency_ms: None,
            gaps: 2.0,
            lost: 1.0,
            settled: 9.0,
            dubbed: 8.0,
            calm_s: 60.0,
        };
        let row = Row {
            at_s: 5.0,
            processes: [("router".to_owned(), process)].into(),
            streams: [("fast".to_owned(), stream)].into(),
            event: Some(Event {
                stream: "shaken".into(),
                restart: true,
            }),
        };
        let line = row.json().to_string();
        let cut = &line[..line.len() / 2];
        assert_eq!(read(&format!("{line}\n{cut}")), [row]);
    }
}
