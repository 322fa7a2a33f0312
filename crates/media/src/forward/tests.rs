use super::*;

fn list(json: serde_json::Value) -> Result<Vec<Forward>, Fault> {
    judge(
        serde_json::from_value(json).unwrap(),
        &Allow::parse("*,127.0.0.1:9").unwrap(),
    )
}

fn code(json: serde_json::Value) -> &'static str {
    let fault = list(json).unwrap_err();
    assert!(!fault.to_string().contains("hunter2"), "{fault}");
    fault.code()
}

#[test]
fn a_list_is_taken_with_names_and_targets() {
    let list = list(serde_json::json!([
        {"url": "rtmp://a.example/app/hunter2"},
        {"url": "rtmps://A.example/app/other", "target": "pt-BR"},
        {"url": "rtmp://127.0.0.1:9/app/x", "name": "a.example 2"},
    ]))
    .unwrap();
    let shown: Vec<_> = list.iter().map(|f| (f.name.as_str(), f.target.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("a.example", None),
            ("a.example 3", Some("pt-br")),
            ("a.example 2", None)
        ]
    );
    let forwards = Forwards {
        allow: Allow::parse("*").unwrap(),
        list,
    };
    assert!(!format!("{forwards:?}").contains("hunter2"));
    let read: Forwards = serde_json::from_str(&serde_json::to_string(&forwards).unwrap()).unwrap();
    assert_eq!((&read, read.hash().len()), (&forwards, 16));
    let other = Forwards {
        allow: Allow::default(),
        ..forwards.clone()
    };
    assert_ne!(other.hash(), forwards.hash(), "a worker is told of another judge too");
    assert_eq!(Forwards::default().hash(), "");
}

#[test]
fn what_is_wrong_has_a_code_and_no_key_in_it() {
    let url = "rtmp://a.example/app/hunter2";
    for (json, wanted) in [
        (
            serde_json::json!([{"url": "rtmp://a.example/hunter2"}]),
            "bad_forward_url",
        ),
        (
            serde_json::json!([{"url": "http://a.example/hunter2/b"}]),
            "bad_forward_url",
        ),
        (
            serde_json::json!([{"url": format!("{url}{}", "x".repeat(MAX_URL))}]),
            "bad_forward_url",
        ),
        (
            serde_json::json!([{"url": "rtmp://10.0.0.1/app/hunter2"}]),
            "forward_refused",
        ),
        (
            serde_json::json!([{"url": "rtmp://[::ffff:10.0.0.1]/app/hunter2"}]),
            "forward_refused",
        ),
        (
            serde_json::json!([{"url": "rtmp://a.example:22/app/hunter2"}]),
            "forward_refused",
        ),
        (serde_json::json!([{"url": url, "target": "hunter2!"}]), "bad_target"),
        (serde_json::json!([{"url": url, "name": ""}]), "bad_name"),
        (serde_json::json!([{"url": url, "name": "a\nb"}]), "bad_name"),
        (serde_json::json!([{"url": url}, {"url": url}]), "duplicate_forward"),
        (
            serde_json::json!([{"url": url, "name": "n"}, {"url": format!("{url}x"), "name": "n"}]),
            "duplicate_forward",
        ),
        (
            (0..9)
                .map(|n| serde_json::json!({"url": format!("{url}{n}")}))
                .collect(),
            "too_many_forwards",
        ),
    ] {
        assert_eq!(code(json.clone()), wanted, "{json}");
    }
    assert!(serde_json::from_str::<Vec<Wanted>>(r#"[{"url": "u", "key": "k"}]"#).is_err());
}
