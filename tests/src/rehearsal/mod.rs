//! A streaming host from its first boot on, with everything around it that it has in production.
//!
//! The host is a container with systemd, cloud-init and an engine of its own; it runs the product's boot script as user
//! data and does not know that it is not an instance. Around it: the metadata service, the provider's interfaces behind
//! TLS with an authority of our own, a registry, and speech hosts in another network namespace behind proxies that end
//! TLS. Needs root and an engine: `cargo xtask rehearse` brings what it needs.

pub mod door;
pub mod gpu;
pub mod identities;
pub mod metadata;
pub mod registry;
pub mod search;
pub mod store;
pub mod wires;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::{http, stack};

use self::door::Door;
use self::gpu::Gpu;
use self::identities::Identities;
use self::metadata::Metadata;
use self::registry::Registry;
use self::store::{REGION, Store};
use self::wires::{HOST, METADATA, OUTSIDE, OUTSIDE_TOO, Wires};
use crate::material::run;
use crate::project::docker;
use crate::skipped;

/// Where `cargo xtask rehearse` says what the system image is called.
pub const SYSTEM_IMAGE: &str = "DRAGOMAN_SYSTEM_IMAGE";
/// From the start of the container to healthy, with the images at hand.
pub const HEALTHY_WITHIN: Duration = Duration::from_secs(60);
/// Longer than it takes from a change in the store to its swap.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);
const NAMESPACE: &str = "dragoman-rehearsal-net";
const CONTAINER: &str = "dragoman-rehearsal-host";
/// What systemd and an engine need beyond what a container has, with the capabilities' numbers.
const CAPABILITIES: [(&str, u32); 12] = [
    ("DAC_READ_SEARCH", 2),
    ("NET_ADMIN", 12),
    ("NET_RAW", 13),
    ("SYS_CHROOT", 18),
    ("SYS_PTRACE", 19),
    ("SYS_ADMIN", 21),
    ("SYS_NICE", 23),
    ("SYS_RESOURCE", 24),
    ("SYS_TTY_CONFIG", 26),
    ("MKNOD", 27),
    ("SETFCAP", 31),
    ("SYSLOG", 34),
];

/// The host and all around it; dropping it takes everything away.
#[derive(Debug)]
pub struct Rig {
    /// Where the emulators and the speech hosts keep their files.
    pub dir: TempDir,
    /// The parameter store.
    pub store: Store,
    /// The registry.
    pub registry: Registry,
    /// The metadata service.
    pub metadata: Metadata,
    /// The secrets by name.
    pub secrets: Vec<(&'static str, String)>,
    /// Images by service, with their digests.
    pub images: Value,
    identities: Identities,
    provider: Option<Door>,
    _signals: Door,
    _wires: Wires,
    _namespace: Container,
    _host: Option<Container>,
}

/// A container; dropping it removes it.
#[derive(Debug)]
struct Container(&'static str);

impl Drop for Container {
    fn drop(&mut self) {
        let _ = run(&mut docker(&["rm", "--force", "--volumes", self.0]));
    }
}

impl Rig {
    /// Everything around the host; the host itself is not started.
    pub fn new() -> Result<Self> {
        let system = std::env::var(SYSTEM_IMAGE).context("run me by `cargo xtask rehearse`")?;
        let tools = PathBuf::from(std::env::var_os(xtask::cloud::TOOLS).context("run me by `cargo xtask rehearse`")?);
        let dir = tempfile::Builder::new()
            .prefix("dragoman-rehearsal-")
            .tempdir_in("/var/tmp")?;
        let at = |name: &str| dir.path().join(name);
        for name in [CONTAINER, NAMESPACE] {
            let _ = run(&mut docker(&["rm", "--force", "--volumes", name]));
        }
        let identities = Identities::make(dir.path())?;

        // The namespace outlives a reboot of the host, as a network does.
        let mut command = docker(&[
            "run",
            "--detach",
            "--name",
            NAMESPACE,
            "--hostname",
            "host",
            "--network",
            "none",
        ]);
        command.args(["--sysctl", "net.ipv4.ip_forward=1"]);
        for (name, address) in services() {
            command.args(["--add-host", &format!("{name}:{address}")]);
        }
        run(command.args([&system, "sleep", "infinity"]))?;
        let namespace = Container(NAMESPACE);
        let pid: u32 = inspect(NAMESPACE, "{{.State.Pid}}")?.parse()?;
        let wires = Wires::lay(pid)?;

        let secrets = [
            "speech_key",
            "media_api_key",
            "publisher_pass",
            "router_pass",
            "viewer_pass",
        ];
        let secrets: Vec<_> = secrets
            .into_iter()
            .map(|name| Ok((name, random()?)))
            .collect::<Result<_>>()?;
        let [key, session] = [random()?, random()?];
        let metadata = Metadata::start(
            format!("{METADATA}:80").parse()?,
            user_data()?,
            "REHEARSALKEY",
            &key,
            &session,
        )?;
        let store = Store::start(&tools, &at("moto.log"))?;
        let registry = Registry::start(dir.path(), pid)?;
        let provider = Self::provider(&store, &identities)?;
        let signals = Door::open(
            format!("{OUTSIDE_TOO}:443").parse()?,
            format!("{METADATA}:80").parse()?,
            identities.provider(),
        )?;
        let mut rig = Self {
            store,
            registry,
            metadata,
            secrets: [secrets, vec![("role", key), ("role session", session)]].concat(),
            images: Value::Null,
            identities,
            provider: Some(provider),
            _signals: signals,
            _wires: wires,
            _namespace: namespace,
            _host: None,
            dir,
        };
        rig.fill()?;
        Ok(rig)
    }

    fn provider(store: &Store, identities: &Identities) -> Result<Door> {
        let inner = format!("127.0.0.1:{}", store.port()).parse()?;
        Door::open(format!("{OUTSIDE}:443").parse()?, inner, identities.provider())
    }

    /// What the deploy command puts into the store, but for the list of speech hosts.
    fn fill(&mut self) -> Result<()> {
        let files = stack::repository();
        self.store.put_file("compose", &files.join("compose.yaml"))?;
        self.store
            .put_file("host-compose", &files.join("crates/deploy/host/host.yaml"))?;
        self.store
            .put_file("dragoman-host", &files.join("crates/deploy/host/dragoman-host"))?;
        for name in [
            "speech_key",
            "media_api_key",
            "publisher_pass",
            "router_pass",
            "viewer_pass",
        ] {
            self.store.put(&format!("secrets/{name}"), self.secret(name))?;
        }
        let version = env!("CARGO_PKG_VERSION");
        // The one that trusts our authority, as the public ones are trusted in production.
        let media = self.derive("media", &format!("dragoman-media:{version}"), true, &[])?;
        let mediamtx = self.router(&format!("dragoman-mediamtx:{version}"))?;
        self.images = json!({"mediamtx": mediamtx, "media": media});
        self.release("000000000001", &self.images.clone(), false)
    }

    /// Pushes the router's image. The one that stands in for MediaMTX has no keys and says so, so it has to be told that the
    /// rehearsal knows.
    fn router(&self, image: &str) -> Result<String> {
        let name = "dragoman-mediamtx";
        let entrypoint = run(&mut docker(&[
            "inspect",
            "--format",
            "{{json .Config.Entrypoint}}",
            image,
        ]))?;
        let mut entrypoint: Vec<String> = serde_json::from_slice(&entrypoint)?;
        if !entrypoint.iter().any(|word| word.ends_with("/dragoman-router")) {
            return self.registry.push(image, name);
        }
        skipped::note(
            "rehearsal: keys of the router",
            "no MediaMTX: the router that stands in has none",
        );
        entrypoint.push("--open".into());
        let change = format!("ENTRYPOINT {}", json!(entrypoint));
        self.derived(name, "router", image, false, &[&change])
    }

    /// Pushes an image of the media service with another one as its base.
    pub fn derive(&self, name: &str, base: &str, with_authority: bool, changes: &[&str]) -> Result<String> {
        self.derived("dragoman-media", name, base, with_authority, changes)
    }

    fn derived(
        &self,
        repository: &str,
        name: &str,
        base: &str,
        with_authority: bool,
        changes: &[&str],
    ) -> Result<String> {
        let id = run(&mut docker(&["create", base]))?;
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        if with_authority {
            let target = format!("{id}:/etc/ssl/certs/ca-bundle.crt");
            let bundle = self.identities.bundle().display().to_string();
            run(&mut docker(&["cp", &bundle, &target]))?;
        }
        let tag = format!("dragoman-rehearsal:{name}");
        let mut commit = docker(&["commit"]);
        for change in changes {
            commit.args(["--change", change]);
        }
        run(commit.args([&id, &tag]))?;
        run(&mut docker(&["rm", &id]))?;
        self.registry.push(&tag, repository)
    }

    /// Asks for a release.
    pub fn release(&self, id: &str, images: &Value, now: bool) -> Result<()> {
        let release = json!({
            "id": id, "images": images, "settings": {"TARGETS": "es", "SOURCE": "en"}, "window": null, "now": now,
        });
        self.store.put("release", &release.to_string())
    }

    /// The value of a secret.
    pub fn secret(&self, name: &str) -> &str {
        let found = self.secrets.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Starts a speech host and puts it on the list, alone.
    pub fn gpu(&self, number: u16) -> Result<Gpu> {
        let key = self.dir.path().join("speech_key");
        std::fs::write(&key, self.secret("speech_key"))?;
        let log = self.dir.path().join(format!("speech{number}.log"));
        Gpu::start(number, &key, self.identities.speech(), &log)
    }

    /// Starts the host: its first boot.
    pub fn boot(&mut self) -> Result<Instant> {
        let system = std::env::var(SYSTEM_IMAGE)?;
        let at = |name: &str| self.dir.path().join(name);
        std::fs::write(at("ds-identify.cfg"), "policy: enabled\n")?;
        std::fs::write(
            at("90-rehearsal.cfg"),
            "datasource_list: [Ec2]\ndatasource: {Ec2: {strict_id: false, timeout: 5, max_wait: 30}}\n\
             network: {config: disabled}\n",
        )?;
        let mut command = docker(&["run", "--detach", "--name", CONTAINER, "--cgroupns", "host"]);
        command.args(["--network", &format!("container:{NAMESPACE}")]);
        for capability in capabilities()? {
            command.args(["--cap-add", capability]);
        }
        for option in ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"] {
            command.args(["--security-opt", option]);
        }
        command.args([
            "--device-cgroup-rule",
            "a *:* rwm",
            "--tmpfs",
            "/run:exec",
            "--tmpfs",
            "/tmp:exec",
        ]);
        command.args([
            "--volume",
            "/sys/fs/cgroup:/sys/fs/cgroup",
            "--volume",
            "/var/lib/docker",
        ]);
        command.args(["--stop-signal", "SIGRTMIN+3", "--env", "container=docker"]);
        // Where the machine still has the older control groups.
        let legacy = "SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1";
        if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            command.args(["--env", legacy]);
        }
        for (file, target) in [
            (
                self.identities.bundle().to_owned(),
                "/etc/ssl/certs/ca-certificates.crt",
            ),
            (at("ds-identify.cfg"), "/etc/cloud/ds-identify.cfg"),
            (at("90-rehearsal.cfg"), "/etc/cloud/cloud.cfg.d/90-rehearsal.cfg"),
        ] {
            command.args(["--volume", &format!("{}:{target}:ro", file.display())]);
        }
        let began = Instant::now();
        self._host = Some(Container(CONTAINER));
        run(command.args([&system, "/sbin/init"]))?;
        Ok(began)
    }

    /// Restarts the host, as a reboot does.
    pub fn reboot(&self) -> Result<Instant> {
        run(&mut docker(&["stop", "--time", "60", CONTAINER]))?;
        let began = Instant::now();
        run(&mut docker(&["start", CONTAINER]))?;
        Ok(began)
    }

    /// Takes registry and parameter store away, or gives them back.
    pub fn cloud(&mut self, is_there: bool) -> Result<()> {
        self.provider = None;
        self.registry.away();
        if is_there {
            self.registry.back()?;
            self.provider = Some(Self::provider(&self.store, &self.identities)?);
        }
        Ok(())
    }

    /// Runs a command on the host.
    pub fn on_host(&self, words: &[&str]) -> Result<String> {
        let said = run(&mut docker(&[&["exec", CONTAINER], words].concat()))?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// When a service's container was made, by its engine.
    pub fn container(&self, service: &str) -> Result<String> {
        self.on_host(&[
            "docker",
            "ps",
            "-q",
            "--no-trunc",
            "--filter",
            &format!("label=com.docker.compose.service={service}"),
        ])
    }

    /// Waits until the orchestrator and the router on the host answer.
    pub fn until_it_answers(&self, began: Instant) -> Result<Duration> {
        self.until("the host is healthy", || {
            let both = format!("http://{HOST}:8080/healthz");
            Ok(http::status(&both)
                .is_ok_and(|status| status == 200)
                .then(|| began.elapsed()))
        })
    }

    /// Waits until the host reports what `is` looks for.
    pub fn until_state(&self, what: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
        self.until(what, || Ok(self.store.state().filter(|state| is(state))))
    }

    /// Waits for something; the host's journal explains why it never came.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("never: {what}; state {:?}\n{}", self.store.state(), self.journal());
            }
            std::thread::sleep(POLL);
        }
    }

    /// The end of the host's journal.
    pub fn journal(&self) -> String {
        let journal = self.on_host(&["journalctl", "--no-pager", "--lines", "60", "--output", "cat"]);
        journal.unwrap_or_else(|error| format!("{error:#}"))
    }

    /// Where a stream is published.
    pub fn publish_url(&self, id: &str) -> String {
        let pass = self.secret("publisher_pass");
        format!("rtmp://{HOST}:1935/live/{id}/in?user=publisher&pass={pass}")
    }

    /// Where its programme is watched.
    pub fn watch_url(&self, id: &str) -> String {
        let pass = self.secret("viewer_pass");
        format!("rtmp://{HOST}:1935/live/{id}/out?user=viewer&pass={pass}")
    }

    /// What the orchestrator says of a stream.
    pub fn stream(&self, id: &str) -> Value {
        let url = format!("http://{HOST}:8080/v1/streams/{id}");
        http::get_json(&url, Some(self.secret("media_api_key"))).unwrap_or_default()
    }
}

/// Those that this machine has itself: none else can be given.
fn capabilities() -> Result<Vec<&'static str>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let bounds = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounds = u64::from_str_radix(bounds.context("no CapBnd")?.trim(), 16)?;
    let has = |bit: u32| bounds >> bit & 1 == 1;
    Ok(CAPABILITIES
        .into_iter()
        .filter(|(_, bit)| has(*bit))
        .map(|(name, _)| name)
        .collect())
}

fn services() -> [(String, &'static str); 3] {
    [("ssm", OUTSIDE), ("logs", OUTSIDE), ("cloudformation", OUTSIDE_TOO)]
        .map(|(service, address)| (format!("{service}.{REGION}.amazonaws.com"), address))
}

/// The boot script with what the template fills in.
fn user_data() -> Result<String> {
    let file = stack::repository().join("crates/deploy/host/boot.sh");
    let script = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let filled = script
        .replace("${Name}", "dragoman")
        .replace("${AWS::Region}", REGION)
        .replace("${AWS::StackName}", "dragoman");
    ensure!(
        !filled.contains("${"),
        "the boot script holds what the template would fill in"
    );
    Ok(filled)
}

fn inspect(container: &str, format: &str) -> Result<String> {
    let text = run(&mut docker(&["inspect", "--format", format, container]))?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

/// A new secret.
fn random() -> Result<String> {
    let said = run(std::process::Command::new("openssl").args(["rand", "-hex", "20"]))?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}
