//! Bad configuration, and what is shown of a good one.

use std::process::Output;

use crate::bench::media;

fn run(vars: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = media(vars).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_start_with_bad_configuration_lists_every_problem_and_exits_64() {
    let vars = [
        ("MODE", "split"),
        ("HOLD", "soon"),
        ("MEDIA_LISTEN", "0.0.0.0:0"),
        ("TARGETS", "es,es"),
    ];
    for args in [&[][..], &["--check-config"]] {
        let (code, _, stderr) = run(&vars, args);
        assert_eq!(code, Some(64), "{stderr}");
        for name in ["SPEECH_URL", "SPEECH_KEY", "HOLD", "MEDIA_API_KEY", "TARGETS"] {
            assert!(stderr.contains(&format!("\n  {name}: ")), "{name} in {stderr}");
        }
    }
}

#[test]
fn a_taken_port_ends_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(
        &[("MEDIA_LISTEN", &listen), ("RUN_DIR", dir.path().to_str().unwrap())],
        &[],
    );
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&listen), "{stderr}");
}

#[test]
fn the_configuration_is_shown_without_secrets() {
    let vars = [
        ("MEDIA_API_KEY", "hunter2"),
        ("HOLD", "1500ms"),
        ("SPEECH_URL", "wss://u:hunter2@speech.example"),
    ];
    let (code, stdout, stderr) = run(&vars, &["--check-config"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(
        stdout.contains("HOLD=1500ms\n") && stdout.contains("MEDIA_API_KEY=set, not shown\n"),
        "{stdout}"
    );
    assert!(!stdout.contains("hunter2"));
}

#[test]
fn a_worker_without_a_spec_exits_64() {
    assert_eq!(run(&[], &["worker"]).0, Some(64));
}
