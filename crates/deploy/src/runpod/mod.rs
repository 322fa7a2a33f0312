//! RunPod, through version 2 of its interface: the pod that runs the speech service, and the volume of its models.
//!
//! A pod has no label, and its name need not be the only one of that name; so the name is the marker. The pods of a
//! deployment are `<deployment>-speech-<n>`, n being the **generation**, and its volumes
//! `<deployment>-models-<data center>`. Two of one name are refused.
//!
//! Two generations at once are a replacement in progress. The highest one that is what the file wants and is ready is the
//! deployment's; the others are given back as [`Hosts::old`], for the caller to delete once nothing uses them. A pod is
//! never changed, stopped or started: whatever has to be otherwise is a new generation. So a run that was killed anywhere
//! is taken up by the next one: it finds the generation that was begun, waits for it, and the rest is the same.
//!
//! A pod is asked for by POST, and the answer may be lost after it was made. So the pods are listed before each POST, and
//! one of the name that was about to be asked for is taken.

mod candidates;
mod client;
mod clock;
mod health;
mod model;
mod plan;
mod pods;
mod volumes;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use url::Url;

pub use clock::Clock;
pub use health::{Health, ProxyTemplate};
pub use model::Volume;
pub use plan::{Plan, State};

use crate::config::Gpu;
use candidates::Wanted;
use client::Client;
use clock::SystemClock;

/// The provider's address.
pub const API: &str = "https://api.runpod.io/v2";

/// How long a log is listened to: what there is comes at once, and then nothing ends it.
const LOG_WINDOW: Duration = Duration::from_secs(5);

/// An account.
#[derive(Debug)]
pub struct RunPod {
    client: Client,
    proxy: ProxyTemplate,
    log_window: Duration,
}

/// A pod that dubs.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// The provider's id of it.
    pub id: String,
    /// What the media service connects to: `wss://…`.
    pub url: String,
    /// The provider's id of its type of GPU.
    pub gpu: String,
    /// The provider's id of where it is.
    pub data_center: String,
    /// `registry/name@sha256:…`.
    pub image: String,
    /// Dollars, where the provider says.
    pub hourly: Option<f64>,
    /// Made by this run.
    pub created: bool,
}

/// A deployment's pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Hosts {
    /// What the file wants, ready.
    pub current: Host,
    /// Others, of which some may still dub; to be deleted once `current` is what the media service is told.
    pub old: Vec<Host>,
}

/// Says a line of progress.
pub type Say<'a> = &'a mut dyn FnMut(&str);

impl RunPod {
    /// `base` is [`API`], or what stands in for it.
    pub fn new(key: String, base: Url, proxy: ProxyTemplate) -> Result<Self> {
        Self::with_clock(key, base, proxy, Arc::new(SystemClock::new()), LOG_WINDOW)
    }

    /// The same with another time, and listening to a log for `log_window`.
    pub fn with_clock(
        key: String,
        base: Url,
        proxy: ProxyTemplate,
        clock: Arc<dyn Clock>,
        log_window: Duration,
    ) -> Result<Self> {
        Ok(Self {
            client: Client::new(key, base, clock)?,
            proxy,
            log_window,
        })
    }

    /// The pod that `gpu` asks for, ready: the one that is there, or the first of the candidates that can be had within
    /// `within`. `env` is what the pod is given besides the file's settings, such as the hash of its key.
    ///
    /// A pod that is there and is not what is wanted stays until the caller deletes it ([`Hosts::old`]).
    pub fn ensure(
        &self,
        gpu: &Gpu,
        name: &str,
        env: &BTreeMap<String, String>,
        within: Duration,
        say: Say<'_>,
    ) -> Result<Hosts> {
        self.run(gpu, name, env, within, say, false)
    }

    /// A further pod, ready, although the one that is there is as it should be. Where two generations are there already,
    /// the newer one is the further pod, begun by a run that did not end.
    pub fn replace(
        &self,
        gpu: &Gpu,
        name: &str,
        env: &BTreeMap<String, String>,
        within: Duration,
        say: Say<'_>,
    ) -> Result<Hosts> {
        self.run(gpu, name, env, within, say, true)
    }

    fn run(
        &self,
        gpu: &Gpu,
        name: &str,
        env: &BTreeMap<String, String>,
        within: Duration,
        say: Say<'_>,
        replace: bool,
    ) -> Result<Hosts> {
        let mut run = pods::Run {
            api: self,
            gpu,
            name,
            wanted: Wanted::all(gpu, env)?,
            until: self.client.clock.now() + within,
            say,
            gone: Vec::new(),
        };
        run.hosts(replace)
    }

    /// Deletes pods that [`Hosts::old`] named. One that is gone is as good.
    pub fn delete_hosts(&self, hosts: &[Host], say: Say<'_>) -> Result<()> {
        for host in hosts {
            self.delete_pod(&host.id)?;
            say(&format!(
                "speech: pod {} ({} in {}) deleted",
                host.id, host.gpu, host.data_center
            ));
        }
        Ok(())
    }

    /// Deletes the deployment's pods, and with `data` its volumes; gives the volumes that stay, and cost.
    pub fn delete(&self, name: &str, data: bool, say: Say<'_>) -> Result<Vec<Volume>> {
        for (_, pod) in self.generations(name)? {
            self.delete_pod(&pod.id)?;
            say(&format!("speech: pod {} ({}) deleted", pod.name, pod.id));
        }
        let volumes = self.volumes_of(name)?;
        if !data {
            for volume in &volumes {
                say(&format!(
                    "speech: volume {} ({}, {} GB) stays, and costs",
                    volume.name, volume.id, volume.size
                ));
            }
            return Ok(volumes);
        }
        for volume in &volumes {
            self.delete_volume(&volume.id)?;
            say(&format!(
                "speech: volume {} ({}) deleted with its models",
                volume.name, volume.id
            ));
        }
        Ok(Vec::new())
    }

    /// The last `tail` lines of each of the deployment's pods, oldest first.
    pub fn logs(&self, name: &str, tail: usize) -> Result<Vec<(Host, Vec<String>)>> {
        self.generations(name)?
            .into_iter()
            .map(|(_, pod)| {
                let lines = self
                    .client
                    .log_lines(&pod.id, tail.min(5000), self.log_window)
                    .with_context(|| format!("speech: read the log of pod {}", pod.name))?;
                Ok((self.host(&pod, None, false)?, lines))
            })
            .collect()
    }
}
