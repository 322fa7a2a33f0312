//! Third parties to which programmes are forwarded: another router, one that hangs, one that is not there.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::ports;
use xtask::stack::{Signal, Stack, binary};

use crate::eventually::eventually;
use crate::scene::send;

/// A router that is not the stack's; dropping it kills it.
#[derive(Debug)]
pub struct ThirdParty {
    child: Child,
    rtmp: u16,
    rtmps: Option<u16>,
    _dir: tempfile::TempDir,
}

impl ThirdParty {
    /// `dragoman-router`.
    pub fn start() -> Result<Self> {
        let rtmp = ports::free()?;
        let mut command = Command::new(binary("dragoman-router")?);
        for (flag, port) in [("--rtmp", rtmp), ("--http", ports::free()?), ("--api", ports::free()?)] {
            command.arg(flag).arg(format!("127.0.0.1:{port}"));
        }
        Self::spawn(command, rtmp, None, tempfile::tempdir()?)
    }

    /// The MediaMTX on the PATH, which also speaks RTMPS with a certificate for `localhost`.
    pub fn mediamtx(certificate: &Certificate) -> Result<Self> {
        let (rtmp, rtmps) = (ports::free()?, ports::free()?);
        let dir = tempfile::tempdir()?;
        let configuration = dir.path().join("mediamtx.yml");
        let off = ["rtsp", "hls", "webrtc", "srt"]
            .map(|name| format!("{name}: no\n"))
            .concat();
        let text = format!(
            "{off}rtmpAddress: 127.0.0.1:{rtmp}\nrtmpEncryption: \"optional\"\nrtmpsAddress: 127.0.0.1:{rtmps}\n\
             rtmpServerKey: {}\nrtmpServerCert: {}\npaths:\n  all_others:\n",
            certificate.key().display(),
            certificate.file().display(),
        );
        std::fs::write(&configuration, text)?;
        let mut command = Command::new("mediamtx");
        command.arg(configuration).env("MTX_MOQ", "no");
        Self::spawn(command, rtmp, Some(rtmps), dir)
    }

    fn spawn(mut command: Command, rtmp: u16, rtmps: Option<u16>, dir: tempfile::TempDir) -> Result<Self> {
        let log = std::fs::File::create(dir.path().join("log"))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .env_remove("MEDIA_API_KEY");
        let child = command.spawn().context("the third party does not start")?;
        let third = Self {
            child,
            rtmp,
            rtmps,
            _dir: dir,
        };
        eventually(
            "the third party listens",
            || Ok(TcpStream::connect(("127.0.0.1", rtmp)).ok()),
            String::new,
        )?;
        Ok(third)
    }

    /// Where a path is published and watched.
    pub fn url(&self, path: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{path}", self.rtmp)
    }

    /// Where a path is published by RTMPS.
    pub fn rtmps_url(&self, path: &str) -> Result<String> {
        let port = self.rtmps.context("it does not speak RTMPS")?;
        Ok(format!("rtmps://localhost:{port}/{path}"))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        send(self.child.id(), signal)
    }
}

impl Drop for ThirdParty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes connections and says nothing.
pub struct Hanging(TcpListener);

impl Hanging {
    /// Listens.
    pub fn start() -> Result<Self> {
        // The system takes the connections; nobody asks it for them.
        Ok(Self(TcpListener::bind(("127.0.0.1", 0))?))
    }

    /// Where it would be published.
    pub fn url(&self, path: &str) -> Result<String> {
        Ok(format!("rtmp://{}/{path}", self.0.local_addr()?))
    }
}

/// Where nobody listens.
pub fn nowhere(path: &str) -> Result<String> {
    Ok(format!("rtmp://127.0.0.1:{}/{path}", ports::free()?))
}

/// A certificate for `localhost` that nobody else trusts.
pub struct Certificate(tempfile::TempDir);

impl Certificate {
    /// Made by `openssl`; none where that is not installed.
    pub fn make() -> Result<Option<Self>> {
        let made = Self(tempfile::tempdir()?);
        let mut command = Command::new("openssl");
        command
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ])
            .args([
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout".as_ref(), made.key().as_os_str()])
            .args(["-out".as_ref(), made.file().as_os_str()]);
        match command.stdin(Stdio::null()).output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("openssl does not run"),
            Ok(output) => {
                let says = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "openssl makes no certificate: {says}");
                Ok(Some(made))
            }
        }
    }

    /// What a client has to trust.
    pub fn file(&self) -> std::path::PathBuf {
        self.0.path().join("certificate.pem")
    }

    /// The key that goes with it.
    pub fn key(&self) -> std::path::PathBuf {
        self.0.path().join("key.pem")
    }
}

/// Sets the forwards of a stream; what is answered.
pub fn set_forwards(stack: &Stack, id: &str, list: &Value) -> Result<Value> {
    let url = format!("{}/v1/streams/{id}/forwards", stack.media_url());
    let answer = reqwest::blocking::Client::new().put(url).json(list).send()?;
    let (status, body) = (answer.status(), answer.text()?);
    ensure!(status.is_success(), "{status}: {body}");
    serde_json::from_str(&body).context("the answer is no JSON")
}

/// What the media service says of a forward of a stream, by its name.
pub fn forward(stack: &Stack, id: &str, name: &str) -> Option<Value> {
    let url = format!("{}/v1/streams/{id}/forwards", stack.media_url());
    let all = xtask::http::get_json(&url, None).ok()?;
    let found = all["forwards"].as_array()?.iter().find(|one| one["name"] == name);
    found.cloned()
}

/// Everything that the services have said and show: logs, answers, metrics, and the arguments of their processes.
pub fn said(stack: &Stack, pids: &[u32]) -> Result<String> {
    let mut said = String::new();
    for path in ["/healthz", "/metrics", "/v1/streams"] {
        let answer = reqwest::blocking::get(format!("{}{path}", stack.media_url()))?;
        said += &answer.text()?;
    }
    for entry in std::fs::read_dir(stack.dir())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            said += &read(&path)?;
        }
    }
    for pid in pids {
        for file in ["cmdline", "environ"] {
            said += &read(&Path::new("/proc").join(pid.to_string()).join(file)).unwrap_or_default();
        }
    }
    Ok(said)
}

fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
