//! What strangers send ends with their own connection.

use std::net::SocketAddr;

use proptest::collection;
use proptest::prelude::any;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::media::keyframe;
use crate::peer::{Got, Peer, handshaken};
use crate::server::{DEADLINE, Server};

#[tokio::test]
async fn malformed_peers_are_closed_and_do_not_hurt_others() {
    let server = Server::start().await;
    let mut publisher = Peer::on_air(&server).await;
    let mut reader = Peer::reading(&server).await;
    reader.skip_headers().await;

    let connect = connect_message(b"x");
    let cases: Vec<(&str, bool, Vec<u8>)> = vec![
        (
            "no RTMP at all",
            false,
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200),
        ),
        ("another version", false, vec![0x09; 4000]),
        ("a chunk without its first", true, vec![0xc3; 64]),
        ("a chunk size of nothing", true, message(2, 1, &[0, 0, 0, 0])),
        (
            "a chunk size beyond the limit",
            true,
            message(2, 1, &[0x7f, 0xff, 0xff, 0xff]),
        ),
        ("a command that is no AMF", true, message(3, 20, &[0xee; 40])),
        ("a command as deep as its length allows", true, nested_command(2000)),
        ("a command deep enough to take the stack", true, nested_command(100_000)),
        (
            "a command of an endless length",
            true,
            [message(2, 1, &[0, 0x7f, 0, 0]), message(3, 20, &[5; 9000])].concat(),
        ),
        ("a message within another one", true, message_within_a_message()),
        (
            "a picture before its configuration, and then no RTMP",
            true,
            [
                connect.clone(),
                publish_message(b"y"),
                message(6, 9, b"\x17\x01\0\0\0\0\0\0\x02\x06\x05"),
                vec![0xc3 ^ 0x0f; 64],
            ]
            .concat(),
        ),
        (
            "a path with dots",
            true,
            [connect.clone(), publish_message(b"../../etc/passwd")].concat(),
        ),
        (
            "an empty path",
            true,
            [connect_message(b""), publish_message(b"")].concat(),
        ),
    ];
    for (index, (what, after_handshake, bytes)) in cases.into_iter().enumerate() {
        let mut stranger = match after_handshake {
            true => handshaken(server.at.rtmp).await.0,
            false => TcpStream::connect(server.at.rtmp).await.unwrap(),
        };
        // It may be closed while this is still written.
        drop(stranger.write_all(&bytes).await);
        ends(&mut stranger, what).await;

        let stamp = index as u32;
        publisher.video(stamp, keyframe(10)).await;
        assert_eq!(
            reader.next().await,
            Some(Got::Video(stamp, keyframe(10))),
            "after {what}"
        );
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_closed() {
    let server = Server::start().await;
    let mut stranger = TcpStream::connect(server.at.rtmp).await.unwrap();
    stranger.write_all(&[3, 0, 0]).await.unwrap();
    // A later connection's answer shows that this one is accepted.
    Peer::connect(server.at.rtmp, "x").await;
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    tokio::time::resume();
    ends(&mut stranger, "half a handshake").await;
}

#[tokio::test]
async fn a_message_over_the_size_limit_ends_its_connection() {
    let server = Server::start().await;
    let (mut stranger, _) = handshaken(server.at.rtmp).await;
    let chunk = 1 << 20;
    stranger
        .write_all(&message(2, 1, &u32::to_be_bytes(chunk as u32)))
        .await
        .unwrap();
    let mut header = vec![4, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0];
    header.resize(12 + chunk, 0);
    drop(stranger.write_all(&header).await);
    for _ in 0..14 {
        let mut continued = vec![0xc4];
        continued.resize(1 + chunk, 0);
        if stranger.write_all(&continued).await.is_err() {
            break;
        }
    }
    ends(&mut stranger, "a message of 16 MiB").await;
}

#[tokio::test]
async fn whatever_strangers_send_after_the_handshake_hurts_nobody_else() {
    let server = Server::start().await;
    let mut publisher = Peer::on_air(&server).await;
    let mut reader = Peer::reading(&server).await;
    reader.skip_headers().await;
    let strange = (any::<bool>(), collection::vec(any::<u8>(), 0..4_000));
    let mut runner = TestRunner::default();
    for stamp in 0..64 {
        let (connects, bytes) = strange.new_tree(&mut runner).unwrap().current();
        let (mut stranger, _) = handshaken(server.at.rtmp).await;
        if connects {
            drop(stranger.write_all(&connect_message(b"x")).await);
        }
        drop(stranger.write_all(&bytes).await);
        // What is no fault waits for more; the end of the stranger's bytes ends it too.
        drop(stranger.shutdown().await);
        ends(&mut stranger, &format!("{bytes:?}")).await;
        publisher.video(stamp, keyframe(10)).await;
        assert_eq!(
            reader.next().await,
            Some(Got::Video(stamp, keyframe(10))),
            "after {bytes:?}"
        );
    }
}

#[tokio::test]
async fn web_requests_with_strange_hosts_and_paths_are_refused() {
    let server = Server::start().await;
    let ask = |request: &'static str| raw_request(server.at.http, request);
    for (request, status) in [
        (
            "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            "421",
        ),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200"),
        (
            "GET /../../etc/passwd.flv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET /..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "404",
        ),
        (
            "GET //evil.example/%2e%2e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "404",
        ),
        (
            "GET //evil.example HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "307",
        ),
        (
            "POST /live/x/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "405",
        ),
    ] {
        let answer = ask(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
        assert!(!answer.contains("//evil"), "redirects stay here");
    }
}

async fn raw_request(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, socket.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(answer).unwrap()
}

async fn ends(socket: &mut TcpStream, what: &str) {
    let mut buffer = vec![0; 64 << 10];
    let end = async { while matches!(socket.read(&mut buffer).await, Ok(length) if length > 0) {} };
    timeout(DEADLINE, end)
        .await
        .unwrap_or_else(|_| panic!("{what}: still open"));
}

/// One message in chunks of 128 bytes, as a client that never changed the size sends it.
fn message(chunk_stream: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let mut bytes = vec![chunk_stream, 0, 0, 0, length[1], length[2], length[3], kind, 0, 0, 0, 0];
    for (index, chunk) in body.chunks(128).enumerate() {
        if index > 0 {
            bytes.push(0xc0 | chunk_stream);
        }
        bytes.extend(chunk);
    }
    bytes
}

fn amf_string(text: &[u8]) -> Vec<u8> {
    [&[2, 0, text.len() as u8], text].concat()
}

fn connect_message(app: &[u8]) -> Vec<u8> {
    let number = [0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0];
    let object = [&[3, 0, 3][..], b"app", &amf_string(app), &[0, 0, 9]].concat();
    message(3, 20, &[amf_string(b"connect"), number.to_vec(), object].concat())
}

fn publish_message(key: &[u8]) -> Vec<u8> {
    let number = [0, 0x40, 0, 0, 0, 0, 0, 0, 0];
    let body = [
        amf_string(b"publish"),
        number.to_vec(),
        vec![5],
        amf_string(key),
        amf_string(b"live"),
    ]
    .concat();
    message(3, 20, &body)
}

/// Objects in objects in objects.
fn nested_command(depth: usize) -> Vec<u8> {
    let number = [0, 0, 0, 0, 0, 0, 0, 0, 0];
    message(
        3,
        20,
        &[amf_string(b"connect"), number.to_vec(), b"\x03\x00\x01a".repeat(depth)].concat(),
    )
}

fn message_within_a_message() -> Vec<u8> {
    let mut bytes = message(4, 9, &[0; 1000]);
    bytes.truncate(12 + 128);
    bytes.extend(message(4, 9, &[0; 20]));
    bytes
}
