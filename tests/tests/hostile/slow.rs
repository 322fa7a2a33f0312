//! Peers that are slow, silent, large or many: they are dropped in a bounded time, and others are served meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dragoman_tests::eventually::eventually;
use dragoman_tests::running;
use xtask::stack::{Router, Service, Stack};

use crate::peers::{Peers, exchange, is_well, outlast};

/// Beyond a service's own limit: the machine is busy with other things too.
const MARGIN: Duration = Duration::from_secs(40);
/// The services' limit on the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// The router's limit on the handshake, and from there to publish or play.
const PURPOSE: Duration = Duration::from_secs(25);
const KEY: &str = "the-key-of-the-speech-service";
const UPGRADE: &str = "GET /v1/dub HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: dragoman.dub.v1\r\nAuthorization: Bearer the-key-of-the-speech-service\r\n\r\n";
const START: &str = r#"{"type":"start","stream":"talk","session":"s1","source":"en","targets":[{"id":0,"lang":"es"}],
    "rate":16000,"hold_ms":2500,"max_stale_ms":6000,"window_ms":20000,"from_ns":0,"features":[]}"#;

fn start() -> Result<Stack> {
    running::start(Router::Own, &[], &[("SPEECH_KEY", KEY), ("SPEECH_MAX_SESSIONS", "4")])
}

fn all_are_well(stack: &Stack) -> Result<()> {
    let ports = stack.ports();
    for (port, path) in [
        (ports.media, "/healthz"),
        (ports.speech, "/healthz"),
        (ports.http, "/healthz"),
        (ports.api, "/v3/paths/list"),
    ] {
        is_well(port, path)?;
    }
    Ok(())
}

#[test]
fn heads_that_never_end_are_dropped_while_others_are_served() -> Result<()> {
    let stack = start()?;
    let ports = stack.ports();
    let mut peers = Vec::new();
    for (what, port) in [
        ("media", ports.media),
        ("speech", ports.speech),
        ("router's page", ports.http),
        ("router's API", ports.api),
    ] {
        peers.push((Peers::connect(what, port, 100, b"")?, None));
        peers.push((
            Peers::connect(what, port, 100, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")?,
            Some(b'x'),
        ));
        // Answered, and kept without a further request.
        peers.push((
            Peers::connect(what, port, 50, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")?,
            None,
        ));
    }
    outlast(&mut peers, HEAD + MARGIN, || all_are_well(&stack))?;
    Ok(())
}

#[test]
fn more_connections_than_there_is_room_for_are_refused_and_leave_room_again() -> Result<()> {
    let stack = start()?;
    let ports = stack.ports();
    for (what, port) in [("media", ports.media), ("speech", ports.speech)] {
        let mut peers = [(Peers::connect(what, port, 700, b"GET")?, None)];
        // The other services do not notice.
        let other = if port == ports.media { ports.speech } else { ports.media };
        outlast(&mut peers, HEAD + MARGIN, || is_well(other, "/healthz"))?;
        is_well(port, "/healthz")?;
    }
    Ok(())
}

#[test]
fn heads_and_bodies_over_the_limit_are_refused() -> Result<()> {
    let stack = start()?;
    let ports = stack.ports();
    let long = format!(
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(64 << 10)
    );
    for port in [ports.media, ports.speech, ports.http, ports.api] {
        let answer = exchange(port, long.as_bytes())?;
        // What is not read any more can take the answer with it.
        ensure!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{port}: {answer}"
        );
    }
    let post = |path: &str, length: usize, more: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
        )
    };
    let hook = format!(
        "{}{}",
        post("/v1/mediamtx/events/ready", 20_000, ""),
        "[".repeat(20_000)
    );
    let answer = exchange(ports.media, hook.as_bytes())?;
    ensure!(
        answer.starts_with("HTTP/1.1 413") || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    // Nothing of a body is read for who has no key: the answer comes before it is sent.
    let answer = exchange(ports.speech, post("/v1/dub?target=es", 20 << 20, "").as_bytes())?;
    ensure!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let key = format!("Authorization: Bearer {KEY}\r\n");
    let mut body = post("/v1/dub?target=es", 21 << 20, &key).into_bytes();
    body.resize(body.len() + (21 << 20), 0);
    let answer = exchange(ports.speech, &body)?;
    ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    all_are_well(&stack)
}

#[test]
fn handshakes_that_never_end_and_peers_without_a_purpose_leave_room_for_others() -> Result<()> {
    let stack = start()?;
    let rtmp = stack.ports().rtmp;
    let mut peers = vec![
        (Peers::connect("silent", rtmp, 100, b"")?, None),
        (Peers::connect("half a handshake", rtmp, 100, &[3, 0, 0])?, Some(0)),
    ];
    // After a whole handshake: bytes of a ping that is never complete, each of them a sign of life.
    let mut greeted = vec![3];
    greeted.resize(1 + 2 * 1536, 0);
    greeted.extend([2, 0, 0, 0, 0x40, 0, 0, 4, 0, 0, 0, 0]);
    peers.push((Peers::connect("without a purpose", rtmp, 100, &greeted)?, Some(0xc2)));
    outlast(&mut peers, PURPOSE + MARGIN, || {
        shakes_hands(rtmp)?;
        all_are_well(&stack)
    })?;
    // More than there is room for: refused or dropped, and room is again.
    let mut many = [(Peers::connect("many", rtmp, 700, &[3])?, Some(0))];
    outlast(&mut many, PURPOSE + MARGIN, || all_are_well(&stack))?;
    shakes_hands(rtmp)
}

fn shakes_hands(port: u16) -> Result<()> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.write_all(&[&[3][..], &[0; 1536]].concat())?;
    let mut answer = [0; 1 + 2 * 1536];
    socket.read_exact(&mut answer).context("no handshake")?;
    ensure!(answer[0] == 3, "another version");
    Ok(())
}

#[test]
fn sockets_without_a_start_or_with_endless_frames_are_closed_and_give_their_sessions_back() -> Result<()> {
    let stack = start()?;
    let port = stack.ports().speech;
    let upgrade = UPGRADE.as_bytes();
    // A masked text frame of 2^62 bytes, as it announces itself.
    let endless = [&[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4][..], &[b'x'; 100]].concat();
    // One after the other: there are four sessions.
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    for (what, bytes, byte) in [
        ("nothing after the upgrade", vec![], None),
        ("pings and no start", ping.repeat(50), None),
        ("half a frame", vec![0x81], Some(0x80)),
        ("an endless frame", endless, Some(b'x')),
        ("no WebSocket at all", vec![0xff; 64], None),
    ] {
        let mut peers = [(Peers::connect(what, port, 4, &[upgrade, &bytes].concat())?, byte)];
        outlast(&mut peers, Duration::from_secs(15) + MARGIN, || {
            is_well(port, "/healthz")
        })
        .context(what)?;
        eventually(
            "all sessions are free",
            || {
                let health = xtask::http::get_json(&format!("{}/healthz", stack.speech_url()), None)?;
                Ok((health["sessions"] == 0).then_some(()))
            },
            || what.to_owned(),
        )?;
    }
    // And there is room for an honest one.
    let answer = exchange(port, upgrade)?;
    ensure!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    Ok(())
}

/// A frame of a client, its mask being zeros.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16;
    let mut bytes = vec![0x80 | kind];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        _ => {
            bytes.extend([0x80 | 126]);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

fn sessions(stack: &Stack) -> Result<Option<u64>> {
    let health = xtask::http::get_json(&format!("{}/healthz", stack.speech_url()), None)?;
    Ok(health["sessions"].as_u64())
}

#[test]
fn a_client_that_never_reads_loses_its_session_and_costs_nobody_else() -> Result<()> {
    /// What the kernel keeps of answers that nobody reads, and more.
    const UNREAD: usize = 24 << 20;
    /// The service's patience with a socket that takes nothing; then the session waits for its client once more.
    const PATIENCE: Duration = Duration::from_secs(10);
    let stack = start()?;
    let port = stack.ports().speech;
    let memory = || -> Result<u64> {
        let pid = stack.pid(Service::Speech).context("speech does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line
            .and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
            / 1024)
    };
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.write_all(UPGRADE.as_bytes())?;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer)?;
    ensure!(answer.ends_with(b"101"), "no upgrade");
    socket.write_all(&frame(1, START.as_bytes()))?;
    let free = || Ok((sessions(&stack)? == Some(0)).then_some(()));
    let open = || Ok((sessions(&stack)? == Some(1)).then_some(()));
    eventually("the session is open", open, String::new)?;
    let before = memory()?;
    socket.set_write_timeout(Some(Duration::from_millis(500)))?;
    // Each ping is answered.
    let pings = frame(9, &[b'x'; 125]).repeat(500);
    let (mut sent, mut most, began) = (0, before, Instant::now());
    while socket.write_all(&pings).map_err(|error| error.kind()) != Err(ErrorKind::BrokenPipe) {
        sent += pings.len();
        if sent > UNREAD {
            std::thread::sleep(Duration::from_millis(100));
        }
        if free()?.is_some() {
            break;
        }
        most = most.max(memory()?);
        ensure!(began.elapsed() < 2 * PATIENCE + MARGIN, "it is still served");
    }
    eventually("its session is free", free, String::new)?;
    println!("closed after {:?}, {} MB more", began.elapsed(), most - before);
    ensure!(most < before + 16, "it takes {} MB", most - before);
    let answer = exchange(port, UPGRADE.as_bytes())?;
    ensure!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    Ok(())
}
