//! RunPod's part against a stand-in that checks each request: what is there afterwards, and what is said.

mod account;
mod candidates;
mod failures;
mod killed;
mod replace;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use dragoman_deploy::config::{Candidate, Gpu};
use dragoman_deploy::runpod::{Clock, Hosts, RunPod};

use crate::standin::runpod::{KEY, StandIn};

pub(crate) const IMAGE: &str = "registry.example/speech@sha256:00";
const HOUR: Duration = Duration::from_secs(3600);

/// A clock that passes no time but what is slept.
#[derive(Debug, Default)]
pub(crate) struct Fake(Mutex<Vec<Duration>>);

impl Clock for Fake {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().iter().sum()
    }

    fn sleep(&self, pause: Duration) {
        self.0.lock().unwrap().push(pause);
    }
}

/// A provider, a file, and what was said.
pub(crate) struct Case {
    pub(crate) provider: StandIn,
    pub(crate) gpu: Gpu,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) clock: Arc<Fake>,
    pub(crate) said: Vec<String>,
    pub(crate) key: String,
}

impl Case {
    /// With these candidates: GPU and place.
    pub(crate) fn new(candidates: &[(&str, &str)]) -> Self {
        let candidate = |(gpu, data_center): &(&str, &str)| Candidate {
            gpu: (*gpu).into(),
            data_center: (*data_center).into(),
            image: IMAGE.into(),
            min_cuda: Some("12.8".into()),
        };
        Self {
            provider: StandIn::start(),
            gpu: Gpu {
                candidates: candidates.iter().map(candidate).collect(),
                volume_gb: 20,
                registry: Some("reg_abc".into()),
                ready_minutes: 15,
                max_hourly: None,
                settings: BTreeMap::from([("SPEECH_ENGINE".into(), "cascade".into())]),
            },
            env: BTreeMap::from([("SPEECH_KEY".into(), format!("sha256:{}", "ab".repeat(32)))]),
            clock: Arc::default(),
            said: Vec::new(),
            key: KEY.into(),
        }
    }

    pub(crate) fn api(&self) -> RunPod {
        let clock: Arc<Fake> = Arc::clone(&self.clock);
        let window = Duration::from_millis(300);
        RunPod::with_clock(
            self.key.clone(),
            self.provider.base(),
            self.provider.proxy(),
            clock,
            window,
        )
        .unwrap()
    }

    pub(crate) fn ensure(&mut self) -> Result<Hosts> {
        let (api, said) = (self.api(), &mut self.said);
        let hosts = api.ensure(&self.gpu, "dragoman", &self.env, HOUR, &mut |line| {
            said.push(line.into())
        });
        self.no_key(hosts.as_ref().err());
        hosts
    }

    pub(crate) fn replace(&mut self) -> Result<Hosts> {
        let (api, said) = (self.api(), &mut self.said);
        let hosts = api.replace(&self.gpu, "dragoman", &self.env, HOUR, &mut |line| {
            said.push(line.into())
        });
        self.no_key(hosts.as_ref().err());
        hosts
    }

    /// The message of an `ensure` that fails.
    pub(crate) fn refusal(&mut self) -> String {
        format!("{:#}", self.ensure().unwrap_err())
    }

    pub(crate) fn said(&self, text: &str) -> bool {
        self.said.iter().any(|line| line.contains(text))
    }

    fn no_key(&self, error: Option<&anyhow::Error>) {
        let error = error.map(|error| format!("{error:#} {error:?}")).unwrap_or_default();
        assert!(!error.contains(&self.key), "{error}");
        assert!(!self.said(&self.key), "{:?}", self.said);
    }

    /// The requests that changed something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let requests = &self.provider.state().requests;
        requests
            .iter()
            .filter(|request| !request.starts_with("GET"))
            .cloned()
            .collect()
    }
}

pub(crate) const L40S: (&str, &str) = ("NVIDIA L40S", "EU-RO-1");
pub(crate) const L4: (&str, &str) = ("NVIDIA L4", "EU-RO-1");
pub(crate) const FAR: (&str, &str) = ("NVIDIA L40S", "US-KS-2");
