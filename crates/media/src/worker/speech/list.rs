//! The list of speech hosts, and the file that names others while a session runs.

use std::path::PathBuf;

use dragoman_service::config::{parse, read_file};
use tokio::time::{Duration, Instant};

use crate::spec::Speech;

/// How often the file is looked at while a host serves; besides, it is read before each connect.
const LOOK: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct List {
    /// The last list that was good, in order of preference.
    urls: Vec<String>,
    file: Option<PathBuf>,
    /// What the file said last, so that each content is judged once.
    read: Option<Result<String, String>>,
    looked: Option<Instant>,
}

/// What a look at the file has found.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    Nothing,
    /// It is good, and the hosts are the same.
    Same,
    /// Other hosts, or others in another order.
    Hosts,
    /// It does not count; the list stays what it was.
    Bad(String),
}

impl List {
    pub(super) fn new(speech: &Speech) -> Self {
        Self {
            urls: speech.urls.clone(),
            file: speech.urls_file.clone(),
            read: None,
            looked: None,
        }
    }

    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.file.is_some() && self.looked.is_none_or(|looked| now - looked >= LOOK)
    }

    /// Reads the file again.
    pub(super) fn look(&mut self) -> News {
        let Some(path) = &self.file else { return News::Nothing };
        self.looked = Some(Instant::now());
        let read = read_file(path);
        if self.read.as_ref() == Some(&read) {
            return News::Nothing;
        }
        let judged = match &read {
            Ok(text) => self.replace(text),
            Err(reason) => News::Bad(format!("SPEECH_URL_FILE: {reason}")),
        };
        self.read = Some(read);
        judged
    }

    /// Another list, judged as the configuration is.
    pub(super) fn replace(&mut self, text: &str) -> News {
        match parse::urls(text, &["ws", "wss"]) {
            Ok(urls) => {
                let urls = urls.iter().map(|url| url.as_str().trim_end_matches('/').to_owned());
                let urls: Vec<_> = urls.collect();
                let is_new = urls != self.urls;
                self.urls = urls;
                if is_new { News::Hosts } else { News::Same }
            }
            // What may hold credentials is not shown.
            Err(number) => News::Bad(format!(
                "the list of speech hosts: number {number} is not a ws:// or wss:// address"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_does_not_count_and_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        let mut list = List::new(&Speech {
            urls: vec!["ws://a".to_owned()],
            urls_file: Some(file.clone()),
            key: None,
        });
        let mut looks = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&file, text).unwrap(),
                None => drop(std::fs::remove_file(&file)),
            }
            let (first, second) = (list.look(), list.look());
            assert_eq!(second, News::Nothing, "the same content is no news");
            (first, list.urls().join(" "))
        };
        let is_bad = |(news, urls): (News, String), word: &str| {
            assert!(
                matches!(&news, News::Bad(what) if what.contains(word) && !what.contains("hunter2")),
                "{news:?}"
            );
            assert_eq!(urls, "ws://a");
        };
        is_bad(looks(None), "No such file");
        is_bad(looks(Some(" \n")), "empty");
        is_bad(looks(Some("ws://b\nhttp://me:hunter2@c\n")), "number 2");
        assert_eq!(looks(Some("ws://a/\n")), (News::Same, "ws://a".to_owned()));
        assert_eq!(
            looks(Some("WSS://b:443\nws://a:1")),
            (News::Hosts, "wss://b ws://a:1".to_owned())
        );
        assert_eq!(
            looks(Some("ws://a:1, wss://b")),
            (News::Hosts, "ws://a:1 wss://b".to_owned())
        );
    }
}
