//! Which host is dialled and when: there is none, or the one that serves is to be left.

use std::pin::Pin;

use dragoman_timeline::Pts;
use tokio::time::Instant;
use tracing::{info, warn};

use super::connection::{self, Connection};
use super::list::News;
use super::record::Record;
use super::session::Session;
use super::{Client, Resume};

/// An upgrade that is under way.
pub(super) struct Dialling {
    pub(super) url: String,
    pub(super) open: Pin<Box<dyn Future<Output = Result<Connection, connection::Error>> + Send>>,
}

impl Client {
    pub(super) fn wants_host(&self) -> bool {
        let is_served = self
            .serving
            .as_ref()
            .is_some_and(|s| !self.is_to_leave(s) || self.end.is_some());
        self.dialling.is_none() && self.joining.is_none() && !is_served && !self.is_done
    }

    /// Whether the session is to move, once another host is ready: its host drains, or is not listed any more. One that is
    /// merely not the first of the list keeps it, since each move costs two hosts the same utterance.
    fn is_to_leave(&self, session: &Session) -> bool {
        session.is_draining() || !self.search.lists(&session.url)
    }

    /// Takes notice of what the list of hosts is now.
    pub(super) fn listed(&mut self, news: News) {
        match news {
            News::Nothing => return,
            News::Bad(what) => {
                warn!(what, "the list of speech hosts does not count, the last good one does");
                self.show(|s| s.reason = Some(what.clone()));
                self.list_problem = Some(what);
                return;
            }
            News::Same => {}
            News::Hosts => {
                info!(hosts = self.search.hosts().len(), "another list of speech hosts");
                // What is not served yet has nothing to lose.
                self.dialling.take_if(|d| !self.search.lists(&d.url));
                self.joining.take_if(|s| !self.search.lists(&s.url));
                if self.serving.is_some() {
                    // Hosts that were asked in vain are another list's.
                    self.show(|s| s.reason = None);
                }
                if let Some(session) = self.serving.as_ref().filter(|s| !self.search.lists(&s.url)) {
                    info!(
                        host = session.connection.host,
                        "speech host is not listed any more, moving to the next"
                    );
                }
            }
        }
        if let Some(problem) = self.list_problem.take() {
            self.show(|s| drop(s.reason.take_if(|reason| reason.ends_with(&problem))));
        }
    }

    /// Tries a host when one is wanted: the one with our token while it holds, else the next of the list.
    pub(super) fn dial(&mut self) {
        if !self.wants_host() || !self.search.is_due(Instant::now()) {
            return;
        }
        let news = self.search.look(Instant::now(), true);
        self.listed(news);
        if !self.wants_host() {
            return;
        }
        let known = self.resume.as_ref().map(|r| r.record.url.as_str());
        let Some(url) = self.search.pick(known) else {
            self.search.refused();
            return self.show(|s| s.reason = Some("no speech host is named".to_owned()));
        };
        if known.is_some_and(|known| known != url) {
            self.forget_lost();
        }
        let mut start = self.spec.clone();
        start.from_ns = self.first_needed().ns();
        if let Some(Resume { record, .. }) = &self.resume {
            start.resume = Some(record.token.clone());
            start.have = Some(record.have(&self.pacer_report()));
        }
        self.next_number += 1;
        let open = Connection::open(
            self.next_number,
            url.clone(),
            self.key.clone(),
            start,
            self.incoming.clone(),
        );
        self.dialling = Some(Dialling {
            url,
            open: Box::pin(open),
        });
    }

    pub(super) fn dialled(&mut self, answer: Result<Connection, connection::Error>) {
        let Some(Dialling { url, .. }) = self.dialling.take() else {
            return;
        };
        match answer {
            Ok(connection) => self.joining = Some(Session::begin(connection, url)),
            Err(error) => self.refused(&url, &error.to_string()),
        }
    }

    /// Media time from which a host that does not know us has to hear the source.
    pub(super) fn first_needed(&self) -> Pts {
        let known = self
            .resume
            .as_ref()
            .map(|r| &r.record)
            .or(self.serving.as_ref().and_then(Session::record));
        let settled = known.map_or(self.settled, Record::settled);
        let floor = self.pacer_report().playhead - self.max_stale;
        let oldest = self.backlog.oldest().unwrap_or(Pts::ZERO);
        settled.max(floor).max(oldest).max(Pts::ZERO)
    }
}

/// How the upgrade that is under way has gone.
pub(super) async fn answer(dialling: &mut Option<Dialling>) -> Result<Connection, connection::Error> {
    match dialling {
        Some(dialling) => dialling.open.as_mut().await,
        None => std::future::pending().await,
    }
}
