use std::collections::HashSet;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use rml_rtmp::chunk_io::ChunkSerializer;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::messages::RtmpMessage;
use rml_rtmp::rml_amf0::Amf0Value;
use rml_rtmp::sessions::{ServerSession, ServerSessionConfig, ServerSessionEvent, ServerSessionResult};
use rml_rtmp::time::RtmpTimestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::super::pipeline::Pipeline;
use super::super::{Ended, Pace, Sink};
use super::*;

/// What a router says of a stream that it does not have.
fn not_found(stream_id: u32) -> Result<Vec<u8>> {
    let text = |text: &str| Amf0Value::Utf8String(text.to_owned());
    let properties = [("level", "error"), ("code", "NetStream.Play.StreamNotFound")];
    let properties = properties.map(|(name, value)| (name.to_owned(), text(value)));
    let message = RtmpMessage::Amf0Command {
        command_name: "onStatus".to_owned(),
        transaction_id: 0.0,
        command_object: Amf0Value::Null,
        additional_arguments: vec![Amf0Value::Object(properties.into())],
    };
    let payload = message
        .into_message_payload(RtmpTimestamp::new(0), stream_id)
        .map_err(protocol)?;
    Ok(ChunkSerializer::new()
        .serialize(&payload, true, false)
        .map_err(protocol)?
        .bytes)
}

/// Takes a reader up to its `play`, refuses that and closes at once, whatever the reader still says.
async fn refuse(mut stream: TcpStream) -> Result<()> {
    let mut handshake = Handshake::new(PeerType::Server);
    let mut buffer = [0; 4096];
    let rest = loop {
        let n = stream.read(&mut buffer).await?;
        match handshake.process_bytes(&buffer[..n]).map_err(protocol)? {
            HandshakeProcessResult::InProgress { response_bytes } => stream.write_all(&response_bytes).await?,
            HandshakeProcessResult::Completed {
                response_bytes,
                remaining_bytes,
            } => {
                stream.write_all(&response_bytes).await?;
                break remaining_bytes;
            }
        }
    };
    let (mut session, mut results) = ServerSession::new(ServerSessionConfig::new()).map_err(protocol)?;
    results.extend(session.handle_input(&rest).map_err(protocol)?);
    loop {
        let mut more = Vec::new();
        for result in results {
            match result {
                ServerSessionResult::OutboundResponse(packet) => stream.write_all(&packet.bytes).await?,
                ServerSessionResult::RaisedEvent(ServerSessionEvent::ConnectionRequested { request_id, .. }) => {
                    more.extend(session.accept_request(request_id).map_err(protocol)?);
                }
                ServerSessionResult::RaisedEvent(ServerSessionEvent::PlayStreamRequested { stream_id, .. }) => {
                    return stream.write_all(&not_found(stream_id)?).await.map_err(Into::into);
                }
                _ => {}
            }
        }
        results = more;
        if results.is_empty() {
            let n = stream.read(&mut buffer).await?;
            results = session.handle_input(&buffer[..n]).map_err(protocol)?;
        }
    }
}

/// Sockets of this process that no connection has any more: they were ended by the peer and never closed.
fn dead_sockets() -> usize {
    let mut known = HashSet::new();
    for table in ["tcp", "tcp6", "unix", "udp", "udp6", "netlink", "raw", "packet"] {
        let text = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        known.extend(text.split_whitespace().map(str::to_owned));
    }
    let held = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let inode = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        let target = target.to_string_lossy().into_owned();
        Some(target.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
    };
    held.filter_map(inode).filter(|inode| !known.contains(inode)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_the_router_refuses_leave_nothing_behind() {
    if !cfg!(target_os = "linux") {
        return;
    }
    gst::init().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtmp://{}/live/s1/in", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(refuse(stream));
        }
    });
    let (inputs, _queue) = sync_channel(8);
    let sink = Sink {
        inputs,
        pace: std::sync::Arc::<Pace>::default(),
        awaits_picture: true,
    };
    for _ in 0..40 {
        let (tx, mut ended) = mpsc::channel(1);
        let pipeline = Pipeline::start(&url, &sink, tx).unwrap();
        let end = timeout(SETUP * 2, ended.recv()).await.unwrap();
        assert!(matches!(end, Some(Ended::Lost(_))), "{end:?}");
        pipeline.stop().await;
    }
    let deadline = Instant::now() + SETUP;
    while dead_sockets() > 0 && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    assert_eq!(dead_sockets(), 0);
}
