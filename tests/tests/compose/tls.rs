//! The profile `tls`: what is served over HTTP is reached over TLS alone, a speech host's WebSocket too, and MediaMTX
//! takes RTMPS with the certificate that Caddy has got. Caddy's own authority issues, which its clients are told to trust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dragoman_tests::material;
use dragoman_tests::project::{Project, docker, figure};
use dragoman_tests::skipped;
use xtask::stack;

use crate::modes::stands_in;

const IMAGE: &str = concat!("dragoman-caddy:", env!("CARGO_PKG_VERSION"));
/// Caddy's own authority, in its data directory.
const AUTHORITY: &str = "/data/caddy/pki/authorities/local/root.crt";
/// A name for which no public authority is asked, and which is not `localhost`.
const FAR: &str = "speech.local";
/// Open WebSockets get 3 s, then Caddy ends.
const STOPPED_WITHIN: Duration = Duration::from_secs(8);

/// Whether Caddy's image could be made here.
pub(crate) fn has_caddy(test: &str) -> bool {
    let found = docker(&["image", "inspect", IMAGE])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let has = found.is_ok_and(|status| status.success());
    if !has {
        skipped::note(test, "there is no image of Caddy: `cargo xtask images --tls` says why");
    }
    has
}

fn id(project: &Project, service: &str) -> Result<String> {
    Ok(project.inspect(service)?["Id"].as_str().unwrap_or_default().to_owned())
}

/// The certificate that a project's clients have to trust.
fn authority(project: &Project, dir: &Path, name: &str) -> Result<PathBuf> {
    let file = dir.join(name);
    let from = format!("{}:{AUTHORITY}", id(project, "caddy")?);
    material::run(&mut docker(&["cp", &from, &file.display().to_string()]))?;
    // Its copy in a container is read by the container's user.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&file, mode)?;
    Ok(file)
}

/// A client over TLS that trusts one authority.
struct Client<'a> {
    host: &'a str,
    https: &'a str,
    trusts: PathBuf,
}

/// An answer: status, headers in lower case, body.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Client<'_> {
    fn url(&self, path: &str) -> String {
        format!("https://{}:{}{path}", self.host, self.https)
    }

    fn ask(&self, method: &str, path: &str) -> Result<Answer> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--include", "--http1.1", "--max-time", "5"]);
        curl.args(["--request", method, "--cacert"]).arg(&self.trusts);
        curl.args(["--resolve", &format!("{}:{}:127.0.0.1", self.host, self.https)]);
        let answer = material::run(curl.arg(self.url(path)))?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").context("no HTTP")?;
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .context("no status")?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        Ok(Answer {
            status,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        })
    }

    fn expect(&self, method: &str, path: &str, status: u16) -> Result<Answer> {
        let answer = self.ask(method, path)?;
        let (found, body) = (answer.status, &answer.body);
        ensure!(found == status, "{method} {path}: {found} instead of {status}: {body}");
        Ok(answer)
    }
}

/// Utterances of the test stream that were dubbed in time.
fn on_time(project: &Project) -> u64 {
    project.stream("test", None)["dub"]["outcomes"]["on_time"]
        .as_u64()
        .unwrap_or_default()
}

/// A streaming host and a speech host, each behind its own Caddy, a network between them.
#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn a_stream_is_dubbed_over_wss_and_watched_over_https() -> Result<()> {
    if !has_caddy("compose: wss and https") {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let mut far = Project::new()?;
    for (name, value) in [
        ("MODE", "split"),
        ("ALLOW_OPEN", "0"),
        ("DOMAIN", FAR),
        ("TLS_UPSTREAM", "speech:8090"),
    ] {
        far.set(name, value);
    }
    far.secret("SPEECH_KEY", "speech-word")?;
    far.up(&["speech", "caddy"])?;
    let trusts = far.until("the speech host has a certificate", || {
        Ok(authority(&far, dir.path(), "far.crt").ok())
    })?;

    let mut near = Project::new()?;
    near.set("DOMAIN", "localhost");
    near.set("SPEECH_URL", &format!("wss://{FAR}"));
    near.secret("SPEECH_KEY", "speech-word")?;
    near.also(&format!(
        "services:\n  media:\n    environment: [SSL_CERT_FILE=/trusted.crt]\n    volumes: [\"{}:/trusted.crt:ro\"]\n",
        trusts.display()
    ))?;
    let services = ["mediamtx", "media", "caddy"];
    near.run(&[&["up", "--no-start"][..], &services].concat())?;
    let wide = Between::new(&[(&id(&far, "caddy")?, Some(FAR)), (&id(&near, "media")?, None)])?;
    let outcome = over_tls(&near, &far, trusts, dir.path(), &services);
    drop(wide);
    outcome
}

/// A network of its own between two projects, so that neither finds the other's services by their names.
struct Between {
    name: String,
    containers: Vec<String>,
}

impl Between {
    fn new(containers: &[(&str, Option<&str>)]) -> Result<Self> {
        let mut between = Self {
            name: format!("dragoman-between-{}", std::process::id()),
            containers: Vec::new(),
        };
        material::run(&mut docker(&["network", "create", &between.name]))?;
        for (container, alias) in containers {
            let mut connect = docker(&["network", "connect"]);
            connect.args(alias.iter().flat_map(|alias| ["--alias", alias]));
            material::run(connect.args([between.name.as_str(), container]))?;
            between.containers.push((*container).to_owned());
        }
        Ok(between)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        for container in &self.containers {
            let _ = material::run(&mut docker(&[
                "network",
                "disconnect",
                "--force",
                &self.name,
                container,
            ]));
        }
        let _ = material::run(&mut docker(&["network", "rm", &self.name]));
    }
}

fn over_tls(near: &Project, far: &Project, trusts: PathBuf, dir: &Path, services: &[&str]) -> Result<()> {
    near.up(services)?;
    let publishing = near.publish()?;
    near.until("the stream is dubbed over there", || {
        Ok((on_time(near) > 0).then_some(()))
    })?;

    let viewer = Client {
        host: "localhost",
        https: near.get("HTTPS_PORT"),
        trusts: authority(near, dir, "near.crt")?,
    };
    let page = viewer.expect("GET", "/", 200)?;
    ensure!(page.body.contains("<html"), "no page: {}", page.body);
    ensure!(!page.headers.contains_key("server"), "it says what serves");
    ensure!(
        !page.headers.contains_key("strict-transport-security"),
        "browsers would take every port of localhost for HTTPS"
    );
    viewer.expect("GET", "/healthz", 200)?;
    viewer.expect("GET", "/v1/streams/test", 200)?;
    viewer.expect("GET", "/live/test/out/", 200)?;
    for hidden in [
        "/v1/mediamtx/events/ready",
        "//v1/mediamtx/events/ready",
        "/v1/%6dediamtx/events/ready",
        "/metrics",
    ] {
        viewer.expect("POST", hidden, 404)?;
    }
    // On a streaming host there is no speech service to be reached.
    let none = viewer.expect("GET", "/v1/dub", 502)?;
    ensure!(
        none.body.contains("is not running, or not reachable"),
        "502 says {:?}",
        none.body
    );
    let stranger = Client {
        trusts: trusts.clone(),
        ..viewer
    };
    ensure!(stranger.ask("GET", "/").is_err(), "another authority is as good");
    let plain = format!("http://127.0.0.1:{}/", near.get("HTTP_PORT"));
    let headers =
        material::run(Command::new("curl").args(["--silent", "--head", "--header", "host: localhost", &plain]))?;
    let headers = String::from_utf8_lossy(&headers).into_owned();
    ensure!(
        headers.contains(" 308 ") && headers.contains("https://localhost/"),
        "{headers}"
    );

    let speech = Client {
        host: FAR,
        https: far.get("HTTPS_PORT"),
        trusts,
    };
    let health = speech.expect("GET", "/readyz", 200)?;
    ensure!(
        health.headers.contains_key("strict-transport-security"),
        "{:?}",
        health.headers
    );
    speech.expect("GET", "/v1/engine", 401)?;
    speech.expect("GET", "/v1/dub", 401)?;
    speech.expect("GET", "/live/test/out/", 502)?;

    // A WebSocket does not hold the end up, and the session is back with Caddy.
    let began = Instant::now();
    far.run(&["stop", "caddy"])?;
    let stopped = began.elapsed();
    figure(
        "tls: Caddy stops, a session open",
        &format!("{:.1} s", stopped.as_secs_f64()),
        "8 s",
    )?;
    ensure!(stopped < STOPPED_WITHIN, "{stopped:?}");
    near.until("the loss is seen", || {
        Ok((near.stream("test", None)["speech"]["state"] != "ready").then_some(()))
    })?;
    let before = on_time(near);
    far.run(&["start", "caddy"])?;
    near.until("the dub is back", || Ok((on_time(near) > before).then_some(())))?;
    figure("tls: wss to the speech host, https to viewers", "dubbed", "dubbed")?;
    publishing.end()
}

/// Nothing is served before there is a certificate, and then RTMPS is.
#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn rtmps_begins_with_its_certificate() -> Result<()> {
    const TEST: &str = "compose: RTMPS";
    if !has_caddy(TEST) {
        return Ok(());
    }
    if stands_in()? {
        skipped::note(
            TEST,
            "no `mediamtx` was on the PATH when the images were made: its stand-in has no RTMPS",
        );
        return Ok(());
    }
    let mut project = Project::new()?;
    project.set("DOMAIN", "localhost");
    project.run(&["up", "--detach", "mediamtx", "media", "speech"])?;
    project.until("the router says what it waits for", || {
        let logs = project.run(&["logs", "--no-color", "mediamtx"])?;
        Ok(logs
            .contains("localhost: no certificate in /certificates")
            .then_some(()))
    })?;
    let health = project.inspect("mediamtx")?["State"]["Health"]["Status"].clone();
    ensure!(health != "healthy", "it waits and is {health}");
    let began = Instant::now();
    project.up(&["mediamtx", "media", "speech", "caddy"])?;
    figure(
        "tls: from Caddy's start to a router with RTMPS",
        &format!("{:.1} s", began.elapsed().as_secs_f64()),
        "60 s",
    )?;

    let dir = tempfile::tempdir()?;
    let trusts = authority(&project, dir.path(), "root.crt")?;
    let url = format!("rtmps://localhost:{}/live/test/in", project.get("RTMPS_PORT"));
    let publish = |trusts: &Path| {
        let mut command = Command::new(stack::binary("dragoman-media")?);
        command.args(["publish", &url]).env("SSL_CERT_FILE", trusts);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("cannot publish")
    };
    let mut publishing = publish(&trusts)?;
    let outcome = project.until("what came by RTMPS is dubbed", || {
        Ok((on_time(&project) > 0).then_some(()))
    });
    publishing.kill()?;
    publishing.wait()?;
    outcome?;

    // While it waits, a container ends when it is told to.
    project.run(&["--profile", "*", "down", "--volumes"])?;
    project.run(&["up", "--detach", "mediamtx"])?;
    project.until("it waits again", || {
        let logs = project.run(&["logs", "--no-color", "mediamtx"])?;
        Ok(logs.contains("no certificate").then_some(()))
    })?;
    let began = Instant::now();
    project.run(&["stop", "mediamtx"])?;
    ensure!(began.elapsed() < STOPPED_WITHIN, "it waited for {:?}", began.elapsed());
    figure("tls: published by RTMPS", "dubbed", "dubbed")
}

/// Keys are what stands between a public name and the API.
#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn what_is_open_gets_no_public_name() -> Result<()> {
    if !has_caddy("compose: a public name without keys") {
        return Ok(());
    }
    let mut project = Project::new()?;
    project.set("DOMAIN", "live.example");
    project.up_fails(&["caddy"])?;
    project.until("Caddy ends because of its configuration", || {
        Ok((project.inspect("caddy")?["State"]["ExitCode"] == 64).then_some(()))
    })?;
    let logs = project.run(&["logs", "--no-color", "caddy"])?;
    ensure!(
        logs.contains("ALLOW_OPEN: found 1, expected 0 or not set, since DOMAIN is live.example"),
        "{logs}"
    );
    figure("tls: a public name without keys", "exits 64", "exits 64")
}
