//! The stack on a server that answers as AWS does. It does not wait for signals, changes no instance and replaces nothing.

use std::ops::ControlFlow;

use dragoman_deploy::aws::{Plan, Stack};
use serde_json::Value;

use super::{Recorded, Server, silent, streams, tools};

/// A host, as the same client's other calls see it.
fn ask(client: &Recorded, endpoint: &str, region: &str, arguments: &[&str]) -> Value {
    let output = std::process::Command::new(client.dir.path().join("aws"))
        .args(arguments)
        .args(["--region", region, "--output", "json"])
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

#[test]
fn a_stack_is_made_once_changed_deleted_and_its_volume_is_used_again() {
    let Some(tools) = tools("stack made, changed, deleted") else {
        return;
    };
    let server = Server::start(&tools);
    let region = "eu-west-1";
    let client = Recorded::signed_in(&tools, region, &server.endpoint);
    let aws = &client.aws;
    assert_eq!(aws.identity().unwrap().account, "123456789012");
    assert_eq!(aws.stack("demo").unwrap(), None);

    let wanted = aws.wanted("demo", &streams(""), None).unwrap();
    assert_eq!(wanted.instance_type, "c6i.xlarge");
    assert!(wanted.zone.starts_with(region) && wanted.root_device == "/dev/xvda");
    assert_eq!(aws.plan_stack(&wanted, None).unwrap(), Plan::Create(None));
    assert_eq!(aws.stack("demo").unwrap(), None, "planning makes nothing");
    let made = aws.deploy_stack(&wanted, false, &mut silent).unwrap();
    assert!(made.changed);
    let outputs = &made.stack.outputs;
    assert_eq!(
        outputs.keys().collect::<Vec<_>>(),
        ["Address", "Instance", "LogGroup", "Volume"]
    );
    assert!(outputs["Volume"].starts_with("vol-") && outputs["LogGroup"] == "/dragoman/demo");
    let volume = aws.find_volume("demo").unwrap().unwrap();
    assert_eq!((&volume.id, volume.gb), (&outputs["Volume"], 50));

    // What an earlier run made is kept: no newer image, no other subnet, no second volume.
    let there: Stack = aws.stack("demo").unwrap().unwrap();
    let again = aws.wanted("demo", &streams(""), Some(&there)).unwrap();
    assert_eq!(again, wanted);
    assert_eq!(aws.plan_stack(&again, Some(&there)).unwrap(), Plan::Same);
    let before = client.calls().len();
    assert!(!aws.deploy_stack(&again, false, &mut silent).unwrap().changed);
    assert_eq!(
        client.calls()[before..],
        ["cloudformation describe-stacks", "cloudformation get-template"]
    );

    // Fewer networks: the security group's change alone.
    let fewer = aws
        .wanted("demo", &streams("allow = [\"203.0.113.0/24\"]"), Some(&there))
        .unwrap();
    let Plan::Update(changes) = aws.plan_stack(&fewer, Some(&there)).unwrap() else {
        panic!("no update is planned")
    };
    assert!(
        changes
            .iter()
            .all(|change| change.resource == "Ports" && !change.replaced),
        "{changes:?}"
    );
    assert!(aws.deploy_stack(&fewer, false, &mut silent).unwrap().changed);
    let open = ask(&client, &server.endpoint, region, &["ec2", "describe-security-groups"]).to_string();
    assert!(open.contains("203.0.113.0/24"));

    // The host's log.
    let mut lines = Vec::new();
    let mut keep = |line: &str| {
        lines.push(line.to_owned());
        ControlFlow::Continue(())
    };
    aws.logs("demo", 10, false, &mut keep).unwrap();
    let group = ["--log-group-name", "/dragoman/demo", "--log-stream-name", "host"];
    ask(
        &client,
        &server.endpoint,
        region,
        &[&["logs", "create-log-stream"], &group[..]].concat(),
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let events = format!("[{{\"timestamp\":{now},\"message\":\"one\"}},{{\"timestamp\":{now},\"message\":\"two\"}}]");
    let put = [&["logs", "put-log-events", "--log-events", &events], &group[..]].concat();
    ask(&client, &server.endpoint, region, &put);
    aws.logs("demo", 10, false, &mut keep).unwrap();
    assert_eq!(lines, ["one", "two"]);
    let mut followed = Vec::new();
    let mut until_three = |line: &str| {
        followed.push(line.to_owned());
        if followed.len() == 2 {
            let more = events.replace("one", "three").replace("two", "four");
            let put = [&["logs", "put-log-events", "--log-events", &more], &group[..]].concat();
            ask(&client, &server.endpoint, region, &put);
        }
        if followed.len() == 4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    aws.logs("demo", 10, true, &mut until_three).unwrap();
    assert_eq!(followed, ["one", "two", "three", "four"]);

    // Deleted: the volume stays, and the next stack has it.
    let kept = aws.delete_stack("demo", &mut silent).unwrap();
    assert_eq!(kept.iter().map(|volume| &volume.id).collect::<Vec<_>>(), [&volume.id]);
    assert_eq!(aws.stack("demo").unwrap(), None);
    assert_eq!(aws.delete_stack("demo", &mut silent).unwrap().len(), 1, "a second time");
    let next = aws.wanted("demo", &streams(""), None).unwrap();
    assert_eq!((next.volume.as_ref(), &next.zone), (Some(&volume.id), &volume.zone));
    let made = aws.deploy_stack(&next, false, &mut silent).unwrap();
    assert_eq!(made.stack.outputs["Volume"], volume.id);
    let there = aws.stack("demo").unwrap().unwrap();
    assert_eq!(aws.wanted("demo", &streams(""), Some(&there)).unwrap(), next);
    aws.delete_stack("demo", &mut silent).unwrap();
    assert_eq!(aws.delete_volumes("demo").unwrap(), [volume.id]);
    assert_eq!(aws.find_volume("demo").unwrap(), None);
}

#[test]
fn what_does_not_fit_together_is_refused_before_anything_is_made() {
    let Some(tools) = tools("image, type, place and name that do not fit") else {
        return;
    };
    let server = Server::start(&tools);
    let client = Recorded::signed_in(&tools, "us-east-1", &server.endpoint);
    let aws = &client.aws;
    let refused = |more: &str| format!("{:#}", aws.wanted("demo", &streams(more), None).unwrap_err());
    let type_of_other = refused("architecture = \"arm64\"\ninstance_type = \"c6i.xlarge\"");
    assert!(type_of_other.contains("c6i.xlarge is not arm64"), "{type_of_other}");
    let image_of_other = refused("architecture = \"arm64\"");
    assert!(image_of_other.contains("is for x86_64"), "{image_of_other}");
    let none = refused("instance_type = \"c6i.huge\"");
    assert!(none.contains("c6i.huge") && none.contains("us-east-1"), "{none}");
    let subnet = refused("subnet = \"subnet-0123456789abcdef0\"");
    assert!(subnet.contains("no such subnet"), "{subnet}");

    // A stack of that name that is somebody else's.
    let template = r#"{"Resources":{"Other":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"other","Type":"String","Value":"x"}}}}"#;
    let arguments = [
        "cloudformation",
        "create-stack",
        "--stack-name",
        "demo",
        "--template-body",
        template,
    ];
    ask(&client, &server.endpoint, "us-east-1", &arguments);
    let wanted = aws.wanted("demo", &streams(""), None).unwrap();
    for error in [
        aws.stack("demo").unwrap_err(),
        aws.deploy_stack(&wanted, true, &mut silent).unwrap_err(),
        aws.delete_stack("demo", &mut silent).unwrap_err(),
    ] {
        assert!(error.to_string().contains("taken by something else"), "{error:#}");
    }
    let stacks = ask(
        &client,
        &server.endpoint,
        "us-east-1",
        &["cloudformation", "describe-stacks"],
    );
    assert_eq!(stacks["Stacks"][0]["StackStatus"], "CREATE_COMPLETE");

    // Two volumes: it is not known which is meant.
    for _ in 0..2 {
        let tag = "ResourceType=volume,Tags=[{Key=dragoman,Value=demo}]";
        let place = [
            "--size",
            "1",
            "--availability-zone",
            "us-east-1a",
            "--tag-specifications",
            tag,
        ];
        ask(
            &client,
            &server.endpoint,
            "us-east-1",
            &[&["ec2", "create-volume"], &place[..]].concat(),
        );
    }
    let two = format!("{:#}", aws.find_volume("demo").unwrap_err());
    assert!(two.starts_with("2 volumes"), "{two}");
}
