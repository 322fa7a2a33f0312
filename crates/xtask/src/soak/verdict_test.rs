use super::super::row::{Process, Stream};
use super::*;

/// An hour, a row each ten seconds; the worker's memory grows by `leak` megabytes an hour after a warm-up that grows fast.
fn hour(leak: f64) -> Vec<Row> {
    (0..360)
        .map(|n| {
            let at_s = f64::from(n) * 10.0;
            let memory = 60.0 + at_s.min(240.0) / 10.0 + leak * at_s / 3600.0;
            let process = Process {
                pid: 7,
                quantities: [memory, memory * 2.0, 40.0, 9.0],
            };
            let stream = Stream {
                state: "live".into(),
                skew_ms: Some(1.0),
                latency_ms: Some(2540.0),
                gaps: 0.0,
                calm_s: at_s + 100.0,
            };
            Row {
                at_s,
                processes: [("worker".to_owned(), process)].into(),
                streams: [("calm".to_owned(), stream)].into(),
                event: None,
            }
        })
        .collect()
}

fn broken(rows: &[Row]) -> Vec<String> {
    let verdicts = judge(rows).into_iter().filter(|verdict| !verdict.kept);
    verdicts.map(|verdict| verdict.name).collect()
}

#[test]
fn a_leak_breaks_the_verdict_and_the_warm_up_does_not() {
    assert_eq!(broken(&hour(0.0)), Vec::<String>::new());
    assert_eq!(broken(&hour(4.0)), ["worker: pss_mb", "worker: rss_mb"]);
    assert_eq!(broken(&[]), ["samples"]);
}

#[test]
fn a_new_process_is_judged_by_its_own_samples() {
    let mut rows = hour(0.0);
    for row in &mut rows[180..] {
        let process = row.processes.get_mut("worker").unwrap();
        (process.pid, process.quantities[0]) = (8, 20.0);
    }
    assert_eq!(broken(&rows), Vec::<String>::new());
}

#[test]
fn gaps_count_against_us_only_while_nobody_disturbs_the_publisher() {
    let mut rows = hour(0.0);
    for (index, row) in rows.iter_mut().enumerate() {
        let stream = row.streams.get_mut("calm").unwrap();
        stream.gaps = if index >= 100 { 1.0 } else { 0.0 };
        stream.calm_s = if index == 100 { 3.0 } else { 60.0 };
    }
    assert_eq!(gaps(&rows, "calm"), (0.0, 1.0));
    assert_eq!(broken(&rows), Vec::<String>::new());
    rows[300].streams.get_mut("calm").unwrap().gaps = 2.0;
    assert_eq!(broken(&rows), ["calm: gaps in the sound"]);
}

#[test]
fn drift_and_absence_are_seen() {
    let mut rows = hour(0.0);
    for row in &mut rows {
        let drift = row.at_s / 3600.0 * 12.0;
        row.streams.get_mut("calm").unwrap().skew_ms = Some(drift);
    }
    rows[200].streams.get_mut("calm").unwrap().state = "degraded".into();
    assert_eq!(broken(&rows), ["calm: skew, ms", "calm: samples not live"]);
}
