//! What a soak's rows prove, from the rows alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::row::{QUANTITIES, Row, Stream};
use super::slope::{Slope, median};

/// The first part says nothing about hours: caches fill, allocators grow.
const WARM_UP_S: f64 = 300.0;
/// Of a soak that is shorter than that several times over, this part is the warm-up.
const WARM_UP_PART: f64 = 0.25;
/// The same for a process that began later.
const YOUNG_S: f64 = 120.0;
/// The sound may be apart from the picture by this much.
const SKEW_MS: f64 = 40.0;
/// How long after a publisher was disturbed its stream may still show it: the hold, a keyframe, the probe's own reader.
pub(super) const DISTURBED_S: f64 = 20.0;
/// Of the utterances of a stream that is left alone, and of one that is disturbed each minute.
const DUBBED: [f64; 2] = [0.95, 0.5];

/// How fast a quantity may grow in an hour, and by how much in all: one more page of an allocator is steep in a short soak
/// and no leak, and a few sockets in a long one are flat and one. A process's part of what it shares depends on who else
/// is there, so its own memory is held to less.
const LIMITS: [(f64, f64); QUANTITIES.len()] = [(1.0, 5.0), (0.5, 3.0), (0.2, 1.0), (0.2, 0.5)];
const SKEW_DRIFT_MS: (f64, f64) = (1.0, 5.0);
/// A clock that is off by 200 ppm and not followed would be 720 ms in an hour.
const LATENCY_DRIFT_MS: (f64, f64) = (5.0, 20.0);

/// One promise and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) found: String,
    pub(super) limit: String,
    pub(super) kept: bool,
}

/// Of one process, from its beginning to its end.
type Life = Vec<(f64, [f64; QUANTITIES.len()])>;

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
    let mut verdicts = Vec::new();
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.processes.keys()).collect();
    for name in names {
        let lives = lives(rows, name);
        verdicts.push(replaced(rows, name, lives.len()));
        let young = YOUNG_S.min(warm_up);
        for (index, quantity) in QUANTITIES.iter().enumerate() {
            let warm = |life: &Life| -> Vec<(f64, f64)> {
                let from = warm_up.max(life.first().map_or(0.0, |first| first.0 + young));
                let samples = life.iter().filter(|(at, _)| *at >= from);
                samples.map(|(at, found)| (*at, found[index])).collect()
            };
            let pieces: Vec<_> = lives.iter().map(warm).collect();
            verdicts.push(growth(format!("{name}: {quantity}"), &pieces, LIMITS[index]));
        }
    }
    for name in last.streams.keys() {
        let samples: Vec<(f64, &Stream)> = rows
            .iter()
            .filter_map(|row| Some((row.at_s, row.streams.get(name)?)))
            .collect();
        stream(&mut verdicts, name, &samples, warm_up);
    }
    verdicts
}

/// What was seen of a job, apart for each process that did it.
fn lives(rows: &[Row], name: &str) -> Vec<Life> {
    let mut lives: Vec<(u64, Life)> = Vec::new();
    for row in rows {
        let Some(process) = row.processes.get(name) else {
            continue;
        };
        let sample = (row.at_s, process.quantities);
        match lives.last_mut() {
            Some((pid, life)) if *pid == process.pid => life.push(sample),
            _ => lives.push((process.pid, vec![sample])),
        }
    }
    lives.into_iter().map(|(_, life)| life).collect()
}

/// Only a publisher that stayed away ends a process, its worker.
fn replaced(rows: &[Row], name: &str, processes: usize) -> Verdict {
    let restarts = rows
        .iter()
        .filter_map(|row| row.event.as_ref())
        .filter(|event| event.restart && name == worker(&event.stream))
        .count();
    Verdict {
        name: format!("{name}: processes"),
        found: processes.to_string(),
        limit: format!("{}", restarts + 1),
        kept: processes <= restarts + 1,
    }
}

/// What the worker of a stream is called in the rows.
pub(super) fn worker(stream: &str) -> String {
    format!("worker {stream}")
}

fn stream(verdicts: &mut Vec<Verdict>, name: &str, samples: &[(f64, &Stream)], warm_up: f64) {
    let is_calm = |stream: &Stream| stream.calm_s >= DISTURBED_S;
    let warm = || samples.iter().filter(|(at, stream)| *at >= warm_up && is_calm(stream));
    let skews: Vec<(f64, f64)> = warm().filter_map(|(at, stream)| Some((*at, stream.skew_ms?))).collect();
    let worst = skews.iter().map(|(_, skew)| skew.abs()).reduce(f64::max);
    verdicts.push(Verdict {
        name: format!("{name}: sound apart from picture"),
        found: worst.map_or("not seen".into(), |worst| format!("at most {worst:.1} ms")),
        limit: format!("{SKEW_MS} ms"),
        kept: worst.is_some_and(|worst| worst <= SKEW_MS),
    });
    verdicts.push(growth(format!("{name}: skew, ms"), &[skews], SKEW_DRIFT_MS));
    let latencies: Vec<(f64, f64)> = warm()
        .filter_map(|(at, stream)| Some((*at, stream.latency_ms?)))
        .collect();
    let middle = median(&mut latencies.iter().map(|(_, ms)| *ms).collect::<Vec<_>>());
    let drift = growth(format!("{name}: added latency, ms"), &[latencies], LATENCY_DRIFT_MS);
    verdicts.push(Verdict {
        found: format!("{}; median {:.0}", drift.found, middle.unwrap_or(f64::NAN)),
        ..drift
    });
    for (what, of) in [
        ("gaps in the sound", (|stream| stream.gaps) as fn(&Stream) -> f64),
        ("pictures lost", |stream| stream.lost),
    ] {
        let (unexplained, disturbed) = more(samples, of);
        verdicts.push(Verdict {
            name: format!("{name}: {what}"),
            found: format!("{unexplained} ({disturbed} more while its publisher was away)"),
            limit: "0".into(),
            kept: unexplained == 0.0,
        });
    }
    verdicts.push(dubs(name, samples));
    let away = samples
        .iter()
        .filter(|(_, stream)| is_calm(stream) && stream.state != "live");
    let away = away.count();
    verdicts.push(Verdict {
        name: format!("{name}: samples not live"),
        found: away.to_string(),
        limit: "0".into(),
        kept: away == 0,
    });
}

/// By how much a count grew while nobody was to blame, and within [`DISTURBED_S`] of a disturbance. A count that falls began
/// anew.
fn more(samples: &[(f64, &Stream)], of: fn(&Stream) -> f64) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    let mut before = 0.0;
    for (_, stream) in samples {
        let now = of(stream);
        let more = if now < before { now } else { now - before };
        before = now;
        match stream.calm_s >= DISTURBED_S {
            true => sums.0 += more,
            false => sums.1 += more,
        }
    }
    sums
}

/// The engine is at work to the end: utterances go on, and they are dubbed.
fn dubs(name: &str, samples: &[(f64, &Stream)]) -> Verdict {
    let both = |(calm, disturbed): (f64, f64)| calm + disturbed;
    let settled = both(more(samples, |stream| stream.settled));
    let dubbed = both(more(samples, |stream| stream.dubbed));
    let is_shaken = samples.windows(2).any(|pair| pair[1].1.calm_s < pair[0].1.calm_s);
    let part = DUBBED[usize::from(is_shaken)];
    Verdict {
        name: format!("{name}: utterances dubbed"),
        found: format!("{dubbed} of {settled}"),
        limit: format!("{:.0} %", part * 100.0),
        kept: settled > 0.0 && dubbed >= settled * part,
    }
}

fn growth(name: String, pieces: &[Vec<(f64, f64)>], (per_hour, in_all): (f64, f64)) -> Verdict {
    let slope = Slope::of(pieces);
    Verdict {
        name,
        found: slope.map_or("too short to say".into(), |slope| {
            format!(
                "{:+.2} an hour, {:+.2} from the first to the last third of {:.2} h",
                slope.per_hour, slope.rise, slope.hours
            )
        }),
        limit: format!("{per_hour} an hour, {in_all} in all"),
        kept: slope.is_none_or(|slope| slope.is_within(per_hour, in_all)),
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
