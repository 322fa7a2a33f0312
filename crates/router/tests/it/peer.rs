//! A hand-driven RTMP client on `rml_rtmp`'s client half.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{
    ClientSession, ClientSessionConfig, ClientSessionEvent as Event, ClientSessionResult as Outcome, PublishRequestType,
};
use rml_rtmp::time::RtmpTimestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::media;
use crate::server::{DEADLINE, Server};

pub(crate) struct Peer {
    socket: TcpStream,
    session: ClientSession,
    events: VecDeque<Event>,
}

/// What a reader got.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    Video(u32, Bytes),
    Audio(u32, Bytes),
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr, app: &str) -> Peer {
        let (socket, early) = handshaken(address).await;
        let (session, initial) = ClientSession::new(ClientSessionConfig::new()).unwrap();
        let mut peer = Peer {
            socket,
            session,
            events: VecDeque::new(),
        };
        peer.settle(initial).await;
        let answers = peer.session.handle_input(&early).unwrap();
        peer.settle(answers).await;
        let request = peer.session.request_connection(app.to_owned()).unwrap();
        peer.settle(vec![request]).await;
        peer.wait_for(&Event::ConnectionRequestAccepted).await;
        peer
    }

    /// A publisher at `live/x/in` whose path need not be ready yet.
    pub(crate) async fn publishing(server: &Server) -> Peer {
        Peer::publishing_at(server, "live/x", "in").await
    }

    pub(crate) async fn publishing_at(server: &Server, app: &str, key: &str) -> Peer {
        let mut peer = Peer::connect(server.at.rtmp, app).await;
        let request = peer
            .session
            .request_publishing(key.to_owned(), PublishRequestType::Live)
            .unwrap();
        peer.settle(vec![request]).await;
        peer.wait_for(&Event::PublishRequestAccepted).await;
        peer
    }

    /// A publisher at `live/x/in` that has both tracks and is listed.
    pub(crate) async fn on_air(server: &Server) -> Peer {
        let mut peer = Peer::publishing(server).await;
        peer.video(0, media::avc_header()).await;
        peer.audio(0, media::aac_header()).await;
        server.listed("live/x/in", |_| true).await;
        peer
    }

    /// A reader of `live/x/in`, seated.
    pub(crate) async fn reading(server: &Server) -> Peer {
        let mut peer = Peer::connect(server.at.rtmp, "live").await;
        peer.ask_to_play("x/in?user=a&pass=b").await;
        peer.wait_for(&Event::PlaybackRequestAccepted).await;
        peer
    }

    pub(crate) async fn ask_to_play(&mut self, key: &str) {
        let request = self.session.request_playback(key.to_owned()).unwrap();
        self.settle(vec![request]).await;
    }

    pub(crate) async fn video(&mut self, stamp: u32, body: Bytes) {
        let message = self
            .session
            .publish_video_data(body, RtmpTimestamp::new(stamp), true)
            .unwrap();
        self.settle(vec![message]).await;
    }

    /// Written with a difference to the stamp before, where [`Peer::video`] writes whole stamps.
    pub(crate) async fn audio(&mut self, stamp: u32, body: Bytes) {
        let message = self
            .session
            .publish_audio_data(body, RtmpTimestamp::new(stamp), false)
            .unwrap();
        self.settle(vec![message]).await;
    }

    /// The next message of the stream; `None` when the router has closed the connection.
    pub(crate) async fn next(&mut self) -> Option<Got> {
        loop {
            match self.event().await? {
                Event::VideoDataReceived { timestamp, data } => return Some(Got::Video(timestamp.value, data)),
                Event::AudioDataReceived { timestamp, data } => return Some(Got::Audio(timestamp.value, data)),
                _ => {}
            }
        }
    }

    /// The sequence headers that every reader gets first.
    pub(crate) async fn skip_headers(&mut self) {
        assert!(matches!(self.next().await, Some(Got::Video(_, body)) if body == media::avc_header()));
        assert!(matches!(self.next().await, Some(Got::Audio(_, body)) if body == media::aac_header()));
    }

    /// The `onStatus` code that `rml_rtmp` has no name for.
    pub(crate) async fn status(&mut self) -> Option<String> {
        loop {
            if let Event::UnhandleableOnStatusCode { code } = self.event().await? {
                return Some(code);
            }
        }
    }

    /// Waits for the end of the connection, whatever comes before it.
    pub(crate) async fn closed(&mut self) {
        while self.event().await.is_some() {}
    }

    async fn wait_for(&mut self, wanted: &Event) {
        loop {
            if self.event().await.expect("an open connection") == *wanted {
                return;
            }
        }
    }

    async fn event(&mut self) -> Option<Event> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let read = timeout(DEADLINE, self.socket.read(&mut buffer))
                .await
                .expect("bytes or an end");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(length) => {
                    let outcomes = self.session.handle_input(&buffer[..length]).unwrap();
                    self.settle(outcomes).await;
                }
            }
        }
    }

    async fn settle(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                // A write can fail when the router has closed; what the test looks for is in what it reads.
                Outcome::OutboundResponse(packet) => drop(self.socket.write_all(&packet.bytes).await),
                Outcome::RaisedEvent(event) => self.events.push_back(event),
                Outcome::UnhandleableMessageReceived(_) => {}
            }
        }
    }
}

/// A connection after its handshake, and what came with the handshake's last bytes.
pub(crate) async fn handshaken(address: SocketAddr) -> (TcpStream, Vec<u8>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let mut handshake = Handshake::new(PeerType::Client);
    socket
        .write_all(&handshake.generate_outbound_p0_and_p1().unwrap())
        .await
        .unwrap();
    let mut buffer = [0; 4096];
    loop {
        let length = socket.read(&mut buffer).await.unwrap();
        assert!(length > 0, "closed in the handshake");
        match handshake.process_bytes(&buffer[..length]).unwrap() {
            HandshakeProcessResult::InProgress { response_bytes } => socket.write_all(&response_bytes).await.unwrap(),
            HandshakeProcessResult::Completed {
                response_bytes,
                remaining_bytes,
            } => {
                socket.write_all(&response_bytes).await.unwrap();
                return (socket, remaining_bytes);
            }
        }
    }
}
