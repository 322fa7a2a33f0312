//! Sessions by their resume token.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dragoman_protocol::Start;
use tokio::sync::{mpsc, oneshot};

use super::connection::Link;

/// A connection that wants to go on with a session; the answer gives the link back if it cannot.
pub(super) struct Attach {
    pub(super) start: Start,
    pub(super) link: Link,
    pub(super) answer: oneshot::Sender<Option<Link>>,
}

/// All sessions of the service.
#[derive(Default)]
pub(crate) struct Registry(Mutex<HashMap<String, Handle>>);

struct Handle {
    attach: mpsc::Sender<Attach>,
    detached: bool,
}

impl Registry {
    /// Whether a session waits for its client: then an upgrade is let in although there is no room, for it may be that client.
    pub(crate) fn any_detached(&self) -> bool {
        self.lock().values().any(|handle| handle.detached)
    }

    pub(super) fn insert(&self, token: String, attach: mpsc::Sender<Attach>) {
        self.lock().insert(
            token,
            Handle {
                attach,
                detached: false,
            },
        );
    }

    pub(super) fn set_detached(&self, token: &str, detached: bool) {
        if let Some(handle) = self.lock().get_mut(token) {
            handle.detached = detached;
        }
    }

    pub(super) fn remove(&self, token: &str) {
        self.lock().remove(token);
    }

    pub(super) fn find(&self, token: &str) -> Option<mpsc::Sender<Attach>> {
        self.lock().get(token).map(|handle| handle.attach.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
