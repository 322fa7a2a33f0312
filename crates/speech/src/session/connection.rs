//! A socket: its first message, then frames both ways through bounded channels.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use dragoman_protocol::{
    AudioFrame, ClientMessage, CloseCode, Parsed, ServerError, ServerMessage, Start, code, limits,
};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use tracing::Instrument;

use super::actor::Actor;
use super::registry::Attach;
use crate::engine::Unsupported;
use crate::listen::Listener;
use crate::server::{DRAIN, GRACE, Service};

/// Frames that were read and not taken yet (0.6 s at 20 ms). When full the socket is not read, and TCP slows the client down.
const INCOMING: usize = 32;
/// Frames that are not written yet. When full the session keeps what it has to say.
const OUTGOING: usize = 32;
/// How long one frame may take to be written before the client counts as stalled.
const STALLED: Duration = Duration::from_secs(10);
/// How long a closed socket is read on, so that the client gets to see why: unread bytes would reset the connection.
const LINGER: Duration = Duration::from_secs(2);
// The last session of a drain says goodbye too.
const _: () = assert!(DRAIN.as_secs() + LINGER.as_secs() < GRACE.as_secs());

/// The session's end of a socket.
pub(super) struct Link {
    pub(super) incoming: mpsc::Receiver<Incoming>,
    pub(super) outgoing: mpsc::Sender<Outgoing>,
}

/// What came from a client.
pub(super) enum Incoming {
    Audio(AudioFrame),
    Message(Parsed<ClientMessage>),
    /// A ping or a pong.
    Alive,
    Malformed(String),
}

/// What goes to a client.
pub(super) enum Outgoing {
    Text(String),
    Binary(Bytes),
    Ping,
    Close(CloseCode, String),
}

/// Why a connection does not become a session.
struct Refused {
    close: CloseCode,
    code: &'static str,
    message: String,
}

/// Serves an upgraded socket until it is closed. `permit`: room for a new session, if there was any.
pub(crate) async fn serve(socket: WebSocket, service: Arc<Service>, permit: Option<OwnedSemaphorePermit>) {
    let (mut writer, mut reader) = socket.split();
    let (start, ignored) = match first_message(&mut reader).await {
        Ok(Some(found)) => found,
        Ok(None) => return,
        Err(refused) => return refuse(writer, reader, &service, refused).await,
    };
    service.metrics.ignored.inc_by(u64::from(ignored));
    let span = tracing::info_span!("session", stream = start.stream, session = start.session);
    let (to_session, incoming) = mpsc::channel(INCOMING);
    let (outgoing, from_session) = mpsc::channel(OUTGOING);
    let link = Link { incoming, outgoing };
    if let Err(refused) = join(start, link, &service, permit, &span).await {
        return refuse(writer, reader, &service, refused).await;
    }
    pump(&mut reader, &mut writer, to_session, from_session)
        .instrument(span)
        .await;
}

/// The first message and how much of it was ignored; `None` if the client left.
async fn first_message(reader: &mut SplitStream<WebSocket>) -> Result<Option<(Start, u32)>, Refused> {
    let malformed = |message: String| Refused {
        close: CloseCode::Malformed,
        code: code::MALFORMED,
        message,
    };
    let first = timeout(limits::START_WITHIN, async {
        loop {
            match reader.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    });
    match first.await {
        Err(_) => Err(malformed("start did not come".into())),
        Ok(None | Some(Ok(Message::Close(_)))) => Ok(None),
        Ok(Some(Err(error))) => Err(malformed(error.to_string())),
        Ok(Some(Ok(Message::Text(text)))) => match ClientMessage::parse(&text) {
            Ok(Parsed {
                message: ClientMessage::Start(start),
                ignored,
            }) => {
                start.check().map_err(|error| malformed(error.to_string()))?;
                Ok(Some((start, ignored)))
            }
            Ok(_) => Err(malformed("the first message is not start".into())),
            Err(error) => Err(malformed(error.to_string())),
        },
        Ok(Some(Ok(_))) => Err(malformed("the first message is not start".into())),
    }
}

/// Gives the link to the session that `start` names, or to a new one.
async fn join(
    start: Start,
    link: Link,
    service: &Arc<Service>,
    permit: Option<OwnedSemaphorePermit>,
    span: &tracing::Span,
) -> Result<(), Refused> {
    let unsupported = |code, message| Refused {
        close: CloseCode::Unsupported,
        code,
        message,
    };
    if let Some(feature) = start.features.first() {
        return Err(unsupported(
            code::UNSUPPORTED_FEATURE,
            format!("this server does not know {feature:?}"),
        ));
    }
    for target in &start.targets {
        let supported = service
            .engine
            .supports(&start.source, &target.lang, target.voice.as_deref());
        supported.map_err(|error: Unsupported| unsupported(error.code(), error.to_string()))?;
    }
    // Before the session, so that it begins with one. In range but odd, such as 44101: nothing that a source has.
    let listener = Listener::new(start.rate, start.from_ns, service.engine.cuts()).map_err(|error| Refused {
        close: CloseCode::Malformed,
        code: code::MALFORMED,
        message: error.to_string(),
    })?;
    let Some(link) = resume(&start, link, service).await else {
        return Ok(());
    };
    let permit = match permit {
        Some(permit) => permit,
        None => service.room().map_err(|message| Refused {
            close: CloseCode::Busy,
            code: code::BUSY,
            message,
        })?,
    };
    span.in_scope(|| tracing::info!(source = start.source, targets = start.targets.len(), "session begins"));
    let actor = Actor::new(Arc::clone(service), start, listener, link, permit);
    service.lifecycle.spawn(actor.run().instrument(span.clone()));
    Ok(())
}

/// `None` if a session took the link.
async fn resume(start: &Start, link: Link, service: &Service) -> Option<Link> {
    let Some(session) = start.resume.as_ref().and_then(|token| service.registry.find(token)) else {
        return Some(link);
    };
    let (answer, taken) = oneshot::channel();
    match session
        .send(Attach {
            start: start.clone(),
            link,
            answer,
        })
        .await
    {
        // A session that ends meanwhile drops the link; the client sees a closed socket and comes again.
        Ok(()) => taken.await.unwrap_or(None),
        Err(gone) => Some(gone.0.link),
    }
}

async fn refuse(
    mut writer: SplitSink<WebSocket, Message>,
    mut reader: SplitStream<WebSocket>,
    service: &Service,
    refused: Refused,
) {
    let Refused { close, code, message } = refused;
    tracing::info!(code, message, "connection refused");
    service.metrics.refused(code);
    let error = ServerError {
        code: code.to_owned(),
        message: message.clone(),
        retryable: close.is_retryable(),
        utterance: None,
    };
    let text = Message::Text(ServerMessage::Error(error).to_json().into());
    let told = timeout(STALLED, async {
        writer.send(text).await?;
        writer.send(close_message(close, &message)).await
    });
    if matches!(told.await, Ok(Ok(()))) {
        linger(&mut reader).await;
    }
}

async fn pump(
    reader: &mut SplitStream<WebSocket>,
    writer: &mut SplitSink<WebSocket, Message>,
    to_session: mpsc::Sender<Incoming>,
    mut from_session: mpsc::Receiver<Outgoing>,
) {
    let writing = async {
        while let Some(outgoing) = from_session.recv().await {
            let last = matches!(outgoing, Outgoing::Close(..));
            match timeout(STALLED, writer.send(outgoing.into())).await {
                Ok(Ok(())) if last => return true,
                Ok(Ok(())) => {}
                Ok(Err(_)) => return false,
                Err(_) => {
                    tracing::warn!("client does not read");
                    return false;
                }
            }
        }
        // The session went on with another socket.
        timeout(STALLED, writer.send(close_message(CloseCode::Stalled, "replaced")))
            .await
            .is_ok()
    };
    let reading = async {
        while let Some(incoming) = next_incoming(reader).await {
            let malformed = matches!(incoming, Incoming::Malformed(_));
            if to_session.send(incoming).await.is_err() || malformed {
                // The session closes: the writer knows why and when.
                std::future::pending::<()>().await;
            }
        }
    };
    let closed = tokio::select! {
        () = reading => false,
        closed = writing => closed,
    };
    drop(to_session);
    if closed {
        linger(reader).await;
    }
}

/// What came next; `None` when the socket is closed.
async fn next_incoming(reader: &mut SplitStream<WebSocket>) -> Option<Incoming> {
    let malformed = |error: &dyn std::fmt::Display| Incoming::Malformed(error.to_string());
    Some(match reader.next().await? {
        Ok(Message::Binary(bytes)) => match AudioFrame::decode(bytes) {
            Ok(frame) => Incoming::Audio(frame),
            Err(error) => malformed(&error),
        },
        Ok(Message::Text(text)) => match ClientMessage::parse(&text) {
            Ok(parsed) => Incoming::Message(parsed),
            Err(error) => malformed(&error),
        },
        Ok(Message::Ping(_) | Message::Pong(_)) => Incoming::Alive,
        Ok(Message::Close(_)) => return None,
        Err(error) => {
            let text = error.to_string();
            // Too long, not UTF-8, or no WebSocket frame: the client's fault. Anything else is the network's.
            let fault = ["Space limit", "UTF-8", "WebSocket protocol"]
                .iter()
                .any(|start| text.contains(start));
            if !fault || text.contains("without closing handshake") {
                return None;
            }
            Incoming::Malformed(text)
        }
    })
}

async fn linger(reader: &mut SplitStream<WebSocket>) {
    let closing = async {
        while let Some(Ok(message)) = reader.next().await {
            if matches!(message, Message::Close(_)) {
                return;
            }
        }
        // Nothing can be read any more, yet dropping the socket now would take back what was written.
        std::future::pending::<()>().await;
    };
    // Whether the client answered in time makes no difference: the socket is dropped next.
    drop(timeout(LINGER, closing).await);
}

fn close_message(code: CloseCode, reason: &str) -> Message {
    // A control frame holds 123 bytes of reason.
    let end = (0..=reason.len().min(120))
        .rev()
        .find(|at| reason.is_char_boundary(*at))
        .unwrap_or(0);
    Message::Close(Some(CloseFrame {
        code: code.code(),
        reason: reason[..end].into(),
    }))
}

impl From<Outgoing> for Message {
    fn from(outgoing: Outgoing) -> Self {
        match outgoing {
            Outgoing::Text(text) => Self::Text(text.into()),
            Outgoing::Binary(bytes) => Self::Binary(bytes),
            Outgoing::Ping => Self::Ping(Bytes::new()),
            Outgoing::Close(code, reason) => close_message(code, &reason),
        }
    }
}
