//! The health check of containers that have no other program to ask with.

use std::time::Duration;

use crate::event::plain_http;
use crate::{Failure, post};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks `url` and is content with a 2xx status.
pub(crate) fn check(url: &str) -> Result<(), Failure> {
    plain_http(url).map_err(|problem| Failure::other(format!("health: {problem}")))?;
    let answer = post::agent()
        .get(url)
        .config()
        .timeout_global(Some(TIMEOUT))
        .build()
        .call();
    match answer {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(Failure::other(format!(
            "health: {url} answered {}",
            response.status().as_u16()
        ))),
        Err(error) => Err(Failure::other(format!("health: {url}: {error}"))),
    }
}
