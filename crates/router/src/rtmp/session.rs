//! The server's half of one RTMP connection after the handshake: bytes in, bytes and requests out, no I/O.
//!
//! It stands on `rml_rtmp`'s messages rather than on its `ServerSession`, which hides the publisher's metadata, and which
//! would unfold AMF values of any depth; chunks are read by [`super::chunks`].

use bytes::Bytes;
use rml_rtmp::chunk_io::ChunkSerializer;
use rml_rtmp::messages::{MessagePayload, PeerBandwidthLimitType, RtmpMessage, UserControlEventType};
use rml_rtmp::rml_amf0::{self, Amf0Value};
use rml_rtmp::time::RtmpTimestamp;

use super::chunks::{Broken, Chunks};
use crate::flv::{Kind, Message};
use crate::path::{self, Address};

/// Commands are a few hundred bytes.
const MAX_AMF: usize = 8 << 10;
/// AMF nests, and unfolding it takes stack: a command is no deeper than it has bytes that may open an object or an array.
/// A long one has thirty.
const MAX_OPENING: usize = 200;
/// One header for almost every message.
const CHUNK_SIZE: u32 = 64 << 10;
const WINDOW: u32 = 2_500_000;

/// Why the connection cannot go on. It is the peer's fault in every case.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("chunk stream broken: {0}")]
    Chunks(#[from] Broken),
    #[error("message broken: {0}")]
    Message(#[from] rml_rtmp::messages::MessageDeserializationError),
    #[error("answer cannot be written: {0}")]
    Answer(#[from] rml_rtmp::chunk_io::ChunkSerializationError),
    #[error("answer cannot be written: {0}")]
    AnswerMessage(#[from] rml_rtmp::messages::MessageSerializationError),
    #[error("command of {0} bytes")]
    CommandTooLong(usize),
    #[error("command too deep")]
    CommandTooDeep,
    #[error("command broken: {0}")]
    Command(#[from] rml_amf0::Amf0DeserializationError),
    #[error("command without a name")]
    NoCommand,
    #[error("connect without app")]
    NoApp,
    #[error("{0}")]
    Path(#[from] path::Invalid),
}

/// What the peer wants, beyond what the session answers itself.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    Publish {
        address: Address,
        stream: u32,
    },
    Play {
        address: Address,
        stream: u32,
    },
    Media(Message),
    /// It is done with what it published or played.
    Finish,
}

pub(super) struct Session {
    chunks: Chunks,
    serializer: ChunkSerializer,
    app: String,
    user_agent: String,
    next_stream: u32,
    output: Vec<u8>,
    received: u32,
    acknowledged: u32,
    peer_window: u32,
}

impl Session {
    pub(super) fn new() -> Session {
        Session {
            chunks: Chunks::new(),
            serializer: ChunkSerializer::new(),
            app: String::new(),
            user_agent: String::new(),
            next_stream: 1,
            output: Vec::new(),
            received: 0,
            acknowledged: 0,
            peer_window: 0,
        }
    }

    /// Takes bytes from the peer. What is to be sent to it waits in [`Session::take_output`].
    pub(super) fn input(&mut self, bytes: &[u8]) -> Result<Vec<Request>, Fault> {
        self.received = self.received.wrapping_add(bytes.len() as u32);
        let mut requests = Vec::new();
        self.chunks.push(bytes);
        while let Some(payload) = self.chunks.next()? {
            requests.extend(self.message(payload)?);
        }
        if self.peer_window > 0 && self.received.wrapping_sub(self.acknowledged) >= self.peer_window {
            self.acknowledged = self.received;
            self.send(
                RtmpMessage::Acknowledgement {
                    sequence_number: self.received,
                },
                0,
            )?;
        }
        Ok(requests)
    }

    /// What the peer says it is; empty before it has connected.
    pub(super) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// What is to be sent to the peer.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub(super) fn accept_publish(&mut self, stream: u32, path: &str) -> Result<(), Fault> {
        self.status(
            stream,
            "status",
            "NetStream.Publish.Start",
            &format!("publishing {path}"),
        )
    }

    pub(super) fn accept_play(&mut self, stream: u32, path: &str) -> Result<(), Fault> {
        self.control(UserControlEventType::StreamBegin, stream)?;
        self.status(stream, "status", "NetStream.Play.Reset", &format!("resetting {path}"))?;
        self.status(stream, "status", "NetStream.Play.Start", &format!("playing {path}"))
    }

    pub(super) fn refuse_play(&mut self, stream: u32, why: &str) -> Result<(), Fault> {
        self.status(stream, "error", "NetStream.Play.StreamNotFound", why)
    }

    /// Says that the publisher is gone.
    pub(super) fn finish_play(&mut self, stream: u32, path: &str) -> Result<(), Fault> {
        self.status(
            stream,
            "status",
            "NetStream.Play.UnpublishNotify",
            &format!("{path} is no longer published"),
        )?;
        self.control(UserControlEventType::StreamEof, stream)?;
        self.status(stream, "status", "NetStream.Play.Stop", &format!("stopped {path}"))
    }

    pub(super) fn media(&mut self, message: &Message, stream: u32) -> Result<(), Fault> {
        let payload = MessagePayload {
            timestamp: RtmpTimestamp::new(message.stamp),
            type_id: message.kind.number(),
            message_stream_id: stream,
            data: message.body.clone(),
        };
        // Declared droppable so that each message carries its absolute stamp: a difference cannot step back.
        let packet = self.serializer.serialize(&payload, false, true)?;
        self.output.extend(packet.bytes);
        Ok(())
    }

    fn message(&mut self, payload: MessagePayload) -> Result<Option<Request>, Fault> {
        let kind = match payload.type_id {
            8 => Kind::Audio,
            9 => Kind::Video,
            18 => Kind::Data,
            _ => return self.control_or_command(&payload),
        };
        let stamp = payload.timestamp.value;
        let body = match kind {
            Kind::Data => metadata(payload.data),
            Kind::Audio | Kind::Video => payload.data,
        };
        Ok((!body.is_empty()).then_some(Request::Media(Message { kind, stamp, body })))
    }

    fn control_or_command(&mut self, payload: &MessagePayload) -> Result<Option<Request>, Fault> {
        match payload.type_id {
            1..=6 => self.control_message(payload).map(|()| None),
            17 | 20 => self.command(Call::read(payload)?, payload.message_stream_id),
            // What else there is may nest as deep as it is long, and nobody here asks for it.
            _ => Ok(None),
        }
    }

    fn control_message(&mut self, payload: &MessagePayload) -> Result<(), Fault> {
        match payload.to_rtmp_message()? {
            RtmpMessage::SetChunkSize { size } => self.chunks.set_size(size)?,
            RtmpMessage::Abort { stream_id } => self.chunks.abort(stream_id),
            RtmpMessage::WindowAcknowledgement { size } => self.peer_window = size,
            RtmpMessage::UserControl {
                event_type: UserControlEventType::PingRequest,
                timestamp,
                ..
            } => {
                let event_type = UserControlEventType::PingResponse;
                self.send(
                    RtmpMessage::UserControl {
                        event_type,
                        timestamp,
                        stream_id: None,
                        buffer_length: None,
                    },
                    0,
                )?;
            }
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, call: Call, stream: u32) -> Result<Option<Request>, Fault> {
        match call.command.as_str() {
            "connect" => self.connect(call)?,
            "createStream" => {
                let stream = f64::from(self.next_stream);
                self.next_stream = self.next_stream.wrapping_add(1);
                self.result(call.transaction_id, Amf0Value::Null, Amf0Value::Number(stream))?;
            }
            "publish" => {
                let address = path::join(&self.app, call.name())?;
                return Ok(Some(Request::Publish { address, stream }));
            }
            "play" => {
                let address = path::join(&self.app, call.name())?;
                return Ok(Some(Request::Play { address, stream }));
            }
            "closeStream" | "deleteStream" => return Ok(Some(Request::Finish)),
            _ => {}
        }
        Ok(None)
    }

    fn connect(&mut self, call: Call) -> Result<(), Fault> {
        let Amf0Value::Object(mut properties) = call.object else {
            return Err(Fault::NoApp);
        };
        let Some(Amf0Value::Utf8String(app)) = properties.remove("app") else {
            return Err(Fault::NoApp);
        };
        self.app = app;
        if let Some(Amf0Value::Utf8String(user_agent)) = properties.remove("flashVer") {
            self.user_agent = user_agent;
        }
        self.send(RtmpMessage::WindowAcknowledgement { size: WINDOW }, 0)?;
        self.send(
            RtmpMessage::SetPeerBandwidth {
                size: WINDOW,
                limit_type: PeerBandwidthLimitType::Dynamic,
            },
            0,
        )?;
        let packet = self.serializer.set_max_chunk_size(CHUNK_SIZE, RtmpTimestamp::new(0))?;
        self.output.extend(packet.bytes);
        let encoding = properties.remove("objectEncoding").unwrap_or(Amf0Value::Number(0.0));
        let properties = object([
            ("fmsVer", text("LNX 9,0,124,2")),
            ("capabilities", Amf0Value::Number(31.0)),
        ]);
        let information = object([
            ("level", text("status")),
            ("code", text("NetConnection.Connect.Success")),
            ("description", text("connected")),
            ("objectEncoding", encoding),
        ]);
        self.result(call.transaction_id, properties, information)
    }

    fn result(&mut self, transaction_id: f64, object: Amf0Value, value: Amf0Value) -> Result<(), Fault> {
        self.send(
            RtmpMessage::Amf0Command {
                command_name: "_result".into(),
                transaction_id,
                command_object: object,
                additional_arguments: vec![value],
            },
            0,
        )
    }

    fn status(&mut self, stream: u32, level: &str, code: &str, description: &str) -> Result<(), Fault> {
        let status = object([
            ("level", text(level)),
            ("code", text(code)),
            ("description", text(description)),
        ]);
        self.send(
            RtmpMessage::Amf0Command {
                command_name: "onStatus".into(),
                transaction_id: 0.0,
                command_object: Amf0Value::Null,
                additional_arguments: vec![status],
            },
            stream,
        )
    }

    fn control(&mut self, event_type: UserControlEventType, stream: u32) -> Result<(), Fault> {
        self.send(
            RtmpMessage::UserControl {
                event_type,
                stream_id: Some(stream),
                buffer_length: None,
                timestamp: None,
            },
            0,
        )
    }

    fn send(&mut self, message: RtmpMessage, stream: u32) -> Result<(), Fault> {
        let payload = message.into_message_payload(RtmpTimestamp::new(0), stream)?;
        let packet = self.serializer.serialize(&payload, false, true)?;
        self.output.extend(packet.bytes);
        Ok(())
    }
}

struct Call {
    command: String,
    transaction_id: f64,
    object: Amf0Value,
    arguments: Vec<Amf0Value>,
}

impl Call {
    /// Values that are left out are nothing: `rml_rtmp`'s own reading of a command panics without all three.
    fn read(payload: &MessagePayload) -> Result<Call, Fault> {
        if payload.data.len() > MAX_AMF {
            return Err(Fault::CommandTooLong(payload.data.len()));
        }
        let data = match payload.type_id {
            17 => payload.data.strip_prefix(&[0]).unwrap_or(&payload.data),
            _ => &payload.data,
        };
        if data.iter().filter(|byte| matches!(byte, 3 | 8 | 10)).count() > MAX_OPENING {
            return Err(Fault::CommandTooDeep);
        }
        let mut values = rml_amf0::deserialize(&mut &*data)?.into_iter();
        let Some(Amf0Value::Utf8String(command)) = values.next() else {
            return Err(Fault::NoCommand);
        };
        let transaction_id = match values.next() {
            Some(Amf0Value::Number(id)) => id,
            _ => 0.0,
        };
        Ok(Call {
            command,
            transaction_id,
            object: values.next().unwrap_or(Amf0Value::Null),
            arguments: values.collect(),
        })
    }

    fn name(&self) -> &str {
        match self.arguments.first() {
            Some(Amf0Value::Utf8String(name)) => name,
            _ => "",
        }
    }
}

/// What readers are sent of a publisher's data message: the same without its addressee.
fn metadata(data: Bytes) -> Bytes {
    const SET_DATA_FRAME: &[u8] = b"\x02\x00\x0d@setDataFrame";
    match data.strip_prefix(SET_DATA_FRAME) {
        Some(rest) => data.slice_ref(rest),
        None => data,
    }
}

fn text(value: &str) -> Amf0Value {
    Amf0Value::Utf8String(value.into())
}

fn object<const N: usize>(properties: [(&str, Amf0Value); N]) -> Amf0Value {
    Amf0Value::Object(
        properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
#[path = "session_test.rs"]
mod tests;
