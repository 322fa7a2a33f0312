//! What is there, what would change, and taking it away.

use std::time::Instant;

use dragoman_deploy::runpod::{ProxyTemplate, RunPod};

use super::{Case, FAR, L4, L40S};
use crate::standin::runpod::{KEY, Life};

#[test]
fn a_plan_says_what_would_change_and_changes_nothing() {
    let mut case = Case::new(&[("NVIDIA L4", "US-KS-2"), L40S, L4]);
    let plan = case.api().plan(&case.gpu, "dragoman", &case.env).unwrap();
    assert_eq!(
        plan.changes,
        [
            "pod dragoman-speech-1 is made",
            "volume dragoman-models-EU-RO-1 of 20 GB is made, and filled"
        ]
    );
    assert_eq!(
        (plan.hourly, plan.missing.len(), plan.candidates.len()),
        (Some(0.86), 0, 3)
    );
    assert!(
        plan.candidates[0].contains("none is free there"),
        "{:?}",
        plan.candidates
    );
    assert!(plan.candidates[1].contains("$0.86 an hour"), "{:?}", plan.candidates);
    assert!(case.changes().is_empty());

    case.ensure().unwrap();
    let plan = case.api().plan(&case.gpu, "dragoman", &case.env).unwrap();
    assert_eq!((plan.changes.len(), plan.hourly), (0, Some(0.86)));

    case.gpu.settings.insert("SPEECH_PAIRS".into(), "en-fr".into());
    let plan = case.api().plan(&case.gpu, "dragoman", &case.env).unwrap();
    assert_eq!(
        plan.changes,
        [
            "pod dragoman-speech-2 is made",
            "pod dragoman-speech-1 (pod2) is deleted"
        ]
    );
}

#[test]
fn a_plan_says_what_is_missing() {
    let mut case = Case::new(&[("NVIDIA L4", "US-KS-2")]);
    case.gpu.registry = Some("reg_gone".into());
    let plan = case.api().plan(&case.gpu, "dragoman", &case.env).unwrap();
    assert_eq!(plan.missing.len(), 2, "{:?}", plan.missing);
    assert!(plan.missing[0].contains("none of the candidates"), "{:?}", plan.missing);
    assert!(
        plan.missing[1].contains("no registry credential reg_gone"),
        "{:?}",
        plan.missing
    );
    assert_eq!(plan.hourly, None);
}

#[test]
fn the_status_says_how_each_pod_is() {
    let mut case = Case::new(&[L40S]);
    assert!(case.api().status("dragoman").unwrap().is_empty());
    case.ensure().unwrap();
    let status = case.api().status("dragoman").unwrap();
    let health = status[0].health.as_ref().unwrap();
    assert_eq!(
        (health.engine.as_str(), health.device.as_str(), health.max_sessions),
        ("cascade", "cuda", 8)
    );
    assert_eq!(
        (status[0].name.as_str(), &status[0].problem),
        ("dragoman-speech-1", &None)
    );
    case.provider.live(L40S.0, L40S.1, Life::Failed);
    let status = case.api().status("dragoman").unwrap();
    assert_eq!(
        status[0].problem.as_deref(),
        Some("no model fits into the GPU's memory")
    );
    case.provider.live(L40S.0, L40S.1, Life::Dead);
    let status = case.api().status("dragoman").unwrap();
    assert_eq!(
        (&status[0].health, status[0].problem.as_deref()),
        (&None, Some("its address answers 502"))
    );
}

#[test]
fn logs_are_the_last_lines_without_key_or_control_characters_and_end() {
    let mut case = Case::new(&[L40S]);
    case.ensure().unwrap();
    case.provider.state().endless_log = true;
    let begun = Instant::now();
    let logs = case.api().logs("dragoman", 100).unwrap();
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    assert_eq!(logs[0].1.len(), 3, "{logs:?}");
    assert_eq!(logs[0].1[1], "2026-11-22T10:00:01Z container: RUNPOD_API_KEY=<key>");
    assert_eq!(logs[0].1[2], "2026-11-22T10:00:02Z container:  [31mmodels are fetched");
    let logs = case.api().logs("dragoman", 1).unwrap();
    assert!(logs[0].1[0].contains("models are fetched"), "{logs:?}");
}

#[test]
fn taking_it_away_touches_nothing_of_others_and_keeps_models_unless_told() {
    let mut case = Case::new(&[L40S, FAR]);
    case.ensure().unwrap();
    let others = [
        "dragoman-speech",
        "dragoman-speech-01",
        "dragoman-speech-1-x",
        "dragoman2-speech-1",
        "comfy",
    ];
    for name in others {
        let mut pod = case.provider.state().pods[0].clone();
        pod["name"] = name.into();
        pod["id"] = format!("other{name}").into();
        pod["mounts"] = serde_json::json!({});
        case.provider.state().pods.push(pod);
        let mut volume = case.provider.state().volumes[0].clone();
        volume["name"] = format!("{name}-models").into();
        volume["id"] = format!("volume{name}").into();
        case.provider.state().volumes.push(volume);
    }
    let mut said = Vec::new();
    let left = case
        .api()
        .delete("dragoman", false, &mut |line| said.push(line.to_owned()))
        .unwrap();
    assert_eq!(
        left.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(),
        ["dragoman-models-EU-RO-1"]
    );
    assert!(
        said.iter()
            .any(|line| line.contains("dragoman-models-EU-RO-1") && line.contains("stays, and costs"))
    );
    assert_eq!(
        (case.provider.pods().len(), case.provider.volumes().len()),
        (others.len(), others.len() + 1)
    );
    assert!(case.api().delete("dragoman", true, &mut |_| ()).unwrap().is_empty());
    assert_eq!(
        (case.provider.pods().len(), case.provider.volumes().len()),
        (others.len(), others.len())
    );
}

#[test]
fn a_key_goes_to_no_address_in_the_clear_and_has_to_be_one() {
    let proxy = ProxyTemplate::default();
    let make = |key: &str, base: &str| RunPod::new(key.into(), base.parse().unwrap(), proxy.clone());
    assert!(make(KEY, "https://api.runpod.io/v2").is_ok());
    assert!(make(KEY, "http://[::1]:8000/v2").is_ok());
    for (key, base) in [
        (KEY, "http://api.runpod.io/v2"),
        ("", "https://api.runpod.io/v2"),
        ("rpa_SECRET\nX", "https://api.runpod.io/v2"),
    ] {
        let message = format!("{:#}", make(key, base).unwrap_err());
        assert!(!message.contains("SECRET") && !message.contains(KEY), "{message}");
    }
    assert!("https://example".parse::<ProxyTemplate>().is_err());
    assert!("ftp://{pod}.example".parse::<ProxyTemplate>().is_err());
}
