//! The program itself.

use std::process::{Command, Output};

fn run(arguments: &[&str], vars: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman-speech"));
    command
        .env_clear()
        .args(arguments)
        .envs(vars.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn bad_configuration_is_64_and_lists_every_problem() {
    for arguments in [&[][..], &["--check-config"]] {
        let output = run(
            arguments,
            &[
                ("SPEECH_ENGINE", "cascade"),
                ("SPEECH_LISTEN", "0.0.0.0:1"),
                ("MOCK_DELAY", "x"),
            ],
        );
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{text}");
        for part in [
            "SPEECH_ENGINE",
            "mock, echo",
            "SPEECH_KEY",
            "ALLOW_OPEN=1",
            "MOCK_DELAY",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn good_configuration_is_0() {
    let output = run(
        &["--check-config"],
        &[("SPEECH_LISTEN", "0.0.0.0:1"), ("SPEECH_KEY", "k")],
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn health_asks_a_running_service() {
    let server = crate::client::Server::start(&[]).await;
    let (good, bad) = (server.url("/healthz"), server.url("/nothing"));
    let (good, bad) = tokio::task::spawn_blocking(move || (run(&["health", &good], &[]), run(&["health", &bad], &[])))
        .await
        .unwrap();
    assert_eq!((good.status.code(), bad.status.code()), (Some(0), Some(1)));
}
