//! The chunk layer of RTMP, the receiving half: bytes in, whole messages out, no I/O.
//!
//! `rml_rtmp` reads into one buffer for all chunk streams, so that sound between the chunks of a picture, which the
//! protocol allows and MediaMTX takes, spoils both, and some sequences of bytes make it panic. Here each chunk stream has
//! its own message, and every sequence of bytes gives messages, waits for more, or is [`Broken`].

use std::collections::HashMap;

use bytes::{Buf, Bytes, BytesMut};
use rml_rtmp::messages::MessagePayload;
use rml_rtmp::time::RtmpTimestamp;

/// Enough for a keyframe of 4K at high rates; also the bound on all unfinished messages of a connection.
pub(super) const MAX_MESSAGE: usize = 8 << 20;
/// Encoders use four or five.
const MAX_STREAMS: usize = 64;
const INITIAL_CHUNK_SIZE: usize = 128;
/// Stands for a stamp that follows the header in four bytes.
const EXTENDED: u32 = 0x00ff_ffff;

/// Why nothing that follows can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("message of more than {MAX_MESSAGE} bytes")]
    TooLong,
    #[error("more than {MAX_STREAMS} chunk streams")]
    TooManyStreams,
    #[error("chunk refers to a message that never began")]
    NoPrevious,
    #[error("message begins within another one")]
    Unfinished,
    #[error("chunk size of {0}")]
    Size(u32),
}

/// Reads one connection's chunks.
pub(super) struct Chunks {
    size: usize,
    buffer: BytesMut,
    streams: HashMap<u32, Stream>,
    /// Bytes of unfinished messages.
    held: usize,
}

/// What the next header on a chunk stream may leave out, and what has come of the message.
struct Stream {
    stamp: u32,
    /// What the stamp rises by where a header has none.
    delta: u32,
    is_extended: bool,
    length: usize,
    kind: u8,
    message_stream: u32,
    body: BytesMut,
}

/// A chunk's basic header.
struct Basic {
    format: u8,
    stream: u32,
    bytes: usize,
}

impl Chunks {
    pub(super) fn new() -> Chunks {
        Chunks {
            size: INITIAL_CHUNK_SIZE,
            buffer: BytesMut::new(),
            streams: HashMap::new(),
            held: 0,
        }
    }

    /// Takes bytes; [`Chunks::next`] is to be called until it has nothing more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// From the next chunk on, in the middle of a message too.
    pub(super) fn set_size(&mut self, size: u32) -> Result<(), Broken> {
        if size == 0 || size as usize > MAX_MESSAGE {
            return Err(Broken::Size(size));
        }
        self.size = size as usize;
        Ok(())
    }

    /// The rest of the message on this chunk stream does not come.
    pub(super) fn abort(&mut self, stream: u32) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            self.held -= stream.body.len();
            stream.body.clear();
        }
    }

    /// The next whole message; `None` until more bytes come.
    pub(super) fn next(&mut self) -> Result<Option<MessagePayload>, Broken> {
        loop {
            match self.chunk()? {
                Step::Message(message) => return Ok(Some(message)),
                Step::Chunk => {}
                Step::Short => return Ok(None),
            }
        }
    }

    /// Takes one chunk once all of it is there.
    fn chunk(&mut self) -> Result<Step, Broken> {
        let Some(basic) = Basic::read(&self.buffer) else {
            return Ok(Step::Short);
        };
        if !self.streams.contains_key(&basic.stream) {
            if basic.format != 0 {
                return Err(Broken::NoPrevious);
            }
            if self.streams.len() == MAX_STREAMS {
                return Err(Broken::TooManyStreams);
            }
        }
        let known = self.streams.get(&basic.stream);
        let is_first = known.is_none_or(|stream| stream.body.is_empty());
        if !is_first && basic.format != 3 {
            return Err(Broken::Unfinished);
        }
        let header_bytes = [11, 7, 3, 0][usize::from(basic.format)];
        let mut header = self.buffer.get(basic.bytes..).unwrap_or_default();
        if header.len() < header_bytes {
            return Ok(Step::Short);
        }
        let mut all = basic.bytes + header_bytes;
        let field = if basic.format < 3 { header.get_uint(3) as u32 } else { 0 };
        let (length, kind) = match known {
            Some(known) if basic.format > 1 => (known.length, known.kind),
            _ => (header.get_uint(3) as usize, header.get_u8()),
        };
        let message_stream = match known {
            Some(known) if basic.format > 0 => known.message_stream,
            _ => header.get_u32_le(),
        };
        let is_extended = match known {
            Some(known) if basic.format == 3 => known.is_extended,
            _ => field == EXTENDED,
        };
        let mut step = field;
        if is_extended {
            if header.len() < 4 {
                return Ok(Step::Short);
            }
            step = header.get_u32();
            all += 4;
        }
        if basic.format == 3 {
            step = known.map_or(0, |known| known.delta);
        }
        let before = known.map_or(0, |known| known.body.len());
        let here = self.size.min(length.saturating_sub(before));
        if length > MAX_MESSAGE || self.held + here > MAX_MESSAGE {
            return Err(Broken::TooLong);
        }
        if header.len() < here {
            return Ok(Step::Short);
        }
        let stamp = match known.map(|known| known.stamp) {
            Some(stamp) if !is_first => stamp,
            Some(stamp) if basic.format > 0 => stamp.wrapping_add(step),
            _ => step,
        };
        self.buffer.advance(all);
        let part = self.buffer.split_to(here);
        let stream = self.streams.entry(basic.stream).or_insert_with(Stream::new);
        (stream.stamp, stream.delta, stream.is_extended) = (stamp, step, is_extended);
        (stream.length, stream.kind, stream.message_stream) = (length, kind, message_stream);
        if before + here < length {
            stream.body.extend_from_slice(&part);
            self.held += here;
            return Ok(Step::Chunk);
        }
        self.held -= before;
        Ok(Step::Message(stream.message(part)))
    }
}

enum Step {
    Message(MessagePayload),
    Chunk,
    Short,
}

impl Stream {
    fn new() -> Stream {
        Stream {
            stamp: 0,
            delta: 0,
            is_extended: false,
            length: 0,
            kind: 0,
            message_stream: 0,
            body: BytesMut::new(),
        }
    }

    /// The message that `last` completes.
    fn message(&mut self, last: BytesMut) -> MessagePayload {
        let data = if self.body.is_empty() {
            Bytes::copy_from_slice(&last)
        } else {
            self.body.extend_from_slice(&last);
            std::mem::take(&mut self.body).freeze()
        };
        MessagePayload {
            timestamp: RtmpTimestamp::new(self.stamp),
            type_id: self.kind,
            message_stream_id: self.message_stream,
            data,
        }
    }
}

impl Basic {
    fn read(bytes: &[u8]) -> Option<Basic> {
        let format = bytes.first()? >> 6;
        let (stream, bytes) = match bytes.first()? & 0x3f {
            0 => (64 + u32::from(*bytes.get(1)?), 2),
            1 => (64 + u32::from(*bytes.get(1)?) + (u32::from(*bytes.get(2)?) << 8), 3),
            small => (u32::from(small), 1),
        };
        Some(Basic { format, stream, bytes })
    }
}

#[cfg(test)]
#[path = "chunks_test.rs"]
mod tests;
