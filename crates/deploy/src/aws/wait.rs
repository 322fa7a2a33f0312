//! Watching a stack until it is at rest.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::{Aws, advice, list, text};

/// How often a stack that is at work is looked at.
const LOOK: Duration = Duration::from_secs(4);
/// How much of the host's last words is shown.
const LAST_WORDS: usize = 20;

/// What happens to a stack from now on.
pub(super) struct Watch {
    seen: HashSet<String>,
    failed: Option<Failure>,
}

/// The first thing that went wrong, and what the host said, which is gone when the stack is taken back.
pub(super) struct Failure {
    resource: String,
    reason: String,
    said: Vec<String>,
}

impl Failure {
    /// One message, with what to do.
    pub(super) fn message(&self) -> String {
        let mut message = format!("{}: {}", self.resource, self.reason);
        if let Some(advice) = advice("", &self.reason) {
            message = format!("{}. {advice}", message.trim_end_matches('.'));
        }
        if !self.said.is_empty() {
            message.push_str("\nthe host's last words:");
            for line in &self.said {
                message.push_str("\n  ");
                message.push_str(line.trim_end());
            }
        }
        message
    }
}

impl Watch {
    /// Of the stack with this name or id; what happened before does not count.
    pub(super) fn start(aws: &Aws, stack: Option<&str>) -> Result<Self> {
        let seen = match stack {
            Some(stack) => events(aws, stack)?.iter().map(id).collect(),
            None => HashSet::new(),
        };
        Ok(Self { seen, failed: None })
    }

    /// Until nothing is at work any more; the status then. `name` is the deployment's.
    pub(super) fn until_rest(
        &mut self,
        aws: &Aws,
        stack: &str,
        name: &str,
        say: &mut dyn FnMut(&str),
    ) -> Result<String> {
        loop {
            let answer = aws
                .call("cloudformation describe-stacks", &json!({ "StackName": stack }))
                .with_context(|| format!("cannot look at the stack {name}; it goes on without this command"))?;
            let status = text(&answer, "/Stacks/0/StackStatus")?;
            for event in events(aws, stack)?.iter().rev() {
                if self.seen.insert(id(event)) {
                    self.note(aws, name, event, say);
                }
            }
            if !status.ends_with("_IN_PROGRESS") || status == "REVIEW_IN_PROGRESS" {
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What went wrong, if anything did.
    pub(super) fn failure(self) -> Option<Failure> {
        self.failed
    }

    fn note(&mut self, aws: &Aws, name: &str, event: &Value, say: &mut dyn FnMut(&str)) {
        let field = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default();
        let (resource, status) = (field("LogicalResourceId"), field("ResourceStatus"));
        if status.ends_with("_COMPLETE") {
            say(&format!("{resource}: {}", status.to_lowercase().replace('_', " ")));
        }
        let reason = field("ResourceStatusReason");
        // What is given up because something else failed is not the cause.
        if !status.ends_with("_FAILED") || reason.contains("cancelled") || self.failed.is_some() {
            return;
        }
        say(&format!("{resource}: {reason}"));
        let mut said = Vec::new();
        let mut keep = |line: &str| {
            said.push(line.to_owned());
            std::ops::ControlFlow::Continue(())
        };
        if let Err(error) = aws.logs(name, LAST_WORDS, false, &mut keep) {
            said.push(format!("not known: {error:#}"));
        }
        self.failed = Some(Failure {
            resource: resource.to_owned(),
            reason: reason.to_owned(),
            said,
        });
    }
}

fn id(event: &Value) -> String {
    let id = event.get("EventId").and_then(Value::as_str);
    id.unwrap_or_default().to_owned()
}

/// Newest first.
fn events(aws: &Aws, stack: &str) -> Result<Vec<Value>> {
    let answer = aws
        .call("cloudformation describe-stack-events", &json!({ "StackName": stack }))
        .with_context(|| format!("cannot read what happened to the stack {stack}"))?;
    Ok(list(&answer, "StackEvents").cloned().collect())
}
