//! The binary: its line on stdout, its end, its refusals.

use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::server::DEADLINE;

const LOOPBACK: [&str; 6] = ["--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--api", "127.0.0.1:0"];

fn router() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman-router"));
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn output(command: &mut Command) -> Output {
    timeout(DEADLINE, command.output()).await.expect("an end").unwrap()
}

#[tokio::test]
async fn says_where_it_listens_and_ends_cleanly_on_sigterm() {
    let mut child = router().args(LOOPBACK).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(DEADLINE, lines.next_line())
        .await
        .expect("a line")
        .unwrap()
        .unwrap();
    let listening = serde_json::from_str::<Value>(&line).unwrap()["listening"].clone();
    let http = listening["http"].as_str().unwrap();
    // An open viewer does not hold it up.
    let _kept = reqwest::get(format!("http://{http}/healthz")).await.unwrap();
    assert!(listening["rtmp"].is_string() && listening["api"].is_string());

    let pid = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = timeout(DEADLINE, child.wait()).await.expect("an end").unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn bad_configuration_is_refused_with_all_its_problems() {
    let refused = output(
        router()
            .args(["--rtmp", "0.0.0.0:0", "--api", "[::]:0"])
            .env("LOG_FORMAT", "xml"),
    )
    .await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(64), "{said}");
    for named in ["--rtmp", "--api", "LOG_FORMAT"] {
        assert!(said.contains(named), "{named} in {said}");
    }
    let checked = output(
        router()
            .args(["--check-config", "--rtmp", "0.0.0.0:0"])
            .env("MEDIA_API_KEY", ""),
    )
    .await;
    let said = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(64), "{said}");
    assert!(
        said.contains("--rtmp") && said.contains("MEDIA_API_KEY: found nothing"),
        "{said}"
    );
    let refused = output(router().args(["--hook-url", "ftp://x"])).await;
    assert_eq!(refused.status.code(), Some(64));
}

#[tokio::test]
async fn the_configuration_is_shown_without_secrets_and_nothing_is_served() {
    let shown = output(
        router()
            .args(LOOPBACK)
            .args(["--check-config", "--hook-url", "http://me:hunter2@media:8080"])
            .env("MEDIA_API_KEY", "hunter2"),
    )
    .await;
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0));
    for line in [
        "--rtmp=127.0.0.1:0",
        "--hook-url=http://…",
        "MEDIA_API_KEY=set, not shown",
        "LOG=info",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn help_says_what_it_is_for() {
    let help = output(router().arg("--help")).await;
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("Not for production"));
}
