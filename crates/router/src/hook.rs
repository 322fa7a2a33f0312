//! Tells the orchestrator what comes and goes, as MediaMTX does through its hooks: in order for each path, tried again
//! for a few seconds, and lost after that: the orchestrator's own look at the API is what it relies on.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, warn};

/// Events that wait to be sent, over all paths; further ones are dropped with a warning.
const MAX_WAITING: usize = 256;
/// Pauses before each further try; with [`TRY`] they stay within ten seconds.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// How long one try may take.
const TRY: Duration = Duration::from_millis(1200);

/// Where events go.
#[derive(Clone)]
pub struct Target {
    /// The base: `/v1/mediamtx/events/…` is appended.
    pub url: Url,
    /// Sent as bearer token.
    pub key: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Readers can come.
    Ready,
    /// The publisher is gone.
    NotReady,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            What::Ready => "ready",
            What::NotReady => "not-ready",
        }
    }
}

/// One thing to tell. Its query can hold credentials: it is sent and never logged.
pub(crate) struct Event {
    /// What happened.
    pub(crate) what: What,
    /// To which path.
    pub(crate) path: String,
    /// As the publisher wrote it, without the question mark.
    pub(crate) query: String,
    /// The publisher's connection.
    pub(crate) source_id: String,
}

/// Queues events; never waits.
#[derive(Clone)]
pub(crate) struct Sender(Option<mpsc::Sender<Event>>);

impl Sender {
    /// Hands an event on. When too many wait it is dropped with a warning.
    pub(crate) fn send(&self, event: Event) {
        if let Some(Err(error)) = self.0.as_ref().map(|queue| queue.try_send(event)) {
            let event = error.into_inner();
            warn!(
                path = event.path,
                event = event.what.name(),
                "hook event dropped, too many are waiting"
            );
        }
    }
}

/// The queue's two ends. Without a target nothing is sent. The dispatcher ends when all senders are gone and what
/// waited is sent.
pub(crate) fn channel(target: Option<Target>) -> (Sender, Dispatcher) {
    let (sender, events) = mpsc::channel(MAX_WAITING);
    let sender = Sender(target.is_some().then_some(sender));
    (sender, Dispatcher { target, events })
}

/// Sends what is queued.
pub(crate) struct Dispatcher {
    target: Option<Target>,
    events: mpsc::Receiver<Event>,
}

impl Dispatcher {
    /// One request at a time for each path, all paths at once.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let Some(target) = self.target.take() else {
            return Ok(());
        };
        let client = reqwest::Client::builder().timeout(TRY).no_proxy().build()?;
        let mut waiting: HashMap<String, VecDeque<Event>> = HashMap::new();
        let mut sending = JoinSet::new();
        let start = |sending: &mut JoinSet<String>, event: Event| {
            let (client, target) = (client.clone(), target.clone());
            sending.spawn(async move {
                deliver(&client, &target, &event).await;
                event.path
            });
        };
        let mut open = true;
        while open || !sending.is_empty() {
            tokio::select! {
                event = self.events.recv(), if open && total(&waiting) < MAX_WAITING => match event {
                    Some(event) => match waiting.get_mut(&event.path) {
                        Some(behind) => behind.push_back(event),
                        None => {
                            waiting.insert(event.path.clone(), VecDeque::new());
                            start(&mut sending, event);
                        }
                    },
                    None => open = false,
                },
                Some(done) = sending.join_next() => {
                    let path = done?;
                    match waiting.get_mut(&path).and_then(VecDeque::pop_front) {
                        Some(next) => start(&mut sending, next),
                        None => drop(waiting.remove(&path)),
                    }
                }
            }
        }
        Ok(())
    }
}

fn total(waiting: &HashMap<String, VecDeque<Event>>) -> usize {
    waiting.values().map(VecDeque::len).sum()
}

async fn deliver(client: &reqwest::Client, target: &Target, event: &Event) {
    let name = event.what.name();
    for pause in PAUSES.into_iter().map(Some).chain([None]) {
        let error = match post(client, target, event).await {
            Ok(()) => {
                debug!(
                    path = event.path,
                    source = event.source_id,
                    event = name,
                    "hook delivered"
                );
                return;
            }
            Err(Failure::Refused(status)) => {
                warn!(path = event.path, event = name, %status, "hook refused");
                return;
            }
            Err(Failure::Away(error)) => error,
        };
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => warn!(path = event.path, event = name, error, "hook not delivered"),
        }
    }
}

enum Failure {
    /// Asking again would get the same answer.
    Refused(StatusCode),
    /// The other side is not there, or not well.
    Away(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    path: &'a str,
    query: &'a str,
    source_type: &'static str,
    source_id: &'a str,
}

async fn post(client: &reqwest::Client, target: &Target, event: &Event) -> Result<(), Failure> {
    let base = target.url.as_str().trim_end_matches('/');
    let mut request = client
        .post(format!("{base}/v1/mediamtx/events/{}", event.what.name()))
        .json(&Body {
            path: &event.path,
            query: &event.query,
            source_type: "rtmpConn",
            source_id: &event.source_id,
        });
    if let Some(key) = &target.key {
        request = request.bearer_auth(key);
    }
    let response = request
        .send()
        .await
        .map_err(|error| Failure::Away(error.without_url().to_string()))?;
    match response.status() {
        status if status.is_success() => Ok(()),
        status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => Err(Failure::Refused(status)),
        status => Err(Failure::Away(status.to_string())),
    }
}
