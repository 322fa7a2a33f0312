//! Whether a pod dubs: our own `/readyz`, through the provider's proxy.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use url::Url;

use super::client::{agent, read};

/// The port of the image's listener.
pub(crate) const PORT: u16 = 8090;
/// How long the proxy and the pod may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How a pod's own address is made: `{pod}` and `{port}` in it stand for its id and the port.
#[derive(Clone, Debug)]
pub struct ProxyTemplate(String);

impl Default for ProxyTemplate {
    fn default() -> Self {
        Self("https://{pod}-{port}.proxy.runpod.net".into())
    }
}

impl FromStr for ProxyTemplate {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let template = Self(text.trim_end_matches('/').to_owned());
        if !text.contains("{pod}") {
            bail!("{text} holds no {{pod}}, which the pod's id takes the place of");
        }
        template.url("pod")?;
        Ok(template)
    }
}

impl ProxyTemplate {
    fn url(&self, pod: &str) -> Result<Url> {
        let text = self.0.replace("{pod}", pod).replace("{port}", &PORT.to_string());
        let url = Url::parse(&text).with_context(|| format!("the pod's address {text} is none"))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("the pod's address {text} has to begin with https:// or http://");
        }
        Ok(url)
    }

    /// What the media service connects to.
    pub(crate) fn speech(&self, pod: &str) -> Result<String> {
        let url = self.url(pod)?;
        // wss for https, ws for http.
        let text = url.as_str().replacen("http", "ws", 1);
        Ok(text.trim_end_matches('/').to_owned())
    }

    /// What a pod says of itself now.
    pub(crate) fn ask(&self, pod: &str) -> Result<Answer> {
        let url = format!("{}/readyz", self.url(pod)?.as_str().trim_end_matches('/'));
        let response = match agent(TIMEOUT).get(&url).call() {
            Ok(response) => response,
            Err(error) => return Ok(Answer::Silent(error.to_string())),
        };
        let status = response.status().as_u16();
        let text = read(response).unwrap_or_default();
        Ok(match (status, serde_json::from_str::<Health>(&text)) {
            (200, Ok(health)) => Answer::Ready(health),
            (503, Ok(health)) => Answer::NotReady(health),
            // The proxy answers for a pod that does not listen yet.
            _ => Answer::Silent(format!("its address answers {status}")),
        })
    }
}

/// What a speech service says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `ok`, `loading`, `failed` or `draining`.
    pub status: String,
    /// What dubs: `cascade`, `echo` or `mock`.
    pub engine: String,
    /// What it runs on.
    #[serde(default)]
    pub device: String,
    /// How many sessions run.
    #[serde(default)]
    pub sessions: u32,
    /// How many may.
    #[serde(default)]
    pub max_sessions: u32,
    /// Why it does not dub.
    #[serde(default)]
    pub problem: Option<String>,
}

/// Of a pod that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It takes sessions.
    Ready(Health),
    /// It is there, and does not.
    NotReady(Health),
    /// Nobody speaks for it.
    Silent(String),
}
