//! From one host to the next: what becomes of a session whose host is ready, drains, or is gone.

use dragoman_protocol::{Ready, limits};
use dragoman_timeline::Pts;
use tokio::time::Instant;
use tracing::{info, warn};

use super::connection::host_of;
use super::record::Record;
use super::session::Session;
use super::{Client, Resume};
use crate::control::SpeechState;
use crate::worker::pacer::DubInput;

/// Draining hosts that finish their dubs at the same time; beyond it the first is left.
const MOST_LEAVING: usize = 4;

impl Client {
    /// A host does not serve us.
    pub(super) fn refused(&mut self, url: &str, reason: &str) {
        let host = host_of(url);
        warn!(host, reason, "speech host does not serve us");
        // What is wrong with the list may be why no better host is asked.
        let problem = self.list_problem.iter().map(|problem| format!("; {problem}"));
        let told = format!("{host}: {reason}{}", problem.collect::<String>());
        self.show(|s| s.reason = Some(told));
        if self.resume.is_some() && self.search.hosts().len() > 1 {
            // A host that refuses the connection will not know the token either when it is back.
            self.search.pass_over(url);
            self.forget_lost();
        } else {
            self.search.refused();
        }
    }

    pub(super) fn draining(&mut self) {
        if let Some(session) = self.serving.as_ref().filter(|s| s.is_draining()) {
            info!(host = session.connection.host, "speech host drains, moving to the next");
            let url = session.url.clone();
            self.search.pass_over(&url);
        }
    }

    pub(super) fn closed(&mut self, number: u64, reason: &str) {
        let is_it = |s: &mut Session| s.connection.id == number;
        if let Some(session) = self.joining.take_if(is_it) {
            self.refused(&session.url, reason);
        } else if self
            .serving
            .as_ref()
            .is_some_and(|s| s.connection.id == number && s.has_ended())
        {
            info!(reason, "speech session has ended");
            self.serving = None;
            self.is_done = true;
        } else if self.serving.as_ref().is_some_and(|s| s.connection.id == number) {
            self.lose(reason, false);
        } else {
            self.part(reason, |s| s.connection.id == number);
        }
    }

    /// The session is open: from here on sound goes to it.
    pub(super) fn ready(&mut self, ready: Ready) {
        let Some(mut session) = self.joining.take() else { return };
        // A host that goes on knows what it has heard; what is too old by now nobody wants to hear again.
        let mut from = Pts::from_ns(ready.audio_from_ns).max(self.first_needed());
        let record = match self.resume.take_if(|_| ready.resumed) {
            Some(Resume { record, .. }) => record.resumed(ready.resume),
            None => {
                self.forget_lost();
                let number = self.next_connection;
                self.next_connection += 1;
                Record::new(number, session.url.clone(), ready.resume, from, self.spec.targets.len())
            }
        };
        self.pass(DubInput::Ready {
            connection: record.number,
            dub_rate: ready.dub_rate,
        });
        session.open(record);
        if let Some(mut old) = self.serving.take() {
            from = from.max(old.record().map_or(from, Record::heard_to));
            old.leave(from);
            self.leaving.push(old);
            if self.leaving.len() > MOST_LEAVING {
                let first = self.leaving[0].connection.id;
                self.part("too many hosts drain", |s| s.connection.id == first);
            }
        }
        self.search.found();
        self.backlog.rewind(from);
        self.next_send = Instant::now();
        let host = session.connection.host.clone();
        info!(host, engine = %ready.engine, resumed = ready.resumed, "speech is ready");
        self.serving = Some(session);
        self.show_dropped();
        let problem = self.list_problem.clone();
        self.show(|s| {
            s.state = SpeechState::Ready;
            s.host = Some(host);
            s.engine = Some(ready.engine);
            s.reason = problem;
            s.connects += 1;
        });
    }

    /// The host that serves is gone; what it had is kept for as long as its token holds. One that hangs, or was lost
    /// again at once, is not asked where there is another.
    pub(super) fn lose(&mut self, reason: &str, hangs: bool) {
        let Some(session) = self.serving.take() else { return };
        let (host, url, lived) = (session.connection.host.clone(), session.url.clone(), session.lived());
        warn!(host, reason, "speech host is lost");
        self.stuck_since = None;
        let is_good = self.search.lost(lived);
        self.show(|s| {
            s.state = SpeechState::Connecting;
            s.reason = Some(format!("{host}: {reason}"));
            (s.host, s.engine) = (None, None);
        });
        let Some((record, is_kept)) = session.close() else {
            return;
        };
        self.resume = Some(Resume {
            record,
            until: Instant::now() + limits::RESUME,
        });
        if !is_kept || ((hangs || !is_good) && self.search.hosts().len() > 1) {
            self.search.pass_over(&url);
            self.forget_lost();
        }
    }

    pub(super) fn forget_lost(&mut self) {
        if let Some(Resume { record, .. }) = self.resume.take() {
            self.settled = self.settled.max(record.settled());
            self.pass(DubInput::Lost {
                connection: record.number,
            });
        }
    }

    /// The ways of leaving hosts and ours part.
    pub(super) fn part(&mut self, reason: &str, which: impl Fn(&Session) -> bool) {
        while let Some(index) = self.leaving.iter().position(&which) {
            let session = self.leaving.remove(index);
            info!(host = session.connection.host, reason, "speech host is left");
            self.pass(DubInput::Lost {
                connection: session.number(),
            });
        }
    }
}
