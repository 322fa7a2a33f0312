use super::*;

fn step() -> Step {
    Step {
        streams: 1,
        hold_ms: 2500.0,
        ..Step::default()
    }
}

fn view(p99: f64, silence: u64) -> Value {
    json!({
        "state": "live", "hold_ms": 2500, "added_latency_ms": { "p99": p99 },
        "ingest": { "silence_samples": silence, "dropped_units": 0 },
        "programmes": [{ "dropped_units": 0 }], "worker": { "restarts": 0 },
        "dub": { "utterances": 4, "outcomes": { "on_time": 3 } },
    })
}

fn probed(p99: f64, gaps: u64) -> Value {
    json!({ "added_latency_ms": { "p99": p99 }, "audio": { "gaps": gaps }, "video": { "lost": 0 } })
}

#[test]
fn streams_are_held_while_they_are_in_time_and_whole() {
    let mut step = step();
    step.judge(&[view(2540.0, 7)], &[view(2600.0, 7)], &probed(2640.0, 0));
    assert_eq!(step.broken, Vec::<String>::new());
    assert_eq!((step.p99_ms, step.probed_p99_ms), (Some(2600.0), Some(2640.0)));
}

#[test]
fn whatever_a_viewer_would_miss_is_too_much() {
    let good = view(2540.0, 0);
    let cases = [
        (view(2651.0, 0), probed(2540.0, 0), "worst p99"),
        (view(2540.0, 0), probed(2651.0, 0), "probed p99"),
        (view(2540.0, 0), probed(2540.0, 1), "gaps in the sound"),
        (view(2540.0, 480), probed(2540.0, 0), "samples of silence"),
        (view(2540.0, 0), Value::Null, "not known"),
    ];
    for (after, probed, reason) in cases {
        let mut step = step();
        step.judge(std::slice::from_ref(&good), &[after], &probed);
        assert!(
            step.broken.iter().any(|broken| broken.contains(reason)),
            "{reason}: {:?}",
            step.broken
        );
    }
    let mut step = step();
    step.judge(&[good], &[], &probed(2540.0, 0));
    assert!(
        step.broken.iter().any(|broken| broken.contains("not live")),
        "{:?}",
        step.broken
    );
}
