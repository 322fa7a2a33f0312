//! From one pod to the next.

use super::{Case, L4, L40S};
use crate::standin::runpod::Life;

#[test]
fn a_replacement_is_ready_before_the_old_one_goes() {
    let mut case = Case::new(&[L40S]);
    let first = case.ensure().unwrap().current;
    let hosts = case.replace().unwrap();
    assert!(hosts.current.created && hosts.current.id != first.id);
    assert_eq!(
        hosts.old.iter().map(|host| host.id.as_str()).collect::<Vec<_>>(),
        [first.id]
    );
    assert_eq!(
        case.provider.pods(),
        ["dragoman-speech-1 in EU-RO-1", "dragoman-speech-2 in EU-RO-1"]
    );
    case.api().delete_hosts(&hosts.old, &mut |_| ()).unwrap();
    case.api().delete_hosts(&hosts.old, &mut |_| ()).unwrap();
    assert_eq!(case.provider.pods(), ["dragoman-speech-2 in EU-RO-1"]);
    assert_eq!(case.provider.volumes().len(), 1);
    // The next run finds nothing to do.
    let again = case.ensure().unwrap();
    assert_eq!((again.current.id, again.old.len()), (hosts.current.id, 0));
}

#[test]
fn a_replacement_that_was_begun_is_finished_and_not_begun_again() {
    let mut case = Case::new(&[L40S]);
    case.ensure().unwrap();
    let begun = case.replace().unwrap().current.id;
    for hosts in [case.replace().unwrap(), case.ensure().unwrap()] {
        assert_eq!((hosts.current.id.as_str(), hosts.old.len()), (begun.as_str(), 1));
    }
    assert_eq!(case.provider.pods().len(), 2);
}

#[test]
fn a_replacement_that_fails_leaves_the_old_one() {
    let mut case = Case::new(&[L40S]);
    let first = case.ensure().unwrap().current.id;
    case.gpu.candidates.insert(0, case.gpu.candidates[0].clone());
    case.gpu.candidates[0].gpu = L4.0.into();
    case.gpu.candidates.truncate(1);
    case.provider.live(L4.0, L4.1, Life::Loading);
    assert!(case.replace().is_err());
    assert_eq!(case.provider.pods(), ["dragoman-speech-1 in EU-RO-1"]);
    assert_eq!(case.provider.state().pods[0]["id"], first.as_str());
}

#[test]
fn other_settings_are_a_new_pod_beside_the_old_one() {
    let mut case = Case::new(&[L40S]);
    let first = case.ensure().unwrap().current.id;
    case.gpu.settings.insert("SPEECH_PAIRS".into(), "en-fr".into());
    let hosts = case.ensure().unwrap();
    assert_ne!(hosts.current.id, first);
    assert_eq!(hosts.old[0].id, first);
    // Taken back before the old one was deleted: it is what is wanted again.
    case.gpu.settings.remove("SPEECH_PAIRS");
    let back = case.ensure().unwrap();
    assert_eq!((back.current.id, back.old[0].id.clone()), (first, hosts.current.id));
    assert_eq!(case.provider.pods().len(), 2);
}

#[test]
fn another_image_or_key_is_a_new_pod() {
    let mut case = Case::new(&[L40S]);
    let first = case.ensure().unwrap().current.id;
    case.env
        .insert("SPEECH_KEY".into(), format!("sha256:{}", "cd".repeat(32)));
    let second = case.ensure().unwrap();
    assert_ne!(second.current.id, first);
    case.gpu.candidates[0].image = "registry.example/speech@sha256:01".into();
    let third = case.ensure().unwrap();
    assert_eq!(
        (third.current.image.as_str(), third.old.len()),
        ("registry.example/speech@sha256:01", 2)
    );
}

#[test]
fn a_pod_that_stopped_is_replaced_and_not_started() {
    let mut case = Case::new(&[L40S]);
    let first = case.ensure().unwrap().current.id;
    case.provider.state().pods[0]["status"] = "EXITED".into();
    case.provider.state().silent.push(first.clone());
    let hosts = case.ensure().unwrap();
    assert!(hosts.current.created && hosts.current.id != first);
    assert_eq!(case.provider.pods(), ["dragoman-speech-2 in EU-RO-1"]);
    assert_eq!(case.provider.count("POST /pods/id/action"), 0);
}

#[test]
fn a_pod_that_accepts_an_old_key_besides_the_new_one_stays() {
    let hash = |digits: &str| format!("sha256:{}", digits.repeat(32));
    let mut case = Case::new(&[L40S]);
    case.env
        .insert("SPEECH_KEY".into(), format!("{},{}", hash("cd"), hash("ab")));
    let first = case.ensure().unwrap().current.id;
    case.env.insert("SPEECH_KEY".into(), hash("cd"));
    assert_eq!(case.ensure().unwrap().current.id, first);
    case.env.insert("SPEECH_KEY".into(), hash("ef"));
    assert_ne!(case.ensure().unwrap().current.id, first);
}

#[test]
fn a_pod_that_dubs_stays_when_less_is_to_be_paid_and_that_is_said() {
    let mut case = Case::new(&[L40S]);
    let first = case.ensure().unwrap().current.id;
    case.gpu.max_hourly = Some(0.5);
    assert_eq!(case.ensure().unwrap().current.id, first);
    assert!(
        case.said("costs $0.86 an hour, above max_hourly, $0.50"),
        "{:?}",
        case.said
    );
}
