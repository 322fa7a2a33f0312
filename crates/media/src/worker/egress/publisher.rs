//! One RTMP connection that publishes: handshake, `connect`, `publish`, then tags in order.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{
    ClientSession, ClientSessionConfig, ClientSessionEvent, ClientSessionResult, PublishRequestType, StreamMetadata,
};
use rml_rtmp::time::RtmpTimestamp;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// A router that has not accepted a publisher by then is taken for frozen.
const SETUP: Duration = Duration::from_secs(5);
/// A write that does not end by then is a stalled peer: RTMP shows no other error for it.
const WRITE: Duration = Duration::from_secs(3);
/// Large enough for most access units in one chunk, small enough that sound is not held up for long.
const CHUNK: u32 = 64 * 1024;

/// Why a programme is not published. All of these may heal; the egress tries again.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The URL is not one that can be published to; the configuration is at fault.
    #[error("not an rtmp:// URL with at least two path segments")]
    Url,
    /// The network or the router.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The router took too long.
    #[error("the router did not {0} in time")]
    Timeout(&'static str),
    /// The router said no.
    #[error("the router refused to let us publish: {0}")]
    Refused(String),
    /// The router closed the connection.
    #[error("the router closed the connection")]
    Closed,
    /// The peer does not speak RTMP as we know it.
    #[error("rtmp: {0}")]
    Protocol(String),
}

impl Error {
    /// Whether the router ended the connection by its own will: a connection that is closed while we write to it looks
    /// like a fault of the network.
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
            Self::Url | Self::Timeout(_) | Self::Protocol(_) => false,
        }
    }
}

pub(crate) fn protocol(error: impl std::fmt::Debug) -> Error {
    Error::Protocol(format!("{error:?}"))
}

/// Where to publish or play: `rtmp://host[:port]/app…/key[?query]`, split as every RTMP client splits it.
pub(crate) struct Address {
    pub(crate) authority: String,
    pub(crate) app: String,
    pub(crate) key: String,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|_| Error::Url)?;
        let (app, key) = url.path().trim_matches('/').rsplit_once('/').ok_or(Error::Url)?;
        let host = url.host_str().filter(|_| url.scheme() == "rtmp").ok_or(Error::Url)?;
        Ok(Self {
            authority: format!("{host}:{}", url.port().unwrap_or(1935)),
            app: app.to_owned(),
            key: match url.query() {
                Some(query) => format!("{key}?{query}"),
                None => key.to_owned(),
            },
        })
    }
}

/// A connection whose `publish` was accepted.
pub(crate) struct Publisher {
    stream: TcpStream,
    session: ClientSession,
    input: Vec<u8>,
    pongs: u64,
}

impl Publisher {
    /// Connects and publishes.
    pub(crate) async fn connect(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        timeout(SETUP, Self::set_up(address))
            .await
            .map_err(|_| Error::Timeout("accept the programme"))?
    }

    async fn set_up(address: Address) -> Result<Self, Error> {
        let mut stream = TcpStream::connect(&address.authority).await?;
        stream.set_nodelay(true)?;
        let rest = shake_hands(&mut stream).await?;
        let mut config = ClientSessionConfig::new();
        config.chunk_size = CHUNK;
        config.flash_version = "FMLE/3.0 (compatible; dragoman)".to_owned();
        config.tc_url = Some(format!("rtmp://{}/{}", address.authority, address.app));
        let (session, initial) = ClientSession::new(config).map_err(protocol)?;
        let mut publisher = Self {
            stream,
            session,
            input: vec![0; 4096],
            pongs: 0,
        };
        publisher.act(initial).await?;
        let connect = publisher.session.request_connection(address.app).map_err(protocol)?;
        publisher.act(vec![connect]).await?;
        let results = publisher.session.handle_input(&rest).map_err(protocol)?;
        let mut events = publisher.act(results).await?;
        let mut key = Some(address.key);
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

    /// Waits for what the router has to say. Cancel safe: bytes are taken only together with their answer.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Takes what the router has said, if anything, and answers it.
    pub(crate) async fn take_input(&mut self) -> Result<(), Error> {
        loop {
            match self.stream.try_read(&mut self.input) {
                Ok(0) => return Err(Error::Closed),
                Ok(n) => {
                    let events = self.handle(n).await?;
                    self.pongs += events.iter().filter(|e| is_pong(e)).count() as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
    }

    async fn receive(&mut self) -> Result<Vec<ClientSessionEvent>, Error> {
        match self.stream.read(&mut self.input).await? {
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
        timeout(WRITE, self.stream.write_all(bytes))
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

    /// How many pings the router has answered.
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
pub(crate) async fn shake_hands(stream: &mut TcpStream) -> Result<Vec<u8>, Error> {
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
    fn a_url_is_split_as_rtmp_clients_do() {
        let address = Address::parse("rtmp://h/live/s1/out/fr?user=w&pass=x").unwrap();
        assert_eq!(
            (address.authority.as_str(), address.app.as_str()),
            ("h:1935", "live/s1/out")
        );
        assert_eq!(address.key, "fr?user=w&pass=x");
        assert!(matches!(Address::parse("rtmp://h/only"), Err(Error::Url)));
        assert!(matches!(Address::parse("http://h/a/b"), Err(Error::Url)));
    }
}
