//! What is wanted, and which of the candidates can be had, by the file and the catalogue alone.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use super::model::{GpuType, Level, Pod};
use crate::config::{Candidate, Gpu};

/// The variable of a pod that says which candidate it was made for, and with which environment. Names are all that the
/// provider lets one mark a pod with, and they are taken by the deployment and the generation.
pub(crate) const SPEC: &str = "DRAGOMAN_SPEC";
const KEY: &str = "SPEECH_KEY";
const ENGINE: &str = "SPEECH_ENGINE";

/// A candidate, with all that a pod for it is given.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) spec: String,
}

impl<'a> Wanted<'a> {
    /// The candidates in order. `env` goes before the file's settings.
    pub(crate) fn all(gpu: &'a Gpu, env: &BTreeMap<String, String>) -> Result<Vec<Self>> {
        let mut whole = gpu.settings.clone();
        whole.extend(env.clone());
        // Whoever may read the account's pods reads this.
        let hashes = whole.get(KEY).is_none_or(|keys| keys.split(',').all(is_hash));
        if !hashes {
            bail!(
                "{KEY} for a pod has to be sha256:<hex of the digest>: whoever may read the account's pods would read the key"
            );
        }
        if gpu.candidates.is_empty() {
            bail!("there is no candidate of GPU and place in deploy.toml");
        }
        Ok(gpu
            .candidates
            .iter()
            .map(|candidate| Self::new(candidate, &whole))
            .collect())
    }

    fn new(candidate: &'a Candidate, env: &BTreeMap<String, String>) -> Self {
        let mut env = env.clone();
        env.remove(SPEC);
        // Keys are judged by themselves: a pod may accept more than one.
        let spec = spec(candidate, env.iter().filter(|(name, _)| *name != KEY));
        env.insert(SPEC.to_owned(), spec.clone());
        Self { candidate, env, spec }
    }

    /// Whether a pod is what would be made for this candidate.
    pub(crate) fn is(&self, pod: &Pod) -> bool {
        let accepted = |key: &str| pod.env.get(KEY).is_some_and(|keys| keys.split(',').any(|one| one == key));
        pod.image == self.candidate.image
            && pod.env.get(SPEC) == Some(&self.spec)
            && self.env.get(KEY).is_none_or(|keys| keys.split(',').all(accepted))
    }

    /// The engine that has to answer; `None`: whichever the image has.
    pub(crate) fn engine(&self) -> Option<&str> {
        self.env.get(ENGINE).map(String::as_str)
    }

    /// `<GPU> in <place>`.
    pub(crate) fn place(&self) -> String {
        format!("{} in {}", self.candidate.gpu, self.candidate.data_center)
    }
}

fn is_hash(key: &str) -> bool {
    key.trim()
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// 16 hex digits that change with whatever a pod's behaviour depends on.
fn spec<'a>(candidate: &'a Candidate, env: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let mut hash = Sha256::new();
    let head = [&candidate.gpu, &candidate.data_center, &candidate.image];
    for part in head
        .into_iter()
        .chain(env.flat_map(|(name, value)| [name, value]))
    {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the catalogue says of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Worth asking for, at so many dollars an hour.
    Try { hourly: f64, stock: Level },
    /// Not worth it, and why.
    Skip(String),
}

/// `gpus`: the catalogue for the candidate's CUDA version.
pub(crate) fn judge(candidate: &Candidate, gpus: &[GpuType], max_hourly: Option<f64>) -> Verdict {
    let skip = |why: String| Verdict::Skip(why);
    let Some(gpu) = gpus.iter().find(|gpu| gpu.id == candidate.gpu) else {
        return skip("the catalogue has no GPU of that id".into());
    };
    if !gpu.secure {
        return skip("the secure cloud, which alone has volumes, does not offer it".into());
    }
    let hourly = gpu.price.secure;
    if let Some(most) = max_hourly.filter(|most| hourly > *most) {
        return skip(format!("${hourly:.2} an hour is above max_hourly, ${most:.2}"));
    }
    let stock = gpu
        .data_centers
        .iter()
        .find(|stock| stock.id == candidate.data_center)
        .map_or(Level::None, |stock| stock.availability);
    if stock == Level::None {
        return skip(format!("none is free there, at ${hourly:.2} an hour"));
    }
    Verdict::Try { hourly, stock }
}

/// `<deployment>-speech-<n>`: the generation that a pod's name says, where it is one of this deployment's.
pub(crate) fn generation(deployment: &str, pod: &str) -> Option<u64> {
    let digits = pod.strip_prefix(deployment)?.strip_prefix("-speech-")?;
    let number = digits.parse().ok()?;
    // Exactly the name that is given: no sign, no zeros before it.
    (pod_name(deployment, number) == pod).then_some(number)
}

pub(crate) fn pod_name(deployment: &str, generation: u64) -> String {
    format!("{deployment}-speech-{generation}")
}

pub(crate) fn volume_name(deployment: &str, data_center: &str) -> String {
    format!("{deployment}-models-{data_center}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runpod::model::{Price, Stock};

    fn candidate(gpu: &str, data_center: &str) -> Candidate {
        Candidate {
            gpu: gpu.into(),
            data_center: data_center.into(),
            image: "registry.example/speech@sha256:00".into(),
            min_cuda: None,
        }
    }

    fn gpu_type(secure: bool, price: f64, stock: &[(&str, Level)]) -> GpuType {
        GpuType {
            id: "L40S".into(),
            secure,
            price: Price { secure: price },
            data_centers: stock
                .iter()
                .map(|(id, availability)| Stock {
                    id: (*id).into(),
                    availability: *availability,
                })
                .collect(),
        }
    }

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    #[test]
    fn a_candidate_is_tried_where_the_catalogue_has_it_at_a_price_that_is_wanted() {
        let l40s = candidate("L40S", "EU-RO-1");
        let reason = |gpus: &[GpuType], most| match judge(&l40s, gpus, most) {
            Verdict::Try { hourly, .. } => format!("try at {hourly}"),
            Verdict::Skip(why) => why,
        };
        let there = [("EU-RO-1", Level::Low)];
        assert_eq!(reason(&[gpu_type(true, 0.79, &there)], Some(0.79)), "try at 0.79");
        assert_eq!(reason(&[gpu_type(true, 0.79, &there)], None), "try at 0.79");
        assert!(reason(&[], None).contains("no GPU of that id"));
        assert!(reason(&[gpu_type(false, 0.79, &there)], None).contains("secure cloud"));
        assert!(
            reason(&[gpu_type(true, 0.8, &there)], Some(0.79)).contains("$0.80 an hour is above max_hourly, $0.79")
        );
        for stock in [&[][..], &[("US-KS-2", Level::High)], &[("EU-RO-1", Level::None)]] {
            assert!(
                reason(&[gpu_type(true, 0.79, stock)], None).contains("none is free"),
                "{stock:?}"
            );
        }
        // A word that the catalogue may get one day is no reason to give a place up.
        assert_eq!(
            reason(&[gpu_type(true, 0.79, &[("EU-RO-1", Level::Unknown)])], None),
            "try at 0.79"
        );
    }

    #[test]
    fn a_key_itself_never_becomes_part_of_a_pod() {
        let gpu = Gpu {
            candidates: vec![candidate("L40S", "EU-RO-1")],
            volume_gb: 20,
            registry: None,
            ready_minutes: 15,
            max_hourly: None,
            settings: BTreeMap::new(),
        };
        let hash = format!("sha256:{}", "ab".repeat(32));
        for (keys, good) in [
            (hash.clone(), true),
            (format!("{hash},{hash}"), true),
            ("hunter2".into(), false),
            (format!("{hash},hunter2"), false),
            (format!("{hash},"), false),
            ("sha256:hunter2".into(), false),
        ] {
            let made = Wanted::all(&gpu, &settings(&[(KEY, &keys)]));
            assert_eq!(made.is_ok(), good, "{keys}");
            assert!(made.err().is_none_or(|error| !format!("{error:#}").contains("hunter2")));
        }
    }

    proptest! {
        #[test]
        fn the_spec_changes_with_each_part_and_with_nothing_else(
            env in proptest::collection::btree_map("[A-Z_]{1,8}", "[a-z]{0,8}", 0..6),
            name in "[A-Z_]{1,8}",
            value in "[a-z]{0,8}",
        ) {
            let here = candidate("L40S", "EU-RO-1");
            let one = Wanted::new(&here, &env);
            prop_assert_eq!(&one.spec, &Wanted::new(&here, &one.env).spec);
            prop_assert_ne!(&one.spec, &Wanted::new(&candidate("L40S", "EU-RO-2"), &env).spec);
            prop_assert_ne!(&one.spec, &Wanted::new(&candidate("L40", "SEU-RO-1"), &env).spec);
            let mut other = env.clone();
            let same = other.insert(name, value.clone()) == Some(value);
            prop_assert_eq!(same, one.spec == Wanted::new(&here, &other).spec);
        }

        #[test]
        fn a_pods_name_gives_its_generation_back(deployment in "[a-z][a-z0-9-]{0,12}", number: u64) {
            prop_assert_eq!(generation(&deployment, &pod_name(&deployment, number)), Some(number));
        }

        #[test]
        fn no_other_name_is_one_of_this_deployments(deployment in "[a-z]{1,6}", name in "[a-z]{1,6}(-speech)?(-[+0-9a-z]{0,4})?") {
            if let Some(number) = generation(&deployment, &name) {
                prop_assert_eq!(pod_name(&deployment, number), name);
            }
        }

        #[test]
        fn what_is_tried_costs_no_more_than_the_most_and_is_in_stock(price in 0.0..10.0f64, most in proptest::option::of(0.0..10.0f64), level in 0..4usize) {
            let level = [Level::None, Level::Low, Level::Medium, Level::High][level];
            let verdict = judge(&candidate("L40S", "EU-RO-1"), &[gpu_type(true, price, &[("EU-RO-1", level)])], most);
            let wanted = level != Level::None && most.is_none_or(|most| price <= most);
            prop_assert_eq!(matches!(verdict, Verdict::Try { .. }), wanted);
        }
    }
}
