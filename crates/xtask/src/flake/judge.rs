//! What the flake promises, against the report of its evaluation. All broken promises at once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

const LINUX: [&str; 2] = ["x86_64-linux", "aarch64-linux"];
const SYSTEMS: [&str; 4] = ["x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin"];
const PROGRAMS: [&str; 7] = ["media", "speech", "hook", "router", "probe", "deploy", "xtask"];
const IMAGES: [&str; 4] = ["media", "speech", "mediamtx", "caddy"];
const CAPABILITIES: [&str; 3] = ["80", "90", "120"];
const APPS: [&str; 7] = ["demo", "deploy", "load", "up", "verify-images", "join-images", "doctor"];
const CHECKS: [&str; 7] = ["clippy", "rustfmt", "nextest", "doctest", "doc", "deny", "nixfmt"];
const LABELS: [&str; 6] = ["title", "description", "source", "version", "revision", "licenses"];
/// Parts of the names of variables that hold secrets.
const SECRET: [&str; 4] = ["KEY", "PASS", "SECRET", "TOKEN"];

/// Every broken promise, in words.
pub(super) fn problems(report: &Value, readme: &str) -> Vec<String> {
    let mut problems = Problems(Vec::new());
    outputs(report, &mut problems);
    for system in LINUX {
        let images = object(&report["images"][system]);
        problems.same(
            &format!("the images of {system}"),
            &keys(images),
            &IMAGES.map(str::to_owned).into(),
        );
        for (name, image) in images {
            look_at_image(&format!("{name} of {system}"), name, image, &mut problems);
        }
    }
    plugins(report, &mut problems);
    cuda(report, &mut problems);
    builds(report, &mut problems);
    table(report, readme, &mut problems);
    problems.0
}

struct Problems(Vec<String>);

impl Problems {
    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn same(&mut self, what: &str, found: &BTreeSet<String>, wanted: &BTreeSet<String>) {
        let more: Vec<_> = found.difference(wanted).cloned().collect();
        let fewer: Vec<_> = wanted.difference(found).cloned().collect();
        self.expect(more.is_empty(), || format!("{what}: {} too many", more.join(", ")));
        self.expect(fewer.is_empty(), || format!("{what}: {} missing", fewer.join(", ")));
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn keys(map: &Map<String, Value>) -> BTreeSet<String> {
    map.keys().cloned().collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn outputs(report: &Value, problems: &mut Problems) {
    for system in SYSTEMS {
        let is_linux = LINUX.contains(&system);
        let mut packages: Vec<String> = PROGRAMS.map(str::to_owned).into();
        packages.extend(["default", "images", "image-index"].map(str::to_owned));
        packages.extend(IMAGES.map(|name| format!("image-{name}")));
        if system.starts_with("x86_64") {
            packages.push("images-cuda".into());
        }
        if system == "x86_64-linux" {
            packages.extend(CAPABILITIES.map(|capability| format!("speech-cuda-{capability}")));
        }
        let mut checks: Vec<String> = CHECKS.map(str::to_owned).into();
        checks.extend(PROGRAMS.map(|name| format!("package-{name}")));
        if is_linux {
            checks.extend(IMAGES.map(|name| format!("image-{name}")));
        }
        for (output, wanted) in [
            ("packages", packages),
            ("checks", checks),
            ("apps", APPS.map(str::to_owned).into()),
            ("shells", vec!["default".into()]),
            ("vmTests", if is_linux { vec!["dub".into()] } else { Vec::new() }),
        ] {
            let found = keys(object(&report[output][system]));
            problems.same(&format!("{output} of {system}"), &found, &wanted.into_iter().collect());
        }
        problems.expect(report["formatters"][system].is_string(), || {
            format!("{system} has no formatter")
        });
    }
    // A Mac's images are the Linux ones of its processor, not others of the same name.
    for (mac, linux) in [("x86_64-darwin", "x86_64-linux"), ("aarch64-darwin", "aarch64-linux")] {
        for package in ["images", "image-index", "image-media"] {
            let packages = &report["packages"];
            problems.expect(packages[mac][package] == packages[linux][package], || {
                format!("{package} of {mac} is not that of {linux}")
            });
        }
    }
}

fn look_at_image(which: &str, name: &str, image: &Value, problems: &mut Problems) {
    let config = &image["config"];
    problems.expect(config["User"] == "65532:65532", || {
        format!("{which}: runs as {}", config["User"])
    });
    for argument in ["created", "mtime", "uid", "includeNixDB"] {
        problems.expect(!strings(&image["arguments"]).contains(&argument), || {
            format!("{which}: sets {argument}")
        });
    }
    problems.expect(
        image["tag"] == config["Labels"]["org.opencontainers.image.version"],
        || format!("{which}: its tag is not its version"),
    );
    for label in LABELS {
        let text = &config["Labels"][format!("org.opencontainers.image.{label}")];
        problems.expect(text.as_str().is_some_and(|text| !text.is_empty()), || {
            format!("{which}: no label {label}")
        });
    }
    let entry = strings(&config["Entrypoint"]);
    let health = strings(&config["Healthcheck"]["Test"]);
    problems.expect(
        entry.first().is_some_and(|program| program.starts_with("/bin/")),
        || format!("{which}: starts {entry:?}"),
    );
    problems.expect(
        health.first() == Some(&"CMD")
            && health
                .get(1)
                .is_some_and(|program| program.starts_with("/bin/dragoman-")),
        || format!("{which}: its health is asked with {health:?}"),
    );
    let volumes = keys(object(&config["Volumes"]));
    problems.expect(volumes.contains("/tmp"), || format!("{which}: /tmp is no volume"));
    if name.starts_with("speech") {
        problems.expect(volumes.contains("/cache"), || format!("{which}: no volume for models"));
    }
    for volume in volumes.iter().filter(|volume| *volume != "/tmp") {
        let owned = format!("chown 65532:65532 {}", volume.trim_start_matches('/'));
        let made = image["fakeRootCommands"].as_str().unwrap_or_default().to_owned();
        problems.expect(made.contains(&owned), || format!("{which}: {volume} is not its user's"));
    }
    for shell in ["bash", "dash", "busybox", "coreutils"] {
        problems.expect(
            !strings(&image["contents"])
                .iter()
                .any(|content| content.starts_with(shell)),
            || format!("{which}: holds {shell}"),
        );
    }
    for variable in strings(&config["Env"]) {
        let key = variable.split('=').next().unwrap_or_default().to_uppercase();
        problems.expect(!SECRET.iter().any(|part| key.contains(part)), || {
            format!("{which}: {key} among its variables")
        });
    }
    problems.expect(variable(config, "SSL_CERT_FILE").is_some(), || {
        format!("{which}: no CA bundle")
    });
    problems.expect(
        image["budget"]
            .as_u64()
            .is_some_and(|budget| (1..=2500).contains(&budget)),
        || format!("{which}: no size that it may not exceed"),
    );
}

fn variable<'a>(config: &'a Value, name: &str) -> Option<&'a str> {
    strings(&config["Env"])
        .into_iter()
        .find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='))
}

fn plugins(report: &Value, problems: &mut Problems) {
    let worker = report["path"]["worker"].as_str().unwrap_or_default();
    let tests = report["path"]["tests"].as_str().unwrap_or_default();
    problems.expect(tests.starts_with(worker), || {
        "the tests see other plugins than the worker".into()
    });
    // The last test of an image is its own system's, whose paths these are.
    let config = &report["images"]["x86_64-linux"]["media"]["config"];
    problems.expect(variable(config, "GST_PLUGIN_SYSTEM_PATH_1_0") == Some(worker), || {
        "the media image has other plugins than the worker's list".into()
    });
    problems.expect(
        variable(config, "GST_REGISTRY").is_some_and(|path| path.starts_with("/tmp/")),
        || "the media image cannot write its plugin registry".into(),
    );
    for system in LINUX {
        for build in [
            &report["checks"][system]["nextest"],
            &report["shells"][system]["default"],
        ] {
            let path = &build["arguments"]["GST_PLUGIN_SYSTEM_PATH_1_0"];
            problems.expect(
                path.as_str().is_some_and(|path| path.contains("gst-plugins-bad")),
                || format!("{system}: tests or shell run without our plugins"),
            );
        }
    }
    let listed = report["plugins"].as_array().map_or(0, Vec::len);
    problems.expect(listed >= 20, || format!("only {listed} plugins are listed"));
}

fn cuda(report: &Value, problems: &mut Problems) {
    let wanted: BTreeSet<String> = CAPABILITIES
        .map(|capability| format!("speech-cuda-{capability}"))
        .into();
    let images = object(&report["imagesCuda"]);
    problems.same("the CUDA images", &keys(images), &wanted);
    for capability in CAPABILITIES {
        let name = format!("speech-cuda-{capability}");
        let build = &report["cuda"][&name]["arguments"];
        problems.expect(build["CUDA_COMPUTE_CAP"] == capability, || {
            format!("{name} is built for {}", build["CUDA_COMPUTE_CAP"])
        });
        let image = images.get(&name).unwrap_or(&Value::Null);
        look_at_image(&name, &name, image, problems);
        let config = &image["config"];
        problems.expect(
            variable(config, "LD_LIBRARY_PATH").is_some_and(|path| path.contains("/usr/lib64")),
            || format!("{name} does not find the driver"),
        );
    }
    for (name, image) in object(&report["images"]["x86_64-linux"]) {
        problems.expect(variable(&image["config"], "LD_LIBRARY_PATH").is_none(), || {
            format!("{name} sets LD_LIBRARY_PATH without need")
        });
    }
}

fn builds(report: &Value, problems: &mut Problems) {
    let arguments = report["workspace"]["arguments"]["cargoExtraArgs"]
        .as_str()
        .unwrap_or_default();
    problems.expect(
        arguments.contains("--locked") && arguments.contains("--workspace"),
        || format!("the workspace is built with `{arguments}`"),
    );
    let clippy = &report["checks"]["x86_64-linux"]["clippy"]["arguments"]["cargoClippyExtraArgs"];
    problems.expect(
        clippy.as_str().is_some_and(|text| text.contains("--deny warnings")),
        || "clippy's warnings are no errors".into(),
    );
    let inputs = strings(&report["checks"]["x86_64-linux"]["nextest"]["inputs"]);
    for program in ["mediamtx", "ffmpeg-headless", "espeak-ng"] {
        problems.expect(inputs.iter().any(|input| input.starts_with(program)), || {
            format!("the tests run without {program}")
        });
    }
}

/// Whatever is taken from nixpkgs stands in the table of `nix/README.md`, and nothing else does.
fn table(report: &Value, readme: &str, problems: &mut Problems) {
    let used = strings(&report["nixpkgs"]).into_iter().map(str::to_owned).collect();
    problems.same("the table of nix/README.md", &attributes(readme), &used);
}

/// The first column of the table below the heading `Attributes`; a row may name several.
fn attributes(readme: &str) -> BTreeSet<String> {
    let section = readme.split("\n## ").find(|section| section.starts_with("Attributes"));
    section
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|cell| cell.split(','))
        .map(|name| name.trim_matches([' ', '`']).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_report_breaks_every_promise() {
        let problems = problems(&Value::Null, "");
        for part in [
            "packages of aarch64-darwin",
            "the images of aarch64-linux",
            "plugins",
            "clippy",
        ] {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part}");
        }
    }

    #[test]
    fn an_image_with_a_secret_or_as_root_is_refused() {
        let image = serde_json::json!({
            "config": { "User": "0", "Env": ["MEDIA_API_KEY=x"], "Volumes": { "/tmp": {} } },
        });
        let mut problems = Problems(Vec::new());
        look_at_image("it", "media", &image, &mut problems);
        let said = problems.0.join("\n");
        assert!(
            said.contains("runs as \"0\"") && said.contains("MEDIA_API_KEY"),
            "{said}"
        );
        assert!(!said.contains("MEDIA_API_KEY=x"));
    }

    #[test]
    fn the_table_names_each_attribute_in_code() {
        let readme = "# Nix\n\n## Attributes\n\n| attribute | where |\n| --- | --- |\n| `a`, `b.c` | x |\n\n## Next\n| `d` | y |\n";
        assert_eq!(attributes(readme), ["a", "b.c"].map(str::to_owned).into());
    }
}
