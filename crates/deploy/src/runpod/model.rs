//! What is said to RunPod and what it answers: the fields that are used, under their names there.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// All pods of the account that belong to no cluster.
#[derive(Debug, Deserialize)]
pub(crate) struct Pods {
    pub(crate) pods: Vec<Pod>,
}

/// A pod. It shows its environment to every holder of a key that may read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) image: String,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) gpu: Option<PodGpu>,
    #[serde(default)]
    pub(crate) data_center_id: Option<String>,
    /// Dollars an hour, 0 while it is not known or nothing runs.
    #[serde(default)]
    pub(crate) cost: f64,
    /// `None` where the container has not started, whatever the status says.
    #[serde(default)]
    pub(crate) runtime: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PodGpu {
    pub(crate) id: String,
}

/// Of a pod, in the provider's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Provisioning,
    Starting,
    /// The container runs; it may be far from ready.
    Running,
    Exited,
    Error,
    Terminated,
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Nothing will come of it any more.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Status::Exited | Status::Error | Status::Terminated)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Provisioning => "PROVISIONING",
            Status::Starting => "STARTING",
            Status::Running => "RUNNING",
            Status::Exited => "EXITED",
            Status::Error => "ERROR",
            Status::Terminated => "TERMINATED",
            Status::Unknown => "in a status unknown here",
        }
    }
}

/// The pod that is asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewPod<'a> {
    pub(crate) name: &'a str,
    pub(crate) image: &'a str,
    pub(crate) env: &'a BTreeMap<String, String>,
    pub(crate) ports: [&'a str; 1],
    /// In GB, for the image and what it writes outside the volume.
    pub(crate) disk: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registry: Option<&'a str>,
    pub(crate) cloud: &'a str,
    pub(crate) gpu: NewGpu<'a>,
    pub(crate) data_center_ids: [&'a str; 1],
    pub(crate) mounts: Mounts<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewGpu<'a> {
    pub(crate) id: &'a str,
    pub(crate) count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_cuda_version: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Mounts<'a> {
    pub(crate) network: [Mount<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount<'a> {
    pub(crate) volume_id: &'a str,
    pub(crate) path: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volumes {
    pub(crate) network_volumes: Vec<Volume>,
}

/// A network volume; its name need not be the only one of that name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// The provider's id of it.
    pub id: String,
    /// `<deployment>-models-<data center>`.
    pub name: String,
    /// In GB.
    pub size: u32,
    /// Where it is, and where alone it can be used.
    pub data_center: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewVolume<'a> {
    pub(crate) name: &'a str,
    pub(crate) size: u32,
    pub(crate) data_center: &'a str,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Registries {
    pub(crate) registries: Vec<Registry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Registry {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GpuTypes {
    pub(crate) gpus: Vec<GpuType>,
}

/// A type of GPU in the catalogue, with its stock for pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GpuType {
    pub(crate) id: String,
    pub(crate) secure: bool,
    pub(crate) price: Price,
    /// Not there at all when no data centre has any.
    #[serde(default)]
    pub(crate) data_centers: Vec<Stock>,
}

/// Dollars an hour for one GPU.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Price {
    pub(crate) secure: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Stock {
    pub(crate) id: String,
    pub(crate) availability: Level,
}

/// How much there is, by the catalogue; no reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Level {
    None,
    Low,
    Medium,
    High,
    #[serde(other)]
    Unknown,
}

/// What an error's body says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) errors: Vec<String>,
}

/// A line of a pod's log.
#[derive(Debug, Deserialize)]
pub(crate) struct LogLine {
    #[serde(default)]
    pub(crate) source: String,
    pub(crate) line: String,
    #[serde(default)]
    pub(crate) ts: String,
}
