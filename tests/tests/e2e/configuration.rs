//! Configuration: the example file is complete and true, and a bad one is refused with everything that is wrong in it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use dragoman_tests::{skipped, variables};
use xtask::stack;

const PROGRAMS: [&str; 4] = ["dragoman-media", "dragoman-speech", "dragoman-hook", "dragoman-router"];
const SERVICES: [&str; 2] = ["dragoman-media", "dragoman-speech"];
/// MediaMTX's own settings; it reads any of them from `MTX_<SETTING>`.
const OF_MEDIAMTX: &str = "MTX_";
/// Read from `.env` by compose itself.
const OF_COMPOSE: &str = "COMPOSE_PROFILES";
/// Read by what is in the images beside our programs: libraries, the container's runtime, Caddy.
const OF_OTHERS: [&str; 15] = [
    "PATH",
    "HOME",
    "SSL_CERT_FILE",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "TLS_UPSTREAM",
    "LD_LIBRARY_PATH",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "GST_PLUGIN_SYSTEM_PATH_1_0",
    "GST_REGISTRY",
    "GIO_EXTRA_MODULES",
    "GIO_USE_PROXY_RESOLVER",
    "GIO_USE_VFS",
    "GSETTINGS_BACKEND",
];

/// Runs `--check-config` of a program with these variables and no others.
fn check(service: &str, variables: &BTreeMap<String, String>) -> Result<Output> {
    let mut command = Command::new(stack::binary(service)?);
    command.arg("--check-config").env_clear().envs(variables);
    command.output().with_context(|| format!("cannot run {service}"))
}

/// What a service would run with.
fn shown(service: &str, variables: &BTreeMap<String, String>) -> Result<String> {
    let output = check(service, variables)?;
    ensure!(
        output.status.success(),
        "{service}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_example_has_every_variable_and_no_other() -> Result<()> {
    let example: BTreeSet<String> = variables::of_the_example()?.into_iter().map(|(name, _)| name).collect();
    let read = variables::of_the_programs()?;
    let (outside, _) = variables::of_compose().unwrap_or_default();
    let listed = |name: &String| example.contains(name) || example.contains(variables::subject(name, &read));
    let missing: Vec<&String> = read.iter().chain(&outside).filter(|name| !listed(name)).collect();
    ensure!(missing.is_empty(), "not in .env.example: {missing:?}");
    let known = |name: &String| {
        read.contains(variables::subject(name, &read))
            || outside.contains(name)
            || name.starts_with(OF_MEDIAMTX)
            || name == OF_COMPOSE
    };
    let unknown: Vec<&String> = example.iter().filter(|name| !known(name)).collect();
    ensure!(unknown.is_empty(), "in .env.example and read by nobody: {unknown:?}");
    Ok(())
}

#[test]
fn containers_and_images_set_only_what_somebody_reads() -> Result<()> {
    let read = variables::of_the_programs()?;
    let known = |name: &String| {
        read.contains(variables::subject(name, &read))
            || name.starts_with(OF_MEDIAMTX)
            || OF_OTHERS.contains(&name.as_str())
    };
    let images = variables::of_the_images()?;
    ensure!(
        images.contains("MEDIA_LISTEN") && images.contains("MTX_MOQ"),
        "the images' variables were not found: {images:?}"
    );
    let unknown: Vec<&String> = images.iter().filter(|name| !known(name)).collect();
    ensure!(
        unknown.is_empty(),
        "set by nix/images.nix and read by nobody: {unknown:?}"
    );
    let Some((_, inside)) = variables::of_compose() else {
        skipped::note("the variables of compose.yaml", "there is no compose.yaml");
        return Ok(());
    };
    ensure!(
        inside.contains("MODE"),
        "compose.yaml's variables were not found: {inside:?}"
    );
    let unknown: Vec<&String> = inside.iter().filter(|name| !known(name)).collect();
    ensure!(
        unknown.is_empty(),
        "set by compose.yaml and read by nobody: {unknown:?}"
    );
    Ok(())
}

#[test]
fn the_example_is_good_and_shows_the_defaults() -> Result<()> {
    let example = variables::defaults_of_the_example()?;
    for program in PROGRAMS {
        let (with, without) = (shown(program, &example)?, shown(program, &BTreeMap::new())?);
        ensure!(
            with == without,
            "{program} runs otherwise with .env.example than without:\n{with}\n{without}"
        );
    }
    Ok(())
}

#[test]
fn a_bad_configuration_is_refused_with_every_problem() -> Result<()> {
    let bad = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let cases = [
        (
            "dragoman-media",
            bad(&[
                ("HOLD", "soon"),
                ("TARGETS", "x y"),
                ("ROUTER_URL", "http://nowhere"),
                ("MEDIA_LISTEN", "0.0.0.0:8080"),
            ]),
        ),
        (
            "dragoman-speech",
            bad(&[
                ("SPEECH_ENGINE", "magic"),
                ("SPEECH_MAX_SESSIONS", "0"),
                ("SPEECH_LISTEN", "0.0.0.0:8090"),
            ]),
        ),
    ];
    for (service, variables) in cases {
        let output = check(service, &variables)?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(64),
            "{service} ended with {}",
            output.status
        );
        let asked = variables.keys().filter(|name| !name.ends_with("_LISTEN"));
        let unnamed: Vec<&String> = asked.filter(|name| !message.contains(name.as_str())).collect();
        ensure!(unnamed.is_empty(), "{service} does not name {unnamed:?}: {message}");
        ensure!(
            message.contains("_KEY") && message.contains("ALLOW_OPEN"),
            "{service} listens to all without a key: {message}"
        );
    }
    for (program, secret) in [
        ("dragoman-media", "SPEECH_KEY"),
        ("dragoman-media", "MEDIA_API_KEY"),
        ("dragoman-media", "ROUTER_PASS"),
        ("dragoman-speech", "SPEECH_KEY"),
        ("dragoman-hook", "MEDIA_API_KEY"),
        ("dragoman-router", "MEDIA_API_KEY"),
    ] {
        let empty = tempfile::NamedTempFile::new()?;
        let file = format!("{secret}_FILE");
        for (name, value) in [
            (secret, ""),
            (file.as_str(), ""),
            (file.as_str(), &empty.path().display().to_string()),
        ] {
            let output = check(program, &bad(&[(name, value)]))?;
            let message = String::from_utf8_lossy(&output.stderr);
            ensure!(
                output.status.code() == Some(64) && message.contains(&format!("\n  {name}: ")),
                "{program} takes {name}={value}: {message}"
            );
        }
    }
    let both = bad(&[("SPEECH_KEY", "a-secret-value"), ("SPEECH_KEY_FILE", "/nowhere")]);
    for service in SERVICES {
        let output = check(service, &both)?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(64) && message.contains("SPEECH_KEY"),
            "{service}: {message}"
        );
        ensure!(
            !message.contains("a-secret-value"),
            "{service} shows a secret: {message}"
        );
    }
    Ok(())
}

#[test]
fn a_mode_is_judged_by_every_program_that_reads_it() -> Result<()> {
    let variables = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let cases: [(&str, &str, &[&str]); 6] = [
        (
            "dragoman-media",
            "gpu",
            &["SPEECH_DEVICE", "ALLOW_OPEN", "MEDIA_API_KEY"],
        ),
        (
            "dragoman-media",
            "split",
            &["SPEECH_URL", "SPEECH_KEY", "ALLOW_OPEN", "MEDIA_API_KEY"],
        ),
        (
            "dragoman-speech",
            "gpu",
            &["SPEECH_DEVICE", "SPEECH_ENGINE", "ALLOW_OPEN", "SPEECH_KEY"],
        ),
        ("dragoman-speech", "split", &["ALLOW_OPEN", "SPEECH_KEY"]),
        ("dragoman-hook", "gpu", &["ALLOW_OPEN", "MTX_AUTHINTERNALUSERS_0_USER"]),
        (
            "dragoman-hook",
            "split",
            &["ALLOW_OPEN", "MTX_AUTHINTERNALUSERS_0_USER"],
        ),
    ];
    for (program, mode, names) in cases {
        let output = check(
            program,
            &variables(&[
                ("MODE", mode),
                ("ALLOW_OPEN", "1"),
                ("MEDIA_LISTEN", "0.0.0.0:8080"),
                ("SPEECH_LISTEN", "0.0.0.0:8090"),
                ("MTX_AUTHINTERNALUSERS_0_IPS", "0.0.0.0/0"),
            ]),
        )?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(64), "{program} in {mode}: {message}");
        for name in names {
            ensure!(
                message.contains(&format!("\n  {name}: ")),
                "{program} in {mode} does not name {name}: {message}"
            );
        }
        let count = message.lines().count() - 1;
        ensure!(
            count == names.len(),
            "{program} in {mode}: {count} problems instead of {names:?}: {message}"
        );
    }
    for program in ["dragoman-media", "dragoman-speech", "dragoman-hook"] {
        let open = variables(&[
            ("ALLOW_OPEN", "1"),
            ("MEDIA_LISTEN", "0.0.0.0:8080"),
            ("SPEECH_LISTEN", "0.0.0.0:8090"),
            ("MTX_AUTHINTERNALUSERS_0_IPS", "0.0.0.0/0"),
        ]);
        let shown = shown(program, &open)?;
        ensure!(
            shown.contains("MODE=cpu\n"),
            "{program} does not show its mode: {shown}"
        );
    }
    Ok(())
}
