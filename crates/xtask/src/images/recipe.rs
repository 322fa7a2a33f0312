//! What is in each image and how it starts: `nix/images.nix` in Rust, which a test compares.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::mediamtx_configuration;
use crate::{needs, stack};

/// Who runs in each image.
pub(super) const USER: u32 = 65_532;
/// The authorities that programs trust, as Debian, Fedora and Alpine keep them.
const AUTHORITIES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
const CA_BUNDLE: &str = "etc/ssl/certs/ca-bundle.crt";
/// The one list of plugins.
const PLUGINS: &str = "nix/gstreamer.nix";
const CADDYFILE: &str = "nix/Caddyfile";

/// One image.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
    /// What a reader should know of it.
    pub(super) note: &'static str,
    /// Put into `/bin`.
    pub(super) programs: Vec<PathBuf>,
    /// Put where they are on this system: plugins, which no program names as what it loads.
    pub(super) loads: Vec<PathBuf>,
    /// Path in the image, file of this system.
    pub(super) files: Vec<(&'static str, PathBuf)>,
    entrypoint: Vec<String>,
    health: Vec<&'static str>,
    env: Vec<(&'static str, String)>,
    ports: Vec<&'static str>,
    /// Beside `/tmp`.
    pub(super) volumes: Vec<&'static str>,
}

impl Recipe {
    /// The configuration, in the words of a Dockerfile.
    pub(super) fn changes(&self) -> Vec<String> {
        let list = |words: &[String]| serde_json::Value::from(words).to_string();
        let health: Vec<String> = self.health.iter().map(|word| (*word).to_owned()).collect();
        let mut changes = vec![
            format!("USER {USER}:{USER}"),
            "WORKDIR /tmp".to_owned(),
            format!("ENTRYPOINT {}", list(&self.entrypoint)),
            format!(
                "HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD {}",
                list(&health)
            ),
            "VOLUME /tmp".to_owned(),
            format!("LABEL org.opencontainers.image.title={}", self.name),
            format!("LABEL org.opencontainers.image.version={}", env!("CARGO_PKG_VERSION")),
        ];
        let common = [
            ("PATH", "/bin".to_owned()),
            ("HOME", "/tmp".to_owned()),
            ("SSL_CERT_FILE", format!("/{CA_BUNDLE}")),
        ];
        changes.extend(
            common
                .iter()
                .chain(&self.env)
                .map(|(name, value)| format!("ENV {name}={value}")),
        );
        changes.extend(self.ports.iter().map(|port| format!("EXPOSE {port}")));
        changes.extend(self.volumes.iter().map(|volume| format!("VOLUME {volume}")));
        changes
    }
}

/// Every image that `docker compose up` runs.
pub(super) fn all() -> Result<Vec<Recipe>> {
    Ok(vec![mediamtx()?, media()?, speech()?])
}

/// The image of the compose file's profile `tls`, with this Caddy.
pub(super) fn caddy(program: PathBuf) -> Result<Recipe> {
    Ok(Recipe {
        name: "dragoman-caddy",
        note: "(Caddy as this system has it)",
        programs: vec![program, stack::binary("dragoman-hook")?],
        loads: Vec::new(),
        files: vec![
            authorities()?,
            ("share/dragoman/Caddyfile", stack::repository().join(CADDYFILE)),
        ],
        entrypoint: words(&[
            "/bin/dragoman-hook",
            "exec",
            "--only",
            "CADDY_",
            "--",
            "/bin/caddy",
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            "/share/dragoman/Caddyfile",
        ]),
        health: vec!["/bin/dragoman-hook", "health", "http://127.0.0.1:2020/healthz"],
        env: vec![
            ("XDG_DATA_HOME", "/data".to_owned()),
            ("XDG_CONFIG_HOME", "/tmp".to_owned()),
        ],
        ports: vec!["80/tcp", "443/tcp"],
        volumes: vec!["/data"],
    })
}

fn authorities() -> Result<(&'static str, PathBuf)> {
    let found = AUTHORITIES.iter().map(Path::new).find(|file| file.is_file());
    let found = found.context("there is no bundle of certificate authorities: install ca-certificates")?;
    Ok((CA_BUNDLE, found.to_owned()))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn media() -> Result<Recipe> {
    let plugins_dir = PathBuf::from(gstreamer_variable("pluginsdir")?);
    let scanner = Path::new(&gstreamer_variable("pluginscannerdir")?).join("gst-plugin-scanner");
    let mut loads = Vec::new();
    let list = std::fs::read_to_string(stack::repository().join(PLUGINS)).context("cannot read the list of plugins")?;
    for name in plugins(&list) {
        let file = plugins_dir.join(format!("libgst{name}.so"));
        if !file.is_file() {
            bail!(
                "there is no {}: `cargo xtask doctor` says what brings it",
                file.display()
            );
        }
        loads.push(file);
    }
    loads.extend(Some(scanner).filter(|scanner| scanner.is_file()));
    Ok(Recipe {
        name: "dragoman-media",
        note: "",
        programs: vec![stack::binary("dragoman-media")?],
        loads,
        files: vec![authorities()?],
        entrypoint: words(&["/bin/dragoman-media"]),
        health: vec!["/bin/dragoman-media", "health"],
        env: vec![
            ("MEDIA_LISTEN", "0.0.0.0:8080".to_owned()),
            ("GST_PLUGIN_SYSTEM_PATH_1_0", plugins_dir.display().to_string()),
            ("GST_REGISTRY", "/tmp/gstreamer-registry.bin".to_owned()),
            ("GIO_USE_PROXY_RESOLVER", "dummy".to_owned()),
            ("GIO_USE_VFS", "local".to_owned()),
            ("GSETTINGS_BACKEND", "memory".to_owned()),
        ],
        ports: vec!["8080/tcp"],
        volumes: vec!["/artifacts"],
    })
}

fn speech() -> Result<Recipe> {
    Ok(Recipe {
        name: "dragoman-speech",
        note: "",
        programs: vec![stack::binary("dragoman-speech")?],
        loads: Vec::new(),
        files: vec![authorities()?],
        entrypoint: words(&["/bin/dragoman-speech"]),
        health: vec!["/bin/dragoman-speech", "health"],
        env: vec![
            ("SPEECH_LISTEN", "0.0.0.0:8090".to_owned()),
            ("HF_HOME", "/cache/huggingface".to_owned()),
        ],
        ports: vec!["8090/tcp"],
        volumes: vec!["/cache"],
    })
}

/// MediaMTX from the PATH, or our own router in its place.
fn mediamtx() -> Result<Recipe> {
    let hook = stack::binary("dragoman-hook")?;
    let common = Recipe {
        name: "dragoman-mediamtx",
        note: "",
        programs: vec![hook],
        loads: Vec::new(),
        files: vec![authorities()?],
        entrypoint: Vec::new(),
        health: vec!["/bin/dragoman-hook", "health", "http://127.0.0.1:9997/v3/info"],
        env: Vec::new(),
        ports: vec!["1935/tcp", "1936/tcp", "8554/tcp", "8888/tcp", "8890/udp", "9997/tcp"],
        volumes: vec!["/recordings"],
    };
    let Some(program) = needs::on_path("mediamtx") else {
        let router = stack::binary("dragoman-router")?;
        let entrypoint = [
            ["/bin/dragoman-router", "--hook-url", "http://media:8080"],
            ["--rtmp", "0.0.0.0:1935", "--http"],
            ["0.0.0.0:8888", "--api", "0.0.0.0:9997"],
        ];
        return Ok(Recipe {
            note: "(no `mediamtx` on the PATH: dragoman-router stands in, RTMP and HTTP-FLV only, without keys)",
            programs: [common.programs, vec![router]].concat(),
            entrypoint: words(&entrypoint.concat()),
            ..common
        });
    };
    Ok(Recipe {
        note: "(the `mediamtx` on the PATH)",
        programs: [common.programs, vec![program]].concat(),
        files: [
            common.files,
            vec![("share/dragoman/mediamtx.yml", mediamtx_configuration())],
        ]
        .concat(),
        entrypoint: words(&[
            "/bin/dragoman-hook",
            "exec",
            "--only",
            "MTX_",
            "--",
            "/bin/mediamtx",
            "/share/dragoman/mediamtx.yml",
        ]),
        env: [
            ("MTX_MOQ", "no"),
            ("MTX_RTMPADDRESS", ":1935"),
            ("MTX_RTMPSADDRESS", ":1936"),
            ("MTX_RTSPADDRESS", ":8554"),
            ("MTX_SRTADDRESS", ":8890"),
            ("MTX_HLSADDRESS", ":8888"),
            ("MTX_APIADDRESS", ":9997"),
            ("MTX_AUTHINTERNALUSERS_3_USER", "any"),
            ("MTX_AUTHINTERNALUSERS_3_IPS", "127.0.0.1"),
            ("MTX_AUTHINTERNALUSERS_3_PERMISSIONS_0_ACTION", "api"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec(),
        ..common
    })
}

fn gstreamer_variable(name: &str) -> Result<String> {
    let output = Command::new("pkg-config")
        .arg(format!("--variable={name}"))
        .arg("gstreamer-1.0")
        .output()
        .context("cannot run pkg-config")?;
    let value = String::from_utf8(output.stdout).unwrap_or_default().trim().to_owned();
    match value.is_empty() {
        true => bail!("pkg-config knows no {name} of gstreamer-1.0"),
        false => Ok(value),
    }
}

/// The plugins of the one list that the worker has, elements or none.
fn plugins(list: &str) -> Vec<&str> {
    let table = list.split("  plugins = [").nth(1).unwrap_or_default();
    let table = table.split("\n  ];").next().unwrap_or_default();
    table
        .split("package = ")
        .filter(|entry| entry.contains("worker = "))
        .filter_map(|entry| entry.split("name = \"").nth(1)?.split('"').next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_plugins_are_those_of_the_one_list() {
        let list = std::fs::read_to_string(stack::repository().join(PLUGINS)).unwrap();
        let found = plugins(&list);
        for name in ["coreelements", "rtpmanager", "udp", "flv", "libav"] {
            assert!(found.contains(&name), "{found:?}");
        }
        for name in ["x264", "matroska", "rtmp2"] {
            assert!(!found.contains(&name), "{name} is a tool's");
        }
    }

    /// Compose must not see which of the two made an image.
    #[test]
    fn the_flakes_images_say_the_same() {
        let flake = std::fs::read_to_string(stack::repository().join("nix/images.nix")).unwrap();
        let stand_in = ["GST_PLUGIN_SYSTEM_PATH_1_0"];
        for recipe in [media(), speech(), mediamtx(), caddy("caddy".into())] {
            let Ok(recipe) = recipe else { continue };
            for (name, value) in recipe.env.iter().filter(|(name, _)| !stand_in.contains(name)) {
                assert!(flake.contains(&format!("{name} = \"{value}\"")), "{name}={value}");
            }
            let mut words = recipe.entrypoint.iter().filter(|word| !word.starts_with("/share/"));
            if recipe.entrypoint[0] == "/bin/dragoman-hook" {
                assert!(words.all(|word| flake.contains(&format!("\"{word}\""))), "{recipe:?}");
            }
            let quoted = recipe.ports.iter().chain(&recipe.volumes).chain(&recipe.health);
            for word in quoted {
                assert!(flake.contains(&format!("\"{word}\"")), "{word}");
            }
        }
        assert!(flake.contains(&format!("user = {USER};")));
        let compose = std::fs::read_to_string(stack::repository().join("compose.yaml")).unwrap();
        let tags = compose
            .split("${IMAGE_TAG:-")
            .skip(1)
            .map(|rest| rest.split('}').next());
        assert!(tags.clone().count() > 0 && tags.into_iter().all(|tag| tag == Some(env!("CARGO_PKG_VERSION"))));
    }
}
