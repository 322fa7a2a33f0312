//! Whether what was found is enough for a mode, and what to do where it is not.

use super::look::{Docker, Facts, Models};
use super::split::Said;
use super::{Mode, Row, State};
use crate::compose::Port;

/// Docker as Debian 12 has it; the compose plugin as it knows what compose.yaml is written in.
const DOCKER: &str = "20.10";
const COMPOSE: &str = "2.20";
/// What the whole stack takes at most with the mock; with models their weights come on top.
const MEMORY_MB: u64 = 500;
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
fn is_at_least(version: &str, least: &str) -> bool {
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
        let (state, found) = match facts.images.contains(image) {
            true => (State::Ok, "there"),
            false => (State::Missing, "docker has none of this name"),
        };
        // A name with a host in front of it is a registry's.
        let get = match image.contains('/') {
            true => format!("docker pull {image}"),
            false => "nix run .#load, or IMAGE_PREFIX and IMAGE_TAG in .env for those of a registry".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Service;

    fn port(number: u16) -> Port {
        Port {
            address: "127.0.0.1".to_owned(),
            number,
            is_udp: false,
            variable: Some("API_PORT".to_owned()),
        }
    }

    /// A machine on which everything is there.
    fn good(mode: Mode) -> Facts {
        Facts {
            docker: Docker::Running {
                version: "27.1.1".to_owned(),
            },
            compose: Some("2.29.1-desktop.1".to_owned()),
            memory_mb: Some(8_000),
            disk: Some(("/var/lib/docker".to_owned(), 100_000)),
            services: vec![Service {
                name: "media".to_owned(),
                image: "dragoman-media:1".to_owned(),
                ports: vec![port(8080)],
                ..Service::default()
            }],
            images: vec!["dragoman-media:1".to_owned()],
            gpu: (mode == Mode::Gpu).then(|| Ok("NVIDIA L4, 23034 MiB, 550.90".to_owned())),
            has_toolkit: true,
            hosts: match mode {
                Mode::Split => vec![(
                    "wss://gpu".to_owned(),
                    Said::Taken {
                        engine: "cascade".to_owned(),
                    },
                )],
                Mode::Cpu | Mode::Gpu => Vec::new(),
            },
            has_key: true,
            engine: "mock".to_owned(),
            set_mode: Some(mode.name().to_owned()),
            ..Facts::default()
        }
    }

    fn bad(mode: Mode, facts: &Facts) -> Vec<String> {
        let rows = rows(mode, facts);
        let bad: Vec<&Row> = rows.iter().filter(|row| row.state != State::Ok).collect();
        assert!(
            bad.iter().all(|row| !row.get.is_empty()),
            "each says how to get it: {bad:?}"
        );
        bad.into_iter().map(|row| row.name.clone()).collect()
    }

    #[test]
    fn a_good_machine_lacks_nothing_in_any_mode() {
        for mode in [Mode::Cpu, Mode::Gpu, Mode::Split] {
            assert_eq!(bad(mode, &good(mode)), Vec::<String>::new(), "{mode:?}");
        }
    }

    #[test]
    fn a_bare_machine_lacks_everything_at_once() {
        let none = Facts::default();
        let docker = ["docker", "docker compose"].map(str::to_owned);
        let machine = ["compose.yaml", "memory", "disk"].map(str::to_owned);
        assert_eq!(bad(Mode::Cpu, &none), [&docker[..], &machine].concat());
        let mode = ["MODE".to_owned()];
        let gpu = ["NVIDIA GPU", "container toolkit"].map(str::to_owned);
        assert_eq!(bad(Mode::Gpu, &none), [&docker[..], &mode, &machine, &gpu].concat());
        let hosts = ["SPEECH_URL", "SPEECH_KEY"].map(str::to_owned);
        assert_eq!(bad(Mode::Split, &none), [&docker[..], &mode, &machine, &hosts].concat());
    }

    #[test]
    fn each_thing_is_judged_by_itself() {
        let judged = |mode: Mode, change: &dyn Fn(&mut Facts)| {
            let mut facts = good(mode);
            change(&mut facts);
            bad(mode, &facts)
        };
        let old = |facts: &mut Facts| {
            facts.docker = Docker::Running {
                version: "19.3.1".to_owned(),
            };
        };
        assert_eq!(judged(Mode::Cpu, &old), ["docker"]);
        assert_eq!(
            judged(Mode::Cpu, &|facts| facts.docker = Docker::Silent("denied".to_owned())),
            ["docker"]
        );
        assert_eq!(
            judged(Mode::Cpu, &|facts| facts.compose = Some("1.29.2".to_owned())),
            ["docker compose"]
        );
        assert_eq!(
            judged(Mode::Cpu, &|facts| facts.memory_mb = Some(MEMORY_MB - 1)),
            ["memory"]
        );
        assert_eq!(
            judged(Mode::Gpu, &|facts| facts.disk = Some(("/".to_owned(), 9_999))),
            ["disk"]
        );
        assert_eq!(judged(Mode::Cpu, &|facts| facts.images.clear()), ["dragoman-media:1"]);
        assert_eq!(
            judged(Mode::Cpu, &|facts| facts.taken = vec![(port(8080), None)]),
            ["TCP 8080"]
        );
        assert_eq!(
            judged(Mode::Gpu, &|facts| facts.has_toolkit = false),
            ["container toolkit"]
        );
        assert_eq!(judged(Mode::Split, &|facts| facts.set_mode = None), ["MODE"]);
        for said in [
            Said::Silent("timeout".to_owned()),
            Said::Unwell("503 (loading)".to_owned()),
            Said::Refused {
                engine: "mock".to_owned(),
            },
            Said::Open {
                engine: "mock".to_owned(),
            },
        ] {
            assert_eq!(
                judged(Mode::Split, &|facts| facts.hosts[0].1 = said.clone()),
                ["wss://gpu"]
            );
        }
        let models = |state: &str| Models::Listed {
            rows: vec![("whisper-base".to_owned(), state.to_owned())],
            cache: "/cache".to_owned(),
        };
        assert_eq!(
            judged(Mode::Cpu, &|facts| facts.models = models("missing")),
            ["whisper-base"]
        );
        assert_eq!(
            judged(Mode::Cpu, &|facts| facts.models = models("present")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_taken_port_says_which_variable_moves_it() {
        let mut facts = good(Mode::Cpu);
        facts.taken = vec![(port(8080), Some("nginx (pid 7)".to_owned()))];
        let rows = rows(Mode::Cpu, &facts);
        let row = rows.iter().find(|row| row.name == "TCP 8080").unwrap();
        assert_eq!(
            (row.found.as_str(), row.needed.as_str()),
            ("taken by nginx (pid 7)", "media")
        );
        assert!(row.get.contains("API_PORT in .env"), "{}", row.get);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, good) in [
            ("2.20.0", true),
            ("v2.9", false),
            ("10", true),
            ("2.20-rc1", true),
            ("dev", false),
        ] {
            assert_eq!(is_at_least(version, "2.20"), good, "{version}");
        }
    }
}
