//! The speech hosts: those that exist already, or the pod that is rented.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Deploying, Stored, say};
use crate::aws::Aws;
use crate::config::{Gpu, Speech};
use crate::runpod::{API, Host, ProxyTemplate, RunPod, State};
use crate::secrets::Secret;
use crate::wanted;

const KEY: &str = "RUNPOD_API_KEY";
/// Where the interface is, if not at the provider; for a stand-in.
const BASE: &str = "RUNPOD_API_URL";
/// Where pods are reached, if not through the provider's proxy; for a stand-in.
const PROXY: &str = "RUNPOD_PROXY_URL";
/// A session moves at the end of its utterance, which is cut after 15 s at most.
const MOVED_WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_secs(1);

impl Deploying {
    /// The pod's part of the file; `None` when speech hosts exist already.
    fn gpu(&self) -> Option<&Gpu> {
        match &self.wanted.speech {
            Speech::None { .. } => None,
            Speech::Runpod(gpu) => Some(gpu),
        }
    }

    /// Brings the speech hosts about and lists them. Of the keys a new host accepts the second too; `replace` asks for a new
    /// host in any case, `streams` says that a streaming host is there and has to hear of it before an old one goes.
    pub(super) fn speech_hosts(
        &self,
        aws: &Aws,
        stored: &Stored,
        (key, old): (&Secret, Option<&Secret>),
        replace: bool,
        streams: bool,
        changed: &mut Vec<String>,
    ) -> Result<()> {
        let gpu = match &self.wanted.speech {
            Speech::None { urls } => {
                if replace {
                    bail!("--replace-gpu is for a rented GPU; here speech.provider is none");
                }
                if self.list(aws, stored, urls, false)? {
                    changed.push("speech".into());
                }
                return Ok(());
            }
            Speech::Runpod(gpu) => gpu,
        };
        let provider = runpod()?;
        let within = Duration::from_secs(u64::from(gpu.ready_minutes) * 60);
        let env = environment(gpu, key, old);
        // A candidate gets its time; the next one gets it too.
        let within = within * u32::try_from(gpu.candidates.len())?;
        let mut say_it = |line: &str| say(line);
        let hosts = match replace {
            true => provider.replace(gpu, self.name(), &env, within, &mut say_it),
            false => provider.ensure(gpu, self.name(), &env, within, &mut say_it),
        }?;
        let is_moving = !hosts.old.is_empty();
        if hosts.current.created {
            changed.push(format!("speech host {} ({})", hosts.current.id, hosts.current.gpu));
        }
        // Old hosts are not in it: sessions leave them.
        if self.list(
            aws,
            stored,
            std::slice::from_ref(&hosts.current.url),
            streams && is_moving,
        )? {
            changed.push("speech".into());
        }
        if is_moving {
            if streams {
                say(&format!("streams move to {}", hosts.current.id));
                self.left(&provider, &hosts.old)?;
            }
            provider.delete_hosts(&hosts.old, &mut say_it)?;
            changed.push(format!("{} old speech hosts", hosts.old.len()));
        }
        Ok(())
    }

    /// Waits until no session is left on `old`, or until all of them had the time to go: what is left moves when it is lost.
    fn left(&self, provider: &RunPod, old: &[Host]) -> Result<()> {
        let since = Instant::now();
        loop {
            let states = provider.status(self.name())?;
            let is_old = |state: &&State| old.iter().any(|host| host.id == state.host.id);
            let sessions = |state: &State| state.health.as_ref().map_or(0, |health| health.sessions);
            let left: u32 = states.iter().filter(is_old).map(sessions).sum();
            if left == 0 {
                return Ok(());
            }
            if since.elapsed() > MOVED_WITHIN {
                say(&format!("{left} sessions are still there"));
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What `up` would do about the pod, on stdout.
    pub(super) fn plan_gpus(&self) -> Result<()> {
        let gpu = match &self.wanted.speech {
            Speech::None { urls } => {
                println!("speech: hosts that exist already\n  {}", urls.join("\n  "));
                return Ok(());
            }
            Speech::Runpod(gpu) => gpu,
        };
        println!("speech: a rented GPU, {} GB for models", gpu.volume_gb);
        let plan = runpod()?.plan(gpu, self.name(), &wanted::gpu_settings(gpu))?;
        if plan.changes.is_empty() {
            println!("  the speech host is as wanted");
        }
        for line in plan.changes.iter().chain(&plan.candidates) {
            println!("  {line}");
        }
        for line in &plan.missing {
            println!("  missing: {line}");
        }
        match plan.hourly {
            Some(hourly) => println!("  costs ${hourly:.2} an hour, and the volume"),
            None => println!("  costs nothing that the provider says"),
        }
        Ok(())
    }

    pub(super) fn gpu_logs(&self, lines: u32) -> Result<()> {
        let Some(_) = self.gpu() else {
            bail!("the speech hosts are not this deployment's: their logs are where they run");
        };
        for (host, lines) in runpod()?.logs(self.name(), usize::try_from(lines)?)? {
            say(&format!("{} ({} in {})", host.id, host.gpu, host.data_center));
            lines.iter().for_each(|line| println!("{line}"));
        }
        Ok(())
    }

    pub(super) fn delete_gpus(&self, delete_data: bool) -> Result<()> {
        if self.gpu().is_some() {
            runpod()?.delete(self.name(), delete_data, &mut |line| say(line))?;
        }
        Ok(())
    }

    /// The rented pods, as provider and service describe them; none where hosts exist already.
    pub(super) fn gpu_states(&self) -> Result<Vec<State>> {
        match self.gpu() {
            None => Ok(Vec::new()),
            Some(_) => runpod()?.status(self.name()),
        }
    }

    /// The pods that cost money, for a message; empty words where that cannot be said.
    pub(super) fn what_is_rented(&self) -> String {
        match self.gpu_states() {
            Ok(states) if states.is_empty() => "no speech host".into(),
            Ok(states) => states
                .iter()
                .map(|state| format!("speech host {}", state.name))
                .collect::<Vec<_>>()
                .join(", "),
            Err(_) => "perhaps a speech host".into(),
        }
    }
}

fn environment(gpu: &Gpu, key: &Secret, old: Option<&Secret>) -> BTreeMap<String, String> {
    let mut env = wanted::gpu_settings(gpu);
    let hashes: Vec<String> = [Some(key), old].into_iter().flatten().map(Secret::hash).collect();
    env.insert("SPEECH_KEY".into(), hashes.join(","));
    env
}

fn runpod() -> Result<RunPod> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = match (variable(KEY), variable(&format!("{KEY}_FILE"))) {
        (Some(_), Some(_)) => bail!("{KEY} and {KEY}_FILE are both set"),
        (Some(key), None) => key,
        (None, Some(file)) => std::fs::read_to_string(PathBuf::from(&file))
            .with_context(|| format!("cannot read RunPod's key from {file}"))?
            .trim()
            .to_owned(),
        (None, None) => String::new(),
    };
    if key.is_empty() {
        bail!(
            "no key of RunPod: make one that may read and write pods and network volumes (console, Settings, API Keys), and set \
             {KEY}_FILE to a file with it"
        );
    }
    let base = variable(BASE).unwrap_or_else(|| API.to_owned());
    let proxy = match variable(PROXY) {
        Some(template) => template.parse()?,
        None => ProxyTemplate::default(),
    };
    RunPod::new(
        key,
        url::Url::parse(&base).with_context(|| format!("{BASE} is no URL"))?,
        proxy,
    )
}
