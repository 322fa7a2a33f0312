//! What the host says.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::{Aws, list};
use super::log_group;

/// The host's stream in its log group.
const STREAM: &str = "host";
/// How often a log that is followed is asked for more.
const LOOK: Duration = Duration::from_secs(2);

impl Aws {
    /// Hands out the last `lines` of the host's log, oldest first, and, with `follow`, all that comes, until `line` breaks.
    /// Nothing is handed out while the host has not said anything.
    pub fn logs(
        &self,
        name: &str,
        lines: usize,
        follow: bool,
        line: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut token = None;
        loop {
            let mut input = json!({ "logGroupName": log_group(name), "logStreamName": STREAM });
            match &token {
                None => {
                    input["startFromHead"] = Value::Bool(false);
                    input["limit"] = json!(lines.clamp(1, 10_000));
                }
                Some(token) => {
                    input["startFromHead"] = Value::Bool(true);
                    input["nextToken"] = json!(token);
                }
            }
            let answer = match self.call("logs get-log-events", &input) {
                Ok(answer) => answer,
                Err(refused) if refused.is("ResourceNotFound") => Value::Null,
                Err(refused) => return Err(refused).with_context(|| format!("cannot read the log of {name}")),
            };
            for event in list(&answer, "events") {
                let said = event.get("message").and_then(Value::as_str).unwrap_or_default();
                if line(said).is_break() {
                    return Ok(());
                }
            }
            if !follow {
                return Ok(());
            }
            if let Some(next) = answer.get("nextForwardToken").and_then(Value::as_str) {
                token = Some(next.to_owned());
            }
            std::thread::sleep(LOOK);
        }
    }
}
