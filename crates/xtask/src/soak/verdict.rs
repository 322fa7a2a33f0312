//! What a soak's rows prove, from the rows alone.

use std::fmt::Write as _;

use super::row::{QUANTITIES, Row};
use super::slope::Slope;

/// The first part says nothing about hours: caches fill, allocators grow.
const WARM_UP_S: f64 = 300.0;
/// Of a soak that is shorter than that several times over, this part is the warm-up.
const WARM_UP_PART: f64 = 0.25;
/// The sound may be apart from the picture by this much.
const SKEW_MS: f64 = 40.0;
/// How long after a publisher was disturbed its stream may still show it: the hold, a keyframe, the probe's own reader.
pub(super) const DISTURBED_S: f64 = 20.0;

/// How fast a quantity may grow in an hour, and by how much in all before its slope counts: one more page of an allocator
/// is steep in a short soak and no leak.
const LIMITS: [(f64, f64); QUANTITIES.len()] = [(1.0, 3.0), (1.0, 3.0), (0.5, 2.0), (0.5, 1.0)];
const DRIFT_MS: (f64, f64) = (2.0, 5.0);

/// One promise and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) found: String,
    pub(super) limit: String,
    pub(super) kept: bool,
}

/// Everything that is judged.
pub(super) fn judge(rows: &[Row]) -> Vec<Verdict> {
    let Some(last) = rows.last() else {
        return vec![Verdict {
            name: "samples".into(),
            found: "none".into(),
            limit: "some".into(),
            kept: false,
        }];
    };
    let warm_up = WARM_UP_S.min(last.at_s * WARM_UP_PART);
    let warm: Vec<&Row> = rows.iter().filter(|row| row.at_s >= warm_up).collect();
    let mut verdicts = Vec::new();
    for (name, process) in &last.processes {
        for (index, quantity) in QUANTITIES.iter().enumerate() {
            // Only of the process that is there at the end: another one began anew.
            let samples: Vec<(f64, f64)> = warm
                .iter()
                .filter_map(|row| {
                    let found = row.processes.get(name)?;
                    (found.pid == process.pid).then_some((row.at_s, found.quantities[index]))
                })
                .collect();
            verdicts.push(growth(format!("{name}: {quantity}"), &samples, LIMITS[index]));
        }
    }
    for name in last.streams.keys() {
        stream(&mut verdicts, rows, &warm, name);
    }
    verdicts
}

fn stream(verdicts: &mut Vec<Verdict>, rows: &[Row], warm: &[&Row], name: &str) {
    let calm = |row: &Row| {
        row.streams
            .get(name)
            .filter(|stream| stream.calm_s >= DISTURBED_S)
            .cloned()
    };
    let skews: Vec<(f64, f64)> = warm
        .iter()
        .filter_map(|row| Some((row.at_s, calm(row)?.skew_ms?)))
        .collect();
    let worst = skews.iter().map(|(_, skew)| skew.abs()).reduce(f64::max);
    verdicts.push(Verdict {
        name: format!("{name}: sound apart from picture"),
        found: worst.map_or("not seen".into(), |worst| format!("at most {worst:.1} ms")),
        limit: format!("{SKEW_MS} ms"),
        kept: worst.is_some_and(|worst| worst <= SKEW_MS),
    });
    verdicts.push(growth(format!("{name}: skew, ms"), &skews, DRIFT_MS));
    let (unexplained, disturbed) = gaps(rows, name);
    verdicts.push(Verdict {
        name: format!("{name}: gaps in the sound"),
        found: format!("{unexplained} ({disturbed} more while its publisher was away)"),
        limit: "0".into(),
        kept: unexplained == 0.0,
    });
    let away = rows
        .iter()
        .filter(|row| calm(row).is_some_and(|stream| stream.state != "live"))
        .count();
    verdicts.push(Verdict {
        name: format!("{name}: samples not live"),
        found: away.to_string(),
        limit: "0".into(),
        kept: away == 0,
    });
}

/// Gaps that nobody caused, and those within [`DISTURBED_S`] of a disturbance.
pub(super) fn gaps(rows: &[Row], name: &str) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    let mut before = 0.0;
    for stream in rows.iter().filter_map(|row| row.streams.get(name)) {
        let more = (stream.gaps - before).max(0.0);
        before = stream.gaps;
        let sum = if stream.calm_s >= DISTURBED_S {
            &mut sums.0
        } else {
            &mut sums.1
        };
        *sum += more;
    }
    sums
}

fn growth(name: String, samples: &[(f64, f64)], (per_hour, in_all): (f64, f64)) -> Verdict {
    let slope = Slope::of(samples);
    Verdict {
        name,
        found: slope.map_or("too short to say".into(), |slope| {
            format!(
                "{:+.2} an hour, {:+.2} in {:.2} h",
                slope.per_hour,
                slope.growth(),
                slope.hours
            )
        }),
        limit: format!("{per_hour} an hour, once {in_all} in all"),
        kept: slope.is_none_or(|slope| slope.per_hour.abs() <= per_hour || slope.growth().abs() <= in_all),
    }
}

/// The verdicts in Markdown.
pub(super) fn table(verdicts: &[Verdict]) -> String {
    let mut text = String::from("| soak | found | limit | |\n|---|---|---|---|\n");
    for verdict in verdicts {
        let kept = if verdict.kept { "ok" } else { "BROKEN" };
        _ = writeln!(
            text,
            "| {} | {} | {} | {kept} |",
            verdict.name, verdict.found, verdict.limit
        );
    }
    text
}

#[cfg(test)]
#[path = "verdict_test.rs"]
mod tests;
