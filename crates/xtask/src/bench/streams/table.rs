//! What was found, as Markdown.

use std::fmt::Write as _;

use super::step::Step;
use super::{Series, goals};

/// All series, then the most that each held.
pub(super) fn table(series: &[Series]) -> String {
    let mut text = String::from(
        "| streams | on | dubs | rate | p99 | probed p99 | worker | worker PSS | router | speech | orchestrator | machine | held |\n\
         |---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for one in series {
        let mut steps: Vec<&Step> = one.steps.iter().collect();
        steps.sort_by_key(|step| step.streams);
        steps.into_iter().for_each(|step| row(&mut text, one, step));
    }
    text.push_str("\nRate: how fast dubs are played. Times in ms; processor time in % of one core, a worker's and its PSS in MB for each stream.\n\n");
    text.push_str("| pictures | on | dubs | most streams held | a worker's cost at the most, times that at the fewest |\n|---|---|---|---:|---|\n");
    for one in series {
        let open = if one.is_open() { " or more" } else { "" };
        let growth = one
            .growth()
            .map(|it| format!("{:.2} from {} to {}", it.ratio, it.from, it.to));
        _ = writeln!(
            text,
            "| {} | {} | {} | {}{open} | {} |",
            one.format.name(),
            one.on(),
            one.dubs(),
            one.held(),
            growth.unwrap_or("?".to_owned()),
        );
    }
    floor(&mut text, series);
    let goals = goals::judge(series);
    if !goals.is_empty() {
        text.push_str("\n| goal | found | meant | |\n|---|---|---|---|\n");
        goals.iter().for_each(|goal| _ = writeln!(text, "{}", goal.line()));
    }
    text
}

fn row(text: &mut String, series: &Series, step: &Step) {
    let whole = |value: Option<f64>| value.map_or("?".to_owned(), |value| format!("{value:.0}"));
    let worker = step.workers.each(step.streams);
    let held = if step.is_held() {
        "yes".to_owned()
    } else {
        format!("no: {}", step.broken.join("; "))
    };
    _ = writeln!(
        text,
        "| {} x {} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {} % | {held} |",
        step.streams,
        series.format.name(),
        series.on(),
        series.dubs(),
        step.dub_rate.map_or("?".to_owned(), |rate| format!("{rate:.2}")),
        whole(step.p99_ms),
        whole(step.probed_p99_ms),
        worker.cpu,
        worker.pss_mb,
        step.router.cpu,
        step.speech.cpu,
        step.orchestrator.cpu,
        whole(step.machine_percent),
    );
}

fn floor(text: &mut String, series: &[Series]) {
    if series.iter().all(|one| one.floor.is_empty()) {
        return;
    }
    text.push_str("\n| copies, each | streams | % of a core | PSS | worker is |\n|---|---|---:|---:|---:|\n");
    for one in series {
        for floor in &one.floor {
            let copy = floor.cost.each(floor.streams);
            let step = one.steps.iter().find(|step| step.streams == floor.streams);
            let ratio = step.map(|step| step.workers.each(step.streams).cpu / copy.cpu);
            let ratio = ratio.filter(|ratio| ratio.is_finite());
            _ = writeln!(
                text,
                "| {} | {} x {} | {:.1} | {:.1} | {} |",
                floor.copier.name(),
                floor.streams,
                one.format.name(),
                copy.cpu,
                copy.pss_mb,
                ratio.map_or("?".to_owned(), |ratio| format!("{ratio:.1} times that")),
            );
        }
    }
}
