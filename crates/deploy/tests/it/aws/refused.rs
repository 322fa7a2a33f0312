//! What AWS does not do: one message each, with the step, the answer and what to do.

use dragoman_deploy::aws::{Aws, Plan, Wanted, boot_script, template};
use dragoman_deploy::config::Architecture;

use super::stub::Stub;
use super::{Recorded, silent, tools};

const ID: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/demo/1";

#[test]
fn credentials_that_are_absent_expired_or_wrong_and_a_region_that_is_none_are_told_apart() {
    let Some(tools) = tools("credentials refused") else {
        return;
    };
    let none = Recorded::new(&tools, "eu-central-1", "http://127.0.0.1:1", &[]);
    let region = Recorded::signed_in(&tools, "eu central", "http://127.0.0.1:1");
    let away = Recorded::signed_in(&tools, "eu-central-1", "http://127.0.0.1:1");
    let answered = |code: &'static str| {
        let stub = Stub::new(Box::new(move |_, _| (403, Stub::error(code, "as the server says"))));
        Recorded::signed_in(&tools, "eu-central-1", &stub.endpoint)
    };
    let cases = [
        (none, "Unable to locate credentials", "aws configure"),
        (region, "match a supported format", "`region`"),
        (away, "Could not connect", "`region`"),
        (
            answered("ExpiredToken"),
            "ExpiredToken: as the server says",
            "sign in again",
        ),
        (
            answered("InvalidClientTokenId"),
            "InvalidClientTokenId",
            "credentials are wrong",
        ),
        (answered("AccessDenied"), "AccessDenied", "permission"),
        (answered("Throttling"), "Throttling", "in a minute"),
    ];
    for (client, answer, advice) in cases {
        let message = format!("{:#}", client.aws.identity().unwrap_err());
        let step = message.starts_with("cannot sign in to AWS in the region eu");
        let fits = step && message.contains(answer) && message.contains(advice) && message.lines().count() == 1;
        assert!(fits, "{answer}: {message}");
    }
    let missing = Aws::with("/nowhere/aws".into(), "eu-central-1", Vec::new());
    assert!(format!("{:#}", missing.identity().unwrap_err()).contains("/nowhere/aws"));
}

fn wanted() -> Wanted {
    Wanted {
        name: "demo".into(),
        vpc: "vpc-1".into(),
        subnet: "subnet-1".into(),
        zone: "eu-central-1a".into(),
        image: "ami-1".into(),
        root_device: "/dev/xvda".into(),
        architecture: Architecture::Amd64,
        instance_type: "c6i.xlarge".into(),
        disk_gb: 50,
        volume: None,
        allow: vec!["0.0.0.0/0".into()],
        domain: false,
        healthy_minutes: 15,
    }
}

fn stacks(status: &str) -> String {
    let parameters: String = [
        ("Architecture", "amd64"),
        ("DiskGb", "50"),
        ("HealthyWithin", "PT15M"),
        ("Image", "ami-1"),
        ("InstanceType", "c6i.xlarge"),
        ("Name", "demo"),
        ("RootDevice", "/dev/xvda"),
        ("Subnet", "subnet-1"),
        ("Volume", ""),
        ("Vpc", "vpc-1"),
        ("Zone", "eu-central-1a"),
    ]
    .iter()
    .map(|(key, value)| {
        format!("<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue></member>")
    })
    .collect();
    result(
        "DescribeStacks",
        &format!(
            "<Stacks><member><StackId>{ID}</StackId><StackName>demo</StackName><StackStatus>{status}</StackStatus>\
             <CreationTime>2026-01-01T00:00:00Z</CreationTime><Parameters>{parameters}</Parameters><Tags><member>\
             <Key>dragoman</Key><Value>demo</Value></member></Tags></member></Stacks>"
        ),
    )
}

/// Newest first: resource, status, reason.
fn events(all: &[(&str, &str, &str)]) -> String {
    let member = |(n, (resource, status, reason)): (usize, &(&str, &str, &str))| {
        format!(
            "<member><EventId>{}</EventId><StackId>{ID}</StackId><StackName>demo</StackName><LogicalResourceId>{resource}\
             </LogicalResourceId><ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}\
             </ResourceStatusReason><Timestamp>2026-01-01T00:00:00Z</Timestamp></member>",
            all.len() - n
        )
    };
    let members: String = all.iter().enumerate().map(member).collect();
    result("DescribeStackEvents", &format!("<StackEvents>{members}</StackEvents>"))
}

fn result(action: &str, inner: &str) -> String {
    format!(
        "<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{action}Result>{inner}\
         </{action}Result></{action}Response>"
    )
}

#[test]
fn what_an_earlier_run_left_is_deleted_and_a_failing_creation_says_why_and_what_the_host_said() {
    let Some(tools) = tools("a stack that fails") else {
        return;
    };
    let mut created = false;
    let mut deleted = false;
    let mut looks = 0;
    let stub = Stub::new(Box::new(move |action, body| {
        let text = match action {
            "DescribeStacks" => {
                looks += usize::from(created);
                match (deleted, created, looks) {
                    // Asked for by its name, not by its id.
                    (true, false, _) if !body.contains("arn") => {
                        return (400, Stub::error("ValidationError", "Stack with id demo does not exist"));
                    }
                    (true, false, _) => stacks("DELETE_COMPLETE"),
                    (false, false, _) => stacks("ROLLBACK_COMPLETE"),
                    (_, true, 1) => stacks("CREATE_IN_PROGRESS"),
                    _ => stacks("ROLLBACK_COMPLETE"),
                }
            }
            "DescribeStackEvents" if created => events(&[
                ("demo", "ROLLBACK_COMPLETE", ""),
                ("Address", "CREATE_FAILED", "Resource creation cancelled"),
                (
                    "Host",
                    "CREATE_FAILED",
                    "You have requested more vCPU capacity than your current vCPU limit of 5 allows.",
                ),
                ("Role", "CREATE_COMPLETE", ""),
            ]),
            "DescribeStackEvents" => events(&[]),
            "DeleteStack" => {
                deleted = true;
                result(action, "")
            }
            "CreateStack" => {
                created = true;
                assert!(body.contains("OnFailure=ROLLBACK") && body.contains("RetainExceptOnCreate=true"));
                result(action, &format!("<StackId>{ID}</StackId>"))
            }
            "GetLogEvents" => r#"{"events":[{"message":"dragoman: the last thing","timestamp":1}]}"#.to_owned(),
            other => return (400, Stub::error("Unexpected", other)),
        };
        (200, text)
    }));
    let client = Recorded::signed_in(&tools, "eu-central-1", &stub.endpoint);
    let there = client.aws.stack("demo").unwrap().unwrap();
    let plan = client.aws.plan_stack(&wanted(), Some(&there)).unwrap();
    assert_eq!(plan, Plan::Create(Some("ROLLBACK_COMPLETE".into())));
    let mut said = Vec::new();
    let mut say = |line: &str| said.push(line.to_owned());
    let error = client.aws.deploy_stack(&wanted(), false, &mut say).unwrap_err();
    let message = format!("{error:#}");
    for part in [
        "ROLLBACK_COMPLETE",
        "Host: You have requested",
        "Service Quotas",
        "last words",
        "the last thing",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("cancelled"));
    assert!(said.iter().any(|line| line.contains("earlier run left")), "{said:?}");
    let asked = stub.asked.lock().unwrap();
    let order: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|action| !action.starts_with("Describe"))
        .collect();
    assert_eq!(order, ["DeleteStack", "CreateStack", "GetLogEvents"]);
}

#[test]
fn what_another_run_started_is_waited_for_and_a_change_that_replaces_the_host_is_not_made() {
    let Some(tools) = tools("a stack at work, a change that replaces") else {
        return;
    };
    let mut looks = 0;
    let stub = Stub::new(Box::new(move |action, _| {
        let text = match action {
            "DescribeStacks" => {
                looks += 1;
                stacks(if looks < 3 {
                    "CREATE_IN_PROGRESS"
                } else {
                    "CREATE_COMPLETE"
                })
            }
            "DescribeStackEvents" => events(&[]),
            // A host that was made with an older boot script keeps it.
            "GetTemplate" => {
                let text = template(&wanted().allow, false, "#!/bin/sh\necho older\n").unwrap();
                let text = text.replace('&', "&amp;").replace('<', "&lt;");
                result(action, &format!("<TemplateBody>{text}</TemplateBody>"))
            }
            "DeleteChangeSet" => result(action, ""),
            "CreateChangeSet" => result(action, &format!("<Id>{ID}</Id><StackId>{ID}</StackId>")),
            "DescribeChangeSet" => result(
                action,
                "<Status>CREATE_COMPLETE</Status><Changes><member><Type>Resource</Type><ResourceChange><Action>Modify\
                 </Action><LogicalResourceId>Host</LogicalResourceId><ResourceType>AWS::EC2::Instance</ResourceType>\
                 <Replacement>True</Replacement><Scope><member>Properties</member></Scope></ResourceChange></member>\
                 </Changes>",
            ),
            other => return (400, Stub::error("Unexpected", other)),
        };
        (200, text)
    }));
    let client = Recorded::signed_in(&tools, "eu-central-1", &stub.endpoint);
    assert_ne!(boot_script(), "#!/bin/sh\necho older\n");
    let same = client.aws.deploy_stack(&wanted(), false, &mut silent).unwrap();
    assert!(!same.changed && same.stack.status == "CREATE_COMPLETE");
    let other = Wanted {
        image: "ami-2".into(),
        ..wanted()
    };
    let message = format!("{:#}", client.aws.deploy_stack(&other, true, &mut silent).unwrap_err());
    assert!(
        message.contains("replace Host") && message.contains("`down`"),
        "{message}"
    );
    let asked = stub.asked.lock().unwrap();
    assert!(!asked.iter().any(|action| action == "ExecuteChangeSet"));
    assert_eq!(
        asked.last().map(String::as_str),
        Some("DeleteChangeSet"),
        "the change set is left"
    );
}
