//! A publisher that sends RTMP messages as they are given: for streams that neither ffmpeg nor GStreamer would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{
    ClientSession, ClientSessionConfig, ClientSessionEvent, ClientSessionResult, PublishRequestType,
};
use rml_rtmp::time::RtmpTimestamp;

use crate::material;

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it is sent, in milliseconds after the start.
    pub at_ms: u32,
    /// The stamp that it has.
    pub stamp_ms: u32,
    /// A picture; otherwise sound.
    pub is_video: bool,
    /// The body of the FLV tag.
    pub body: Vec<u8>,
}

/// The messages of a file, each sent when its stamp says.
pub fn messages(file: &Path) -> Result<Vec<Message>> {
    let flv = material::run(
        Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(file)
            .args(["-c", "copy", "-f", "flv", "-"]),
    )?;
    tags(&flv).context("ffmpeg wrote a broken FLV")
}

/// Sound and pictures of an FLV: 9 bytes of header, then tags of 11 bytes and a body, each behind the size of the last.
fn tags(flv: &[u8]) -> Option<Vec<Message>> {
    const HEADER: usize = 9;
    const SIZE: usize = 4;
    const TAG: usize = 11;
    let mut rest = flv.get(HEADER + SIZE..)?;
    let mut messages = Vec::new();
    while let Some((tag, tail)) = rest.split_at_checked(TAG) {
        let length = usize::from(tag[1]) << 16 | usize::from(tag[2]) << 8 | usize::from(tag[3]);
        let stamp_ms = u32::from_be_bytes([tag[7], tag[4], tag[5], tag[6]]);
        let body = tail.get(..length)?;
        if let kind @ (8 | 9) = tag[0] {
            messages.push(Message {
                at_ms: stamp_ms,
                stamp_ms,
                is_video: kind == 9,
                body: body.to_vec(),
            });
        }
        rest = tail.get(length + SIZE..)?;
    }
    Some(messages)
}

/// The same pictures announced as HEVC, as the enhanced form of RTMP does it.
pub fn as_hevc(mut messages: Vec<Message>) -> Vec<Message> {
    const EXTENDED: u8 = 0x80;
    for message in messages
        .iter_mut()
        .filter(|message| message.is_video && message.body.len() > 5)
    {
        let (frame, packet) = (message.body[0] & 0x70, message.body[1]);
        let mut body = vec![EXTENDED | frame | packet];
        body.extend(b"hvc1");
        // A header has no composition time, a picture has.
        body.extend(&message.body[if packet == 0 { 5 } else { 2 }..]);
        message.body = body;
    }
    messages
}

/// Sends messages in a thread of its own, each at its time. Dropping it closes the connection.
#[derive(Debug)]
pub struct RawPublisher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl RawPublisher {
    /// Publishes at `rtmp://host:port/<app>/<key>`, the key being what comes after the last slash.
    pub fn start(url: &str, messages: Vec<Message>) -> Result<Self> {
        let address = url.strip_prefix("rtmp://").and_then(|rest| rest.split_once('/'));
        let (host, path) = address.ok_or_else(|| anyhow!("{url} is no RTMP address"))?;
        let (app, key) = path.rsplit_once('/').ok_or_else(|| anyhow!("{url} has no key"))?;
        let mut connection = Connection::open(host, app, key)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || connection.send_all(&messages, &stopped));
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for RawPublisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Connection {
    socket: TcpStream,
    session: ClientSession,
}

impl Connection {
    fn open(host: &str, app: &str, key: &str) -> Result<Self> {
        let mut socket = TcpStream::connect(host).with_context(|| format!("cannot connect to {host}"))?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let rest = shake_hands(&mut socket)?;
        let mut config = ClientSessionConfig::new();
        config.tc_url = Some(format!("rtmp://{host}/{app}"));
        let (session, first) = ClientSession::new(config).map_err(broken)?;
        let mut connection = Self { socket, session };
        connection.answer(first)?;
        let results = connection.session.handle_input(&rest).map_err(broken)?;
        connection.answer(results)?;
        let request = connection.session.request_connection(app.to_owned()).map_err(broken)?;
        connection.answer(vec![request])?;
        connection.wait_for(&ClientSessionEvent::ConnectionRequestAccepted)?;
        let request = connection
            .session
            .request_publishing(key.to_owned(), PublishRequestType::Live)
            .map_err(broken)?;
        connection.answer(vec![request])?;
        connection.wait_for(&ClientSessionEvent::PublishRequestAccepted)?;
        Ok(connection)
    }

    /// Sends what the session wants sent; true when one of the events is `wanted`.
    fn answer(&mut self, results: Vec<ClientSessionResult>) -> Result<Vec<ClientSessionEvent>> {
        let mut events = Vec::new();
        for result in results {
            match result {
                ClientSessionResult::OutboundResponse(packet) => self.socket.write_all(&packet.bytes)?,
                ClientSessionResult::RaisedEvent(event) => events.push(event),
                ClientSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        Ok(events)
    }

    fn wait_for(&mut self, wanted: &ClientSessionEvent) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let count = self.socket.read(&mut buffer).context("the router is silent")?;
            if count == 0 {
                bail!("the router closed the connection before {wanted:?}");
            }
            let results = self.session.handle_input(&buffer[..count]).map_err(broken)?;
            if self.answer(results)?.contains(wanted) {
                return Ok(());
            }
        }
    }

    fn send_all(&mut self, messages: &[Message], stop: &AtomicBool) -> Result<()> {
        let started = Instant::now();
        for message in messages {
            let due = started + Duration::from_millis(u64::from(message.at_ms));
            while let Some(left) = due.checked_duration_since(Instant::now()) {
                if stop.load(Ordering::SeqCst) {
                    return Ok(());
                }
                std::thread::sleep(left.min(Duration::from_millis(20)));
            }
            let stamp = RtmpTimestamp::new(message.stamp_ms);
            let body = message.body.clone().into();
            let packet = match message.is_video {
                true => self.session.publish_video_data(body, stamp, false),
                false => self.session.publish_audio_data(body, stamp, false),
            };
            self.answer(vec![packet.map_err(broken)?])?;
        }
        Ok(())
    }
}

/// Ends with the bytes that came behind the handshake.
fn shake_hands(socket: &mut TcpStream) -> Result<Vec<u8>> {
    let mut handshake = Handshake::new(PeerType::Client);
    socket.write_all(&handshake.generate_outbound_p0_and_p1().map_err(broken)?)?;
    let mut buffer = [0; 4096];
    loop {
        let count = socket.read(&mut buffer).context("the router is silent")?;
        if count == 0 {
            bail!("the router closed the connection in the handshake");
        }
        match handshake.process_bytes(&buffer[..count]).map_err(broken)? {
            HandshakeProcessResult::InProgress { response_bytes } => socket.write_all(&response_bytes)?,
            HandshakeProcessResult::Completed {
                response_bytes,
                remaining_bytes,
            } => {
                socket.write_all(&response_bytes)?;
                return Ok(remaining_bytes);
            }
        }
    }
}

fn broken(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow!("RTMP: {error:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_their_stamps() {
        let mut flv = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00".to_vec();
        flv.extend([9, 0, 0, 2, 0x00, 0x01, 0x02, 0x03, 0, 0, 0, 0x17, 0x00, 0, 0, 0, 13]);
        flv.extend([18, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 12]);
        flv.extend([8, 0, 0, 1, 0, 0, 7, 0, 0, 0, 0, 0xaf, 0, 0, 0, 12]);
        let found = tags(&flv).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].stamp_ms, found[0].is_video), (0x0300_0102, true));
        assert_eq!((found[1].stamp_ms, found[1].is_video), (7, false));
        assert_eq!(tags(&flv[..flv.len() - 5]), None);
    }
}
