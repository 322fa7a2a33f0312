//! Delivering an event, with retries.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use ureq::Agent;

use crate::event::Request;
use crate::{Failure, backoff};

/// How long one attempt may take: the media service answers in milliseconds or not at all.
const ATTEMPT: Duration = Duration::from_secs(3);

/// What became of one attempt.
enum Outcome {
    Delivered,
    /// Another attempt may help.
    Again(String),
    /// It cannot.
    Refused(String),
}

/// Sends `request` until it is taken, refused, or `deadline` is near.
pub(crate) fn deliver(request: &Request, deadline: Instant) -> Result<(), Failure> {
    let agent = agent();
    let mut attempt = 0;
    loop {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        let reason = match send(&agent, request, left.min(ATTEMPT)) {
            Outcome::Delivered => return Ok(()),
            Outcome::Refused(reason) => return Err(Failure::other(format!("{}: {reason}", request.label))),
            Outcome::Again(reason) => reason,
        };
        let pause = backoff::delay(attempt, random01());
        attempt += 1;
        if Instant::now() + pause >= deadline {
            let reason = format!("{}: given up after {attempt} attempts: {reason}", request.label);
            return Err(Failure::other(reason));
        }
        std::thread::sleep(pause);
    }
}

/// A client that talks to the host it is given and to nobody else: no proxy, no redirect.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .new_agent()
}

fn send(agent: &Agent, request: &Request, timeout: Duration) -> Outcome {
    let mut post = agent.post(&request.url).config().timeout_global(Some(timeout)).build();
    if let Some(key) = &request.key {
        post = post.header("Authorization", format!("Bearer {key}"));
    }
    let Ok(body) = serde_json::to_string(&request.body) else {
        return Outcome::Refused("the body could not be written".to_owned());
    };
    match post.header("Content-Type", "application/json").send(body) {
        Ok(mut response) => {
            let status = response.status().as_u16();
            match status {
                200..=299 => Outcome::Delivered,
                429 | 500..=599 => Outcome::Again(format!("answered {status}")),
                _ => {
                    let body = response
                        .body_mut()
                        .with_config()
                        .limit(4096)
                        .read_to_string()
                        .unwrap_or_default();
                    Outcome::Refused(format!("answered {status} {}", message(&body)).trim_end().to_owned())
                }
            }
        }
        Err(error @ (ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::HostNotFound)) => {
            Outcome::Again(error.to_string())
        }
        Err(error @ (ureq::Error::ConnectionFailed | ureq::Error::Protocol(_))) => Outcome::Again(error.to_string()),
        // What is left is about the request itself, and its text may hold what was asked for.
        Err(_) => Outcome::Refused("the request could not be made".to_owned()),
    }
}

/// The stable code of a refusal. Its message is not shown: it may quote the query.
fn message(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default();
    if code.len() <= 64
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    {
        code.to_owned()
    } else {
        String::new()
    }
}

/// A number in `0..1`, good enough to spread retries.
fn random01() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}
