//! Looking at this machine: what is there, without a word on whether it is enough.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Mode, split};
use crate::compose::{self, Port, Service};
use crate::{needs, ports, stack};

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) docker: Docker,
    /// The version of the plugin, or why there is none.
    pub(super) compose: Option<String>,
    /// What could be used now, in MB; none where the system does not say.
    pub(super) memory_mb: Option<u64>,
    /// Where images and volumes are, and what is free there.
    pub(super) disk: Option<(String, u64)>,
    /// The services of this mode; none without a compose file.
    pub(super) services: Vec<Service>,
    /// Ports of theirs that are taken, and by whom.
    pub(super) taken: Vec<(Port, Option<String>)>,
    /// Images of theirs that Docker has.
    pub(super) images: Vec<String>,
    /// Name, memory and driver, or why there is none.
    pub(super) gpu: Option<Result<String, String>>,
    /// Docker can hand a GPU to a container.
    pub(super) has_toolkit: bool,
    /// What the speech hosts said, without credentials.
    pub(super) hosts: Vec<(String, split::Said)>,
    /// There is a key for them.
    pub(super) has_key: bool,
    pub(super) engine: String,
    pub(super) models: Models,
    /// What `.env` and the environment set of MODE.
    pub(super) set_mode: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Docker {
    #[default]
    Absent,
    /// It is installed and does not answer.
    Silent(String),
    Running {
        version: String,
    },
}

/// The models that the configured engine needs.
#[derive(Clone, Debug, Default)]
pub(super) enum Models {
    /// It needs none.
    #[default]
    NotNeeded,
    /// Nobody could be asked, and why.
    Unknown(String),
    /// Names and states, as `dragoman-speech models list` has them, and where.
    Listed { rows: Vec<(String, String)>, cache: String },
}

/// Looks at what `mode` needs.
pub(super) fn facts(mode: Mode) -> Facts {
    let root = stack::repository();
    let file = compose::env_file(&root.join(".env"));
    let lookup = move |name: &str| std::env::var(name).ok().or_else(|| file.get(name).cloned());
    let text = std::fs::read_to_string(root.join("compose.yaml")).unwrap_or_default();
    let mut services = compose::services(&text, &lookup);
    services.retain(|service| !service.is_optional && (mode != Mode::Split || service.name != stack::SPEECH));

    let docker = docker();
    let info = match docker {
        Docker::Running { .. } => docker_info(),
        Docker::Absent | Docker::Silent(_) => Value::Null,
    };
    let found = services.iter().flat_map(|service| &service.ports);
    let taken = found
        .filter(|port| !is_free(port))
        .map(|port| (port.clone(), holder(port)));
    let images = services.iter().map(|service| service.image.clone());
    let engine = lookup("SPEECH_ENGINE").unwrap_or_else(|| "mock".to_owned());
    let key = secret(&lookup, "SPEECH_KEY");
    Facts {
        compose: output("docker", &["compose", "version", "--short"]).ok(),
        memory_mb: memory_mb(&info),
        disk: disk(&info),
        taken: taken.collect(),
        images: images
            .filter(|image| output("docker", &["image", "inspect", "--format", "{{.Id}}", image]).is_ok())
            .collect(),
        gpu: (mode == Mode::Gpu).then(gpu),
        has_toolkit: info["Runtimes"]["nvidia"].is_object() || has_cdi(&info),
        hosts: match mode {
            Mode::Split => hosts(&lookup, key.as_deref()),
            Mode::Cpu | Mode::Gpu => Vec::new(),
        },
        has_key: key.is_some(),
        models: match (mode, engine.as_str()) {
            (Mode::Split, _) | (_, "mock" | "echo") => Models::NotNeeded,
            _ => models(&docker, &services, &lookup),
        },
        set_mode: lookup("MODE"),
        docker,
        services,
        engine,
    }
}

/// The first line that a program writes, or why there is none.
fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    whole_output(Command::new(program).args(arguments)).map(|text| text.lines().next().unwrap_or_default().to_owned())
}

fn whole_output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr).lines().next().unwrap_or("it failed").to_owned()),
    }
}

fn docker() -> Docker {
    if needs::on_path("docker").is_none() {
        return Docker::Absent;
    }
    match output("docker", &["version", "--format", "{{.Server.Version}}"]) {
        Ok(version) => Docker::Running { version },
        Err(reason) => Docker::Silent(reason),
    }
}

fn docker_info() -> Value {
    let text = whole_output(Command::new("docker").args(["info", "--format", "{{json .}}"]));
    text.ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// What is free here, and no more than Docker has: on macOS it runs in a machine of its own.
fn memory_mb(info: &Value) -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok();
    let free = meminfo.and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? / 1024)
    });
    let docker = info["MemTotal"].as_u64().map(|bytes| bytes >> 20);
    [free, docker].into_iter().flatten().min()
}

fn disk(info: &Value) -> Option<(String, u64)> {
    let root = info["DockerRootDir"]
        .as_str()
        .filter(|root| Path::new(root).is_dir())
        .unwrap_or("/");
    let found = rustix::fs::statvfs(root).ok()?;
    Some((root.to_owned(), found.f_bavail.saturating_mul(found.f_frsize) >> 20))
}

fn is_free(port: &Port) -> bool {
    match port.is_udp {
        true => UdpSocket::bind((port.address.as_str(), port.number)).is_ok(),
        false => ports::is_free(port.number),
    }
}

fn holder(port: &Port) -> Option<String> {
    (!port.is_udp).then(|| ports::holder(port.number)).flatten()
}

fn gpu() -> Result<String, String> {
    let query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"];
    output("nvidia-smi", &query).map_err(|reason| format!("nvidia-smi: {reason}"))
}

/// Newer Dockers find GPUs through descriptions of devices instead of a runtime of their own.
fn has_cdi(info: &Value) -> bool {
    let dirs = info["CDISpecDirs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let names = dirs.flat_map(std::fs::read_dir).flatten().flatten();
    names
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().contains("nvidia"))
}

/// The value of `name`, or the content of its file.
fn secret(lookup: &compose::Lookup<'_>, name: &str) -> Option<String> {
    let from_file = || std::fs::read_to_string(lookup(&format!("{name}_FILE"))?).ok();
    let value = lookup(name).filter(|value| !value.is_empty()).or_else(from_file)?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn hosts(lookup: &compose::Lookup<'_>, key: Option<&str>) -> Vec<(String, split::Said)> {
    let urls = secret(lookup, "SPEECH_URL").unwrap_or_default();
    let urls = urls
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|url| !url.is_empty());
    urls.map(|url| {
        // A user part is not shown.
        let shown = url.split_once('@').map_or(url, |(_, host)| host).to_owned();
        (shown, split::ask(url, key, split::PATIENCE))
    })
    .collect()
}

/// Asks the speech image, which sees the volume; else a binary that was built here, which sees this user's cache.
fn models(docker: &Docker, services: &[Service], lookup: &compose::Lookup<'_>) -> Models {
    let pairs = lookup("SPEECH_PAIRS").unwrap_or_else(|| "en-es".to_owned());
    let list = ["models", "list", "--pairs", &pairs];
    let image = services.iter().find(|service| service.name == stack::SPEECH);
    let mut command = match (docker, image, stack::binary("dragoman-speech")) {
        (Docker::Running { .. }, Some(_), _) => {
            let mut command = Command::new("docker");
            command.current_dir(stack::repository());
            command.args(["compose", "run", "--rm", "--no-deps", "-T", stack::SPEECH]);
            command
        }
        (_, _, Ok(binary)) => Command::new(binary),
        (_, _, Err(error)) => return Models::Unknown(format!("{error:#}")),
    };
    match whole_output(command.args(list)) {
        Ok(text) => listed(&text),
        Err(reason) => Models::Unknown(reason),
    }
}

/// Reads the table of `models list`: a row for each model, its state in the last column; then the cache.
fn listed(text: &str) -> Models {
    let table = text.lines().skip(1).take_while(|line| !line.is_empty());
    let rows = table
        .filter_map(|line| {
            let mut columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
            Some((columns.next()?.to_owned(), columns.last()?.to_owned()))
        })
        .filter(|(name, _)| name != "cache" && !name.starts_with("cache "));
    let cache = text
        .lines()
        .find_map(|line| line.strip_prefix("cache "))
        .unwrap_or_default();
    Models::Listed {
        rows: rows.collect(),
        cache: cache.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_models_is_read() {
        let text = "model           what for     languages  licence  size     state\n\
                    whisper-base    recognition  many       MIT      290 MB   present\n\
                    opus-mt-en-es   translation  en es      CC       ~300 MB  missing\n\
                    \nwhisper-base: openai/whisper-base; OpenAI\n  present model.safetensors\ncache /cache/hub\n";
        let Models::Listed { rows, cache } = listed(text) else {
            panic!()
        };
        let expected = [("whisper-base", "present"), ("opus-mt-en-es", "missing")];
        assert_eq!(rows, expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
        assert_eq!(cache, "/cache/hub");
    }

    #[test]
    fn a_key_is_taken_from_its_variable_or_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, " from-file\n").unwrap();
        let read = |pairs: &[(&str, &str)]| {
            let set = |name: &str| {
                pairs
                    .iter()
                    .find(|(set, _)| *set == name)
                    .map(|(_, value)| (*value).to_owned())
            };
            secret(&set, "SPEECH_KEY")
        };
        assert_eq!(read(&[("SPEECH_KEY", "k")]).as_deref(), Some("k"));
        let file = file.to_str().unwrap();
        assert_eq!(
            read(&[("SPEECH_KEY", ""), ("SPEECH_KEY_FILE", file)]).as_deref(),
            Some("from-file")
        );
        assert_eq!(read(&[("SPEECH_KEY_FILE", "/no/such/file")]), None);
    }

    #[test]
    fn this_machine_has_memory_and_a_disk() {
        let (root, _free) = disk(&Value::Null).unwrap();
        assert_eq!(root, "/");
        let docker = serde_json::json!({"MemTotal": 64 << 20});
        assert_eq!(memory_mb(&docker), Some(64));
    }
}
