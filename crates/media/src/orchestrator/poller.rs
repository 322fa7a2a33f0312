//! The one task that asks the router: every [`EVERY`] ([`WHILE_AWAY`] when it does not answer), and at once when a hook or the supervisor wants to know.
//!
//! One task, so that answers come in the order of their questions. A hook's only other use is the publisher's query,
//! which it brings along; a publisher whose hook was lost is asked for it at the router.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::metrics::Counters;
use super::router::{Client, Listed};
use super::session::Source;

/// How long a lost hook goes unnoticed.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// How soon a router that comes up, or comes back, is seen.
const WHILE_AWAY: Duration = Duration::from_millis(250);
/// A hook can come before the router lists what it speaks of; the list is then asked again, this often and this soon.
const LISTED_SOON: (usize, Duration) = (5, Duration::from_millis(100));
/// Queries that are kept for sources that are not listed, bounded since hooks come from outside.
const MAX_QUERIES: usize = 1024;

/// What a hook said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hint {
    /// The stream; its id is not judged.
    pub(crate) stream: String,
    /// The publisher came, with this query; or it left.
    pub(crate) query: Option<String>,
    /// The publisher.
    pub(crate) source_id: String,
}

/// What is known of the router's streams.
#[derive(Debug)]
pub(crate) enum Truth {
    /// It lists these; streams that are not in it are not there.
    Listed(Vec<(String, Source)>),
    /// It could not be asked. The hints are then all that is known.
    Away { reason: String, hints: Vec<Hint> },
}

/// Asks, and sends what it learns to `truths`, until nobody wants to know.
pub(crate) async fn run(
    client: Client,
    mut hints: mpsc::Receiver<Hint>,
    poke: Arc<Notify>,
    truths: mpsc::Sender<Truth>,
    counters: Arc<Counters>,
) {
    let mut queries = Queries::default();
    let mut next = Instant::now();
    loop {
        let mut heard = Vec::new();
        tokio::select! {
            hint = hints.recv() => match hint {
                Some(hint) => heard.push(hint),
                None => return,
            },
            () = poke.notified() => {}
            () = sleep_until(next) => {}
        }
        while let Ok(hint) = hints.try_recv() {
            heard.push(hint);
        }
        for hint in &heard {
            queries.learn(hint);
        }
        let asked = match ask(&client, &heard).await {
            Ok(listed) => queries.complete(&client, listed).await,
            Err(error) => Err(error),
        };
        next = Instant::now() + if asked.is_ok() { EVERY } else { WHILE_AWAY };
        let truth = match asked {
            Ok(sources) => Truth::Listed(sources),
            Err(error) => {
                counters.polls_failed.inc();
                Truth::Away {
                    reason: format!("{error:#}"),
                    hints: heard,
                }
            }
        };
        if truths.send(truth).await.is_err() {
            return;
        }
    }
}

async fn ask(client: &Client, heard: &[Hint]) -> anyhow::Result<Vec<Listed>> {
    let mut listed = client.list().await?;
    let is_listed = |hint: &Hint, listed: &[Listed]| {
        listed
            .iter()
            .any(|item| item.stream == hint.stream && item.source.id == hint.source_id)
    };
    for _ in 0..LISTED_SOON.0 {
        if heard
            .iter()
            .all(|hint| hint.query.is_none() || is_listed(hint, &listed))
        {
            break;
        }
        tokio::time::sleep(LISTED_SOON.1).await;
        listed = client.list().await?;
    }
    Ok(listed)
}

/// Publishers' queries by source id.
#[derive(Default)]
struct Queries(HashMap<String, String>);

impl Queries {
    fn learn(&mut self, hint: &Hint) {
        if let Some(query) = hint.query.as_ref().filter(|_| self.0.len() < MAX_QUERIES) {
            self.0.insert(hint.source_id.clone(), query.clone());
        }
    }

    /// Fills in the queries, asking for those that no hook brought. Forgets the ones that are no longer listed.
    async fn complete(&mut self, client: &Client, listed: Vec<Listed>) -> anyhow::Result<Vec<(String, Source)>> {
        let mut kept = HashMap::new();
        let mut sources = Vec::new();
        for Listed {
            stream,
            kind,
            mut source,
        } in listed
        {
            source.query = match self.0.get(&source.id) {
                Some(query) => query.clone(),
                None => client.query(&kind, &source.id).await?,
            };
            kept.insert(source.id.clone(), source.query.clone());
            sources.push((stream, source));
        }
        self.0 = kept;
        Ok(sources)
    }
}
