//! What is stored for the host, and that nobody on this machine can read over our shoulder.

use std::collections::BTreeMap;

use dragoman_deploy::aws::{Kind, MAX_PARAMETER, Parameter, Release, pack, prefix, unpack};

use super::{Recorded, Server, tools};

const SECRET: &str = "correct-horse-battery-staple";

fn parameter(name: &str, value: &str, kind: Kind) -> Parameter {
    Parameter {
        name: name.to_owned(),
        value: value.to_owned(),
        kind,
    }
}

#[test]
fn parameters_are_stored_once_read_back_and_deleted_and_no_secret_is_in_an_argument_list() {
    let Some(tools) = tools("parameters stored and read") else {
        return;
    };
    let server = Server::start(&tools);
    let client = Recorded::signed_in(&tools, "eu-central-1", &server.endpoint);
    let aws = &client.aws;
    let compose = pack("services:\n  media: {}\n").unwrap();
    let release = Release::new(BTreeMap::new(), BTreeMap::new(), Some("02:00-04:00".into()), false).unwrap();
    let mut wanted = vec![
        parameter("secrets/speech_key", SECRET, Kind::Secret),
        parameter("release", &release.json(), Kind::Text),
        parameter("files/compose", &compose, Kind::Text),
    ];
    // More than one page holds.
    wanted.extend((0..12).map(|n| parameter(&format!("more/{n}"), "x", Kind::Text)));
    assert_eq!(
        aws.put_parameters("demo", &wanted, &BTreeMap::new()).unwrap().len(),
        wanted.len()
    );

    // A second run changes nothing and writes nothing.
    let before = client.calls().len();
    assert!(
        aws.put_parameters("demo", &wanted, &aws.parameters(&prefix("demo"), true).unwrap())
            .unwrap()
            .is_empty()
    );
    assert_eq!(client.calls()[before..], ["ssm get-parameters-by-path"]);
    assert!(!aws.put_parameter("demo", &wanted[0]).unwrap());

    let there = aws.parameters(&prefix("demo"), true).unwrap();
    assert_eq!(there["secrets/speech_key"], SECRET);
    assert_eq!(Release::parse(&there["release"]).unwrap(), release);
    assert_eq!(unpack(&there["files/compose"]).unwrap(), "services:\n  media: {}\n");
    let stored = aws.parameters(&prefix("demo"), false).unwrap();
    assert_ne!(stored["secrets/speech_key"], SECRET, "it is not encrypted");

    // Another key.
    let rotated = parameter("secrets/speech_key", "ünother-key", Kind::Secret);
    assert!(aws.put_parameter("demo", &rotated).unwrap());
    assert_eq!(
        aws.parameters(&prefix("demo"), true).unwrap()["secrets/speech_key"],
        "ünother-key"
    );

    // Nothing of a deployment whose name begins the same is seen or deleted.
    assert!(aws.put_parameter("demo2", &wanted[0]).unwrap());
    assert_eq!(aws.delete_parameters(&prefix("demo")).unwrap(), wanted.len());
    assert!(aws.parameters(&prefix("demo"), true).unwrap().is_empty());
    assert_eq!(aws.parameters(&prefix("demo2"), true).unwrap().len(), 1);
    assert_eq!(aws.host_state("demo").unwrap(), None);

    let visible = client.visible();
    assert!(visible.contains("put-parameter"));
    assert!(!visible.contains(SECRET) && !visible.contains("ünother-key") && !visible.contains(&compose));
    assert!(!format!("{wanted:?}").contains(SECRET));
}

#[test]
fn an_empty_value_and_one_that_is_too_long_are_not_sent() {
    let Some(tools) = tools("parameters refused") else {
        return;
    };
    let client = Recorded::signed_in(&tools, "eu-central-1", "http://127.0.0.1:1");
    let good = parameter("speech", "wss://speech.example", Kind::Text);
    let long = parameter("release", &"x".repeat(MAX_PARAMETER + 1), Kind::Text);
    let empty = parameter("secrets/speech_key", "", Kind::Secret);
    for (wrong, word) in [(long, "at most 8192"), (empty, "empty")] {
        let error = client
            .aws
            .put_parameters("demo", &[good.clone(), wrong.clone()], &BTreeMap::new())
            .unwrap_err();
        assert!(error.to_string().contains(word), "{error:#}");
        assert!(client.aws.put_parameter("demo", &wrong).is_err());
    }
    assert!(client.calls().is_empty(), "something was sent");
}
