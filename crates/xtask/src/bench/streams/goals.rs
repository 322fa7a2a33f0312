//! What a worker may cost, held against what it did.

use serde_json::{Value, json};

use super::Series;
use super::source::Format;
use super::step::Step;

/// Memory that workers share counts by its share, so few workers have more each: from so many on the goal is meant.
const MEMORY_FROM: usize = 8;
const PSS_MB: f64 = 30.0;

/// One goal and what became of it.
pub(super) struct Goal {
    name: String,
    found: String,
    goal: String,
    kept: bool,
}

impl Goal {
    pub(super) fn json(&self) -> Value {
        json!({ "name": self.name, "found": self.found, "goal": self.goal, "kept": self.kept })
    }

    pub(super) fn line(&self) -> String {
        let kept = if self.kept { "ok" } else { "MISSED" };
        format!("| {} | {} | {} | {kept} |", self.name, self.found, self.goal)
    }
}

/// The goals that these series say something about.
pub(super) fn judge(all: &[Series]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (stretched, percent, text) in [(false, 5.0, "5 % (at most 8 %)"), (true, 6.0, "6 %")] {
        let like = |one: &&Series| (one.format, one.one_core, one.stretched) == (Format::P720, false, stretched);
        let Some((series, step)) = all
            .iter()
            .find(like)
            .and_then(|series| Some((series, typical(series)?)))
        else {
            continue;
        };
        let each = step.workers.each(step.streams);
        goals.push(Goal {
            name: format!(
                "a worker at {} x {}, {}",
                step.streams,
                series.format.name(),
                series.dubs()
            ),
            found: format!("{:.1} % of a core", each.cpu),
            goal: text.to_owned(),
            kept: each.cpu <= percent,
        });
        if step.streams >= MEMORY_FROM {
            goals.push(Goal {
                name: "its memory".to_owned(),
                found: format!("{:.1} MB PSS", each.pss_mb),
                goal: format!("{PSS_MB:.0} MB"),
                kept: each.pss_mb <= PSS_MB,
            });
        }
    }
    goals
}

/// Of what was held: the fewest streams for which all goals are meant, or the most below.
fn typical(series: &Series) -> Option<&Step> {
    let held = || series.steps.iter().filter(|step| step.is_held());
    let enough = held().filter(|step| step.streams >= MEMORY_FROM);
    enough
        .min_by_key(|step| step.streams)
        .or_else(|| held().max_by_key(|step| step.streams))
}
