//! What was measured, held against what was promised.

use serde_json::Value;

use super::report::{OUTCOMES, list, number};

/// One promise and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) name: String,
    pub(crate) found: String,
    pub(crate) promised: String,
    /// Nothing where this source does not let it be measured; `promised` says why.
    pub(crate) kept: Option<bool>,
    /// Broken, it fails the demo; the others depend on how busy the machine is.
    pub(crate) hard: bool,
}

/// With this hold the mock is never late.
const HOLD_FOR_IN_SYNC_MS: f64 = 2500.0;

/// Every promise, for every programme.
pub(crate) fn judge(report: &Value) -> Vec<Verdict> {
    let hold = number(report, "/hold_ms").unwrap_or(f64::NAN);
    let mut verdicts = Vec::new();
    let several = list(report, "programmes").len() > 1;
    for programme in list(report, "programmes") {
        let prefix = match programme["target"].as_str() {
            Some(target) if several => format!("{target}: "),
            _ => String::new(),
        };
        for mut verdict in judge_programme(&programme, hold) {
            verdict.name.insert_str(0, &prefix);
            verdicts.push(verdict);
        }
    }
    verdicts.extend(judge_process(report, hold));
    // Said only where it happened: a measurement that lost something proves nothing.
    if number(report, "/events_dropped") != Some(0.0) {
        let lost = most(report, "/events_dropped", "lost by the measurement", "events", 0.0);
        verdicts.push(Verdict { hard: true, ..lost });
    }
    verdicts
}

fn judge_programme(programme: &Value, hold: f64) -> Vec<Verdict> {
    let flag = |path| programme.pointer(path).and_then(Value::as_bool);
    let units = |path| number(programme, path).map_or("?".to_owned(), |units| format!("{units:.0}"));
    let dub = &programme["dub"];
    let count = |name: &str| dub[name].as_u64().unwrap_or(0);
    let settled: u64 = OUTCOMES.iter().map(|outcome| count(outcome)).sum();
    // The test stream talks; a file may not.
    let is_mute_file = programme["av_skew_missing"].is_string() && count("utterances") == 0;
    let mut verdicts = vec![
        Verdict {
            name: "pictures byte for byte".to_owned(),
            found: format!(
                "{} ({} in, {} out)",
                yes(flag("/video/payload_identical")),
                units("/video/access_units_in"),
                units("/video/access_units_out")
            ),
            promised: "identical".to_owned(),
            kept: Some(flag("/video/payload_identical") == Some(true)),
            hard: true,
        },
        Verdict {
            name: "captions and other SEI".to_owned(),
            found: yes(flag("/video/sei_identical")).to_owned(),
            promised: "identical".to_owned(),
            kept: Some(flag("/video/sei_identical") == Some(true)),
            hard: true,
        },
        most(
            programme,
            "/added_latency_ms/p95",
            "added latency, p95",
            "ms",
            hold + 150.0,
        ),
        Verdict {
            hard: true,
            ..most(programme, "/audio/gaps", "gaps in the sound", "", 0.0)
        },
        Verdict {
            name: "utterances accounted for".to_owned(),
            found: format!("{} of {}, {} open", settled, count("utterances"), count("open")),
            promised: if is_mute_file {
                "no speech was heard in this file"
            } else {
                "all"
            }
            .to_owned(),
            kept: (!is_mute_file).then(|| settled + count("open") == count("utterances") && count("utterances") > 0),
            hard: true,
        },
    ];
    verdicts.extend(judge_skew(programme));
    if dub["engine"] == "cascade" {
        verdicts.extend(tell_cascade(dub, settled));
    }
    if hold >= HOLD_FOR_IN_SYNC_MS && dub["engine"] == "mock" && !is_mute_file {
        verdicts.push(Verdict {
            name: "utterances dubbed in time".to_owned(),
            found: format!("{} of {settled}", count("on_time")),
            promised: "all".to_owned(),
            kept: Some(count("on_time") == settled && settled > 0),
            hard: false,
        });
    }
    verdicts
}

/// What a cascade does depends on the machine and on what is said: told, not judged.
fn tell_cascade(dub: &Value, settled: u64) -> Vec<Verdict> {
    let count = |name: &str| dub[name].as_u64().unwrap_or(0);
    let told = |name: &str, found: String, promised: &str| Verdict {
        name: name.to_owned(),
        found,
        promised: promised.to_owned(),
        kept: None,
        hard: false,
    };
    let lag = |quantile: &str| {
        dub["lag_ms"][quantile]
            .as_f64()
            .map_or("?".to_owned(), |ms| format!("{ms:.0}"))
    };
    vec![
        told(
            "utterances dubbed",
            format!("{} on time, {} late, of {settled}", count("on_time"), count("late")),
            "late is no fault, left out is",
        ),
        told(
            "dub lag, p50 and p95",
            format!("{} and {} ms", lag("p50"), lag("p95")),
            "depends on engine and machine",
        ),
    ]
}

/// A file has no ticks in its sound, so its skew is not known.
fn judge_skew(programme: &Value) -> Vec<Verdict> {
    if let Some(why) = programme["av_skew_missing"].as_str() {
        return vec![Verdict {
            name: "added A/V skew".to_owned(),
            found: "not measured".to_owned(),
            promised: why.to_owned(),
            kept: None,
            hard: false,
        }];
    }
    vec![
        within(programme, "/av_skew_added_ms/p50", "added A/V skew, median", 5.0),
        within(programme, "/av_skew_added_ms/max_abs", "added A/V skew, largest", 40.0),
    ]
}

fn judge_process(report: &Value, hold: f64) -> Vec<Verdict> {
    // MediaMTX looks at a publisher for 2 s, and gives a reader no picture before the next keyframe, 2 s at most here.
    let router = if report["router"] == "mediamtx" { 4000.0 } else { 0.0 };
    let ready = most(report, "/startup_ms/stack_ready", "stack ready after", "ms", 3000.0);
    let mut verdicts = vec![
        match report["programmes"][0]["dub"]["engine"] == "cascade" {
            true => Verdict {
                promised: "as long as the models take to load".to_owned(),
                kept: None,
                ..ready
            },
            false => ready,
        },
        most(
            report,
            "/startup_ms/first_programme_frame",
            "first programme frame after",
            "ms",
            hold + 2000.0 + router,
        ),
    ];
    if number(report, "/worker/rss_mb").is_some() {
        verdicts.push(judge_cpu(report));
        verdicts.push(most(report, "/worker/rss_mb", "worker, resident memory", "MB", 70.0));
        verdicts.push(most(
            report,
            "/worker/pss_mb",
            "worker, proportional memory",
            "MB",
            60.0,
        ));
    }
    verdicts
}

/// The first seconds are the start-up's, so a short demo has no figure.
fn judge_cpu(report: &Value) -> Verdict {
    let verdict = most(
        report,
        "/worker/cpu_percent_of_core",
        "worker, share of a core",
        "%",
        8.0,
    );
    match number(report, "/worker/cpu_percent_of_core") {
        Some(_) => verdict,
        None => Verdict {
            promised: "needs a longer demo".to_owned(),
            kept: None,
            ..verdict
        },
    }
}

/// What a report must not miss even where the machine is busy; one sentence each.
pub(crate) fn broken_on_a_busy_machine(report: &Value) -> Vec<String> {
    let hold = number(report, "/hold_ms").unwrap_or(f64::NAN);
    let mut broken: Vec<String> = judge(report)
        .into_iter()
        .filter(|verdict| verdict.is_broken() && verdict.hard)
        .map(|verdict| verdict.sentence())
        .collect();
    if list(report, "programmes").is_empty() {
        broken.push("the report has no programme".to_owned());
    }
    for programme in list(report, "programmes") {
        let latency = most(
            &programme,
            "/added_latency_ms/p95",
            "added latency, p95",
            "ms",
            hold + 300.0,
        );
        if latency.is_broken() {
            broken.push(latency.sentence());
        }
    }
    broken
}

impl Verdict {
    pub(crate) fn is_broken(&self) -> bool {
        self.kept == Some(false)
    }

    pub(crate) fn sentence(&self) -> String {
        format!("{}: {} (promised: {})", self.name, self.found, self.promised)
    }
}

/// The table at the end of a demo.
pub(crate) fn table(verdicts: &[Verdict]) -> String {
    let width = verdicts
        .iter()
        .map(|verdict| verdict.name.chars().count())
        .max()
        .unwrap_or(0);
    let found = verdicts
        .iter()
        .map(|verdict| verdict.found.chars().count())
        .max()
        .unwrap_or(0);
    verdicts
        .iter()
        .map(|verdict| {
            let mark = match verdict.kept {
                Some(true) => "ok  ",
                Some(false) if verdict.hard => "FAIL",
                Some(false) => "MISS",
                None => "--  ",
            };
            format!(
                "  {mark}  {:<width$}  {:<found$}  {}\n",
                verdict.name, verdict.found, verdict.promised
            )
        })
        .collect()
}

fn most(report: &Value, path: &str, name: &str, unit: &str, limit: f64) -> Verdict {
    let found = number(report, path);
    Verdict {
        name: name.to_owned(),
        found: show(found, unit),
        promised: format!("<= {limit:.0} {unit}").trim_end().to_owned(),
        kept: Some(found.is_some_and(|found| found <= limit)),
        hard: false,
    }
}

fn within(report: &Value, path: &str, name: &str, limit: f64) -> Verdict {
    let found = number(report, path);
    Verdict {
        name: name.to_owned(),
        found: show(found, "ms"),
        promised: format!("within +-{limit:.0} ms"),
        kept: Some(found.is_some_and(|found| found.abs() <= limit)),
        hard: false,
    }
}

fn show(value: Option<f64>, unit: &str) -> String {
    let text = match value {
        None => return "not measured".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0} {unit}"),
        Some(value) => format!("{value:.1} {unit}"),
    };
    text.trim_end().to_owned()
}

fn yes(flag: Option<bool>) -> &'static str {
    match flag {
        Some(true) => "identical",
        Some(false) => "different",
        None => "not measured",
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::{Facts, build};
    use super::*;
    use crate::stack::Router;
    use serde_json::json;

    fn good() -> Value {
        let probe = json!({ "seconds": 20.1, "events_dropped": 0, "programmes": [{
            "language": "es",
            "video": { "access_units_in": 600, "access_units_out": 600, "payload_identical": true, "sei_identical": true },
            "added_latency_ms": { "p50": 2540.0, "p95": 2570.5, "p99": 2600.0 },
            "av_skew_added_ms": { "p50": 0.4, "max_abs": 2.0 },
            "audio": { "gaps": 0, "discontinuities": 0 },
        }]});
        let stream = json!({ "hold_ms": 2500, "engine": "mock", "programmes": [{
            "target": "es",
            "dub": { "utterances": 9, "open": 1, "outcomes": { "on_time": 8 }, "lag_ms": { "p50": 0.0, "p95": 0.0 } },
        }]});
        build(&Facts {
            probe: &probe,
            stream: &stream,
            worker: json!({ "cpu_percent_of_core": 5.5, "rss_mb": 61.0, "pss_mb": 50.0 }),
            router: Router::Own,
            stack_ready_ms: 812.3,
            first_programme_frame_ms: Some(3010.0),
        })
    }

    fn failures(report: &Value) -> Vec<String> {
        judge(report)
            .iter()
            .filter(|verdict| verdict.is_broken())
            .map(Verdict::sentence)
            .collect()
    }

    #[test]
    fn a_good_run_keeps_every_promise() {
        let report = good();
        assert_eq!(failures(&report), Vec::<String>::new());
        assert_eq!(broken_on_a_busy_machine(&report), Vec::<String>::new());
        assert_eq!(report["dub"]["on_time"], 8);
        assert_eq!(report["dub"]["shed"], 0);
        assert_eq!(report["startup_ms"]["stack_ready"], 812.0);
        assert!(table(&judge(&report)).lines().all(|line| line.contains("ok")));
    }

    #[test]
    fn each_broken_promise_is_noticed() {
        let breaks: [(&str, Value, bool); 9] = [
            ("/events_dropped", json!(3), true),
            ("/programmes/0/video/payload_identical", json!(false), true),
            ("/programmes/0/video/sei_identical", json!(false), true),
            ("/programmes/0/audio/gaps", json!(1), true),
            ("/programmes/0/dub/on_time", json!(7), true),
            ("/programmes/0/added_latency_ms/p95", json!(2801.0), true),
            ("/programmes/0/av_skew_added_ms/max_abs", json!(-41.0), false),
            ("/worker/cpu_percent_of_core", json!(9.0), false),
            ("/startup_ms/first_programme_frame", json!(null), false),
        ];
        for (path, value, even_when_busy) in breaks {
            let mut report = good();
            *report.pointer_mut(path).unwrap() = value;
            assert!(!failures(&report).is_empty(), "{path}");
            assert_eq!(!broken_on_a_busy_machine(&report).is_empty(), even_when_busy, "{path}");
        }
    }

    #[test]
    fn a_report_without_a_programme_is_broken() {
        let mut report = good();
        report["programmes"] = json!([]);
        assert!(!broken_on_a_busy_machine(&report).is_empty());
    }

    #[test]
    fn an_utterance_without_an_outcome_is_noticed() {
        let mut report = good();
        report["programmes"][0]["dub"]["open"] = json!(0);
        assert!(broken_on_a_busy_machine(&report)[0].contains("accounted"));
    }
}
