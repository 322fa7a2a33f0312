//! Whether what was found is enough for a mode, and what to do where it is not.

use super::look::{Docker, Facts, Models};
use super::split::Said;
use super::{Mode, Row, State};
use crate::compose::Port;

/// Docker as Debian 12 has it; the compose plugin as it knows what compose.yaml is written in.
const DOCKER: &str = "20.10";
const COMPOSE: &str = "2.20";
/// What the whole stack takes at most with the mock; with models their weights come on top.
pub(super) const MEMORY_MB: u64 = 500;
const MEMORY_WITH_MODELS_MB: u64 = 4_000;
/// Images and logs; the image for GPUs has CUDA's libraries in it, and models take up to 2 GB a pair.
const DISK_MB: u64 = 1_500;
const DISK_WITH_MODELS_MB: u64 = 4_000;
const DISK_WITH_CUDA_MB: u64 = 10_000;

const GET_DOCKER: &str = "https://docs.docker.com/engine/install, or Docker Desktop";

/// A row for each thing that `mode` needs.
pub(super) fn rows(mode: Mode, facts: &Facts) -> Vec<Row> {
    let mut rows = vec![docker(facts), compose(facts)];
    rows.extend(settings(mode, facts));
    rows.extend([memory(facts), disk(mode, facts)]);
    rows.extend(images(facts));
    rows.extend(ports(facts));
    if mode == Mode::Gpu {
        rows.extend(gpu(facts));
    }
    if mode == Mode::Split {
        rows.extend(hosts(facts));
    } else {
        rows.extend(models(facts));
    }
    rows
}

fn docker(facts: &Facts) -> Row {
    let row = |state, found: &str| Row::new("Docker", "docker", state, found).needed(format!(">= {DOCKER}, running"));
    match &facts.docker {
        Docker::Absent => row(State::Missing, "not on the PATH").get(GET_DOCKER),
        Docker::Silent(reason) => row(State::Missing, &format!("does not answer: {reason}")).get(
            "start it (sudo systemctl start docker, or Docker Desktop), or let your user talk to it (group docker)",
        ),
        Docker::Running { version } if !is_at_least(version, DOCKER) => row(State::Missing, version).get(GET_DOCKER),
        Docker::Running { version } => row(State::Ok, version),
    }
}

fn compose(facts: &Facts) -> Row {
    let row = |state, found: &str| Row::new("Docker", "docker compose", state, found).needed(format!(">= {COMPOSE}"));
    let get = "https://docs.docker.com/compose/install (package docker-compose-plugin)";
    match &facts.compose {
        None => row(State::Missing, "docker has no such command").get(get),
        Some(version) if !is_at_least(version, COMPOSE) => row(State::Missing, version).get(get),
        Some(version) => row(State::Ok, version),
    }
}

/// `2.29.1-desktop.1` is at least `2.20`.
pub(super) fn is_at_least(version: &str, least: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let numbers = text.trim_start_matches('v').split(['.', '-', '+']);
        numbers.map_while(|number| number.parse().ok()).collect()
    };
    numbers(version) >= numbers(least)
}

fn settings(mode: Mode, facts: &Facts) -> Vec<Row> {
    let set = facts.set_mode.as_deref().unwrap_or("cpu");
    // The GPU host of a split has all that the mode gpu needs.
    let is_so = set == mode.name() || (mode == Mode::Gpu && set == Mode::Split.name());
    let state = if is_so { State::Ok } else { State::Missing };
    let mut rows = vec![
        Row::new("Settings", "MODE", state, set)
            .needed(mode.name())
            .get(format!(
                "copy the block of the mode {} in .env.example to .env",
                mode.name()
            )),
    ];
    if facts.services.is_empty() {
        let row = Row::new(
            "Settings",
            "compose.yaml",
            State::Missing,
            "no services in it, or not there",
        );
        rows.push(row.get("run it in a checkout of the repository"));
    }
    rows
}

fn memory(facts: &Facts) -> Row {
    let needed = match facts.models {
        Models::NotNeeded => MEMORY_MB,
        Models::Unknown(_) | Models::Listed { .. } => MEMORY_WITH_MODELS_MB,
    };
    enough("memory", facts.memory_mb, needed, "").get("end other programs; Docker Desktop: Settings, Resources")
}

fn disk(mode: Mode, facts: &Facts) -> Row {
    let needed = match (mode, &facts.models) {
        (Mode::Gpu, _) => DISK_WITH_CUDA_MB,
        (_, Models::NotNeeded) => DISK_MB,
        (_, Models::Unknown(_) | Models::Listed { .. }) => DISK_WITH_MODELS_MB,
    };
    let (place, free) = facts.disk.clone().map_or((String::new(), None), |(root, free)| {
        (format!(" in {root}"), Some(free))
    });
    enough("disk", free, needed, &place).get("docker system prune, nix-collect-garbage")
}

fn enough(name: &str, free: Option<u64>, needed: u64, place: &str) -> Row {
    let (state, found) = match free {
        None => (State::Absent, "the system does not say".to_owned()),
        Some(free) if free < needed => (State::Missing, format!("{free} MB free{place}")),
        Some(free) => (State::Ok, format!("{free} MB free{place}")),
    };
    Row::new("Machine", name, state, found).needed(format!("{needed} MB"))
}

fn images(facts: &Facts) -> Vec<Row> {
    let row = |image: &String| {
        let (state, found) = match &facts.docker {
            Docker::Running { .. } if facts.images.contains(image) => (State::Ok, "there"),
            Docker::Running { .. } => (State::Missing, "docker has none of this name"),
            Docker::Absent | Docker::Silent(_) => (State::Absent, "not known: docker does not answer"),
        };
        // A name with a host in front of it is a registry's.
        let get = match image.contains('/') {
            true => format!("docker pull {image}"),
            false => {
                "cargo xtask images, nix run .#load, or IMAGE_PREFIX and IMAGE_TAG in .env for those of a registry"
                    .to_owned()
            }
        };
        Row::new("Images", image, state, found).get(get)
    };
    let mut images: Vec<&String> = facts.services.iter().map(|service| &service.image).collect();
    images.dedup();
    images.into_iter().map(row).collect()
}

fn ports(facts: &Facts) -> Vec<Row> {
    let row = |(service, port): (&str, &Port)| {
        let taken = facts.taken.iter().find(|(taken, _)| taken == port);
        let (state, found) = match taken {
            None => (State::Ok, "free".to_owned()),
            Some((_, None)) => (State::Missing, "taken".to_owned()),
            Some((_, Some(who))) => (State::Missing, format!("taken by {who}")),
        };
        let kind = if port.is_udp { "UDP" } else { "TCP" };
        let variable = port
            .variable
            .as_deref()
            .map_or_else(String::new, |name| format!(", or {name} in .env for another"));
        Row::new("Ports", format!("{kind} {}", port.number), state, found)
            .needed(service)
            .get(format!(
                "end what holds it (docker compose down, if that is this stack){variable}"
            ))
    };
    let all = facts
        .services
        .iter()
        .flat_map(|service| service.ports.iter().map(|port| (service.name.as_str(), port)));
    all.map(row).collect()
}

fn gpu(facts: &Facts) -> Vec<Row> {
    let driver = match &facts.gpu {
        Some(Ok(found)) => Row::new("GPU", "NVIDIA GPU", State::Ok, found),
        Some(Err(reason)) => Row::new("GPU", "NVIDIA GPU", State::Missing, reason),
        None => Row::new("GPU", "NVIDIA GPU", State::Missing, "not looked for"),
    };
    let (state, found) = match facts.has_toolkit {
        true => (State::Ok, "docker has the runtime"),
        false => (
            State::Missing,
            "docker has neither the runtime nvidia nor a description of GPUs",
        ),
    };
    vec![
        driver
            .needed("a driver, and nvidia-smi to ask it")
            .get("https://www.nvidia.com/drivers; MODE=cpu runs without"),
        Row::new("GPU", "container toolkit", state, found)
            .needed("hands the GPU to the container")
            .get(
                "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit, then nvidia-ctk runtime configure",
            ),
    ]
}

fn hosts(facts: &Facts) -> Vec<Row> {
    let mut rows = Vec::new();
    if facts.hosts.is_empty() {
        let row = Row::new("Speech hosts", "SPEECH_URL", State::Missing, "not set").needed("wss://host, one or more");
        rows.push(row.get("set it in .env to where the speech service of the GPU host is reached"));
    }
    let (state, found) = match facts.has_key {
        true => (State::Ok, "set, not shown"),
        false => (State::Missing, "not set"),
    };
    let key = Row::new("Speech hosts", "SPEECH_KEY", state, found).needed("the key of the speech hosts");
    rows.push(key.get("SPEECH_KEY_FILE in .env: a file with the same key as on the GPU host"));
    rows.extend(facts.hosts.iter().map(|(host, said)| {
        let row = |state, found: String| Row::new("Speech hosts", host, state, found).needed("well, and takes the key");
        match said {
            Said::Taken { engine } => row(State::Ok, format!("well, engine {engine}, takes the key")),
            Said::Silent(reason) => row(State::Missing, format!("does not answer: {reason}"))
                .get("start speech there; look at its firewall, its name and its certificate"),
            Said::Unwell(status) => row(State::Missing, format!("answers {status}"))
                .get("look at the log of speech there; models that are loaded for the first time take minutes"),
            Said::Refused { engine } => row(State::Missing, format!("well, engine {engine}, does not take the key"))
                .get("the same key in SPEECH_KEY here and there"),
            Said::Open { engine } => {
                row(State::Missing, format!("well, engine {engine}, open to anybody")).get("set SPEECH_KEY there")
            }
        }
    }));
    rows
}

fn models(facts: &Facts) -> Vec<Row> {
    const FETCH: &str = "docker compose run --rm speech models fetch";
    match &facts.models {
        Models::NotNeeded => {
            let found = format!("none needed: SPEECH_ENGINE is {}", facts.engine);
            vec![Row::new("Models", "models", State::Ok, found)]
        }
        Models::Unknown(reason) => {
            let row = Row::new(
                "Models",
                "models",
                State::Absent,
                format!("nobody could be asked: {reason}"),
            );
            vec![row.needed(format!("SPEECH_ENGINE is {}", facts.engine)).get(FETCH)]
        }
        Models::Listed { rows, cache } => {
            let row = |(name, found): &(String, String)| {
                let state = match found.as_str() {
                    "missing" | "corrupt" => State::Missing,
                    _ => State::Ok,
                };
                Row::new("Models", name, state, format!("{found} in {cache}")).get(format!("{FETCH} {name}"))
            };
            rows.iter().map(row).collect()
        }
    }
}
