//! AWS's real client against a server that answers as AWS does, and against one that says what the first cannot: refusals,
//! failures, waiting.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dragoman_deploy::aws::Aws;
use dragoman_deploy::config::{Deployment, Streams};
use tempfile::TempDir;

mod hosted;
mod refused;
mod secrets;
mod stub;
mod template;

#[path = "../../../../../tests/src/skipped.rs"]
#[expect(unreachable_pub, reason = "it is a part of another crate")]
mod skipped;

/// As `cargo xtask rehearse` sets it.
const TOOLS: &str = "DRAGOMAN_CLOUD_TOOLS";
const PATIENCE: Duration = Duration::from_secs(60);

/// The directory with the programs, or a loud word about the test that needs them.
fn tools(test: &str) -> Option<PathBuf> {
    let tools = std::env::var_os(TOOLS).map(PathBuf::from);
    if tools.is_none() {
        skipped::note(test, &format!("{TOOLS} is not set; `cargo xtask rehearse` sets it"));
    }
    tools
}

/// A client of the server at `endpoint` that writes down each of its argument lists and environments.
struct Recorded {
    aws: Aws,
    dir: TempDir,
}

impl Recorded {
    fn new(tools: &Path, region: &str, endpoint: &str, more: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("aws");
        let real = tools.join("aws");
        fs::write(
            &program,
            format!(
                "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/cmdline >>{0}/argv\nprintf '%s\\n' \"$*\" >>{0}/calls\nenv \
                 >>{0}/environment\nexec {1} \"$@\"\n",
                dir.path().display(),
                real.display()
            ),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let none = dir.path().join("none").display().to_string();
        let mut environment = vec![
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_CONFIG_FILE", &none),
            ("AWS_SHARED_CREDENTIALS_FILE", &none),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ];
        environment.extend(more);
        let environment = environment.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        Self {
            aws: Aws::with(program, region, environment.collect()),
            dir,
        }
    }

    fn signed_in(tools: &Path, region: &str, endpoint: &str) -> Self {
        let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        Self::new(tools, region, endpoint, &keys)
    }

    /// The calls so far, such as `ssm put-parameter`.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        let call = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        calls.lines().map(call).collect()
    }

    /// Every argument list and environment so far.
    fn visible(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.dir.path().join(name)).unwrap();
        read("argv") + &read("calls") + &read("environment")
    }
}

/// The server. It ends with this process, however that ends: its shell reads what only this process could write.
struct Server {
    shell: Child,
    endpoint: String,
}

impl Server {
    fn start(tools: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = tools.join("moto_server");
        let script = format!(
            "{} -H 127.0.0.1 -p {port} >/dev/null 2>&1 </dev/null & read -r line; kill $!; wait",
            server.display()
        );
        let shell = Command::new("sh")
            .args(["-c", &script])
            .env("AWS_ACCESS_KEY_ID", "test")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let server = Self {
            shell,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        let deadline = Instant::now() + PATIENCE;
        while !answers(port) {
            assert!(Instant::now() < deadline, "the server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let asked = stream.write_all(b"GET /moto-api/ HTTP/1.0\r\n\r\n");
    let mut line = String::new();
    asked.is_ok()
        && BufReader::new(stream)
            .read_line(&mut line)
            .is_ok_and(|length| length > 0)
}

/// A streaming host with what the server knows of images.
fn streams(more: &str) -> Streams {
    let text = format!(
        "[streams]\nregion = \"eu-central-1\"\nmachine_image = \
         \"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64\"\n{more}\n[streams.images]\n[speech]\n\
         provider = \"none\"\nurls = []\n"
    );
    toml::from_str::<Deployment>(&text).unwrap().streams
}

fn silent(_: &str) {}
