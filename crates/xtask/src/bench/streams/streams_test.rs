use super::*;

fn cost(cpu: f64, pss_mb: f64) -> Cost {
    Cost {
        cpu,
        pss_mb,
        rss_mb: 200.0,
    }
}

fn step(streams: usize, broken: &[&str]) -> Step {
    Step {
        streams,
        hold_ms: 2500.0,
        p99_ms: Some(2540.4),
        workers: cost(streams as f64 * 5.0, streams as f64 * 25.0),
        orchestrator: cost(0.5, 3.0),
        router: cost(3.0, 8.0),
        speech: cost(1.0, 9.0),
        machine_percent: Some(20.0),
        dub_rate: Some(1.2),
        broken: broken.iter().map(|&reason| reason.to_owned()).collect(),
        ..Step::default()
    }
}

fn series(one_core: bool, stretched: bool, steps: Vec<Step>) -> Series {
    Series {
        format: Format::P720,
        stretched,
        one_core,
        guess: None,
        most: 16,
        steps,
        floor: Vec::new(),
    }
}

#[test]
fn the_table_has_the_steps_in_order_and_the_ratio_to_the_copies() {
    let mut series = series(
        false,
        false,
        vec![step(8, &["2 gaps in the sound"]), step(4, &[]), step(1, &[])],
    );
    series.floor.push(Floor {
        copier: Copier::Ffmpeg,
        streams: 4,
        cost: cost(10.0, 80.0),
    });
    let text = table::table(std::slice::from_ref(&series));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[3],
        "| 4 x 720p30 | all cores | as long | 1.20 | 2540 | ? | 5.0 | 25.0 | 3.0 | 1.0 | 0.5 | 20 % | yes |"
    );
    assert!(lines[4].ends_with("| no: 2 gaps in the sound |"), "{text}");
    for line in [
        "| 720p30 | all cores | as long | 4 | 1.00 from 1 to 4 |",
        "| ffmpeg -c copy | 4 x 720p30 | 2.5 | 20.0 | 2.0 times that |",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(series.json()["held"], 4);
    assert_eq!(series.json()["growth"]["ratio"], 1.0);
}

#[test]
fn goals_are_held_against_the_step_with_eight_streams() {
    let mut dear = step(8, &[]);
    dear.workers = cost(8.0 * 7.0, 8.0 * 31.0);
    let all = [
        series(false, false, vec![step(4, &[]), dear]),
        series(false, true, vec![step(4, &[])]),
    ];
    let goals = goals::judge(&all);
    let found: Vec<String> = goals.iter().map(goals::Goal::line).collect();
    assert_eq!(
        found,
        [
            "| a worker at 8 x 720p30, as long | 7.0 % of a core | 5 % (at most 8 %) | MISSED |",
            "| its memory | 31.0 MB PSS | 30 MB | MISSED |",
            "| a worker at 4 x 720p30, stretched | 5.0 % of a core | 6 % | ok |",
        ]
    );
}

#[test]
fn a_series_begins_near_what_an_earlier_one_held() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let all = [series(false, false, vec![step(4, &[]), step(8, &[])])];
    assert_eq!(guess(&[], &all[0]), None);
    assert_eq!(guess(&all, &series(false, true, vec![])), Some(8));
    assert_eq!(guess(&all, &series(true, false, vec![])), Some((8 / cores).max(1)));
    let larger = Series {
        format: Format::P1080,
        ..series(false, false, vec![])
    };
    assert_eq!(guess(&all, &larger), Some(8));
}
