//! What the host is to run, and what it says that it runs.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// In bytes, as JSON: a parameter of the lower, free tier.
const MAX: usize = 4096;

/// The wanted state of the host, which reads it at start and from time to time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// 12 hexadecimal digits of a hash of the rest.
    pub id: String,
    /// Images by name (`mediamtx`, `media`, `caddy`), each `registry/name@sha256:…`.
    pub images: BTreeMap<String, String>,
    /// Lines of the host's `.env`.
    pub settings: BTreeMap<String, String>,
    /// When streams may be cut for it: `02:00-04:00`, UTC. `None`: never.
    pub window: Option<String>,
    /// Streams may be cut at once.
    pub now: bool,
}

impl Release {
    /// Fails when an image is not named by its digest, or when there is more than a parameter takes.
    pub fn new(
        images: BTreeMap<String, String>,
        settings: BTreeMap<String, String>,
        window: Option<String>,
        now: bool,
    ) -> Result<Self> {
        for (name, image) in &images {
            let digest = image.split_once("@sha256:").map(|(_, digest)| digest);
            if !digest.is_some_and(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                bail!("the image `{name}` is {image}, which is not named by its digest (registry/name@sha256:…)");
            }
        }
        // In the order of the names, without spaces.
        let rest = json!({ "images": images, "now": now, "settings": settings, "window": window });
        let mut id = String::new();
        for byte in Sha256::digest(rest.to_string()).iter().take(6) {
            // Writing into a text cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        let release = Self {
            id,
            images,
            settings,
            window,
            now,
        };
        let length = release.json().len();
        if length > MAX {
            bail!("the release is {length} bytes of JSON, at most {MAX} fit: set fewer or shorter `settings`");
        }
        Ok(release)
    }

    /// As it is stored.
    pub fn json(&self) -> String {
        json!(self).to_string()
    }

    /// From what is stored.
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("the stored release is not one")
    }
}

/// What the host writes after each look at the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostState {
    /// The id of the release that runs; `None` before the first one does.
    #[serde(default)]
    pub release: Option<String>,
    /// Digests that run, by service.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Whether all services are.
    #[serde(default)]
    pub healthy: bool,
    /// Why not, or why the release was not taken.
    #[serde(default)]
    pub problem: Option<String>,
    /// What a change that is not made yet waits for.
    #[serde(default)]
    pub waiting: Option<String>,
    /// The first 12 digits of the SHA-256 of the list of speech hosts that is in use.
    #[serde(default)]
    pub speech: Option<String>,
    /// As `GET /capacity` answers.
    #[serde(default)]
    pub capacity: Option<Value>,
    /// The first 12 digits of each secret's SHA-256.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// When it was written, as RFC 3339 has it.
    #[serde(default)]
    pub at: String,
}

impl HostState {
    /// From what is stored.
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("the state that the host wrote cannot be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect()
    }

    fn image(digit: char) -> String {
        format!("registry.example/media@sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn the_id_follows_from_all_the_rest() {
        let release =
            |hold: &str, now| Release::new(map(&[("media", &image('a'))]), map(&[("HOLD", hold)]), None, now).unwrap();
        let one = release("2.5s", false);
        assert_eq!(one, release("2.5s", false));
        assert_eq!(one.id.len(), 12);
        let rest = format!(
            r#"{{"images":{{"media":"{}"}},"now":false,"settings":{{"HOLD":"2.5s"}},"window":null}}"#,
            image('a')
        );
        assert!(format!("{:x}", Sha256::digest(rest)).starts_with(&one.id));
        assert_ne!(one.id, release("3s", false).id);
        assert_ne!(one.id, release("2.5s", true).id);
        assert_eq!(Release::parse(&one.json()).unwrap(), one);
    }

    #[test]
    fn tags_and_too_much_are_refused() {
        let tagged = Release::new(map(&[("media", "x/media:latest")]), map(&[]), None, false);
        assert!(tagged.unwrap_err().to_string().contains("digest"));
        let long = Release::new(map(&[]), map(&[("X", &"y".repeat(5000))]), None, false);
        assert!(long.unwrap_err().to_string().contains("4096"));
    }

    #[test]
    fn a_state_may_lack_what_is_not_known_yet() {
        let state = HostState::parse(r#"{"healthy": false, "problem": "no release", "more": 1}"#).unwrap();
        assert_eq!(state.problem.as_deref(), Some("no release"));
        assert!(!state.healthy && state.release.is_none());
    }
}
