use super::super::publisher::Event;
use super::super::row::Process;
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
                settled: f64::from(n),
                dubbed: f64::from(n),
                calm_s: at_s + 100.0,
                ..Stream::default()
            };
            Row {
                at_s,
                processes: [(worker("fast"), process)].into(),
                streams: [("fast".to_owned(), stream)].into(),
                event: None,
            }
        })
        .collect()
}

fn change(rows: &mut [Row], mut with: impl FnMut(usize, &mut Stream)) {
    let streams = rows.iter_mut().filter_map(|row| row.streams.get_mut("fast"));
    streams.enumerate().for_each(|(index, stream)| with(index, stream));
}

fn broken(rows: &[Row]) -> Vec<String> {
    let verdicts = judge(rows).into_iter().filter(|verdict| !verdict.kept);
    verdicts.map(|verdict| verdict.name).collect()
}

#[test]
fn a_leak_breaks_the_verdict_and_the_warm_up_does_not() {
    assert_eq!(broken(&hour(0.0)), Vec::<String>::new());
    assert_eq!(broken(&hour(12.0)), ["worker fast: pss_mb", "worker fast: rss_mb"]);
    assert_eq!(broken(&[]), ["samples"]);
}

#[test]
fn a_new_process_needs_a_reason_and_is_judged_by_its_own_samples() {
    let mut rows = hour(0.0);
    for row in &mut rows[180..] {
        let process = row.processes.get_mut("worker fast").unwrap();
        (process.pid, process.quantities[0]) = (8, 20.0);
    }
    assert_eq!(broken(&rows), ["worker fast: processes"]);
    rows[179].event = Some(Event {
        stream: "fast".into(),
        restart: true,
    });
    assert_eq!(broken(&rows), Vec::<String>::new());
}

#[test]
fn gaps_count_against_us_only_while_nobody_disturbs_the_publisher() {
    let mut rows = hour(0.0);
    change(&mut rows, |index, stream| {
        stream.gaps = if index >= 100 { 1.0 } else { 0.0 };
        stream.calm_s = if index == 100 { 3.0 } else { 60.0 };
    });
    assert_eq!(broken(&rows), Vec::<String>::new());
    change(&mut rows, |index, stream| {
        stream.gaps += if index >= 300 { 1.0 } else { 0.0 }
    });
    assert_eq!(broken(&rows), ["fast: gaps in the sound"]);
}

#[test]
fn drift_absence_and_an_engine_that_fell_silent_are_seen() {
    let mut rows = hour(0.0);
    change(&mut rows, |index, stream| {
        stream.skew_ms = Some(index as f64 / 30.0);
        stream.latency_ms = Some(2540.0 + index as f64 * 2.0);
        stream.state = if index == 200 { "degraded" } else { "live" }.to_owned();
        stream.dubbed = stream.dubbed.min(180.0);
        stream.lost = if index > 300 { 2.0 } else { 0.0 };
    });
    let names = [
        "skew, ms",
        "added latency, ms",
        "pictures lost",
        "utterances dubbed",
        "samples not live",
    ];
    assert_eq!(broken(&rows), names.map(|name| format!("fast: {name}")));
}
