//! A good machine, a bare one, and one thing missing at a time.

use super::judge::{MEMORY_MB, is_at_least, rows};
use super::look::{Docker, Facts, Models};
use super::split::Said;
use super::{Mode, Row, State};
use crate::compose::{Port, Service};

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
    let silent = judged(Mode::Cpu, &|facts| facts.docker = Docker::Silent("denied".to_owned()));
    assert_eq!(silent, ["docker", "dragoman-media:1"]);
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

/// What the README shows of it.
#[test]
fn the_readme_has_what_is_said() {
    const README: &str = include_str!("../../../../README.md");
    let silent = |facts: &mut Facts| {
        facts.docker = Docker::Silent("denied".to_owned());
        facts.memory_mb = Some(300);
    };
    let absent = |facts: &mut Facts| facts.docker = Docker::Absent;
    let lines = [&silent as &dyn Fn(&mut Facts), &absent].map(|change| {
        let mut facts = good(Mode::Cpu);
        change(&mut facts);
        rows(Mode::Cpu, &facts)
            .iter()
            .map(ToString::to_string)
            .collect::<String>()
    });
    for sentence in ["does not answer: ", "300 MB free  (needed: 500 MB)", "not on the PATH"] {
        assert!(
            lines.concat().contains(sentence),
            "doctor does not say {sentence:?}: {lines:?}"
        );
        assert!(
            README.contains(&format!("`{sentence}")),
            "the README does not have {sentence:?}"
        );
    }
}
