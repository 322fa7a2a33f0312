//! What the provider may answer instead.

use std::time::Duration;

use super::{Case, L4, L40S};
use crate::standin::runpod::{Fault, KEY};

fn slept(case: &Case) -> Vec<u64> {
    case.clock.0.lock().unwrap().iter().map(Duration::as_secs).collect()
}

#[test]
fn a_wrong_key_stops_and_is_not_shown() {
    let mut case = Case::new(&[L40S]);
    case.key = "rpa_WRONGANDSECRET".into();
    let message = case.refusal();
    for part in ["list the pods", "401: invalid bearer token", "RUNPOD_API_KEY"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(case.provider.state().requests, ["GET /pods"]);
    assert!(!format!("{:?}", case.api()).contains("WRONGANDSECRET"));
}

#[test]
fn a_key_in_the_providers_own_words_is_not_shown() {
    let mut case = Case::new(&[L40S]);
    case.provider.fault(
        "GET /pods",
        Fault::Answer(403, "rpa_K3YTHATNOBODYMAYSEE may not\u{1b}[31m do it"),
        1,
    );
    let message = case.refusal();
    assert!(message.contains("403: <key> may not [31m do it"), "{message}");
    assert!(message.contains("scope All"), "{message}");
    assert!(!message.contains(KEY));
}

#[test]
fn a_key_that_may_only_read_stops_at_the_volume() {
    let mut case = Case::new(&[L40S, L4]);
    case.provider
        .fault("POST /network-volumes", Fault::Answer(403, "access denied"), 9);
    let message = case.refusal();
    for part in [
        "make the volume dragoman-models-EU-RO-1",
        "403: access denied",
        "read and write",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(case.provider.count("POST /network-volumes"), 1);
}

#[test]
fn without_money_nothing_further_is_tried() {
    let mut case = Case::new(&[L40S, L4]);
    case.provider
        .fault("POST /pods", Fault::Answer(402, "insufficient balance"), 9);
    let message = case.refusal();
    for part in [
        "make the pod dragoman-speech-1",
        "402: insufficient balance",
        "add credit",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(
        message.contains("the volume dragoman-models-EU-RO-1 (vol1) stays"),
        "{message}"
    );
    assert_eq!(case.provider.count("POST /pods"), 1);
}

#[test]
fn a_request_that_is_not_right_stops_with_each_fault_of_it() {
    let mut case = Case::new(&[L40S, L4]);
    case.gpu.candidates[0].min_cuda = Some("12".into());
    let message = case.refusal();
    for part in ["422", "body.gpu.minCudaVersion is \"12\"", "deploy.toml"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(case.provider.count("POST /pods"), 1);
}

#[test]
fn the_rate_limit_is_waited_for() {
    let mut case = Case::new(&[L40S]);
    case.provider.fault("GET /pods", Fault::RateLimit(7), 2);
    case.provider.fault("POST /pods", Fault::RateLimit(12), 1);
    case.ensure().unwrap();
    assert_eq!(slept(&case)[..3], [7, 7, 12]);
    assert_eq!(case.provider.pods().len(), 1);
}

#[test]
fn a_rate_limit_without_end_or_for_long_stops() {
    for (seconds, requests) in [(1, 7), (3600, 1)] {
        let mut case = Case::new(&[L40S]);
        case.provider.fault("GET /pods", Fault::RateLimit(seconds), 99);
        let message = case.refusal();
        assert!(
            message.contains("429") && message.contains("run the same command again later"),
            "{message}"
        );
        assert_eq!(case.provider.count("GET /pods"), requests);
    }
}

#[test]
fn a_provider_that_fails_is_asked_again_for_the_same_place() {
    let mut case = Case::new(&[L40S, L4]);
    case.provider.fault("POST /pods", Fault::Answer(503, "upstream"), 3);
    assert_eq!(case.ensure().unwrap().current.gpu, "NVIDIA L40S");
    assert_eq!(slept(&case)[..3], [2, 4, 8]);
    assert_eq!(case.provider.state().most_pods, 1);
}

#[test]
fn a_place_that_keeps_failing_is_given_up() {
    let mut case = Case::new(&[L40S, L4]);
    case.provider.fault("POST /pods", Fault::Answer(500, "upstream"), 4);
    assert_eq!(case.ensure().unwrap().current.gpu, "NVIDIA L4");
    assert!(case.said("no pod after 4 tries: 500: upstream"), "{:?}", case.said);
    let mut case = Case::new(&[L40S]);
    case.provider.fault("GET /pods", Fault::Answer(500, "upstream"), 99);
    assert!(case.refusal().contains("500: upstream"));
    assert_eq!(case.provider.count("GET /pods"), 4);
}

#[test]
fn a_lost_answer_leaves_one_pod_and_one_volume() {
    for fault in [Fault::LostReply, Fault::LostRequest] {
        let mut case = Case::new(&[L40S, L4]);
        case.provider.fault("POST /network-volumes", fault.clone(), 1);
        case.provider.fault("POST /pods", fault.clone(), 1);
        assert_eq!(case.ensure().unwrap().current.gpu, "NVIDIA L40S", "{fault:?}");
        assert_eq!(case.provider.pods().len(), 1, "{fault:?}");
        assert_eq!(case.provider.volumes().len(), 1, "{fault:?}");
        assert_eq!(case.provider.state().most_pods, 1, "{fault:?}");
    }
}

#[test]
fn answers_that_are_lost_each_time_leave_one_pod() {
    let mut case = Case::new(&[L40S, L4]);
    case.provider.fault("POST /pods", Fault::LostReply, 99);
    case.ensure().unwrap();
    assert_eq!(case.provider.count("POST /pods"), 1);
    assert_eq!(case.provider.pods().len(), 1);
}

#[test]
fn two_of_a_name_are_refused_and_named() {
    let mut case = Case::new(&[L40S]);
    case.ensure().unwrap();
    let mut twin = case.provider.state().pods[0].clone();
    twin["id"] = "twin".into();
    case.provider.state().pods.push(twin);
    for message in [
        case.refusal(),
        format!("{:#}", case.api().delete("dragoman", false, &mut |_| ()).unwrap_err()),
    ] {
        for part in [
            "2 pods are called dragoman-speech-1: pod2, twin",
            "terminate all but one",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    assert_eq!(case.provider.pods().len(), 2);

    let mut case = Case::new(&[L40S]);
    case.provider.fault("POST /pods", Fault::Answer(402, "no money"), 1);
    case.refusal();
    let mut twin = case.provider.state().volumes[0].clone();
    twin["id"] = "twin".into();
    case.provider.state().volumes.push(twin);
    let message = case.refusal();
    assert!(
        message.contains("2 volumes are called dragoman-models-EU-RO-1: vol1, twin"),
        "{message}"
    );
    assert!(case.provider.pods().is_empty());
}

#[test]
fn tones_instead_of_speech_are_an_error() {
    let mut case = Case::new(&[L40S, L4]);
    case.provider.state().engine = Some("mock");
    let message = case.refusal();
    for part in [
        "engine mock",
        "SPEECH_ENGINE asks for cascade",
        "deleted again",
        super::IMAGE,
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(case.provider.pods().is_empty());
    // One that was there before is not touched.
    case.provider.state().engine = None;
    case.ensure().unwrap();
    case.provider.state().engine = Some("echo");
    assert!(case.refusal().contains("left as it is"));
    assert_eq!(case.provider.pods().len(), 1);
}

#[test]
fn a_provider_that_is_not_there_is_said() {
    let mut case = Case::new(&[L40S]);
    case.provider.state().cut_after = Some(0);
    let message = case.refusal();
    assert!(
        message.contains("list the pods") && message.contains("got no usable answer"),
        "{message}"
    );
}
