//! The program itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

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
                ("SPEECH_ENGINE", "magic"),
                ("SPEECH_LISTEN", "0.0.0.0:1"),
                ("MOCK_DELAY", "x"),
            ],
        );
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{text}");
        for part in [
            "SPEECH_ENGINE",
            "mock, echo, cascade",
            "SPEECH_KEY",
            "ALLOW_OPEN=1",
            "MOCK_DELAY",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn a_device_that_is_not_there_is_64_and_never_replaced() {
    let program = "command:true";
    for device in ["cuda", "metal"] {
        let output = run(
            &[],
            &[
                ("SPEECH_ENGINE", "cascade"),
                ("SPEECH_DEVICE", device),
                ("SPEECH_LISTEN", "127.0.0.1:0"),
                ("SPEECH_ASR", program),
                ("SPEECH_MT", program),
                ("SPEECH_TTS", program),
            ],
        );
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{text}");
        assert!(text.contains("SPEECH_DEVICE") && text.contains(device), "{text}");
    }
}

#[test]
fn programs_do_not_learn_the_services_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let (script, told) = (dir.path().join("hear.sh"), dir.path().join("told"));
    let text = format!("cat >/dev/null; env > {0}.new; mv {0}.new {0}", told.display());
    std::fs::write(&script, text).unwrap();
    let program = format!("command:sh {}", script.display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_dragoman-speech"))
        .env_clear()
        .envs([
            ("PATH", &*std::env::var("PATH").unwrap()),
            ("SPEECH_LISTEN", "127.0.0.1:0"),
            ("SPEECH_ENGINE", "cascade"),
            ("SPEECH_KEY", "a-secret-key"),
            ("HF_TOKEN", "a-secret-token"),
            ("SPEECH_ASR", &program),
            ("SPEECH_MT", "command:cat"),
            ("SPEECH_TTS", "command:cat"),
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + crate::client::DEADLINE;
    while !told.exists() && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let told = std::fs::read_to_string(told).unwrap();
    assert!(
        told.contains("DRAGOMAN_STAGE=asr") && told.contains("DRAGOMAN_SOURCE=en"),
        "{told}"
    );
    assert!(!told.contains("a-secret"), "{told}");
}

#[test]
fn good_configuration_is_0() {
    let output = run(
        &["--check-config"],
        &[("SPEECH_LISTEN", "0.0.0.0:1"), ("SPEECH_KEY", "k")],
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        "SPEECH_LISTEN=0.0.0.0:1",
        "SPEECH_ENGINE=mock",
        "SPEECH_KEY=set, not shown",
    ] {
        assert!(shown.lines().any(|l| l == line), "{shown}");
    }
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

#[test]
fn a_service_whose_log_nobody_reads_any_more_goes_on() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dragoman-speech"))
        .env_clear()
        .envs([
            ("SPEECH_LISTEN", "127.0.0.1:0"),
            ("SPEECH_KEY", "k"),
            ("LOG_FORMAT", "json"),
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = loop {
        let line: serde_json::Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        if line["message"] == "listening" {
            break line["address"].as_str().unwrap().to_owned();
        }
    };
    drop(log);
    let ask = |request: String| -> String {
        let mut socket = TcpStream::connect(&address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let rest = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for _ in 0..3 {
        // Each is logged.
        assert!(ask(format!("POST /v1/dub?target=es {rest}")).starts_with("HTTP/1.1 401 "));
        assert!(ask(format!("GET /healthz {rest}")).starts_with("HTTP/1.1 200 "));
    }
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ended, None);
}
