//! The parameter store: what the host reads, and the one thing that it writes.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::client::{Aws, list, text};
use super::release::HostState;
use super::{MAX_PARAMETER, prefix, tags};

/// The most that one call deletes.
const DELETED_AT_ONCE: usize = 10;

/// How a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Readable by whoever may read parameters.
    Text,
    /// Encrypted with the account's key.
    Secret,
}

/// A value to store. What is shown of it for debugging has no value.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Below the deployment's prefix, such as `secrets/speech_key`.
    pub name: String,
    /// Up to [`MAX_PARAMETER`] bytes.
    pub value: String,
    /// How it is stored.
    pub kind: Kind,
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({}, {:?})", self.name, self.kind)
    }
}

impl Aws {
    /// All parameters below `prefix`, by their name behind it. Secrets are ciphertext unless `decrypt` is set.
    pub fn parameters(&self, prefix: &str, decrypt: bool) -> Result<BTreeMap<String, String>> {
        let input = json!({ "Path": prefix, "Recursive": true, "WithDecryption": decrypt });
        let answer = self
            .call("ssm get-parameters-by-path", &input)
            .with_context(|| format!("cannot read the parameters below {prefix}"))?;
        list(&answer, "Parameters")
            .map(|parameter| {
                let name = text(parameter, "/Name")?;
                let short = name.strip_prefix(prefix).unwrap_or(&name).trim_start_matches('/');
                Ok((short.to_owned(), text(parameter, "/Value")?))
            })
            .collect()
    }

    /// Stores one value for the deployment `name`; whether it was another one before.
    pub fn put_parameter(&self, name: &str, parameter: &Parameter) -> Result<bool> {
        check(name, parameter)?;
        let input = json!({ "Name": full(name, parameter), "WithDecryption": true });
        let before = match self.call("ssm get-parameter", &input) {
            Ok(answer) => Some(text(&answer, "/Parameter/Value")?),
            Err(refused) if refused.is("ParameterNotFound") => None,
            Err(refused) => {
                return Err(refused).with_context(|| format!("cannot read the parameter {}", full(name, parameter)));
            }
        };
        self.store(name, parameter, before.as_deref())
    }

    /// Stores values for the deployment `name` that are not `there` already, as [`Self::parameters`] tells; the names of those
    /// that changed.
    pub fn put_parameters(
        &self,
        name: &str,
        parameters: &[Parameter],
        there: &BTreeMap<String, String>,
    ) -> Result<Vec<String>> {
        for parameter in parameters {
            check(name, parameter)?;
        }
        let mut changed = Vec::new();
        for parameter in parameters {
            if self.store(name, parameter, there.get(&parameter.name).map(String::as_str))? {
                changed.push(parameter.name.clone());
            }
        }
        Ok(changed)
    }

    /// Deletes all below `prefix`; how many.
    pub fn delete_parameters(&self, prefix: &str) -> Result<usize> {
        let names: Vec<String> = self.parameters(prefix, false)?.into_keys().collect();
        self.delete_named(prefix, &names)?;
        Ok(names.len())
    }

    /// Deletes these below `prefix`.
    pub fn delete_named(&self, prefix: &str, names: &[String]) -> Result<()> {
        for names in names.chunks(DELETED_AT_ONCE) {
            let full: Vec<String> = names.iter().map(|name| format!("{prefix}/{name}")).collect();
            self.call("ssm delete-parameters", &json!({ "Names": full }))
                .with_context(|| format!("cannot delete the parameters below {prefix}"))?;
        }
        Ok(())
    }

    /// What the host of the deployment `name` last said of itself; `None` while it has said nothing.
    pub fn host_state(&self, name: &str) -> Result<Option<HostState>> {
        let input = json!({ "Name": format!("{}/state", prefix(name)) });
        match self.call("ssm get-parameter", &input) {
            Ok(answer) => HostState::parse(&text(&answer, "/Parameter/Value")?).map(Some),
            Err(refused) if refused.is("ParameterNotFound") => Ok(None),
            Err(refused) => Err(refused).context("cannot read the host's state"),
        }
    }

    fn store(&self, name: &str, parameter: &Parameter, before: Option<&str>) -> Result<bool> {
        let Parameter { value, kind, .. } = parameter;
        let full = full(name, parameter);
        if before == Some(value) {
            return Ok(false);
        }
        let mut input = json!({
            "Name": full,
            "Value": value,
            "Type": match kind { Kind::Text => "String", Kind::Secret => "SecureString" },
            "Tier": "Intelligent-Tiering",
        });
        // The store takes either tags or the leave to replace a value.
        match before {
            Some(_) => input["Overwrite"] = Value::Bool(true),
            None => input["Tags"] = tags(name),
        }
        self.call("ssm put-parameter", &input)
            .with_context(|| format!("cannot store the parameter {full}"))?;
        Ok(true)
    }
}

/// Nothing is stored of several when one of them cannot be.
fn check(name: &str, parameter: &Parameter) -> Result<()> {
    match parameter.value.len() {
        0 => bail!("the parameter {} would be empty", full(name, parameter)),
        1..=MAX_PARAMETER => Ok(()),
        length => bail!(
            "the parameter {} would be {length} bytes, at most {MAX_PARAMETER} fit",
            full(name, parameter)
        ),
    }
}

fn full(name: &str, parameter: &Parameter) -> String {
    format!("{}/{}", prefix(name), parameter.name)
}
