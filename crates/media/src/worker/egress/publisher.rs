//! One RTMP connection that publishes: TLS where the URL says so, handshake, `connect`, `publish`, then tags in order.
//!
//! RTMP itself knows no redirects: what a destination says about others is not listened to.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{
    ClientSession, ClientSessionConfig, ClientSessionEvent, ClientSessionResult, PublishRequestType, StreamMetadata,
};
use rml_rtmp::time::RtmpTimestamp;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tls;
use crate::forward::Allow;
use crate::forward::reach::{self, Unreached};
use crate::rtmp_url::{RtmpUrl, Scheme};

/// A destination that has not accepted a publisher by then is taken for frozen.
const SETUP: Duration = Duration::from_secs(5);
/// A write that does not end by then is a stalled peer: RTMP shows no other error for it.
const WRITE: Duration = Duration::from_secs(3);
/// Large enough for most access units in one chunk, small enough that sound is not held up for long.
const CHUNK: u32 = 64 * 1024;

/// Why a programme is not published. All of these may heal; the egress tries again.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// No address that may be connected to answers.
    #[error("{0}")]
    Unreached(#[from] Unreached),
    /// The network or the other side.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("it did not {0} in time")]
    Timeout(&'static str),
    /// It said no.
    #[error("it refused to let us publish: {0}")]
    Refused(String),
    /// It closed the connection.
    #[error("it closed the connection")]
    Closed,
    /// It does not speak RTMP as we know it.
    #[error("rtmp: {0}")]
    Protocol(String),
}

impl Error {
    /// Whether the other side ended the connection by its own will: a connection that is closed while we write to it
    /// looks like a fault of the network.
    pub(crate) fn is_close(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::Closed | Self::Refused(_) => true,
            Self::Io(error) => {
                matches!(
                    error.kind(),
                    BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
                )
            }
            Self::Unreached(_) | Self::Timeout(_) | Self::Protocol(_) => false,
        }
    }

    /// The same, without what a stranger said: some repeat the stream key when they refuse it.
    pub(crate) fn without_foreign_words(&self, key: &str) -> String {
        let is_code = |words: &str| {
            let is_known = ["NetStream.", "NetConnection."]
                .iter()
                .any(|start| words.starts_with(start));
            is_known && words.len() <= 64 && words.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.')
        };
        match self {
            Self::Refused(words) if !is_code(words) || words.contains(key) => "it refused to let us publish".to_owned(),
            Self::Protocol(_) => "it does not speak RTMP as we do".to_owned(),
            _ => self.to_string(),
        }
    }
}

pub(crate) fn protocol(error: impl std::fmt::Debug) -> Error {
    Error::Protocol(format!("{error:?}"))
}

/// TCP, or TLS over it.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// Connects, to a third party only as far as `allow` lets it, and shakes hands; gives what came behind the handshake too.
pub(crate) async fn dial(url: &RtmpUrl, allow: Option<&Allow>) -> Result<(Box<dyn Transport>, Vec<u8>), Error> {
    let tcp = match allow {
        None => TcpStream::connect((url.host(), url.port())).await?,
        Some(allow) => reach::reach(&reach::System, url, allow).await?,
    };
    tcp.set_nodelay(true)?;
    let mut stream: Box<dyn Transport> = match url.scheme() {
        Scheme::Rtmp => Box::new(tcp),
        Scheme::Rtmps => Box::new(tls::connect(tcp, url.host()).await?),
    };
    let rest = shake_hands(&mut stream).await?;
    Ok((stream, rest))
}

/// A connection whose `publish` was accepted.
pub(crate) struct Publisher {
    stream: Box<dyn Transport>,
    session: ClientSession,
    input: Vec<u8>,
    pongs: u64,
}

impl Publisher {
    /// Connects and publishes; to a third party only as far as `allow` lets it.
    pub(crate) async fn connect(url: &RtmpUrl, allow: Option<&Allow>) -> Result<Self, Error> {
        timeout(SETUP, Self::set_up(url, allow))
            .await
            .map_err(|_| Error::Timeout("accept the programme"))?
    }

    async fn set_up(url: &RtmpUrl, allow: Option<&Allow>) -> Result<Self, Error> {
        let (stream, rest) = dial(url, allow).await?;
        let mut config = ClientSessionConfig::new();
        config.chunk_size = CHUNK;
        config.flash_version = "FMLE/3.0 (compatible; dragoman)".to_owned();
        config.tc_url = Some(url.tc_url());
        let (session, initial) = ClientSession::new(config).map_err(protocol)?;
        let mut publisher = Self {
            stream,
            session,
            input: vec![0; 4096],
            pongs: 0,
        };
        publisher.act(initial).await?;
        let connect = publisher
            .session
            .request_connection(url.app().to_owned())
            .map_err(protocol)?;
        publisher.act(vec![connect]).await?;
        let results = publisher.session.handle_input(&rest).map_err(protocol)?;
        let mut events = publisher.act(results).await?;
        let mut key = Some(url.key().to_owned());
        loop {
            for event in events {
                match event {
                    ClientSessionEvent::ConnectionRequestAccepted => {
                        let Some(key) = key.take() else { continue };
                        let request = publisher.session.request_publishing(key, PublishRequestType::Live);
                        publisher.act(vec![request.map_err(protocol)?]).await?;
                    }
                    ClientSessionEvent::PublishRequestAccepted => return Ok(publisher),
                    ClientSessionEvent::ConnectionRequestRejected { description } => {
                        return Err(Error::Refused(description));
                    }
                    ClientSessionEvent::UnhandleableOnStatusCode { code } => return Err(Error::Refused(code)),
                    _ => {}
                }
            }
            events = publisher.receive().await?;
        }
    }

    /// Waits for what the other side has to say: so many bytes for [`Publisher::take_input`]. Cancel safe.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        self.stream.read(&mut self.input).await
    }

    /// Takes what was read and answers it.
    pub(crate) async fn take_input(&mut self, n: usize) -> Result<(), Error> {
        let events = match n {
            0 => return Err(Error::Closed),
            n => self.handle(n).await?,
        };
        self.pongs += events.iter().filter(|e| is_pong(e)).count() as u64;
        Ok(())
    }

    async fn receive(&mut self) -> Result<Vec<ClientSessionEvent>, Error> {
        match self.read().await? {
            0 => Err(Error::Closed),
            n => self.handle(n).await,
        }
    }

    async fn handle(&mut self, n: usize) -> Result<Vec<ClientSessionEvent>, Error> {
        let results = self.session.handle_input(&self.input[..n]).map_err(protocol)?;
        self.act(results).await
    }

    /// Sends what the session wants sent; gives back what it wants known.
    async fn act(&mut self, results: Vec<ClientSessionResult>) -> Result<Vec<ClientSessionEvent>, Error> {
        let mut events = Vec::new();
        for result in results {
            match result {
                ClientSessionResult::OutboundResponse(packet) => self.write(&packet.bytes).await?,
                ClientSessionResult::RaisedEvent(event) => events.push(event),
                ClientSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        Ok(events)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let write = async {
            self.stream.write_all(bytes).await?;
            // TLS keeps what the socket has not taken.
            self.stream.flush().await
        };
        timeout(WRITE, write)
            .await
            .map_err(|_| Error::Timeout("take what we send"))??;
        Ok(())
    }

    /// Announces the tracks to readers that look at metadata.
    pub(crate) async fn metadata(&mut self, metadata: &StreamMetadata) -> Result<(), Error> {
        let message = self.session.publish_metadata(metadata).map_err(protocol)?;
        self.act(vec![message]).await.map(drop)
    }

    /// Sends a video tag.
    pub(crate) async fn video(&mut self, at_ms: u32, body: Bytes) -> Result<(), Error> {
        let message = self.session.publish_video_data(body, RtmpTimestamp::new(at_ms), false);
        self.act(vec![message.map_err(protocol)?]).await.map(drop)
    }

    /// Sends an audio tag.
    pub(crate) async fn audio(&mut self, at_ms: u32, body: Bytes) -> Result<(), Error> {
        let message = self.session.publish_audio_data(body, RtmpTimestamp::new(at_ms), false);
        self.act(vec![message.map_err(protocol)?]).await.map(drop)
    }

    /// Asks for a sign of life; [`Publisher::pongs`] counts the answers.
    pub(crate) async fn ping(&mut self) -> Result<(), Error> {
        let (packet, _) = self.session.send_ping_request().map_err(protocol)?;
        self.write(&packet.bytes).await
    }

    /// How many pings were answered.
    pub(crate) fn pongs(&self) -> u64 {
        self.pongs
    }

    /// Says that the programme ends and closes the connection.
    pub(crate) async fn close(mut self) -> Result<(), Error> {
        let results = self.session.stop_publishing().map_err(protocol)?;
        self.act(results).await?;
        timeout(WRITE, self.stream.shutdown())
            .await
            .map_err(|_| Error::Timeout("close the connection"))??;
        Ok(())
    }
}

fn is_pong(event: &ClientSessionEvent) -> bool {
    matches!(event, ClientSessionEvent::PingResponseReceived { .. })
}

/// Returns what came behind the handshake.
async fn shake_hands(stream: &mut Box<dyn Transport>) -> Result<Vec<u8>, Error> {
    let mut handshake = Handshake::new(PeerType::Client);
    let hello = handshake.generate_outbound_p0_and_p1().map_err(protocol)?;
    stream.write_all(&hello).await?;
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Err(Error::Closed);
        }
        match handshake.process_bytes(&buffer[..n]).map_err(protocol)? {
            HandshakeProcessResult::InProgress { response_bytes } => stream.write_all(&response_bytes).await?,
            HandshakeProcessResult::Completed {
                response_bytes,
                remaining_bytes,
            } => {
                stream.write_all(&response_bytes).await?;
                return Ok(remaining_bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_says_is_not_repeated() {
        for (words, shown) in [
            (
                "NetStream.Publish.BadName",
                "it refused to let us publish: NetStream.Publish.BadName",
            ),
            (
                "NetConnection.Connect.Rejected",
                "it refused to let us publish: NetConnection.Connect.Rejected",
            ),
            ("no such key: hunter2", "it refused to let us publish"),
            ("NetStream.hunter", "it refused to let us publish"),
            ("NetStream.", "it refused to let us publish: NetStream."),
        ] {
            assert_eq!(Error::Refused(words.to_owned()).without_foreign_words("hunter"), shown);
        }
        let broken = Error::Protocol("InvalidMessage(\"hunter2\")".to_owned());
        assert!(!broken.without_foreign_words("hunter2").contains("hunter2"));
    }
}
