//! The real program against a small HTTP server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod peer;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use peer::Peer;

const SECRET_QUERY: &str = "source%3Den%26user%3Dme%26pass%3Dhunter2";

/// The program with nothing in its environment but `vars`.
fn hook(args: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman-hook"));
    command
        .args(args)
        .env_clear()
        .envs(vars.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The hook as MediaMTX runs it for `path`.
fn event(args: &[&str], url: &str, path: &str) -> Command {
    let vars = [
        ("MTX_PATH", path),
        ("MTX_QUERY", SECRET_QUERY),
        ("MTX_SOURCE_TYPE", "rtmpConn"),
        ("MTX_SOURCE_ID", "0e1e8d1a"),
        ("MEDIA_API_URL", url),
        ("MEDIA_API_KEY", "the-key"),
    ];
    hook(args, &vars)
}

fn stderr(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("the-key"), "{text}");
    text
}

#[test]
fn posts_the_event() {
    for name in ["ready", "not-ready"] {
        let peer = Peer::start(vec![204]);
        let output = event(&[name], &peer.url, "live/x/in").output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
        let requests = peer.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].line, format!("POST /v1/mediamtx/events/{name} HTTP/1.1"));
        assert_eq!(requests[0].header("authorization"), Some("Bearer the-key"));
        assert_eq!(requests[0].header("content-type"), Some("application/json"));
        let expected = concat!(
            r#"{"path":"live/x/in","query":"source=en&user=me&pass=hunter2","#,
            r#""sourceType":"rtmpConn","sourceId":"0e1e8d1a"}"#,
        );
        assert_eq!(requests[0].body, expected);
    }
}

#[test]
fn key_comes_from_a_file_too_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "from-file\n").unwrap();
    let peer = Peer::start(vec![200, 200]);
    let mut with_file = event(&["ready"], &peer.url, "live/x/in");
    assert!(
        with_file
            .env_remove("MEDIA_API_KEY")
            .env("MEDIA_API_KEY_FILE", &file)
            .status()
            .unwrap()
            .success()
    );
    let mut without = event(&["ready"], &peer.url, "live/x/in");
    assert!(without.env_remove("MEDIA_API_KEY").status().unwrap().success());
    let requests = peer.requests();
    assert_eq!(requests[0].header("authorization"), Some("Bearer from-file"));
    assert_eq!(requests[1].header("authorization"), None);
}

#[test]
fn other_paths_are_not_reported() {
    let peer = Peer::start(vec![200]);
    for path in ["live/x/out", "live/x/out/fr", "elsewhere"] {
        let output = event(&["ready"], &peer.url, path).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    }
    assert!(peer.requests().is_empty());
}

#[test]
fn tries_again_while_that_can_help() {
    let peer = Peer::start(vec![503, 429, 0, 200]);
    let output = event(&["ready"], &peer.url, "live/x/in").output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert_eq!(peer.requests().len(), 4);
}

#[test]
fn a_refusal_is_final() {
    for status in [400, 401, 302] {
        let peer = Peer::start(vec![status, 200]);
        let output = event(&["ready"], &peer.url, "live/x/in").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            stderr(&output),
            format!("dragoman-hook: ready live/x/in: answered {status} some_code\n")
        );
        assert_eq!(peer.requests().len(), 1);
    }
}

#[test]
fn gives_up_within_its_time() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (addr, attempts) in [
        (nobody, "given up after"),
        (silent.local_addr().unwrap(), "given up after 1 attempts"),
    ] {
        let start = Instant::now();
        let args = ["ready", "--limit-ms", "700"];
        let output = event(&args, &format!("http://{addr}"), "live/x/in").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        assert!(text.contains(attempts) && text.lines().count() == 1, "{text}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[test]
fn a_signal_stops_it() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // Connects and is never answered: then the hook is surely past its start.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut command = event(
            &["ready"],
            &format!("http://{}", silent.local_addr().unwrap()),
            "live/x/in",
        );
        let child: Child = command.spawn().unwrap();
        let _connection = silent.accept().unwrap();
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert!(stderr(&output).contains("stopped by a signal"), "{}", stderr(&output));
    }
}

#[test]
fn bad_configuration_lists_everything() {
    let vars = [("MEDIA_API_URL", "ftp://x"), ("MEDIA_API_KEY_FILE", "/no/such/file")];
    let output = hook(&["ready"], &vars).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = stderr(&output);
    assert!(
        text.starts_with("dragoman-hook: bad configuration, 5 problems:\n"),
        "{text}"
    );
    for name in [
        "MTX_PATH",
        "MTX_SOURCE_TYPE",
        "MTX_SOURCE_ID",
        "MEDIA_API_URL",
        "MEDIA_API_KEY_FILE",
    ] {
        assert!(text.contains(&format!("\n  {name}: ")), "{name} in {text}");
    }
}

#[test]
fn health_asks() {
    let peer = Peer::start(vec![200, 503]);
    let url = format!("{}/v3/info", peer.url);
    assert_eq!(hook(&["health", &url], &[]).output().unwrap().status.code(), Some(0));
    let output = hook(&["health", &url], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), format!("dragoman-hook: health: {url} answered 503\n"));
    assert_eq!(peer.requests()[0].line, "GET /v3/info HTTP/1.1");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    assert_eq!(hook(&["health", &url], &[]).output().unwrap().status.code(), Some(1));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let output = hook(&["health", "http://me:hunter2@127.0.0.1:1/"], &[])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!stderr(&output).is_empty());
}

#[test]
fn exec_hands_files_over_as_values() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, " s3 cret \n").unwrap();
    let file = file.to_str().unwrap();
    let vars = [
        ("PASS_FILE", file),
        ("SSL_CERT_FILE", "/ca"),
        ("EMPTY_FILE", ""),
        ("PLAIN", "p"),
    ];
    let output = hook(&["exec", "--", "/usr/bin/env"], &vars).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let mut lines: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["EMPTY_FILE=", "PASS=s3 cret", "PLAIN=p", "SSL_CERT_FILE=/ca"]);
    let output = hook(&["exec", "--", "/bin/sh", "-c", "exit 7"], &vars)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn exec_leaves_other_names_alone_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "s").unwrap();
    let vars = [
        ("MTX_PASS_FILE", file.to_str().unwrap()),
        ("OTHER_FILE", "/no/such/file"),
    ];
    let output = hook(&["exec", "--only", "MTX_", "--", "/usr/bin/env"], &vars)
        .output()
        .unwrap();
    assert_eq!(stderr(&output), "");
    let mut lines: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["MTX_PASS=s", "OTHER_FILE=/no/such/file"]);
}

#[test]
fn exec_lists_all_problems_and_runs_nothing() {
    let vars = [("A_FILE", "/no/such/file"), ("B_FILE", "/x"), ("B", "hunter2")];
    let output = hook(&["exec", "--", "/bin/echo", "ran"], &vars).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    let text = stderr(&output);
    assert!(
        text.contains("\n  A_FILE: ") && text.contains("not both B and B_FILE"),
        "{text}"
    );
    let output = hook(&["exec", "--", "/no/such/program"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    assert!(stderr(&output).starts_with("dragoman-hook: exec /no/such/program: "));
}

#[test]
fn exec_refuses_a_password_that_is_nothing() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    for (field, value) in [("PASS", ""), ("PASS_FILE", ""), ("PASS_FILE", empty)] {
        let name = format!("MTX_AUTHINTERNALUSERS_1_{field}");
        let args = ["exec", "--only", "MTX_", "--", "/bin/echo", "ran"];
        let output = hook(&args, &[(&name, value)]).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
        let text = stderr(&output);
        assert!(text.contains(&format!("\n  {name}: ")), "{name}={value}: {text}");
    }
}

#[test]
fn check_config_says_all_that_exec_would_refuse() {
    let good = hook(&["--check-config"], &[("MEDIA_API_KEY", "the-key")])
        .output()
        .unwrap();
    let shown = String::from_utf8(good.stdout).unwrap();
    assert_eq!(good.status.code(), Some(0));
    for line in [
        "MODE=cpu",
        "MEDIA_API_KEY=set, not shown",
        "MTX_AUTHINTERNALUSERS_0_USER=any",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    let bad = [
        ("MEDIA_API_KEY_FILE", ""),
        ("MTX_AUTHINTERNALUSERS_0_IPS", "0.0.0.0/0"),
        ("MTX_AUTHINTERNALUSERS_1_PASS_FILE", "/no/such/file"),
    ];
    for args in [
        &["--check-config"][..],
        &["exec", "--only", "MTX_", "--", "/bin/echo", "ran"],
    ] {
        let output = hook(args, &bad).output().unwrap();
        assert_eq!(output.status.code(), Some(64));
        assert!(output.stdout.is_empty());
        let text = stderr(&output);
        for name in [
            "MEDIA_API_KEY_FILE",
            "MTX_AUTHINTERNALUSERS_0_USER",
            "MTX_AUTHINTERNALUSERS_1_PASS_FILE",
        ] {
            assert!(text.contains(&format!("\n  {name}: ")), "{name} in {text}");
        }
    }
    let open = [("MTX_AUTHINTERNALUSERS_0_IPS", "0.0.0.0/0"), ("ALLOW_OPEN", "1")];
    let output = hook(&["exec", "--", "/bin/echo", "ran"], &open).output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), &b"ran\n"[..])
    );
    assert!(stderr(&output).starts_with("dragoman-hook: open: "));
}

/// `exec` for a MediaMTX that is to serve RTMPS, and the line with which it says that it waits.
fn waiting(dir: &std::path::Path) -> (Child, String, BufReader<ChildStderr>) {
    let vars = [("DOMAIN", "live.example"), ("CERTIFICATES_DIR", dir.to_str().unwrap())];
    let mut child = hook(&["exec", "--only", "MTX_", "--", "/usr/bin/env"], &vars)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("live.example: no certificate in "), "{line}");
    (child, line, said)
}

#[test]
fn exec_waits_for_the_certificate_and_hands_it_on() {
    let dir = tempfile::tempdir().unwrap();
    let (child, line, _said) = waiting(dir.path());
    let issued = dir.path().join("caddy/certificates/issuer/live.example");
    assert!(line.contains(dir.path().to_str().unwrap()), "{line}");
    std::fs::create_dir_all(&issued).unwrap();
    for file in ["live.example.key", "live.example.crt"] {
        std::fs::write(issued.join(file), "-----BEGIN X-----\n-----END X-----\n").unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8(output.stdout).unwrap();
    let chain = format!("MTX_RTMPSERVERCERT={}", issued.join("live.example.crt").display());
    let key = format!("MTX_RTMPSERVERKEY={}", issued.join("live.example.key").display());
    for line in ["MTX_RTMPENCRYPTION=optional", &chain, &key] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, _line, _said) = waiting(dir.path());
    let pid = child.id().to_string();
    Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
