//! One WebSocket to one speech host: a task that writes, a task that reads, and a channel each way.

use std::time::Duration;

use dragoman_protocol::{ClientMessage, Refusal, Start, Version, limits, negotiate};
use futures_util::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::task::AbortOnDropHandle;

/// A host that has not answered the upgrade by then is left for the next.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the answer to a host's goodbye may take to leave.
const GOODBYE: Duration = Duration::from_millis(100);
/// Messages to the host; the actor looks for room before it sends, so that nothing of its own piles up here.
const OUTGOING: usize = 4;
/// Messages from the host that wait for the actor; a full queue stops the reading, which the host sees as a window.
const INCOMING: usize = 64;

/// Why a host does not serve us.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The configuration is at fault.
    #[error("not a ws:// or wss:// address")]
    Address,
    /// The network, TLS, or no speech service there.
    #[error("{0}")]
    Transport(String),
    /// It took too long.
    #[error("the host did not answer in time")]
    Timeout,
    /// The host said no before the upgrade.
    #[error("refused with status {status}: {reason}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The host's words.
        reason: String,
    },
    /// The host speaks another version.
    #[error("the host does not speak {}", negotiate::offer())]
    Version,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What comes from a connection.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A control message, as text.
    Text(String),
    /// An audio frame.
    Binary(bytes::Bytes),
    /// Any other sign of life.
    Alive,
    /// The end, with the host's reason where it gave one.
    Closed(String),
}

/// A message and the number of the connection that it came by.
pub(crate) type Numbered = (u64, Incoming);

/// A connection that has sent `start`. Dropping it closes the socket.
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) host: String,
    pub(crate) outgoing: mpsc::Sender<Message>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// The address to show: no credentials, no path.
pub(crate) fn host_of(url: &str) -> String {
    let Ok(url) = url::Url::parse(url) else {
        return "invalid address".to_owned();
    };
    let host = url.host_str().unwrap_or("unknown");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl Connection {
    /// Connects to `url`, sends `start`, and passes on what comes to `incoming` with the number `id`.
    pub(crate) async fn open(
        id: u64,
        url: String,
        key: Option<String>,
        start: Start,
        incoming: mpsc::Sender<Numbered>,
    ) -> Result<Self, Error> {
        let socket = timeout(CONNECT, upgrade(&url, key.as_deref()))
            .await
            .map_err(|_| Error::Timeout)??;
        let (mut sink, mut stream) = socket.split();
        let (outgoing, mut messages) = mpsc::channel::<Message>(OUTGOING);
        let first = Message::text(ClientMessage::Start(start).to_json());
        let writer = tokio::spawn(async move {
            if sink.send(first).await.is_err() {
                return;
            }
            while let Some(message) = messages.recv().await {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
            let _ = sink.close().await;
        });
        let reader = tokio::spawn(async move {
            loop {
                let item = stream.next().await;
                if matches!(item, Some(Ok(Message::Close(_)))) {
                    // The answer leaves with the next look; a host that gets none waits for it before it ends.
                    let _ = timeout(GOODBYE, stream.next()).await;
                }
                let item = incoming_of(item);
                let is_last = matches!(item, Incoming::Closed(_));
                if incoming.send((id, item)).await.is_err() || is_last {
                    return;
                }
            }
        });
        let tasks = [AbortOnDropHandle::new(writer), AbortOnDropHandle::new(reader)];
        Ok(Self {
            id,
            host: host_of(&url),
            outgoing,
            _tasks: tasks,
        })
    }

    /// Sends a control message if there is room, and says whether there was; what is not repeated can be done without.
    pub(crate) fn say(&self, message: &ClientMessage) -> bool {
        self.outgoing.try_send(Message::text(message.to_json())).is_ok()
    }
}

/// A queue to messages from connections; small, since the pacer's own queue follows.
pub(crate) fn queue() -> (mpsc::Sender<Numbered>, mpsc::Receiver<Numbered>) {
    mpsc::channel(INCOMING)
}

async fn upgrade(url: &str, key: Option<&str>) -> Result<Socket, Error> {
    let mut url = url::Url::parse(url).map_err(|_| Error::Address)?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(Error::Address);
    }
    url.set_path("/v1/dub");
    let mut request = url.as_str().into_client_request().map_err(|_| Error::Address)?;
    let headers = request.headers_mut();
    let offer = HeaderValue::from_str(&negotiate::offer()).map_err(|_| Error::Version)?;
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offer);
    if let Some(key) = key {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| Error::Address)?;
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
    // A single frame has a limit of its own, which is 16 MiB unless it is set.
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::MAX_MESSAGE_BYTES))
        .max_frame_size(Some(limits::MAX_MESSAGE_BYTES));
    let (socket, response) = connect_async_with_config(request, Some(config), true)
        .await
        .map_err(refusal)?;
    let chosen = response
        .headers()
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|v| v.to_str().ok());
    match chosen.and_then(Version::parse) {
        Some(_) => Ok(socket),
        None => Err(Error::Version),
    }
}

fn refusal(error: tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let status = response.status();
            let reason = match Refusal::parse(body) {
                Refusal::UnsupportedVersion { message, .. }
                | Refusal::Unauthorized { message }
                | Refusal::Busy { message, .. } => message,
                Refusal::Unknown => status.canonical_reason().unwrap_or_default().to_owned(),
            };
            Error::Refused {
                status: status.as_u16(),
                reason,
            }
        }
        other => Error::Transport(other.to_string()),
    }
}

fn incoming_of(item: Option<Result<Message, tungstenite::Error>>) -> Incoming {
    match item {
        Some(Ok(Message::Text(text))) => Incoming::Text(text.as_str().to_owned()),
        Some(Ok(Message::Binary(bytes))) => Incoming::Binary(bytes),
        Some(Ok(Message::Close(Some(frame)))) => Incoming::Closed(format!("{} {}", frame.code, frame.reason)),
        Some(Ok(Message::Close(None))) | None => Incoming::Closed("the host closed the connection".to_owned()),
        Some(Ok(_)) => Incoming::Alive,
        Some(Err(error)) => Incoming::Closed(error.to_string()),
    }
}
