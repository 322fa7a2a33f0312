//! Third parties, by stream: kept for as long as this process lives, whether the stream is on air or not.
//!
//! The list of a stream that is on air is with its worker too, so that the next orchestrator has it from there. That of
//! a stream that is not on air is lost with this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::session::is_stream_id;
use super::super::view::ForwardView;
use super::{Answer, Supervisor};
use crate::control::{Hello, Status, ToWorker};
use crate::forward::{Forward, Forwards};

/// More streams do not have forwards.
const MAX_STREAMS: usize = 1024;

/// What was asked for.
#[derive(Default)]
pub(super) struct Kept(BTreeMap<String, Entry>);

struct Entry {
    forwards: Forwards,
    hash: String,
}

impl Kept {
    /// What the stream's next worker starts with.
    pub(super) fn of(&self, id: &str) -> Option<&Forwards> {
        self.0.get(id).map(|entry| &entry.forwards)
    }

    fn put(&mut self, id: &str, forwards: Forwards) {
        let hash = forwards.hash();
        self.0.insert(id.to_owned(), Entry { forwards, hash });
    }

    /// Forgets that there is nothing for streams of which nothing is known.
    pub(super) fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.0
            .retain(|id, entry| !entry.forwards.list.is_empty() || is_known(id));
    }
}

impl Supervisor {
    /// Another list for a stream, which may be one that is not there yet.
    pub(super) fn set_forwards(&mut self, id: &str, list: Vec<Forward>) -> Answer {
        if !is_stream_id(id) {
            return Answer::NoSuchStream;
        }
        if self.forwards.0.len() >= MAX_STREAMS && !self.forwards.0.contains_key(id) && !list.is_empty() {
            return Answer::TooMany;
        }
        tracing::info!(stream = id, forwards = list.len(), "an operator sets forwards");
        let forwards = Forwards {
            allow: self.config.forward_allow.clone(),
            list,
        };
        self.forwards.put(id, forwards.clone());
        self.tell(id, ToWorker::Forwards { forwards });
        Answer::Done
    }

    /// A worker that an earlier orchestrator started has its list with it. What was asked for since comes first.
    pub(super) fn take_over_forwards(&mut self, id: &str, hello: &Hello) {
        if self.forwards.of(id).is_none() && !hello.forwards.list.is_empty() {
            let count = hello.forwards.list.len();
            tracing::info!(stream = id, forwards = count, "forwards are taken over from the worker");
            let forwards = Forwards {
                allow: self.config.forward_allow.clone(),
                list: hello.forwards.list.clone(),
            };
            self.forwards.put(id, forwards);
        }
    }

    /// An order that was lost goes again.
    pub(super) fn compare_forwards(&mut self, id: &str, status: &Status) {
        let Some(entry) = self
            .forwards
            .0
            .get(id)
            .filter(|entry| entry.hash != status.forwards_hash)
        else {
            return;
        };
        let forwards = entry.forwards.clone();
        self.tell(id, ToWorker::Forwards { forwards });
    }

    /// What is shown of a stream's forwards.
    pub(super) fn forwards_view(&self, id: &str) -> Arc<Vec<ForwardView>> {
        let Some(Entry { forwards, hash }) = self.forwards.0.get(id) else {
            return Arc::default();
        };
        let machine = self.streams.get(id).map(|stream| &stream.machine);
        let on_air = machine.filter(|machine| machine.has_worker());
        // What a worker says of another list is not about this one.
        let reported = on_air
            .and_then(|machine| machine.status())
            .filter(|status| status.forwards_hash == *hash)
            .map(|status| &status.forwards);
        let view = |forward: &Forward| {
            let status = reported.and_then(|all| all.iter().find(|status| status.name == forward.name));
            ForwardView::of(forward, status)
        };
        Arc::new(forwards.list.iter().map(view).collect())
    }

    /// What is shown of all forwards, by stream.
    pub(super) fn forwards_views(&self) -> BTreeMap<String, Arc<Vec<ForwardView>>> {
        let ids = self.forwards.0.keys();
        ids.map(|id| (id.clone(), self.forwards_view(id))).collect()
    }
}
