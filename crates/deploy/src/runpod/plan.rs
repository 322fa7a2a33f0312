//! What would change, and what is there, without touching it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::candidates::{Verdict, Wanted, judge, pod_name, volume_name};
use super::health::{Answer, Health};
use super::model::Registries;
use super::pods::Catalogue;
use super::{Host, RunPod};
use crate::config::Gpu;

/// What [`RunPod::ensure`] would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// A line each; none: nothing changes.
    pub changes: Vec<String>,
    /// Each candidate, and what the catalogue says of it.
    pub candidates: Vec<String>,
    /// What keeps it from being done.
    pub missing: Vec<String>,
    /// Dollars for the pod that would run: what the provider bills, or the list price of the first candidate that can be
    /// had. The volume, billed by the GB, comes on top of it.
    pub hourly: Option<f64>,
}

/// A pod of the deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Where it is.
    pub host: Host,
    /// Its name, which ends in its generation.
    pub name: String,
    /// The provider's word for how it is.
    pub status: String,
    /// What the speech service says of itself; `None`: it does not answer.
    pub health: Option<Health>,
    /// Why it does not dub; `None`: it does.
    pub problem: Option<String>,
}

impl RunPod {
    /// What [`ensure`](RunPod::ensure) with the same arguments would do now.
    pub fn plan(&self, gpu: &Gpu, name: &str, env: &BTreeMap<String, String>) -> Result<Plan> {
        let wanted = Wanted::all(gpu, env)?;
        let pods = self.generations(name)?;
        let mut plan = Plan::default();
        let mut kept = None;
        for (number, pod) in pods.iter().rev() {
            let fits = kept.is_none() && !pod.status.is_over() && wanted.iter().any(|wanted| wanted.is(pod));
            if !fits {
                plan.changes.push(format!("pod {} ({}) is deleted", pod.name, pod.id));
                continue;
            }
            kept = Some(*number);
            plan.hourly = Some(pod.cost).filter(|cost| *cost > 0.0);
            if !matches!(self.proxy.ask(&pod.id)?, Answer::Ready(_)) {
                plan.changes.push(format!(
                    "pod {} ({}) is waited for, and replaced where it does not get ready",
                    pod.name, pod.id
                ));
            }
        }
        self.plan_candidates(gpu, &wanted, kept.is_none(), name, &mut plan)?;
        if kept.is_none() {
            let next = pods.last().map_or(0, |(number, _)| *number).saturating_add(1);
            plan.changes.insert(0, format!("pod {} is made", pod_name(name, next)));
        }
        if let Some(id) = &gpu.registry {
            let list: Registries = self
                .client
                .get("/registries")
                .context("speech: list the registry credentials")?;
            if !list.registries.iter().any(|registry| registry.id == *id) {
                plan.missing.push(format!(
                    "RunPod has no registry credential {id}: make it in the console, and write its id to `registry`"
                ));
            }
        }
        Ok(plan)
    }

    fn plan_candidates(&self, gpu: &Gpu, wanted: &[Wanted<'_>], make: bool, name: &str, plan: &mut Plan) -> Result<()> {
        let volumes = self.volumes()?;
        let mut catalogue = Catalogue::default();
        let mut first = make;
        let mut any = false;
        for wanted in wanted {
            let candidate = wanted.candidate;
            let (hourly, stock) = match judge(candidate, catalogue.of(self, candidate)?, gpu.max_hourly) {
                Verdict::Try { hourly, stock } => (hourly, stock),
                Verdict::Skip(why) => {
                    plan.candidates.push(format!("{}: {why}", wanted.place()));
                    continue;
                }
            };
            any = true;
            plan.candidates
                .push(format!("{}: ${hourly:.2} an hour, stock {stock:?}", wanted.place()));
            if !std::mem::take(&mut first) {
                continue;
            }
            plan.hourly = Some(hourly);
            let volume = volume_name(name, &candidate.data_center);
            match volumes.iter().filter(|there| there.name == volume).collect::<Vec<_>>()[..] {
                [] => plan
                    .changes
                    .push(format!("volume {volume} of {} GB is made, and filled", gpu.volume_gb)),
                [there] if there.data_center == candidate.data_center => {}
                [there] => plan.missing.push(format!(
                    "the volume {volume} ({}) is in {}",
                    there.id, there.data_center
                )),
                _ => plan.missing.push(format!(
                    "more than one volume is called {volume}: delete or rename all but one"
                )),
            }
        }
        if make && !any {
            plan.missing.push("none of the candidates can be had now".into());
        }
        Ok(())
    }

    /// The deployment's pods, the newest first, and how they are.
    pub fn status(&self, name: &str) -> Result<Vec<State>> {
        let pods = self.generations(name)?;
        pods.iter()
            .rev()
            .map(|(_, pod)| {
                let (health, problem) = match self.proxy.ask(&pod.id)? {
                    Answer::Ready(health) => (Some(health), None),
                    Answer::NotReady(health) => {
                        let why = health.problem.as_deref().unwrap_or(&health.status);
                        let why = self.client.clean(why);
                        (Some(health), Some(why))
                    }
                    Answer::Silent(why) => (None, Some(self.client.clean(&why))),
                };
                Ok(State {
                    host: self.host(pod, None, false)?,
                    name: pod.name.clone(),
                    status: pod.status.as_str().to_owned(),
                    health,
                    problem,
                })
            })
            .collect()
    }
}
