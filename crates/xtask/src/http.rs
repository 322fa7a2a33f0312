//! Short HTTP exchanges with the services of this machine.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::Agent;

/// Every service answers in milliseconds; a longer silence is a fault.
const TIMEOUT: Duration = Duration::from_secs(2);

fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into()
}

/// The status code of `GET url`.
pub fn status(url: &str) -> Result<u16> {
    let answer = agent().get(url).call().with_context(|| format!("GET {url}"))?;
    Ok(answer.status().as_u16())
}

/// The status code and the JSON body of `GET url`, whatever the status.
pub fn status_and_json(url: &str) -> Result<(u16, Value)> {
    let mut answer = agent().get(url).call().with_context(|| format!("GET {url}"))?;
    let body = answer
        .body_mut()
        .read_to_string()
        .with_context(|| format!("GET {url}"))?;
    Ok((
        answer.status().as_u16(),
        serde_json::from_str(&body).unwrap_or_default(),
    ))
}

/// The JSON body of `GET url`; any status but 200 is an error with the body in it.
pub fn get_json(url: &str, key: Option<&str>) -> Result<Value> {
    let mut request = agent().get(url);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut answer = request.call().with_context(|| format!("GET {url}"))?;
    let status = answer.status().as_u16();
    let body = answer
        .body_mut()
        .read_to_string()
        .with_context(|| format!("GET {url}"))?;
    if status != 200 {
        bail!("GET {url} answered {status}: {body}");
    }
    serde_json::from_str(&body).with_context(|| format!("GET {url} answered no JSON"))
}
