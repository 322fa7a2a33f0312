//! Which of the candidates becomes the host.

use super::{Case, FAR, IMAGE, L4, L40S};
use crate::standin::runpod::{Fault, Life};

#[test]
fn the_first_candidate_becomes_a_pod_that_is_given_all_that_it_needs() {
    let mut case = Case::new(&[L40S, L4]);
    case.provider.live(L40S.0, L40S.1, Life::Ready(3));
    let hosts = case.ensure().unwrap();
    let host = &hosts.current;
    assert_eq!(
        (host.gpu.as_str(), host.data_center.as_str(), host.image.as_str()),
        (L40S.0, L40S.1, IMAGE)
    );
    assert_eq!((host.hourly, host.created, hosts.old.len()), (Some(0.86), true, 0));
    let address = case.provider.base().authority().to_owned();
    assert_eq!(host.url, format!("ws://{address}/pod/{}/8090", host.id));
    assert_eq!(case.provider.pods(), ["dragoman-speech-1 in EU-RO-1"]);
    assert_eq!(case.provider.volumes(), ["dragoman-models-EU-RO-1"]);
    let pod = case.provider.state().pods[0].clone();
    let volume = case.provider.state().volumes[0].clone();
    assert_eq!(pod["mounts"]["network"][0]["path"], "/cache");
    assert_eq!(pod["mounts"]["network"][0]["volumeId"], volume["id"]);
    assert_eq!(
        (volume["size"].as_u64(), volume["dataCenter"].as_str()),
        (Some(20), Some("EU-RO-1"))
    );
    assert_eq!(pod["ports"].as_array().unwrap(), &["8090/http"]);
    assert_eq!(
        (pod["cloud"].as_str(), pod["registry"].as_str()),
        (Some("SECURE"), Some("reg_abc"))
    );
    assert_eq!(pod["args"], "--fetch-models");
    assert_eq!(pod["env"]["SPEECH_ENGINE"], "cascade");
    assert_eq!(pod["env"]["SPEECH_KEY"], case.env["SPEECH_KEY"]);
    assert!(case.said("ready: cascade on cuda"), "{:?}", case.said);
}

#[test]
fn a_second_run_changes_nothing() {
    let mut case = Case::new(&[L40S]);
    let first = case.ensure().unwrap().current;
    case.provider.state().requests.clear();
    let second = case.ensure().unwrap().current;
    assert_eq!((second.id, second.url, second.created), (first.id, first.url, false));
    assert_eq!(case.provider.state().requests, ["GET /pods"]);
}

#[test]
fn out_of_stock_and_too_dear_are_not_asked_for() {
    let mut case = Case::new(&[("NVIDIA L4", "US-KS-2"), ("NVIDIA H9000", "EU-RO-1"), L40S, L4]);
    case.gpu.max_hourly = Some(0.5);
    let host = case.ensure().unwrap().current;
    assert_eq!((host.gpu.as_str(), host.hourly), ("NVIDIA L4", Some(0.43)));
    assert!(case.said("NVIDIA L4 in US-KS-2: none is free there"), "{:?}", case.said);
    assert!(case.said("NVIDIA H9000 in EU-RO-1: the catalogue has no GPU of that id"));
    assert!(case.said("NVIDIA L40S in EU-RO-1: $0.86 an hour is above max_hourly, $0.50"));
    assert_eq!(case.changes(), ["POST /network-volumes", "POST /pods"]);
}

#[test]
fn without_capacity_the_next_place_is_tried_and_no_empty_volume_is_left() {
    let mut case = Case::new(&[L40S, FAR]);
    case.provider
        .fault("POST /pods", Fault::Answer(400, "no instances available"), 1);
    assert_eq!(case.ensure().unwrap().current.data_center, "US-KS-2");
    assert_eq!(case.provider.pods(), ["dragoman-speech-1 in US-KS-2"]);
    assert_eq!(case.provider.volumes(), ["dragoman-models-US-KS-2"]);
    assert!(
        case.said("NVIDIA L40S in EU-RO-1: 400: no instances available"),
        "{:?}",
        case.said
    );
}

#[test]
fn a_volume_with_models_stays_when_its_place_has_no_capacity() {
    let mut case = Case::new(&[L40S, FAR]);
    let first = case.ensure().unwrap().current;
    case.api().delete("dragoman", false, &mut |_| ()).unwrap();
    case.provider
        .fault("POST /pods", Fault::Answer(400, "no instances available"), 1);
    assert_ne!(case.ensure().unwrap().current.data_center, first.data_center);
    assert_eq!(
        case.provider.volumes(),
        ["dragoman-models-EU-RO-1", "dragoman-models-US-KS-2"]
    );
    assert!(case.said("volume dragoman-models-EU-RO-1 (vol1, 20 GB) is in another place than the pod, and costs"));
}

#[test]
fn where_all_refuse_the_message_has_each_answer() {
    let mut case = Case::new(&[L40S, FAR]);
    case.provider
        .fault("POST /pods", Fault::Answer(400, "no instances available"), 1);
    case.provider
        .fault("POST /pods", Fault::Answer(403, "no access to the pool"), 1);
    let message = case.refusal();
    for part in [
        "L40S in EU-RO-1: 400: no instances available",
        "403: no access to the pool",
        "scope All",
        "deploy.toml",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(case.provider.pods().is_empty() && case.provider.volumes().is_empty());
}

#[test]
fn a_volume_in_another_place_is_not_used() {
    let mut case = Case::new(&[L40S, FAR]);
    case.provider.state().volumes.push(serde_json::json!({
        "id": "volx", "name": "dragoman-models-EU-RO-1", "size": 20, "dataCenter": "US-KS-2", "type": "STANDARD",
    }));
    assert_eq!(case.ensure().unwrap().current.data_center, "US-KS-2");
    assert!(
        case.said("(volx) is in US-KS-2, and a pod can only use one of its own data centre"),
        "{:?}",
        case.said
    );
}

#[test]
fn a_price_above_the_most_is_not_paid_although_the_catalogue_said_less() {
    let mut case = Case::new(&[L40S, L4]);
    case.gpu.max_hourly = Some(0.9);
    case.provider.live(L40S.0, L40S.1, Life::Loading);
    case.provider.state().billed = Some(("NVIDIA L40S", 1.2));
    assert_eq!(case.ensure().unwrap().current.gpu, "NVIDIA L4");
    assert!(
        case.said("it costs $1.20 an hour, above max_hourly, $0.90"),
        "{:?}",
        case.said
    );
    assert_eq!(case.provider.pods(), ["dragoman-speech-1 in EU-RO-1"]);
}

#[test]
fn a_pod_that_never_dubs_is_deleted_and_the_next_candidate_tried() {
    for (life, why) in [
        (Life::Loading, "not ready in time: RUNNING, speech is loading"),
        (Life::Dead, "RUNNING, but its container never started"),
        (Life::Failed, "its engine failed: no model fits into the GPU's memory"),
        (Life::Exits, "the pod is EXITED"),
    ] {
        let mut case = Case::new(&[L40S, L4]);
        case.provider.live(L40S.0, L40S.1, life);
        let host = case.ensure().unwrap().current;
        assert_eq!(host.gpu, "NVIDIA L4", "{life:?}");
        assert!(case.said(why), "{life:?}: {:?}", case.said);
        assert!(
            case.said("create container"),
            "{life:?}: the last lines of its log: {:?}",
            case.said
        );
        assert_eq!(case.provider.pods(), ["dragoman-speech-1 in EU-RO-1"], "{life:?}");
        assert_eq!(case.provider.state().most_pods, 1, "{life:?}");
    }
}

#[test]
fn a_pod_gets_its_minutes_and_no_more() {
    let mut case = Case::new(&[L40S]);
    case.gpu.ready_minutes = 2;
    case.provider.live(L40S.0, L40S.1, Life::Loading);
    case.refusal();
    assert!(case.provider.pods().is_empty());
    let slept: f64 = case
        .clock
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|pause| pause.as_secs_f64())
        .sum();
    assert!((120.0..130.0).contains(&slept), "{slept}");
}
