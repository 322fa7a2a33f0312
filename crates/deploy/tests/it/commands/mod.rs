//! The program itself, against what stands in for both providers at once; the streaming host is played by a thread that
//! reports what it finds in the store, as a real one does.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use dragoman_deploy::aws::{Kind, Parameter, Release, prefix};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::aws::{Recorded, Server, tools};
use crate::standin::runpod::{KEY, StandIn};

const NAME: &str = "demo";
const REGION: &str = "eu-central-1";

struct World {
    server: Server,
    standin: StandIn,
    client: Arc<Recorded>,
    dir: tempfile::TempDir,
    over: Arc<AtomicBool>,
    host: Option<JoinHandle<()>>,
}

/// What a run of the program said.
struct Said {
    code: Option<i32>,
    text: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Said {
            code: output.status.code(),
            text: text.concat(),
        }
    }
}

impl World {
    fn new(tools: &std::path::Path) -> World {
        let server = Server::start(tools);
        let standin = StandIn::start();
        let client = Arc::new(Recorded::signed_in(tools, REGION, &server.endpoint));
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("deploy.toml"), file()).unwrap();
        fs::write(dir.path().join("key"), KEY).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let host = std::thread::spawn({
            let (client, over) = (Arc::clone(&client), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    report(&client);
                }
            }
        });
        World {
            server,
            standin,
            client,
            dir,
            over,
            host: Some(host),
        }
    }

    fn command(&self, program: Option<PathBuf>, arguments: &[&str]) -> Command {
        let client = program.unwrap_or_else(|| self.client.dir.path().to_owned());
        let path = std::env::join_paths(
            [client]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let proxy = self.standin.base().as_str().replace("/v2", "/pod/{pod}/{port}");
        let none = self.dir.path().join("none");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman-deploy"));
        command
            .current_dir(self.dir.path())
            .args(arguments)
            .env_clear()
            .env("PATH", path.unwrap())
            .envs([
                ("AWS_ENDPOINT_URL", self.server.endpoint.as_str()),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("RUNPOD_API_KEY_FILE", "key"),
                ("RUNPOD_API_URL", self.standin.base().as_str()),
                ("RUNPOD_PROXY_URL", &proxy),
            ])
            .env("AWS_CONFIG_FILE", &none)
            .env("AWS_SHARED_CREDENTIALS_FILE", &none);
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.command(None, arguments).output().unwrap().into()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.text);
        said.text
    }

    fn stored(&self) -> BTreeMap<String, String> {
        self.client.aws.parameters(&prefix(NAME), true).unwrap()
    }

    fn keys_of(&self, pod: usize) -> String {
        self.standin.state().pods[pod]["env"]["SPEECH_KEY"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(host) = self.host.take() {
            let _ = host.join();
        }
    }
}

/// What a healthy host says of what it finds.
fn report(client: &Recorded) {
    let Ok(stored) = client.aws.parameters(&prefix(NAME), true) else {
        return;
    };
    let Some(release) = stored.get("release").and_then(|json| Release::parse(json).ok()) else {
        return;
    };
    let hash = |text: &String| format!("{:x}", Sha256::digest(text))[..12].to_owned();
    let secrets: BTreeMap<_, _> = stored
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("secrets/")?, hash(value))))
        .collect();
    let state = json!({
        "release": release.id,
        "images": release.images,
        "healthy": true,
        "speech": stored.get("speech").map(hash),
        "capacity": {"slots": 8, "used": 0, "draining": false},
        "secrets": secrets,
        "at": "2030-01-01T00:00:00Z",
    });
    let parameter = Parameter {
        name: "state".into(),
        value: state.to_string(),
        kind: Kind::Text,
    };
    // What cannot be said now is said the next time.
    let _ = client.aws.put_parameter(NAME, &parameter);
}

/// Nothing listens at that registry, so that it cannot say anything of the images.
fn file() -> String {
    let image = |name: &str| format!("127.0.0.1:1/{name}@sha256:{}", "0".repeat(64));
    let [media, mediamtx, speech] = ["media", "mediamtx", "speech"].map(image);
    format!(
        "name = \"{NAME}\"\n[streams]\nregion = \"{REGION}\"\nmachine_image = \
         \"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64\"\n[streams.images]\nmedia = \"{media}\"\n\
         mediamtx = \"{mediamtx}\"\n[streams.settings]\nHOLD = \"2s\"\n[speech]\nprovider = \"runpod\"\n[[speech.candidates]]\n\
         gpu = \"NVIDIA L4\"\ndata_center = \"EU-RO-1\"\nimage = \"{speech}\"\n[speech.settings]\nSPEECH_PAIRS = \"en-es\"\n"
    )
}

#[test]
fn a_deployment_from_nothing_to_nothing() {
    let Some(tools) = tools("a deployment by the command") else {
        return;
    };
    let world = World::new(&tools);

    let plan = world.done(&["plan"]);
    for says in [
        "a new stack",
        "new key for publishing",
        "NVIDIA L4",
        "0.43",
        "files/dragoman-host/0",
    ] {
        assert!(plan.contains(says), "{says} is not in:\n{plan}");
    }
    assert_eq!(world.standin.pods(), Vec::<String>::new());
    assert!(world.stored().is_empty() && world.client.aws.stack(NAME).unwrap().is_none());

    let up = world.done(&["up"]);
    assert_eq!(world.standin.pods(), ["demo-speech-1 in EU-RO-1"]);
    let stored = world.stored();
    assert_eq!(stored.keys().filter(|name| name.starts_with("secrets/")).count(), 5);
    assert!(stored["speech"].starts_with("ws") && stored["speech"].lines().count() == 1);
    assert!(world.client.aws.stack(NAME).unwrap().is_some());
    for says in ["engine cascade", "publish rtmp://", "healthy"] {
        assert!(up.contains(says), "{says} is not in:\n{up}");
    }
    let key = format!("sha256:{:x}", Sha256::digest(&stored["secrets/speech_key"]));
    assert_eq!(world.keys_of(0), key);

    let started = std::time::Instant::now();
    let before = world.standin.state().requests.len();
    let again = world.done(&["up"]);
    println!("a second up: {:.1} s", started.elapsed().as_secs_f64());
    assert!(again.contains("nothing had to be changed"), "{again}");
    let asked = world.standin.state().requests[before..].to_vec();
    assert!(asked.iter().all(|request| request.starts_with("GET")), "{asked:?}");

    let replaced = world.done(&["up", "--replace-gpu"]);
    assert_eq!(world.standin.pods(), ["demo-speech-2 in EU-RO-1"], "{replaced}");
    assert_ne!(world.stored()["speech"], stored["speech"]);
    assert_eq!(world.standin.volumes(), ["demo-models-EU-RO-1"]);

    world.done(&["rotate-key", "speech_key"]);
    let new = format!("sha256:{:x}", Sha256::digest(&world.stored()["secrets/speech_key"]));
    assert_eq!(
        world.keys_of(0),
        format!("{new},{key}"),
        "the old key is accepted until the host has the new one"
    );
    assert!(
        world.done(&["up"]).contains("nothing had to be changed"),
        "two keys are no reason for another host"
    );

    let mut child = world
        .command(None, &["rotate-key", "publisher_pass", "--from", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a-key-of-my-own\n").unwrap();
    let said: Said = child.wait_with_output().unwrap().into();
    assert_eq!(
        (said.code, world.stored()["secrets/publisher_pass"].as_str()),
        (Some(0), "a-key-of-my-own"),
        "{}",
        said.text
    );
    let status = world.done(&["status"]);

    let secrets: Vec<String> = world
        .stored()
        .into_iter()
        .filter(|(name, _)| name.starts_with("secrets/"))
        .map(|(_, value)| value)
        .chain([stored["secrets/speech_key"].clone(), KEY.to_owned()])
        .collect();
    let shown = [
        &plan,
        &up,
        &again,
        &replaced,
        &said.text,
        &status,
        &world.client.visible(),
    ]
    .map(String::as_str)
    .concat();
    for secret in &secrets {
        assert!(!shown.contains(secret.as_str()), "a secret is shown");
    }

    assert_eq!(world.run(&["down"]).code, Some(1), "nobody is there to be asked");
    let down = world.done(&["down", "--yes"]);
    assert!(
        down.contains("kept, and paid for: data volume vol-") && down.contains("demo-models-EU-RO-1"),
        "{down}"
    );
    assert_eq!(world.standin.pods(), Vec::<String>::new());
    assert!(world.client.aws.stack(NAME).unwrap().is_none());
    assert!(!world.stored().contains_key("release"));
    assert_eq!(world.standin.volumes().len(), 1);
    world.done(&["down", "--yes", "--delete-data"]);
    assert!(world.standin.volumes().is_empty() && world.client.aws.find_volume(NAME).unwrap().is_none());
}

#[test]
fn a_run_that_was_killed_is_taken_up_by_the_next() {
    let Some(tools) = tools("a deployment that is killed") else {
        return;
    };
    let world = World::new(&tools);
    // While keys are made, while files are stored, before the stack.
    for call in [5, 12, 16] {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        let program = dir.path().join("aws");
        let script = format!(
            "#!/bin/sh\necho >>{0}\n[ $(wc -l <{0}) -lt {call} ] || {{ kill -9 $PPID; exit 1; }}\nexec {1} \"$@\"\n",
            count.display(),
            world.client.dir.path().join("aws").display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let said: Said = world
            .command(Some(dir.path().to_owned()), &["up"])
            .output()
            .unwrap()
            .into();
        assert_eq!(said.code, None, "it was to be killed at call {call}: {}", said.text);
    }
    let said = world.done(&["up"]);
    assert_eq!(world.standin.pods(), ["demo-speech-1 in EU-RO-1"], "{said}");
    assert_eq!(world.standin.state().most_pods, 1);
    let key = format!("sha256:{:x}", Sha256::digest(&world.stored()["secrets/speech_key"]));
    assert_eq!(world.keys_of(0), key);
}

#[test]
fn what_is_missing_is_said_in_one_line() {
    let Some(tools) = tools("a deployment without credentials") else {
        return;
    };
    let world = World::new(&tools);
    let said: Said = world
        .command(None, &["plan"])
        .env("RUNPOD_API_KEY_FILE", "")
        .output()
        .unwrap()
        .into();
    assert!(
        said.code == Some(1) && said.text.contains("no key of RunPod"),
        "{}",
        said.text
    );
    fs::write(world.dir.path().join("deploy.toml"), "name = \"x\"").unwrap();
    assert_eq!(world.run(&["plan"]).code, Some(64));
    fs::remove_file(world.dir.path().join("deploy.toml")).unwrap();
    let said = world.run(&["up"]);
    assert!(
        said.code == Some(64) && said.text.contains("dragoman-deploy example"),
        "{}",
        said.text
    );
}
