//! What is wrong with a file that has the right shape.

use std::collections::BTreeMap;

use super::{Candidate, Deployment, Gpu, Speech, Streams};

/// Every variable that there is.
const VARIABLES: &str = include_str!("../../../../.env.example");
/// What the deployment itself sets.
const OURS: &[&str] = &[
    "MODE",
    "ALLOW_OPEN",
    "ROUTER_URL",
    "ROUTER_RTSP_URL",
    "ROUTER_API_URL",
    "ROUTER_USER",
    "SPEECH_URL",
    "MEDIA_LISTEN",
    "SPEECH_LISTEN",
    "MEDIA_API_URL",
    "WATCH_URL",
    "RUN_DIR",
    "ARTIFACTS_DIR",
    "HF_HOME",
    "DOMAIN",
    "SITE",
];
const SECRETS: &[&str] = &["_KEY", "_PASS", "_TOKEN"];

impl Deployment {
    /// A line for each: where, what was found, what is expected.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut say = |problem: String| problems.push(problem);
        if !is_label(&self.name) {
            let found = &self.name;
            say(format!(
                "name: found {found:?}, expected a letter and up to 31 more of a-z, 0-9 and -"
            ));
        }
        self.streams.check(&mut say);
        match &self.speech {
            Speech::None { urls } => check_urls(urls, &mut say),
            Speech::Runpod(gpu) => gpu.check(&mut say),
        }
        problems
    }
}

impl Streams {
    fn check(&self, say: &mut impl FnMut(String)) {
        let Self { region, disk_gb, .. } = self;
        if region.split('-').count() < 3 || !region.bytes().all(is_label_byte) {
            say(format!(
                "streams.region: found {region:?}, expected one such as eu-central-1"
            ));
        }
        if let Some(window) = self.release_window.as_deref().filter(|window| !is_window(window)) {
            say(format!(
                "streams.release_window: found {window:?}, expected times of the day in UTC such as 02:00-04:00"
            ));
        }
        if let Some(domain) = self.domain.as_deref().filter(|domain| !is_domain(domain)) {
            say(format!(
                "streams.domain: found {domain:?}, expected a name such as live.example.org"
            ));
        }
        if !(10..=16_000).contains(disk_gb) {
            say(format!("streams.disk_gb: found {disk_gb}, expected 10 to 16000"));
        }
        for network in self.allow.iter().filter(|network| !is_network(network)) {
            say(format!(
                "streams.allow: found {network:?}, expected networks such as 203.0.113.0/24"
            ));
        }
        if self.allow.is_empty() {
            say("streams.allow: found nothing, expected the networks that may publish and watch".into());
        }
        let tls = self.domain.as_ref().map(|_| "caddy");
        for name in ["mediamtx", "media"].into_iter().chain(tls) {
            if !self.images.contains_key(name) {
                say(format!(
                    "streams.images.{name}: not set, expected registry/name@sha256:…"
                ));
            }
        }
        for (name, image) in &self.images {
            if !["mediamtx", "media", "caddy"].contains(&name.as_str()) {
                say(format!("streams.images.{name}: is none of mediamtx, media and caddy"));
            }
            check_image(&format!("streams.images.{name}"), image, say);
        }
        check_settings("streams", &self.settings, say);
    }
}

impl Gpu {
    fn check(&self, say: &mut impl FnMut(String)) {
        if self.candidates.is_empty() {
            say("speech.candidates: found none, expected at least one GPU with its place and image".into());
        }
        for (index, candidate) in self.candidates.iter().enumerate() {
            let Candidate {
                gpu,
                data_center,
                image,
                ..
            } = candidate;
            check_image(&format!("speech.candidates[{index}].image"), image, say);
            for (name, value) in [("gpu", gpu), ("data_center", data_center)] {
                if value.trim().is_empty() {
                    say(format!("speech.candidates[{index}].{name}: is empty"));
                }
            }
        }
        let Self {
            volume_gb,
            ready_minutes,
            ..
        } = self;
        if !(10..=4096).contains(volume_gb) {
            say(format!("speech.volume_gb: found {volume_gb}, expected 10 to 4096"));
        }
        if !(1..=120).contains(ready_minutes) {
            say(format!(
                "speech.ready_minutes: found {ready_minutes}, expected 1 to 120"
            ));
        }
        if self.max_hourly.is_some_and(|most| !(most > 0.0 && most.is_finite())) {
            say("speech.max_hourly: expected dollars an hour, more than 0".into());
        }
        check_settings("speech", &self.settings, say);
    }
}

fn check_urls(urls: &[String], say: &mut impl FnMut(String)) {
    if urls.is_empty() {
        say("speech.urls: found none, expected wss://host[:port]".into());
    }
    for url in urls {
        let is_tls = url::Url::parse(url).is_ok_and(|url| url.scheme() == "wss" && url.host().is_some());
        if !is_tls || url.contains([',', ' ', '@']) {
            let shown = url.split('@').next_back().unwrap_or_default();
            say(format!(
                "speech.urls: found {shown:?}, expected wss://host[:port]: neither speech nor its key crosses a network in the \
                 clear"
            ));
        }
    }
}

fn check_image(place: &str, image: &str, say: &mut impl FnMut(String)) {
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_whole = image
        .split_once("@sha256:")
        .is_some_and(|(name, digest)| name.contains('/') && is_digest(digest));
    if !is_whole || image.contains(char::is_whitespace) {
        say(format!(
            "{place}: found {image:?}, expected registry/name@sha256:<64 hex digits>, never a tag"
        ));
    }
}

fn check_settings(place: &str, settings: &BTreeMap<String, String>, say: &mut impl FnMut(String)) {
    for (name, value) in settings {
        let plain = name.strip_suffix("_FILE").unwrap_or(name);
        let problem = if SECRETS.iter().any(|end| plain.ends_with(end)) {
            "is a secret, which this file never holds: see `dragoman-deploy rotate-key`"
        } else if OURS.contains(&plain) || plain.starts_with("MTX_") || plain != name {
            "the deployment sets it itself"
        } else if !is_variable(name) {
            "is no variable of .env.example"
        } else if value.contains(['\n', '\r', '\'', '$']) {
            "expected one line without ' and $"
        } else {
            continue;
        };
        say(format!("{place}.settings.{name}: {problem}"));
    }
}

/// Whether `.env.example` explains it.
fn is_variable(name: &str) -> bool {
    VARIABLES
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .any(|(known, _)| known == name)
}

fn is_label_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

fn is_label(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(is_label_byte)
}

fn is_domain(name: &str) -> bool {
    let is_part = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(is_label_byte)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_part)
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

fn is_window(text: &str) -> bool {
    let is_time = |time: &str| {
        let Some((hour, minute)) = time.split_once(':') else {
            return false;
        };
        let below = |part: &str, end: u8| {
            part.len() == 2
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse::<u8>().is_ok_and(|part| part < end)
        };
        below(hour, 24) && below(minute, 60)
    };
    text.split_once('-')
        .is_some_and(|(from, to)| is_time(from) && is_time(to) && from != to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../deploy.example.toml");

    #[test]
    fn the_example_only_lacks_its_digests() {
        let error = format!("{:#}", Deployment::parse(EXAMPLE).unwrap_err());
        for line in error.lines().skip(1) {
            assert!(line.contains("never a tag"), "{line}");
        }
        let filled = EXAMPLE.replace("sha256:…", &format!("sha256:{}", "0".repeat(64)));
        let deployment = Deployment::parse(&filled).unwrap();
        assert_eq!(deployment.name, "dragoman");
        assert!(matches!(deployment.speech, Speech::Runpod(_)));
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let text = r#"
            name = "Big_Name"
            [streams]
            region = "mars"
            release_window = "2-4"
            domain = "localhost"
            allow = ["10.0.0.0"]
            images = { media = "reg/media:latest", other = "x" }
            settings = { SPEECH_KEY = "k", MODE = "cpu", HOLDD = "1s", HOLD = "1s", LOG_FILE = "/x" }
            [speech]
            provider = "none"
            urls = ["ws://user:secret@host"]
        "#;
        let error = format!("{:#}", Deployment::parse(text).unwrap_err());
        for says in [
            "name: found \"Big_Name\"",
            "streams.region: found \"mars\"",
            "streams.release_window",
            "streams.domain",
            "streams.allow",
            "streams.images.mediamtx: not set",
            "streams.images.caddy: not set",
            "streams.images.media: found \"reg/media:latest\"",
            "streams.images.other",
            "streams.settings.SPEECH_KEY: is a secret",
            "streams.settings.MODE: the deployment sets it",
            "streams.settings.HOLDD: is no variable",
            "streams.settings.LOG_FILE: the deployment sets it",
            "speech.urls: found",
        ] {
            assert!(error.contains(says), "{says} is not in:\n{error}");
        }
        assert!(
            !error.contains("secret@") && !error.contains("settings.HOLD:"),
            "{error}"
        );
    }

    #[test]
    fn a_misspelt_name_is_an_error() {
        let error = Deployment::parse("[streams]\nregionn = \"x\"").unwrap_err();
        assert!(format!("{error:#}").contains("regionn"));
    }

    #[test]
    fn windows_and_networks() {
        assert!(is_window("02:00-04:30") && is_window("23:00-01:00"));
        for wrong in [
            "",
            "02:00",
            "2:00-4:00",
            "24:00-01:00",
            "02:60-03:00",
            "02:00-02:00",
            "+2:00-03:00",
        ] {
            assert!(!is_window(wrong), "{wrong}");
        }
        assert!(is_network("::/0") && is_network("10.0.0.0/8"));
        assert!(!is_network("10.0.0.0/33") && !is_network("x/1"));
    }
}
