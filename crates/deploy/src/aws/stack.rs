//! The stack: found by its name, planned, made or changed, deleted.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::client::{Aws, list, text};
use super::template::{Wanted, boot_of, boot_script, template};
use super::volume::Volume;
use super::wait::Watch;
use super::{TAG, tags};

/// The one change set at a time.
const CHANGE_SET: &str = "dragoman-deploy";
/// CloudFormation may make a role and its instance profile.
const CAPABILITIES: [&str; 1] = ["CAPABILITY_IAM"];
const HOST: &str = "Host";

/// A stack of ours that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Also after its deletion.
    pub id: String,
    /// As CloudFormation says it, such as `CREATE_COMPLETE`.
    pub status: String,
    /// Why it is so; empty when all went well.
    pub reason: String,
    /// `Address`, `Instance`, `Volume`, `LogGroup`.
    pub outputs: BTreeMap<String, String>,
    /// What it was made with.
    pub parameters: BTreeMap<String, String>,
}

/// What [`Aws::deploy_stack`] would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it is as wanted.
    Same,
    /// Make it; what an earlier failed creation left, in this status, is deleted before.
    Create(Option<String>),
    /// Change it. No changes are listed when the provider does not say what a parameter changes.
    Update(Vec<Change>),
    /// Wait until what another run started is through, with this status now, and look again.
    Wait(String),
}

/// To one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name in the template, such as `Host`.
    pub resource: String,
    /// `Add`, `Modify`, `Remove`.
    pub action: String,
    /// A new one is made and the old one deleted.
    pub replaced: bool,
    /// It is stopped and started, which cuts its streams.
    pub interrupted: bool,
}

/// After [`Aws::deploy_stack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// As it is now.
    pub stack: Stack,
    /// Whether it was something else before.
    pub changed: bool,
}

impl Stack {
    /// Whether a creation failed and nothing in it is of use; all that can be done is deleting it.
    fn is_left_over(&self) -> bool {
        [
            "ROLLBACK_COMPLETE",
            "ROLLBACK_FAILED",
            "CREATE_FAILED",
            "DELETE_FAILED",
            "REVIEW_IN_PROGRESS",
        ]
        .contains(&self.status.as_str())
    }

    fn is_at_work(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && !self.is_left_over()
    }
}

impl Aws {
    /// The stack of the deployment `name`. Fails when a stack has that name but not our tag.
    pub fn stack(&self, name: &str) -> Result<Option<Stack>> {
        let answer = match self.call("cloudformation describe-stacks", &json!({ "StackName": name })) {
            Ok(answer) => answer,
            Err(refused) if refused.is("ValidationError") && refused.text.contains("does not exist") => {
                return Ok(None);
            }
            Err(refused) => return Err(refused).with_context(|| format!("cannot look for the stack {name}")),
        };
        let Some(stack) = list(&answer, "Stacks").next() else {
            return Ok(None);
        };
        if pairs(stack, "Tags", "Key", "Value").get(TAG).map(String::as_str) != Some(name) {
            bail!(
                "the name {name} is taken by something else: the stack {} in {} has no tag {TAG}={name}. Set another `name` \
                 in the deployment's file",
                text(stack, "/StackId")?,
                self.region()
            );
        }
        let reason = stack
            .get("StackStatusReason")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Some(Stack {
            id: text(stack, "/StackId")?,
            status: text(stack, "/StackStatus")?,
            reason: reason.to_owned(),
            outputs: pairs(stack, "Outputs", "OutputKey", "OutputValue"),
            parameters: pairs(stack, "Parameters", "ParameterKey", "ParameterValue"),
        }))
    }

    /// What [`Self::deploy_stack`] would do to what is `there`. Changes nothing.
    pub fn plan_stack(&self, wanted: &Wanted, there: Option<&Stack>) -> Result<Plan> {
        let Some(stack) = there else {
            return Ok(Plan::Create(None));
        };
        if stack.is_left_over() {
            return Ok(Plan::Create(Some(stack.status.clone())));
        }
        if stack.is_at_work() {
            return Ok(Plan::Wait(stack.status.clone()));
        }
        let Some(text) = self.changed_template(wanted, stack)? else {
            return Ok(Plan::Same);
        };
        let plan = self.change_set(wanted, &text)?;
        self.delete_change_set(&wanted.name)?;
        Ok(plan)
    }

    /// Makes the stack or changes it, and waits. A change that replaces a resource is refused, and one that cuts streams is as
    /// well unless `interrupt` is set. What was made in vain is taken back by CloudFormation.
    pub fn deploy_stack(&self, wanted: &Wanted, interrupt: bool, say: &mut dyn FnMut(&str)) -> Result<Deployed> {
        let name = &wanted.name;
        let mut there = self.stack(name)?;
        if let Some(stack) = there.take_if(|stack| stack.is_at_work()) {
            say(&format!("the stack {name} is at work ({}): waiting", stack.status));
            self.settle(&stack, name, say)?;
            there = self.stack(name)?;
        }
        if let Some(stack) = there.take_if(|stack| stack.is_left_over()) {
            say(&format!(
                "deleting what an earlier run left of the stack {name} ({})",
                stack.status
            ));
            self.delete(&stack, name, say)?;
        }
        let Some(stack) = there else {
            self.create(wanted, say)?;
            return self.deployed(name, true);
        };
        if stack.status == "UPDATE_ROLLBACK_FAILED" {
            bail!(
                "the stack {name} could not take back an earlier change ({}): run `aws cloudformation \
                 continue-update-rollback --stack-name {name}`",
                stack.reason
            );
        }
        let Some(text) = self.changed_template(wanted, &stack)? else {
            return Ok(Deployed { stack, changed: false });
        };
        let Plan::Update(changes) = self.change_set(wanted, &text)? else {
            self.delete_change_set(name)?;
            return Ok(Deployed { stack, changed: false });
        };
        if let Err(error) = allowed(&changes, name, interrupt) {
            self.delete_change_set(name)?;
            return Err(error);
        }
        let mut watch = Watch::start(self, Some(&stack.id))?;
        say(&format!("changing the stack {name}"));
        let input = json!({ "StackName": name, "ChangeSetName": CHANGE_SET });
        self.call("cloudformation execute-change-set", &input)
            .with_context(|| format!("cannot change the stack {name}"))?;
        let status = watch.until_rest(self, &stack.id, name, say)?;
        if status != "UPDATE_COMPLETE" {
            bail!("the stack {name} was not changed ({status}): {}", why(watch));
        }
        self.deployed(name, true)
    }

    /// Deletes the stack and waits; what stays, which are the data volumes. Nothing happens when there is none.
    pub fn delete_stack(&self, name: &str, say: &mut dyn FnMut(&str)) -> Result<Vec<Volume>> {
        let mut there = self.stack(name)?;
        if let Some(stack) = there.take_if(|stack| stack.is_at_work() && !stack.status.starts_with("CREATE_")) {
            say(&format!("the stack {name} is at work ({}): waiting", stack.status));
            self.settle(&stack, name, say)?;
            there = self.stack(name)?;
        }
        if let Some(stack) = there {
            say(&format!("deleting the stack {name}"));
            self.delete(&stack, name, say)?;
        }
        self.volumes(name)
    }

    fn create(&self, wanted: &Wanted, say: &mut dyn FnMut(&str)) -> Result<()> {
        let name = &wanted.name;
        say(&format!("making the stack {name} in {}", wanted.zone));
        let input = json!({
            "StackName": name,
            "TemplateBody": template(&wanted.allow, wanted.domain, boot_script())?,
            "Parameters": stack_parameters(wanted),
            "Capabilities": CAPABILITIES,
            "Tags": tags(name),
            // A failed creation leaves nothing, not even the volume that is still empty.
            "OnFailure": "ROLLBACK",
            "RetainExceptOnCreate": true,
        });
        let answer = self
            .call("cloudformation create-stack", &input)
            .with_context(|| format!("cannot make the stack {name}"))?;
        let id = text(&answer, "/StackId")?;
        let mut watch = Watch::start(self, None)?;
        let status = watch.until_rest(self, &id, name, say)?;
        if status != "CREATE_COMPLETE" {
            bail!(
                "the stack {name} could not be made ({status}; what was made is deleted): {}",
                why(watch)
            );
        }
        Ok(())
    }

    fn deployed(&self, name: &str, changed: bool) -> Result<Deployed> {
        let stack = self.stack(name)?;
        let stack = stack.with_context(|| format!("the stack {name} is gone: was it deleted by another run?"))?;
        Ok(Deployed { stack, changed })
    }

    /// Waits for what another run started.
    fn settle(&self, stack: &Stack, name: &str, say: &mut dyn FnMut(&str)) -> Result<()> {
        Watch::start(self, Some(&stack.id))?
            .until_rest(self, &stack.id, name, say)
            .map(drop)
    }

    fn delete(&self, stack: &Stack, name: &str, say: &mut dyn FnMut(&str)) -> Result<()> {
        let mut watch = Watch::start(self, Some(&stack.id))?;
        self.call("cloudformation delete-stack", &json!({ "StackName": stack.id }))
            .with_context(|| format!("cannot delete the stack {name}"))?;
        let status = watch.until_rest(self, &stack.id, name, say)?;
        if status != "DELETE_COMPLETE" {
            bail!("the stack {name} could not be deleted ({status}): {}", why(watch));
        }
        Ok(())
    }

    /// The wanted template, if it or the parameters are not what the stack has. The user data of a host that is there is left
    /// as it is: a change would stop the host, and would not be run.
    fn changed_template(&self, wanted: &Wanted, stack: &Stack) -> Result<Option<String>> {
        let answer = self
            .call("cloudformation get-template", &json!({ "StackName": stack.id }))
            .with_context(|| format!("cannot read the template of the stack {}", wanted.name))?;
        let there = answer.get("TemplateBody").and_then(Value::as_str).unwrap_or_default();
        let boot = boot_of(there);
        let text = template(&wanted.allow, wanted.domain, boot.as_deref().unwrap_or(boot_script()))?;
        let same = there.trim_end() == text.trim_end() && stack.parameters == wanted.parameters();
        Ok((!same).then_some(text))
    }

    /// Makes the change set and reads it.
    fn change_set(&self, wanted: &Wanted, template: &str) -> Result<Plan> {
        let name = &wanted.name;
        let input = json!({
            "StackName": name,
            "ChangeSetName": CHANGE_SET,
            "ChangeSetType": "UPDATE",
            "TemplateBody": template,
            "Parameters": stack_parameters(wanted),
            "Capabilities": CAPABILITIES,
            "Tags": tags(name),
        });
        let mut made = self.call("cloudformation create-change-set", &input);
        // A run that was ended left its own, for whatever was wanted then.
        if made.as_ref().is_err_and(|refused| refused.is("AlreadyExists")) {
            self.delete_change_set(name)?;
            made = self.call("cloudformation create-change-set", &input);
        }
        made.with_context(|| format!("cannot plan a change of the stack {name}"))?;
        loop {
            let input = json!({ "StackName": name, "ChangeSetName": CHANGE_SET });
            let answer = self
                .call("cloudformation describe-change-set", &input)
                .with_context(|| format!("cannot read the planned change of the stack {name}"))?;
            let reason = answer.get("StatusReason").and_then(Value::as_str).unwrap_or_default();
            match text(&answer, "/Status")?.as_str() {
                "CREATE_COMPLETE" => return Ok(Plan::Update(list(&answer, "Changes").filter_map(change).collect())),
                "FAILED" if reason.contains("didn't contain changes") || reason.contains("No updates") => {
                    return Ok(Plan::Same);
                }
                "FAILED" => {
                    self.delete_change_set(name)?;
                    bail!("the stack {name} cannot be changed so: {reason}");
                }
                _ => std::thread::sleep(std::time::Duration::from_secs(1)),
            }
        }
    }

    fn delete_change_set(&self, name: &str) -> Result<()> {
        let input = json!({ "StackName": name, "ChangeSetName": CHANGE_SET });
        self.call("cloudformation delete-change-set", &input)
            .map(drop)
            .context("cannot delete a planned change")
    }
}

fn allowed(changes: &[Change], name: &str, interrupt: bool) -> Result<()> {
    let replaced: Vec<&str> = names(changes, |change| change.replaced);
    if !replaced.is_empty() {
        bail!(
            "the change would replace {} of the stack {name}, which cannot be done while it runs: `down` and then `up` \
             (recordings stay, the address does not), or set back what was changed",
            replaced.join(", ")
        );
    }
    let interrupted = names(changes, |change| change.interrupted);
    if !interrupted.is_empty() && !interrupt {
        bail!(
            "the change would stop and start {} of the stack {name}, which cuts every stream: `up --now` does it",
            interrupted.join(", ")
        );
    }
    Ok(())
}

fn names(changes: &[Change], which: impl Fn(&Change) -> bool) -> Vec<&str> {
    let chosen = changes.iter().filter(|change| which(change));
    chosen.map(|change| change.resource.as_str()).collect()
}

fn why(watch: Watch) -> String {
    match watch.failure() {
        Some(failure) => failure.message(),
        None => "CloudFormation does not say why".to_owned(),
    }
}

/// As a change set lists it. Whether a host is replaced is "Conditional" on its image; ours have their system on a volume, so
/// that they are stopped and started.
fn change(listed: &Value) -> Option<Change> {
    let listed = listed.get("ResourceChange")?;
    let field = |field: &str| listed.get(field).and_then(Value::as_str).unwrap_or_default();
    let host = field("ResourceType") == "AWS::EC2::Instance" || field("LogicalResourceId") == HOST;
    let modified = field("Action") == "Modify";
    let tags_only =
        list(listed, "Scope").all(|scope| scope.as_str() == Some("Tags")) && list(listed, "Scope").next().is_some();
    let replaced = match field("Replacement") {
        "True" => true,
        "Conditional" => !host,
        _ => false,
    };
    Some(Change {
        resource: field("LogicalResourceId").to_owned(),
        action: field("Action").to_owned(),
        replaced,
        interrupted: host && modified && !replaced && !tags_only,
    })
}

fn stack_parameters(wanted: &Wanted) -> Value {
    let parameters = wanted.parameters().into_iter();
    parameters
        .map(|(key, value)| json!({ "ParameterKey": key, "ParameterValue": value }))
        .collect()
}

fn pairs(stack: &Value, list_name: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    let pair = |entry: &Value| {
        Some((
            entry.get(key)?.as_str()?.to_owned(),
            entry.get(value)?.as_str()?.to_owned(),
        ))
    };
    list(stack, list_name).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(resource: &str, replacement: &str, scope: &[&str]) -> Value {
        json!({ "ResourceChange": {
            "LogicalResourceId": resource, "Action": "Modify", "Replacement": replacement, "Scope": scope,
        } })
    }

    #[test]
    fn a_change_that_replaces_is_refused_and_one_that_cuts_is_asked_for() {
        let changes = |listed: Value| [change(&listed).unwrap()];
        let image = changes(listed("Host", "True", &["Properties"]));
        assert!(allowed(&image, "x", true).unwrap_err().to_string().contains("`down`"));
        let size = changes(listed("Host", "Conditional", &["Properties"]));
        assert!(allowed(&size, "x", false).unwrap_err().to_string().contains("--now"));
        assert!(allowed(&size, "x", true).is_ok());
        let tags = changes(listed("Host", "False", &["Tags"]));
        let rules = changes(listed("Ports", "False", &["Properties"]));
        assert!(allowed(&tags, "x", false).is_ok() && allowed(&rules, "x", false).is_ok());
        assert!(allowed(&changes(listed("Address", "Conditional", &[])), "x", true).is_err());
    }
}
