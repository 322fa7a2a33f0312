//! The RTMP listener and what one connection goes through.

mod chunks;
#[doc(hidden)]
pub mod hostile;
mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use uuid::Uuid;

use self::session::{Fault, Request, Session};
use crate::connections::{Connections, Listed, State};
use crate::hub::{Hub, Publisher, Reader, Reading};
use crate::path::Address;

/// From the first byte to the end of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// From the end of the handshake until the peer has said what it comes for. Without it a byte now and then would keep a
/// place for ever.
const PURPOSE: Duration = Duration::from_secs(20);
/// As MediaMTX's `readTimeout`: a publisher that is silent for so long is closed.
const IDLE: Duration = Duration::from_secs(10);
/// As MediaMTX's `writeTimeout`: a reader that takes nothing for so long is closed.
const STALLED: Duration = Duration::from_secs(10);
/// A peer that says it is done closes by itself; closing under it makes rtmp2sink report a failure.
const LINGER: Duration = Duration::from_secs(1);
/// What a reader still gets after the stream's end.
const FAREWELL: Duration = Duration::from_millis(300);
/// Further connections are closed at once.
const MAX_CONNECTIONS: usize = 512;
const READ_BUFFER: usize = 64 << 10;

/// Accepts connections until `stop`, then ends those that it has.
pub(crate) async fn serve(
    listener: TcpListener,
    hub: Arc<Hub>,
    connections: Arc<Connections>,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others will be given back.
                warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = room.clone().try_acquire_owned() else {
            warn!(%peer, limit = MAX_CONNECTIONS, "connection refused, too many");
            continue;
        };
        let id = Uuid::new_v4();
        let connection = Connection {
            id,
            peer,
            hub: hub.clone(),
        };
        let listed = connections.open(id, peer);
        let stop = stop.clone();
        tasks.spawn(async move {
            let _permit = permit;
            // Were anything here to panic on what a peer sends, that peer's task is all that ends.
            let task = tokio::spawn(stop.run_until_cancelled_owned(connection.run(socket, listed)));
            match task.await {
                Ok(Some(Err(error))) => info!(%id, %peer, %error, "connection closed"),
                Ok(_) => debug!(%id, %peer, "connection closed"),
                Err(panic) => warn!(%id, %peer, %panic, "connection failed"),
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("{0}")]
    Fault(#[from] Fault),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("handshake failed: {0}")]
    Handshake(#[from] rml_rtmp::handshake::HandshakeError),
    #[error("no handshake within {HANDSHAKE:?}")]
    HandshakeTimeout,
    #[error("neither publish nor play within {PURPOSE:?}")]
    Purpose,
    #[error("nothing received for {IDLE:?}")]
    Idle,
    #[error("nothing could be sent for {STALLED:?}")]
    Stalled,
    #[error("no stream is available on path '{0}'")]
    NoStream(String),
    #[error("a newer publisher took over")]
    TakenOver,
}

struct Connection {
    id: Uuid,
    peer: SocketAddr,
    hub: Arc<Hub>,
}

/// The socket's halves and the session between them.
struct Wire {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    buffer: Vec<u8>,
    session: Session,
    listed: Listed,
}

impl Connection {
    async fn run(self, mut socket: TcpStream, listed: Listed) -> Result<(), End> {
        socket.set_nodelay(true)?;
        debug!(id = %self.id, peer = %self.peer, "connection opened");
        let early = timeout(HANDSHAKE, handshake(&mut socket))
            .await
            .map_err(|_| End::HandshakeTimeout)??;
        let (read, write) = socket.into_split();
        let mut wire = Wire {
            read,
            write,
            buffer: vec![0; READ_BUFFER],
            session: Session::new(),
            listed,
        };
        wire.listed.received(early.len());
        let purpose = timeout(PURPOSE, self.purpose(&mut wire, &early)).await;
        match purpose.map_err(|_| End::Purpose)?? {
            Some(Request::Publish { address, stream }) => self.publish(wire, address, stream).await,
            Some(Request::Play { address, stream }) => self.play(wire, address, stream).await,
            _ => Ok(()),
        }
    }

    /// What the peer comes for; `None` where it leaves again.
    async fn purpose(&self, wire: &mut Wire, early: &[u8]) -> Result<Option<Request>, End> {
        let mut requests = wire.session.input(early)?;
        loop {
            wire.flush().await?;
            for request in requests {
                match request {
                    Request::Publish { .. } | Request::Play { .. } => return Ok(Some(request)),
                    Request::Media(_) => debug!(id = %self.id, "media before publish ignored"),
                    Request::Finish => return Ok(None),
                }
            }
            requests = match timeout(IDLE, wire.receive()).await.map_err(|_| End::Idle)?? {
                Some(requests) => requests,
                None => return Ok(None),
            };
        }
    }

    async fn publish(self, mut wire: Wire, address: Address, stream: u32) -> Result<(), End> {
        info!(id = %self.id, path = address.path, peer = %self.peer, "publishing");
        wire.listed.is(State::Publish, &address, wire.session.user_agent());
        wire.session.accept_publish(stream, &address.path)?;
        wire.flush().await?;
        let publisher = self.hub.publish(&address.path, &address.query, self.id);
        let mut heard = Instant::now();
        loop {
            let settles_at = publisher.settles_at();
            tokio::select! {
                biased;
                () = publisher.taken_over() => return Err(End::TakenOver),
                received = wire.receive() => {
                    heard = Instant::now();
                    let Some(requests) = received? else { return Ok(()) };
                    if push(&publisher, requests) {
                        drop(publisher);
                        return wire.linger().await;
                    }
                    wire.flush().await?;
                }
                () = sleep_until(settles_at.unwrap_or(heard + IDLE)), if settles_at.is_some() => publisher.settle(),
                () = sleep_until(heard + IDLE) => return Err(End::Idle),
            }
        }
    }

    async fn play(self, mut wire: Wire, address: Address, stream: u32) -> Result<(), End> {
        let reader = Reader {
            kind: "rtmpConn",
            id: self.id,
        };
        let Some(reading) = self.hub.read(&address.path, reader, false) else {
            let end = End::NoStream(address.path);
            wire.session.refuse_play(stream, &end.to_string())?;
            wire.flush().await?;
            return Err(end);
        };
        info!(id = %self.id, path = address.path, peer = %self.peer, "reading");
        wire.listed.is(State::Read, &address, wire.session.user_agent());
        wire.session.accept_play(stream, &address.path)?;
        wire.flush().await?;
        loop {
            tokio::select! {
                messages = reading.queue.take() => {
                    let Some(messages) = messages else { break };
                    for message in &messages {
                        wire.session.media(message, stream)?;
                    }
                    wire.deliver(&reading).await?;
                }
                received = wire.receive() => {
                    let Some(requests) = received? else { return Ok(()) };
                    if requests.contains(&Request::Finish) {
                        drop(reading);
                        return wire.linger().await;
                    }
                    wire.flush().await?;
                }
            }
        }
        wire.session.finish_play(stream, &address.path)?;
        if let Ok(sent) = timeout(FAREWELL, wire.flush()).await {
            sent?;
        }
        Ok(())
    }
}

/// Returns whether the publisher says that it is done.
fn push(publisher: &Publisher, requests: Vec<Request>) -> bool {
    for request in requests {
        match request {
            Request::Media(message) => publisher.push(&message),
            Request::Finish => return true,
            Request::Publish { .. } | Request::Play { .. } => debug!("second stream on one connection ignored"),
        }
    }
    false
}

impl Wire {
    /// Waits for bytes; `None` at the end of the connection. Safe to drop while it waits.
    async fn receive(&mut self) -> Result<Option<Vec<Request>>, End> {
        match self.read.read(&mut self.buffer).await? {
            0 => Ok(None),
            length => {
                self.listed.received(length);
                Ok(Some(self.session.input(&self.buffer[..length])?))
            }
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        let output = self.session.take_output();
        self.send(&output).await
    }

    /// Gives up when nothing at all is taken for a while; slow is not stalled.
    async fn send(&mut self, mut output: &[u8]) -> Result<(), End> {
        while !output.is_empty() {
            let sent = timeout(STALLED, self.write.write(output))
                .await
                .map_err(|_| End::Stalled)??;
            self.listed.sent(sent);
            output = &output[sent..];
        }
        Ok(())
    }

    /// Waits for the peer to close.
    async fn linger(mut self) -> Result<(), End> {
        let end = async {
            while self.receive().await?.is_some() {}
            Ok(())
        };
        timeout(LINGER, end).await.unwrap_or(Ok(()))
    }

    /// Sends media, as long as the stream lives.
    async fn deliver(&mut self, reading: &Reading) -> Result<(), End> {
        let output = self.session.take_output();
        reading.sent(output.len());
        let cut_off = async {
            reading.ended().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            sent = self.send(&output) => sent,
            () = cut_off => Err(End::Stalled),
        }
    }
}

/// Returns what the peer sent after it.
async fn handshake(socket: &mut TcpStream) -> Result<Vec<u8>, End> {
    let mut handshake = Handshake::new(PeerType::Server);
    let mut buffer = [0; 4096];
    loop {
        let length = socket.read(&mut buffer).await?;
        if length == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        match handshake.process_bytes(&buffer[..length])? {
            HandshakeProcessResult::InProgress { response_bytes } => socket.write_all(&response_bytes).await?,
            HandshakeProcessResult::Completed {
                response_bytes,
                remaining_bytes,
            } => {
                socket.write_all(&response_bytes).await?;
                return Ok(remaining_bytes);
            }
        }
    }
}
