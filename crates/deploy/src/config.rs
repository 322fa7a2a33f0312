//! What a deployment is to be: `deploy.toml`, which holds no secret and can be kept beside other code.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

mod check;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// What everything of it is called at the providers.
    #[serde(default = "name")]
    pub name: String,
    /// The streaming host.
    pub streams: Streams,
    /// The speech hosts.
    pub speech: Speech,
}

/// The streaming host, on EC2.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Streams {
    /// Such as `eu-central-1`.
    pub region: String,
    /// `None`: the region's default one.
    pub vpc: Option<String>,
    /// `None`: the first of that VPC.
    pub subnet: Option<String>,
    /// Of its processor, and so of the images that are wanted.
    #[serde(default)]
    pub architecture: Architecture,
    /// `None`: a default for the architecture.
    pub instance_type: Option<String>,
    /// An AMI, or the name of a public parameter that holds one; `None`: Debian 13.
    pub machine_image: Option<String>,
    /// Of recordings and artifacts, in GB.
    #[serde(default = "disk_gb")]
    pub disk_gb: u32,
    /// The name that points to the host's address: with it everything is served over TLS.
    pub domain: Option<String>,
    /// Networks that may publish and watch.
    #[serde(default = "anywhere")]
    pub allow: Vec<String>,
    /// When a release may cut streams: `02:00-04:00`, UTC. `None`: never.
    pub release_window: Option<String>,
    /// Images by name (`mediamtx`, `media`, `caddy`), each `registry/name@sha256:…`.
    pub images: BTreeMap<String, String>,
    /// Variables of `.env.example`, such as `HOLD`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// Of a host's processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Intel and AMD.
    #[default]
    Amd64,
    /// Graviton.
    Arm64,
}

impl Architecture {
    /// As images, Debian and the file call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        }
    }
}

impl Deployment {
    /// The file at `path`; the error lists every problem at once.
    pub fn read(path: &Path) -> Result<Deployment> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read {}: `dragoman-deploy example >deploy.toml` writes one to start from",
                path.display()
            )
        })?;
        Deployment::parse(&text).with_context(|| format!("{} is not right", path.display()))
    }

    /// The same from the text itself.
    pub fn parse(text: &str) -> Result<Deployment> {
        let deployment: Deployment = toml::from_str(text)?;
        let problems = deployment.problems();
        if !problems.is_empty() {
            bail!("{} problems:\n  {}", problems.len(), problems.join("\n  "));
        }
        Ok(deployment)
    }
}

/// Who runs the speech hosts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "provider", rename_all = "lowercase", deny_unknown_fields)]
pub enum Speech {
    /// Addresses that exist already.
    None {
        /// `wss://host[:port]`, in order of preference.
        urls: Vec<String>,
    },
    /// A rented pod.
    Runpod(Gpu),
}

/// The pod.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Gpu {
    /// What is tried, in order.
    pub candidates: Vec<Candidate>,
    /// Of the volume for models, in GB.
    #[serde(default = "volume_gb")]
    pub volume_gb: u32,
    /// The id of a registry credential at the provider.
    pub registry: Option<String>,
    /// How long a pod may take until it dubs, in minutes.
    #[serde(default = "ready_minutes")]
    pub ready_minutes: u32,
    /// The most that is paid for an hour, in dollars; `None`: whatever the candidates cost.
    pub max_hourly: Option<f64>,
    /// Variables of `.env.example`, such as `SPEECH_PAIRS`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// A GPU in a place, with the image that is built for it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The provider's id of a GPU type.
    pub gpu: String,
    /// The provider's id of a data centre; a volume lives in one.
    pub data_center: String,
    /// `registry/name@sha256:…`.
    pub image: String,
    /// The CUDA version that the image needs of the host's driver.
    pub min_cuda: Option<String>,
}

fn name() -> String {
    "dragoman".into()
}

fn disk_gb() -> u32 {
    50
}

fn anywhere() -> Vec<String> {
    vec!["0.0.0.0/0".into(), "::/0".into()]
}

fn volume_gb() -> u32 {
    20
}

fn ready_minutes() -> u32 {
    15
}
