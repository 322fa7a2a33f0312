//! Who is connected by RTMP: what the control API says of a connection, above all the query that it published with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use uuid::Uuid;

use crate::path::Address;

/// All connections that are open.
#[derive(Default)]
pub(crate) struct Connections(Mutex<BTreeMap<Uuid, Arc<Entry>>>);

/// A connection's place in the list. Dropping it takes it out.
pub(crate) struct Listed {
    connections: Arc<Connections>,
    entry: Arc<Entry>,
}

struct Entry {
    id: Uuid,
    created: SystemTime,
    peer: SocketAddr,
    role: Mutex<Role>,
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Clone)]
struct Role {
    state: State,
    address: Option<Address>,
    user_agent: String,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Neither of both, yet.
    Idle,
    /// It takes a stream.
    Read,
    /// It sends one.
    Publish,
}

/// What can be said about a connection.
pub(crate) struct Snapshot {
    /// As in the list of paths.
    pub(crate) id: Uuid,
    /// When it was accepted.
    pub(crate) created: SystemTime,
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// What it does.
    pub(crate) state: State,
    /// Which path; its query may hold credentials.
    pub(crate) address: Option<Address>,
    /// What it says it is.
    pub(crate) user_agent: String,
    /// Bytes from it, since the handshake.
    pub(crate) received: u64,
    /// Bytes to it, since the handshake.
    pub(crate) sent: u64,
}

impl Connections {
    /// Lists a connection that was accepted.
    pub(crate) fn open(self: &Arc<Self>, id: Uuid, peer: SocketAddr) -> Listed {
        let entry = Arc::new(Entry {
            id,
            created: SystemTime::now(),
            peer,
            role: Mutex::new(Role {
                state: State::Idle,
                address: None,
                user_agent: String::new(),
            }),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        });
        self.entries().insert(id, entry.clone());
        Listed {
            connections: self.clone(),
            entry,
        }
    }

    /// One open connection.
    pub(crate) fn get(&self, id: Uuid) -> Option<Snapshot> {
        let entry = self.entries().get(&id)?.clone();
        let Role {
            state,
            address,
            user_agent,
        } = entry.role().clone();
        Some(Snapshot {
            id: entry.id,
            created: entry.created,
            peer: entry.peer,
            state,
            address,
            user_agent,
            received: entry.received.load(Ordering::Relaxed),
            sent: entry.sent.load(Ordering::Relaxed),
        })
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Uuid, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn role(&self) -> MutexGuard<'_, Role> {
        self.role.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listed {
    /// Says what the connection is there for.
    pub(crate) fn is(&self, state: State, address: &Address, user_agent: &str) {
        *self.entry.role() = Role {
            state,
            address: Some(address.clone()),
            user_agent: user_agent.to_owned(),
        };
    }

    /// Counts bytes from the peer.
    pub(crate) fn received(&self, bytes: usize) {
        self.entry.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes to the peer.
    pub(crate) fn sent(&self, bytes: usize) {
        self.entry.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.entries().remove(&self.entry.id);
    }
}
