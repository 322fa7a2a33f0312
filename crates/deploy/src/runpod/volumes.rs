//! The volumes of a deployment's models: one for each data centre that was ever used.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::candidates::volume_name;
use super::client::{TRIES, backoff};
use super::model::{NewVolume, Volume, Volumes};
use super::{RunPod, Say};

/// How often a volume's deletion is asked for while a pod that is being deleted holds it, and the pause between.
const DETACHES: u32 = 12;
const DETACH_PAUSE: Duration = Duration::from_secs(5);

/// What came of asking for a volume.
pub(crate) enum Found {
    /// It is there; `made` by this run, so that it is empty.
    Volume { volume: Volume, made: bool },
    /// It cannot be had there, and why.
    Refused(String),
}

impl RunPod {
    pub(crate) fn volumes(&self) -> Result<Vec<Volume>> {
        let list: Volumes = self
            .client
            .get("/network-volumes")
            .context("speech: list the volumes for models")?;
        Ok(list.network_volumes)
    }

    /// Those that carry the deployment's name and the place that they are in.
    pub(crate) fn volumes_of(&self, name: &str) -> Result<Vec<Volume>> {
        let mut volumes = self.volumes()?;
        volumes.retain(|volume| volume.name == volume_name(name, &volume.data_center));
        Ok(volumes)
    }

    /// The one volume called `name`, if there is one.
    pub(crate) fn volume(&self, name: &str) -> Result<Option<Volume>> {
        let mut volumes = self.volumes()?;
        volumes.retain(|volume| volume.name == name);
        if volumes.len() > 1 {
            let ids: Vec<&str> = volumes.iter().map(|volume| volume.id.as_str()).collect();
            bail!(
                "speech: {} volumes are called {name}: {}. Which holds the models cannot be told: delete or rename all but one \
                 in RunPod's console, then run the same command again",
                ids.len(),
                ids.join(", ")
            );
        }
        Ok(volumes.pop())
    }

    /// The volume for `data_center`, made where it is not there.
    pub(crate) fn volume_in(&self, deployment: &str, data_center: &str, size: u32, say: Say<'_>) -> Result<Found> {
        let name = volume_name(deployment, data_center);
        let step = || format!("speech: make the volume {name}");
        let mut last = String::new();
        for tries in 0..=TRIES {
            if let Some(volume) = self.volume(&name)? {
                if volume.data_center != data_center {
                    return Ok(Found::Refused(format!(
                        "the volume {name} ({}) is in {}, and a pod can only use one of its own data centre: rename or delete it",
                        volume.id, volume.data_center
                    )));
                }
                if volume.size < size {
                    say(&format!(
                        "speech: the volume {name} ({}) has {} GB, volume_gb asks for {size}: it can be enlarged in RunPod's console",
                        volume.id, volume.size
                    ));
                }
                // After a lost answer it is the one that was made.
                let made = tries > 0;
                return Ok(Found::Volume { volume, made });
            }
            if tries == TRIES {
                break;
            }
            let new = NewVolume {
                name: &name,
                size,
                data_center,
            };
            match self.client.post::<Volume>("/network-volumes", &new) {
                Ok(volume) => {
                    say(&format!("speech: volume {name} ({}, {size} GB) made", volume.id));
                    return Ok(Found::Volume { volume, made: true });
                }
                Err(problem) if problem.is_transient() => {
                    last = problem.brief();
                    self.client.clock.sleep(backoff(tries));
                }
                Err(problem) if problem.status() == Some(400) => {
                    return Ok(Found::Refused(format!("no volume there: {}", problem.brief())));
                }
                Err(problem) => return Err(problem).with_context(step),
            }
        }
        Ok(Found::Refused(format!("no volume there after {TRIES} tries: {last}")))
    }

    /// Waits for pods that are being deleted to let go of it.
    pub(crate) fn delete_volume(&self, id: &str) -> Result<()> {
        let mut tries = 0;
        loop {
            match self.client.delete(&format!("/network-volumes/{id}")) {
                Err(problem) if matches!(problem.status(), Some(400 | 409)) && tries < DETACHES => {
                    tries += 1;
                    self.client.clock.sleep(DETACH_PAUSE);
                }
                other => {
                    return other.with_context(|| format!("speech: delete the volume {id}, which stays, and costs"));
                }
            }
        }
    }
}
