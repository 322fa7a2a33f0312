//! The data volume, which outlives its stack.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::TAG;
use super::client::{Aws, list, text};

/// A volume that carries the tag of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// `vol-…`.
    pub id: String,
    /// Its size.
    pub gb: u64,
    /// The zone in which it can be used.
    pub zone: String,
    /// The instance that has it.
    pub attached: Option<String>,
}

impl Aws {
    /// The data volumes of the deployment `name`: one, or none, or more when a zone was left with the volume in it.
    pub fn volumes(&self, name: &str) -> Result<Vec<Volume>> {
        let input = json!({ "Filters": [
            { "Name": format!("tag:{TAG}"), "Values": [name] },
            { "Name": "status", "Values": ["creating", "available", "in-use"] },
        ] });
        let answer = self
            .call("ec2 describe-volumes", &input)
            .context("cannot look for the data volume")?;
        let mut volumes = Vec::new();
        for volume in list(&answer, "Volumes") {
            let attachment = list(volume, "Attachments").next();
            let instances = attachment.and_then(|attachment| attachment.get("DeleteOnTermination"));
            // That of a system goes with its instance.
            if instances.and_then(Value::as_bool) == Some(true) {
                continue;
            }
            volumes.push(Volume {
                id: text(volume, "/VolumeId")?,
                gb: volume.get("Size").and_then(Value::as_u64).unwrap_or_default(),
                zone: text(volume, "/AvailabilityZone")?,
                attached: attachment
                    .map(|attachment| text(attachment, "/InstanceId"))
                    .transpose()?,
            });
        }
        Ok(volumes)
    }

    /// The one data volume of the deployment `name`; fails when there are several, since it is not known which is meant.
    pub fn find_volume(&self, name: &str) -> Result<Option<Volume>> {
        let volumes = self.volumes(name)?;
        if let [_, _, ..] = volumes.as_slice() {
            let ids: Vec<&str> = volumes.iter().map(|volume| volume.id.as_str()).collect();
            bail!(
                "{} volumes carry the tag {TAG}={name}: {}. Remove the tag from (or delete) those that are not wanted",
                ids.len(),
                ids.join(", ")
            );
        }
        Ok(volumes.into_iter().next())
    }

    /// Deletes the data volumes of the deployment `name`, with all that was recorded; their ids.
    pub fn delete_volumes(&self, name: &str) -> Result<Vec<String>> {
        let volumes = self.volumes(name)?;
        if let Some(volume) = volumes.iter().find(|volume| volume.attached.is_some()) {
            let instance = volume.attached.as_deref().unwrap_or_default();
            bail!(
                "the data volume {} is in use by {instance}: delete the stack first",
                volume.id
            );
        }
        let mut deleted = Vec::new();
        for volume in volumes {
            self.call("ec2 delete-volume", &json!({ "VolumeId": volume.id }))
                .with_context(|| format!("cannot delete the data volume {}", volume.id))?;
            deleted.push(volume.id);
        }
        Ok(deleted)
    }
}
