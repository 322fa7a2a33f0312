//! Killed after each request, and run again.

use super::{Case, FAR, L4, L40S};
use crate::standin::runpod::{Fault, Life};

/// Cuts the account off after each number of requests that `first` makes, the last of them done but not answered; then
/// `again` has to come to the same end. Gives how many places to be killed at there were.
fn at_each_step(case: impl Fn() -> Case, first: impl Fn(&mut Case) -> bool, check: impl Fn(&mut Case, usize)) -> usize {
    for after in 1.. {
        let mut case = case();
        case.provider.state().requests.clear();
        case.provider.state().most_pods = 0;
        case.provider.state().cut_after = Some(after);
        let whole = first(&mut case);
        case.provider.state().cut_after = None;
        check(&mut case, after);
        if whole {
            return after;
        }
        assert!(after < 200, "it never ends");
    }
    0
}

#[test]
fn a_first_run_comes_to_the_same_end() {
    let steps = at_each_step(
        || {
            let case = Case::new(&[L40S, L4]);
            case.provider.live(L40S.0, L40S.1, Life::Ready(3));
            case
        },
        |case| case.ensure().is_ok(),
        |case, after| {
            let host = case.ensure().unwrap().current;
            assert_eq!(host.gpu, "NVIDIA L40S", "killed after {after}");
            assert_eq!(
                case.provider.pods(),
                ["dragoman-speech-1 in EU-RO-1"],
                "killed after {after}"
            );
            assert_eq!(
                case.provider.volumes(),
                ["dragoman-models-EU-RO-1"],
                "killed after {after}"
            );
            assert_eq!(case.provider.state().most_pods, 1, "killed after {after}");
        },
    );
    assert!(steps > 7, "{steps}");
}

#[test]
fn a_run_past_a_pod_that_never_dubs_comes_to_the_same_end() {
    at_each_step(
        || {
            let case = Case::new(&[L40S, L4]);
            case.provider.live(L40S.0, L40S.1, Life::Exits);
            case
        },
        |case| case.ensure().is_ok(),
        |case, after| {
            let host = case.ensure().unwrap().current;
            assert_eq!(host.gpu, "NVIDIA L4", "killed after {after}");
            assert_eq!(case.provider.pods().len(), 1, "killed after {after}");
            assert_eq!(case.provider.state().most_pods, 1, "killed after {after}");
        },
    );
}

#[test]
fn a_run_past_a_place_without_capacity_leaves_one_pod() {
    at_each_step(
        || {
            let case = Case::new(&[L40S, FAR]);
            case.provider
                .fault("POST /pods", Fault::Answer(400, "no instances available"), 1);
            case
        },
        |case| case.ensure().is_ok(),
        |case, after| {
            case.ensure().unwrap();
            assert_eq!(case.provider.pods().len(), 1, "killed after {after}");
            assert_eq!(case.provider.state().most_pods, 1, "killed after {after}");
        },
    );
}

#[test]
fn a_replacement_comes_to_the_same_end() {
    at_each_step(
        || {
            let mut case = Case::new(&[L40S]);
            case.ensure().unwrap();
            case.provider.live(L40S.0, L40S.1, Life::Ready(3));
            case
        },
        |case| {
            let Ok(hosts) = case.replace() else { return false };
            case.api().delete_hosts(&hosts.old, &mut |_| ()).is_ok()
        },
        |case, after| {
            // With or without asking for a replacement: what was begun is finished.
            let hosts = case.ensure().unwrap();
            case.api().delete_hosts(&hosts.old, &mut |_| ()).unwrap();
            assert_eq!(case.provider.pods().len(), 1, "killed after {after}");
            assert!(case.provider.state().most_pods <= 2, "killed after {after}");
        },
    );
}

#[test]
fn taking_it_away_comes_to_the_same_end() {
    at_each_step(
        || {
            let mut case = Case::new(&[L40S, FAR]);
            case.ensure().unwrap();
            case.gpu.candidates.remove(0);
            case.ensure().unwrap();
            assert_eq!((case.provider.pods().len(), case.provider.volumes().len()), (2, 2));
            case.provider.state().volume_in_use = 2;
            case
        },
        |case| case.api().delete("dragoman", true, &mut |_| ()).is_ok(),
        |case, after| {
            assert!(case.api().delete("dragoman", true, &mut |_| ()).unwrap().is_empty());
            assert!(
                case.provider.pods().is_empty() && case.provider.volumes().is_empty(),
                "killed after {after}"
            );
        },
    );
}
