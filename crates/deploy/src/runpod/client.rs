//! One exchange with the provider: the key, time limits, what an error says, and which are tried again.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::{Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use url::{Host, Url};

use super::clock::Clock;
use super::model::{ErrorBody, LogLine};

/// How long one request may take altogether.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most that is read of an answer.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;
/// How often a request is tried that the provider failed, or that did not reach it.
pub(crate) const TRIES: u32 = 4;
/// How often a request is put off by the rate limit, and for how long at most each time.
const PUT_OFF: u32 = 6;
const MAX_RETRY_AFTER: Duration = Duration::from_secs(120);
/// The pause where the rate limit names none.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The most of a provider's words that gets into a message.
const MAX_DETAIL: usize = 600;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{request} {failure}")]
pub(crate) struct Problem {
    request: String,
    pub(crate) failure: Failure,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The provider's answer.
    #[error("answered {status}: {detail}{}", advice(*.status))]
    Answer {
        status: u16,
        detail: String,
        retry_after: Option<Duration>,
    },
    /// No answer, or one that could not be read: what was asked for may have been done.
    #[error("got no usable answer: {0}; run the same command again once the provider can be reached")]
    Lost(String),
}

impl Problem {
    pub(crate) fn status(&self) -> Option<u16> {
        match self.failure {
            Failure::Answer { status, .. } => Some(status),
            Failure::Lost(_) => None,
        }
    }

    /// It may be otherwise in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        self.status().is_none_or(|status| status >= 500)
    }

    /// For a list of candidates: what was answered, without what to do about it.
    pub(crate) fn brief(&self) -> String {
        match &self.failure {
            Failure::Answer { status, detail, .. } => format!("{status}: {detail}"),
            Failure::Lost(why) => why.clone(),
        }
    }
}

/// What to do about a status.
fn advice(status: u16) -> &'static str {
    match status {
        401 => {
            ". The key is wrong, expired or deleted: RUNPOD_API_KEY or RUNPOD_API_KEY_FILE takes one of the console's settings"
        }
        402 => ". The account's balance is too low: add credit, then run the same command again",
        403 => {
            ". The key may not do this: RUNPOD_API_KEY has to be one of scope All, or Restricted with read and write"
        }
        422 => ". The request itself is not right: correct deploy.toml where the answer names a value of it",
        429 => ". The rate limit leaves no room: run the same command again later",
        500.. => ". The provider failed: run the same command again later",
        _ => "",
    }
}

/// What reaches the provider.
pub(crate) struct Client {
    agent: Agent,
    key: String,
    base: Url,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Client {
    pub(crate) fn new(key: String, base: Url, clock: Arc<dyn Clock>) -> Result<Self> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!(
                "RunPod's key is empty, or holds what no key has: RUNPOD_API_KEY or RUNPOD_API_KEY_FILE takes one line"
            );
        }
        let here = match base.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if base.scheme() != "https" && !here {
            bail!("RunPod's address has to be https://, since the key is sent to it");
        }
        Ok(Self {
            agent: agent(TIMEOUT),
            key,
            base,
            clock,
        })
    }

    /// Tried again while the provider fails.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.patiently(|| self.json("GET", path, None))
    }

    /// Sent once, but for the rate limit, which keeps it from being done: after a lost answer only the caller can tell
    /// whether it was done.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Problem> {
        let body = serde_json::to_string(body).map_err(|error| lost("POST", path, error.to_string()))?;
        self.put_off(|| self.json("POST", path, Some(&body)))
    }

    /// Gone already is as good.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Problem> {
        match self.patiently(|| self.once("DELETE", path, None).map(drop)) {
            Err(problem) if problem.status() == Some(404) => Ok(()),
            other => other,
        }
    }

    fn patiently<T>(&self, ask: impl Fn() -> Result<T, Problem>) -> Result<T, Problem> {
        let mut tries = 0;
        loop {
            match self.put_off(&ask) {
                Err(problem) if problem.is_transient() && tries + 1 < TRIES => {
                    self.clock.sleep(backoff(tries));
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn put_off<T>(&self, ask: impl Fn() -> Result<T, Problem>) -> Result<T, Problem> {
        let mut times = 0;
        loop {
            let problem = match ask() {
                Err(problem) if times < PUT_OFF => problem,
                other => return other,
            };
            let Failure::Answer {
                status: 429,
                retry_after,
                ..
            } = problem.failure
            else {
                return Err(problem);
            };
            let pause = retry_after.unwrap_or(RETRY_AFTER);
            if pause > MAX_RETRY_AFTER {
                return Err(problem);
            }
            self.clock.sleep(pause);
            times += 1;
        }
    }

    fn json<T: DeserializeOwned>(&self, method: &'static str, path: &str, body: Option<&str>) -> Result<T, Problem> {
        let response = self.once(method, path, body)?;
        let unreadable = |why: String| lost(method, path, self.clean(&why));
        let text = read(response).map_err(unreadable)?;
        serde_json::from_str(&text).map_err(|error| unreadable(format!("the answer is not what it should be: {error}")))
    }

    fn once(&self, method: &'static str, path: &str, body: Option<&str>) -> Result<Response<ureq::Body>, Problem> {
        let response = self
            .request(&self.agent, method, path, body)
            .map_err(|error| lost(method, path, self.clean(&error.to_string())))?;
        self.judge(method, path, response)
    }

    fn request(
        &self,
        agent: &Agent,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base.as_str().trim_end_matches('/')))
            .header("Authorization", format!("Bearer {}", self.key));
        match body {
            Some(body) => agent.run(
                request
                    .header("Content-Type", "application/json")
                    .body(body.to_owned())?,
            ),
            None => agent.run(request.body(())?),
        }
    }

    fn judge(
        &self,
        method: &'static str,
        path: &str,
        response: Response<ureq::Body>,
    ) -> Result<Response<ureq::Body>, Problem> {
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let text = read(response).unwrap_or_default();
        let detail = match serde_json::from_str::<ErrorBody>(&text) {
            Ok(body) if !body.errors.is_empty() => format!("{} ({})", body.detail, body.errors.join("; ")),
            Ok(body) if !body.detail.is_empty() => body.detail,
            _ => text,
        };
        Err(Problem {
            request: format!("{method} {path}"),
            failure: Failure::Answer {
                status,
                detail: self.clean(&detail),
                retry_after,
            },
        })
    }

    /// The last `tail` lines of a pod's log, oldest first. The provider goes on sending what comes: it is listened to
    /// for `window` at most.
    pub(crate) fn log_lines(&self, id: &str, tail: usize, window: Duration) -> Result<Vec<String>, Problem> {
        let path = format!("/pods/{id}/logs?tail={tail}");
        let response = self
            .request(&agent(window), "GET", &path, None)
            .map_err(|error| lost("GET", &path, self.clean(&error.to_string())))?;
        let response = self.judge("GET", &path, response)?;
        let mut lines = Vec::new();
        for line in BufReader::new(response.into_body().into_reader().take(MAX_ANSWER)).lines() {
            // The time is over, or the stream: what came is what there is.
            let Ok(line) = line else { break };
            let Some(data) = line.strip_prefix("data:") else {
                continue;
            };
            if let Ok(event) = serde_json::from_str::<LogLine>(data.trim()) {
                lines.push(self.clean(&format!("{} {}: {}", event.ts, event.source, event.line)));
            }
            if lines.len() >= tail {
                break;
            }
        }
        Ok(lines)
    }

    /// What others wrote, fit for a terminal and a log: no control characters, not endless, and never the key.
    pub(crate) fn clean(&self, text: &str) -> String {
        let text = text.replace(&self.key, "<key>");
        let mut clean: String = text
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .take(MAX_DETAIL)
            .collect();
        clean.truncate(clean.trim_end().len());
        clean
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.base)
    }
}

/// A client that talks to the host it is given and to nobody else: a redirect would take the key along.
pub(crate) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .http_status_as_error(false)
        .user_agent(concat!("dragoman-deploy/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// The pause after a try that failed: 2 s, 4 s, 8 s.
pub(crate) fn backoff(tries: u32) -> Duration {
    Duration::from_secs(2u64 << tries.min(4))
}

fn lost(method: &str, path: &str, why: String) -> Problem {
    Problem {
        request: format!("{method} {path}"),
        failure: Failure::Lost(why),
    }
}

pub(crate) fn read(response: Response<ureq::Body>) -> Result<String, String> {
    response
        .into_body()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_string()
        .map_err(|error| error.to_string())
}
