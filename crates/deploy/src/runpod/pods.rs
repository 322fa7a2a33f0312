//! The walk over the candidates, and what is there before it.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::candidates::{Verdict, Wanted, generation, judge, pod_name};
use super::client::{TRIES, backoff};
use super::health::PORT;
use super::model::{GpuType, GpuTypes, Mount, Mounts, NewGpu, NewPod, Pod, Pods, Status};
use super::volumes::Found;
use super::wait::End;
use super::{Host, Hosts, RunPod, Say};
use crate::config::{Candidate, Gpu};

/// Where the image keeps its models.
const CACHE: &str = "/cache";
/// Of a pod, in GB: the largest image, unpacked, and room.
const DISK: u32 = 20;

/// One run of the command, for one deployment.
pub(crate) struct Run<'a, 's> {
    pub(crate) api: &'a RunPod,
    pub(crate) gpu: &'a Gpu,
    pub(crate) name: &'a str,
    pub(crate) wanted: Vec<Wanted<'a>>,
    /// When it has to be ready, by the clock.
    pub(crate) until: Duration,
    pub(crate) say: Say<'s>,
    /// Ids of pods that this run deleted: a list may show them for a moment longer.
    pub(crate) gone: Vec<String>,
}

/// What came of asking for a pod.
enum Made {
    /// For the candidate of that index.
    Pod(Box<Pod>, usize),
    Refused(String),
}

impl Run<'_, '_> {
    /// The pod that is wanted, ready, and the others.
    pub(crate) fn hosts(&mut self, replace: bool) -> Result<Hosts> {
        let mut pods = self.api.generations(self.name)?;
        let newest = pods.last().map_or(0, |(number, _)| *number);
        // The highest first. To replace, only one that was begun beside another counts.
        let mut index = pods.len();
        while index > 0 {
            index -= 1;
            if replace && index == 0 {
                break;
            }
            let Some(wanted) = self.wanted_of(&pods[index].1) else {
                continue;
            };
            let pod = pods.remove(index).1;
            if let End::Ready(pod) = self.wait(pod, wanted, false)? {
                return self.settled(&pod, None, false, &pods);
            }
            if replace {
                break;
            }
        }
        let (pod, hourly) = self.walk(newest.saturating_add(1))?;
        self.settled(&pod, Some(hourly), true, &pods)
    }

    fn settled(&self, pod: &Pod, hourly: Option<f64>, created: bool, others: &[(u64, Pod)]) -> Result<Hosts> {
        let old = others
            .iter()
            .map(|(_, pod)| self.api.host(pod, None, false))
            .collect::<Result<_>>()?;
        Ok(Hosts {
            current: self.api.host(pod, hourly, created)?,
            old,
        })
    }

    fn wanted_of(&self, pod: &Pod) -> Option<usize> {
        self.wanted.iter().position(|wanted| wanted.is(pod))
    }

    /// One candidate after the other until a pod is ready; gives it, and its price by the catalogue.
    fn walk(&mut self, generation: u64) -> Result<(Pod, f64)> {
        let mut refusals = Vec::new();
        let mut catalogue = Catalogue::default();
        for index in 0..self.wanted.len() {
            let candidate = self.wanted[index].candidate;
            let place = self.wanted[index].place();
            let refusal = match judge(candidate, catalogue.of(self.api, candidate)?, self.gpu.max_hourly) {
                Verdict::Skip(why) => why,
                Verdict::Try { hourly, .. } => match self.attempt(index, generation)? {
                    Ok(pod) => return Ok((pod, hourly)),
                    Err(why) => why,
                },
            };
            (self.say)(&format!("speech: {place}: {refusal}"));
            refusals.push(format!("{place}: {refusal}"));
            if self.api.client.clock.now() >= self.until {
                refusals.push("no time is left for further candidates".into());
                break;
            }
        }
        bail!(
            "speech: none of the candidates could be had:\n  {}\nAdd candidates to deploy.toml or run the same command again \
             later; what all refuse alike is a mistake in the file, or a key that may not do it",
            refusals.join("\n  ")
        )
    }

    /// A candidate's pod, ready, or why not.
    fn attempt(&mut self, index: usize, generation: u64) -> Result<Result<Pod, String>> {
        let candidate = self.wanted[index].candidate;
        let found = self
            .api
            .volume_in(self.name, &candidate.data_center, self.gpu.volume_gb, self.say)?;
        let (volume, made) = match found {
            Found::Volume { volume, made } => (volume, made),
            Found::Refused(why) => return Ok(Err(why)),
        };
        match self.make(index, generation, &volume.id) {
            Ok(Made::Pod(pod, index)) => Ok(match self.wait(*pod, index, true)? {
                End::Ready(pod) => Ok(pod),
                End::Deleted(why) => Err(why),
            }),
            Ok(Made::Refused(why)) => {
                if made {
                    // Nothing is on it, and it would be paid for ever.
                    self.api.delete_volume(&volume.id)?;
                    (self.say)(&format!(
                        "speech: the empty volume {} ({}) is deleted again",
                        volume.name, volume.id
                    ));
                }
                Ok(Err(why))
            }
            Err(error) => Err(error.context(format!("speech: the volume {} ({}) stays", volume.name, volume.id))),
        }
    }

    /// Asks for the candidate's pod, and looks before each time whether it is there: an answer may be lost after the pod
    /// was made.
    fn make(&mut self, index: usize, generation: u64, volume: &str) -> Result<Made> {
        let name = pod_name(self.name, generation);
        let mut last = String::new();
        for tries in 0..=TRIES {
            let pods = self.api.generations(self.name)?;
            let there = pods
                .into_iter()
                .find(|(number, pod)| *number == generation && !self.gone.contains(&pod.id));
            if let Some((_, pod)) = there {
                let Some(index) = self.wanted_of(&pod) else {
                    bail!(
                        "speech: a pod {name} ({}) appeared that is not what deploy.toml wants: another run is at work, or \
                         its file differs; let it end, then run this again",
                        pod.id
                    );
                };
                return Ok(Made::Pod(Box::new(pod), index));
            }
            if tries == TRIES {
                break;
            }
            let wanted = &self.wanted[index];
            let new = NewPod {
                name: &name,
                image: &wanted.candidate.image,
                env: &wanted.env,
                ports: [&format!("{PORT}/http")],
                disk: DISK,
                registry: self.gpu.registry.as_deref(),
                cloud: "SECURE",
                gpu: NewGpu {
                    id: &wanted.candidate.gpu,
                    count: 1,
                    min_cuda_version: wanted.candidate.min_cuda.as_deref(),
                },
                data_center_ids: [&wanted.candidate.data_center],
                mounts: Mounts {
                    network: [Mount {
                        volume_id: volume,
                        path: CACHE,
                    }],
                },
            };
            match self.api.client.post::<Pod>("/pods", &new) {
                Ok(pod) => {
                    let place = wanted.place();
                    (self.say)(&format!("speech: pod {name} ({}) made: {place}", pod.id));
                    return Ok(Made::Pod(Box::new(pod), index));
                }
                Err(problem) if problem.is_transient() => {
                    last = problem.brief();
                    self.api.client.clock.sleep(backoff(tries));
                }
                // No capacity or a broken rule, which are not told apart; a pool that the account may not use; a thing
                // that is not there. Another candidate may do.
                Err(problem) if problem.status() == Some(403) => return Ok(Made::Refused(problem.to_string())),
                Err(problem) if matches!(problem.status(), Some(400 | 404)) => {
                    return Ok(Made::Refused(problem.brief()));
                }
                Err(problem) => return Err(problem).with_context(|| format!("speech: make the pod {name}")),
            }
        }
        Ok(Made::Refused(format!("no pod after {TRIES} tries: {last}")))
    }
}

/// The catalogue, read once for each CUDA version.
#[derive(Default)]
pub(crate) struct Catalogue<'a>(HashMap<Option<&'a str>, Vec<GpuType>>);

impl<'a> Catalogue<'a> {
    pub(crate) fn of(&mut self, api: &RunPod, candidate: &'a Candidate) -> Result<&[GpuType]> {
        let cuda = candidate.min_cuda.as_deref();
        if !self.0.contains_key(&cuda) {
            let mut path = "/catalog/gpus?include=AVAILABILITY&product=POD&cloud=SECURE".to_owned();
            if let Some(cuda) = cuda {
                let cuda: String = url::form_urlencoded::byte_serialize(cuda.as_bytes()).collect();
                path.push_str(&format!("&minCudaVersion={cuda}"));
            }
            let types: GpuTypes = api.client.get(&path).context("speech: read the catalogue of GPUs")?;
            self.0.insert(cuda, types.gpus);
        }
        Ok(self.0.get(&cuda).map_or(&[], Vec::as_slice))
    }
}

impl RunPod {
    /// The deployment's pods by generation, the oldest first.
    pub(crate) fn generations(&self, name: &str) -> Result<Vec<(u64, Pod)>> {
        let list: Pods = self.client.get("/pods").context("speech: list the pods")?;
        let mut pods: Vec<(u64, Pod)> = list
            .pods
            .into_iter()
            // What is terminated is no pod any more, and costs nothing.
            .filter(|pod| pod.status != Status::Terminated)
            .filter_map(|pod| Some((generation(name, &pod.name)?, pod)))
            .collect();
        pods.sort_by(|one, other| (one.0, &one.1.id).cmp(&(other.0, &other.1.id)));
        for (_, pod) in &pods {
            // It becomes part of addresses.
            if pod.id.is_empty() || !pod.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                bail!(
                    "speech: the pod {} has an id that is none: {}",
                    pod.name,
                    self.client.clean(&pod.id)
                );
            }
        }
        if let Some(two) = pods.windows(2).find(|two| two[0].0 == two[1].0) {
            let name = &two[0].1.name;
            let ids: Vec<&str> = pods
                .iter()
                .filter(|(_, pod)| pod.name == *name)
                .map(|(_, pod)| pod.id.as_str())
                .collect();
            bail!(
                "speech: {} pods are called {name}: {}. Which one is the deployment's cannot be told, and each costs: \
                 terminate all but one in RunPod's console, then run the same command again",
                ids.len(),
                ids.join(", ")
            );
        }
        Ok(pods)
    }

    pub(crate) fn host(&self, pod: &Pod, hourly: Option<f64>, created: bool) -> Result<Host> {
        Ok(Host {
            id: pod.id.clone(),
            url: self.proxy.speech(&pod.id)?,
            gpu: pod.gpu.as_ref().map(|gpu| gpu.id.clone()).unwrap_or_default(),
            data_center: pod.data_center_id.clone().unwrap_or_default(),
            image: pod.image.clone(),
            // What is billed, once it is known, goes before the list price.
            hourly: Some(pod.cost).filter(|cost| *cost > 0.0).or(hourly),
            created,
        })
    }
}
