//! Which host is tried next, and when.

use tokio::time::{Duration, Instant};

use super::list::{List, News};
use crate::spec::Speech;

/// Between two rounds through the list of hosts, or two losses in a row: doubled from the first to the last.
const RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// A session that lasted this long was a good one: the search after it begins at once.
const STEADY: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Search {
    list: List,
    next: usize,
    /// Hosts that were tried in this round.
    tried: usize,
    /// Sessions that were lost soon after they began.
    losses: u32,
    retry: Duration,
    at: Instant,
}

impl Search {
    pub(super) fn new(speech: &Speech) -> Self {
        Self {
            list: List::new(speech),
            next: 0,
            tried: 0,
            losses: 0,
            retry: RETRY[0],
            at: Instant::now(),
        }
    }

    /// Another list by the control channel.
    pub(super) fn replace(&mut self, urls: &[String]) -> News {
        let news = self.list.replace(&urls.join("\n"));
        self.begin_anew(news)
    }

    /// Reads the file of the list, if it has one and it is time for that, or where `is_needed` for a connect.
    pub(super) fn look(&mut self, now: Instant, is_needed: bool) -> News {
        if !is_needed && !self.list.is_due(now) {
            return News::Nothing;
        }
        let news = self.list.look();
        self.begin_anew(news)
    }

    /// Another list is tried from its first and at once.
    fn begin_anew(&mut self, news: News) -> News {
        if news == News::Hosts {
            (self.next, self.tried) = (0, 0);
            (self.retry, self.at) = (RETRY[0], Instant::now());
        }
        news
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.at
    }

    /// The list of hosts as it is now.
    pub(super) fn hosts(&self) -> &[String] {
        self.list.urls()
    }

    pub(super) fn lists(&self, url: &str) -> bool {
        self.hosts().iter().any(|host| host == url)
    }

    /// The host to try: `known` while it is listed, else the next one; `None` when there is none at all.
    pub(super) fn pick(&mut self, known: Option<&str>) -> Option<String> {
        let hosts = self.list.urls();
        if let Some(index) = hosts.iter().position(|host| Some(host.as_str()) == known) {
            self.next = index;
        }
        self.next %= hosts.len().max(1);
        hosts.get(self.next).cloned()
    }

    /// The host that was picked does not serve us.
    pub(super) fn refused(&mut self) {
        self.next += 1;
        self.tried += 1;
        if self.tried >= self.hosts().len() {
            (self.next, self.tried) = (0, 0);
            self.pause();
        }
    }

    /// A host serves us: the next search is another round.
    pub(super) fn found(&mut self) {
        self.tried = 0;
    }

    /// A session is lost that lasted for `lived`; true when its host is worth another try.
    pub(super) fn lost(&mut self, lived: Duration) -> bool {
        if lived >= STEADY {
            (self.losses, self.retry) = (0, RETRY[0]);
        }
        let is_first = self.losses == 0;
        self.losses += 1;
        match is_first {
            true => self.at = Instant::now(),
            false => self.pause(),
        }
        is_first
    }

    /// The host at `url` is not the one to try next.
    pub(super) fn pass_over(&mut self, url: &str) {
        if let Some(index) = self.hosts().iter().position(|host| host == url) {
            self.next = index + 1;
        }
    }

    fn pause(&mut self) {
        self.at = Instant::now() + self.retry;
        self.retry = (self.retry * 2).min(RETRY[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(urls: &[&str]) -> Search {
        let urls = urls.iter().map(|&u| u.to_owned()).collect();
        Search::new(&Speech {
            urls,
            urls_file: None,
            key: None,
        })
    }

    /// The hosts that are tried, each with the wait before it in ms.
    async fn refusals(search: &mut Search, count: usize) -> Vec<(String, u128)> {
        let mut tried = Vec::new();
        for _ in 0..count {
            let begun = Instant::now();
            tokio::time::sleep_until(search.at).await;
            tried.push((search.pick(None).unwrap(), begun.elapsed().as_millis()));
            search.refused();
        }
        tried
    }

    #[tokio::test(start_paused = true)]
    async fn each_round_begins_with_the_first_and_waits_longer() {
        let tried = refusals(&mut search(&["a", "b"]), 12).await;
        assert!(tried.iter().step_by(2).all(|(host, _)| host == "a"));
        assert!(
            tried
                .iter()
                .skip(1)
                .step_by(2)
                .all(|(host, wait)| host == "b" && *wait == 0)
        );
        let waits: Vec<_> = tried.iter().step_by(2).map(|(_, wait)| *wait).collect();
        assert_eq!(waits, [0, 250, 500, 1_000, 2_000, 2_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn losses_in_a_row_are_slowed_down() {
        let mut search = search(&["a"]);
        let mut waits = Vec::new();
        for lived in [60_000, 10, 10, 10, 10, 10, 6_000, 10] {
            let is_good = search.lost(Duration::from_millis(lived));
            assert_eq!(is_good, search.losses == 1);
            waits.push((search.at - Instant::now()).as_millis());
        }
        assert_eq!(waits, [0, 250, 500, 1_000, 2_000, 2_000, 0, 250]);
    }

    #[tokio::test]
    async fn the_known_host_is_tried_while_it_is_listed() {
        let mut search = search(&["ws://a", "ws://b", "ws://c"]);
        assert_eq!(search.pick(Some("ws://b")).as_deref(), Some("ws://b"));
        search.refused();
        assert_eq!(search.pick(None).as_deref(), Some("ws://c"), "the one after it");
        search.pass_over("ws://c");
        assert_eq!(search.pick(Some("gone")).as_deref(), Some("ws://a"));
        assert!(matches!(search.replace(&[]), News::Bad(_)));
        assert_eq!(
            search.pick(Some("ws://b")).as_deref(),
            Some("ws://b"),
            "no list is no change"
        );
        assert_eq!(search.replace(&["ws://d".to_owned()]), News::Hosts);
        assert_eq!(search.pick(Some("ws://b")).as_deref(), Some("ws://d"));
    }
}
