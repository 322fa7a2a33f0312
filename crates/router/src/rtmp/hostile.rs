//! What RTMP peers send, for fuzz targets: each takes any bytes and returns.

use std::sync::Arc;

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use uuid::Uuid;

use super::session::{Fault, Request, Session};
use crate::flv;
use crate::hook;
use crate::hub::{Hub, Publisher, Reader, Reading};

/// A connection from its first byte.
pub fn handshake(bytes: &[u8]) {
    let mut handshake = Handshake::new(PeerType::Server);
    for part in parts(bytes) {
        match handshake.process_bytes(part) {
            Ok(HandshakeProcessResult::InProgress { .. }) => {}
            Ok(HandshakeProcessResult::Completed { remaining_bytes, .. }) => return session(&remaining_bytes),
            Err(_) => return,
        }
    }
}

/// A connection after its handshake: chunks, commands, and media on their way to a reader.
pub fn session(bytes: &[u8]) {
    let (hooks, _nobody) = hook::channel(None);
    let mut peer = Peer {
        hub: Arc::new(Hub::new(hooks)),
        session: Session::new(),
        publisher: None,
        reading: None,
    };
    // A fault ends the connection; it is the peer's.
    drop(parts(bytes).try_for_each(|part| peer.takes(part)));
}

/// As they could come: the first byte says in how large parts.
fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (size, bytes) = bytes.split_first().unwrap_or((&0, bytes));
    bytes.chunks(1 + 16 * usize::from(*size))
}

struct Peer {
    hub: Arc<Hub>,
    session: Session,
    publisher: Option<(String, Publisher)>,
    reading: Option<Reading>,
}

impl Peer {
    fn takes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for request in self.session.input(bytes)? {
            match request {
                Request::Publish { address, stream } => {
                    self.session.accept_publish(stream, &address.path)?;
                    let publisher = self.hub.publish(&address.path, &address.query, Uuid::nil());
                    self.publisher = Some((address.path, publisher));
                }
                Request::Play { address, stream } => match self.read(&address.path) {
                    true => self.session.accept_play(stream, &address.path)?,
                    false => self.session.refuse_play(stream, "nothing is here")?,
                },
                Request::Media(message) => {
                    let Some((path, publisher)) = &self.publisher else {
                        continue;
                    };
                    publisher.push(&message);
                    publisher.settle();
                    let path = path.clone();
                    self.read(&path);
                    self.session.media(&message, 1)?;
                    assert!(flv::tag(&message).len() >= message.body.len());
                }
                Request::Finish => self.publisher = None,
            }
        }
        drop(self.session.take_output());
        Ok(())
    }

    fn read(&mut self, path: &str) -> bool {
        let reader = Reader {
            kind: "rtmpConn",
            id: Uuid::nil(),
        };
        if self.reading.is_none() {
            self.reading = self.hub.read(path, reader, true);
        }
        self.reading.is_some()
    }
}
