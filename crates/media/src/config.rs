//! The orchestrator's configuration: variables in, one judged [`Config`] or all problems out.

mod alone;
mod shown;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dragoman_service::auth::Access;
use dragoman_service::config::{Check, ConfigError, Mode, Secret, Vars};
use dragoman_service::telemetry;
use serde::Deserialize;
use url::Url;

pub use self::alone::{drain, health_url};
pub use self::shown::shown;
use crate::forward::{self, Allow};
use crate::orchestrator::settings::{self, Settings};
use crate::spec::Artifacts;

/// Loopback: a listener beyond it needs a key.
const LISTEN: &str = "127.0.0.1:8080";
/// Some weeks of talk: an utterance takes about 400 bytes.
const ARTIFACTS_MAX_MB: u64 = 256;
/// The longest drain.
const MAX_DRAIN: Duration = Duration::from_secs(24 * 3600);

/// The variables as they come.
#[derive(Default, Deserialize)]
struct Raw {
    mode: Option<String>,
    hold: Option<String>,
    max_wait: Option<String>,
    max_stale: Option<String>,
    grace: Option<String>,
    drain: Option<String>,
    source: Option<String>,
    targets: Option<String>,
    router_url: Option<String>,
    router_rtsp_url: Option<String>,
    router_api_url: Option<String>,
    router_user: Option<String>,
    router_pass: Option<String>,
    speech_url: Option<String>,
    speech_key: Option<String>,
    speech_device: Option<String>,
    media_api_key: Option<String>,
    media_listen: Option<String>,
    media_max_streams: Option<String>,
    allow_open: Option<String>,
    run_dir: Option<String>,
    artifacts_dir: Option<String>,
    artifacts_max_mb: Option<String>,
    xdg_runtime_dir: Option<String>,
    watch_url: Option<String>,
    forward_allow: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
}

/// What the orchestrator runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Judged, and shown.
    pub mode: Mode,
    /// What a stream gets that asks for nothing.
    pub defaults: Settings,
    /// R7 of the playout.
    pub max_wait: Duration,
    /// R7 of the playout.
    pub max_stale: Duration,
    /// How long a publisher may be away.
    pub grace: Duration,
    /// How long streams on air go on when the service is told to stop.
    pub drain: Duration,
    /// The router's addresses.
    pub router: Router,
    /// Who dubs.
    pub speech: Speech,
    /// Where hooks, API and page are served.
    pub listen: SocketAddr,
    /// Who may use them.
    pub access: Access,
    /// Slots: a stream takes one, each target beyond its first half a slot more.
    pub max_streams: usize,
    /// Holds the workers' sockets and locks.
    pub run_dir: PathBuf,
    /// Where what was said is written down.
    pub artifacts: Option<Artifacts>,
    /// Where viewers watch; `None` when the page shows no links.
    pub watch_url: Url,
    /// Where forwards may go.
    pub forward_allow: Allow,
    /// What is logged.
    pub log: telemetry::Options,
}

/// The router's addresses.
#[derive(Debug, Clone)]
pub struct Router {
    /// Pull from and push to.
    pub rtmp: Url,
    /// Pull what RTMP cannot carry.
    pub rtsp: Option<Url>,
    /// The control API.
    pub api: Url,
    /// Sent along to all three.
    pub login: Option<(Secret, Secret)>,
}

/// The speech hosts.
#[derive(Debug, Clone)]
pub struct Speech {
    /// In order of preference.
    pub urls: Vec<Url>,
    /// Read again by the workers.
    pub urls_file: Option<PathBuf>,
    /// Sent to each of them.
    pub key: Option<Secret>,
}

impl Config {
    /// Judges the variables; the error lists everything that is wrong.
    pub fn from_vars(vars: &Vars) -> Result<Config, ConfigError> {
        let mut check = Check::new();
        let mut raw: Raw = vars.read(&mut check);
        let ms = Duration::from_millis;
        let (mode, allow_open) = check.mode(raw.mode, raw.allow_open);
        judge_mode(
            &mut check,
            mode,
            &raw.speech_url,
            &raw.speech_key,
            raw.speech_device.as_deref(),
        );
        let listen = check.address("MEDIA_LISTEN", raw.media_listen, LISTEN);
        let limit = ms(0)..=Duration::from_secs(60);
        let config = Config {
            mode,
            defaults: judge_defaults(&mut check, raw.source, raw.targets, raw.hold),
            max_wait: check.duration_in("MAX_WAIT", raw.max_wait, ms(3000), limit.clone()),
            max_stale: check.duration_in("MAX_STALE", raw.max_stale, ms(6000), limit),
            grace: check.duration_in("GRACE", raw.grace, ms(15_000), ms(1000)..=Duration::from_secs(600)),
            drain: check.duration_in("DRAIN", raw.drain, ms(0), ms(0)..=MAX_DRAIN),
            router: Router {
                rtmp: check.url(
                    "ROUTER_URL",
                    raw.router_url,
                    "rtmp://127.0.0.1:1935",
                    &["rtmp", "rtmps"],
                ),
                rtsp: judge_rtsp(&mut check, raw.router_rtsp_url),
                api: check.url("ROUTER_API_URL", raw.router_api_url, "http://127.0.0.1:9997", &["http"]),
                login: judge_login(&mut check, raw.router_user.take(), raw.router_pass.take()),
            },
            speech: Speech {
                urls: check.urls("SPEECH_URL", raw.speech_url, "ws://127.0.0.1:8090", &["ws", "wss"]),
                urls_file: vars.file("SPEECH_URL"),
                key: check.secret("SPEECH_KEY", raw.speech_key),
            },
            listen,
            access: check.access("MEDIA_API_KEY", raw.media_api_key, listen, allow_open),
            max_streams: check.number("MEDIA_MAX_STREAMS", raw.media_max_streams, 8, 1..=256),
            run_dir: judge_run_dir(&mut check, raw.run_dir, raw.xdg_runtime_dir),
            artifacts: judge_artifacts(&mut check, raw.artifacts_dir, raw.artifacts_max_mb),
            watch_url: check.url("WATCH_URL", raw.watch_url, "http://127.0.0.1:8888", &["http", "https"]),
            forward_allow: judge_forward_allow(&mut check, raw.forward_allow),
            log: telemetry::Options::check(&mut check, raw.log, raw.log_format),
        };
        check.finish().map(|()| config)
    }

    /// The variables that [`Config::from_vars`] reads and an operator may set.
    pub fn variables() -> Vec<String> {
        let ours = |name: &String| name != "XDG_RUNTIME_DIR";
        dragoman_service::config::variables::<Raw>()
            .into_iter()
            .filter(ours)
            .collect()
    }
}

/// A mode is a promise about the other variables.
fn judge_mode(
    check: &mut Check,
    mode: Mode,
    speech_url: &Option<String>,
    speech_key: &Option<String>,
    device: Option<&str>,
) {
    match mode {
        Mode::Cpu => {}
        Mode::Gpu if device == Some("cuda") => {}
        Mode::Gpu => check.problem("SPEECH_DEVICE", device, "cuda, since MODE is gpu"),
        Mode::Split => {
            // What compose.yaml has for the other modes.
            let found = speech_url
                .as_deref()
                .filter(|urls| urls.split([',', ' ', '\n']).any(is_of_this_network));
            if speech_url.is_none() || found.is_some() {
                check.problem(
                    "SPEECH_URL",
                    found,
                    "URLs of speech hosts elsewhere, since MODE is split",
                );
            }
            if speech_key.is_none() && !check.is_blank("SPEECH_KEY") {
                check.problem("SPEECH_KEY", None, "the speech hosts' key, since MODE is split");
            }
        }
    }
}

/// A name without a dot is a container's.
fn is_of_this_network(url: &str) -> bool {
    let name = Url::parse(url.trim())
        .ok()
        .and_then(|url| url.domain().map(str::to_owned));
    name.is_some_and(|name| name != "localhost" && !name.contains('.'))
}

fn judge_defaults(
    check: &mut Check,
    source: Option<String>,
    targets: Option<String>,
    hold: Option<String>,
) -> Settings {
    let hold = check.duration_in(
        "HOLD",
        hold,
        Duration::from_millis(2500),
        Duration::ZERO..=settings::MAX_HOLD,
    );
    let source = check.parse(
        "SOURCE",
        source,
        settings::AUTO.to_owned(),
        "auto or a language, such as en",
        |text| settings::parse_source(text).ok(),
    );
    let targets = check.languages("TARGETS", targets, "es");
    let defaults = Settings { source, targets, hold };
    if defaults.targets.len() > settings::MAX_TARGETS {
        let found = format!("{} languages", defaults.targets.len());
        check.problem(
            "TARGETS",
            Some(&found),
            &format!("at most {} languages", settings::MAX_TARGETS),
        );
    }
    if defaults.check().is_err() {
        check.problem("TARGETS", Some(&defaults.source), "languages other than SOURCE");
    }
    defaults
}

/// Not set is the default; `none` is no RTSP at all, since an empty variable counts as not set.
fn judge_rtsp(check: &mut Check, raw: Option<String>) -> Option<Url> {
    match raw.as_deref() {
        Some("none") => None,
        _ => Some(check.url("ROUTER_RTSP_URL", raw, "rtsp://127.0.0.1:8554", &["rtsp", "rtsps"])),
    }
}

fn judge_login(check: &mut Check, user: Option<String>, pass: Option<String>) -> Option<(Secret, Secret)> {
    let [has_user, has_pass] =
        [("ROUTER_USER", &user), ("ROUTER_PASS", &pass)].map(|(name, raw)| raw.is_some() || check.is_blank(name));
    match (has_user, has_pass) {
        (true, false) => check.problem("ROUTER_PASS", None, "a value, since ROUTER_USER is set"),
        (false, true) => check.problem("ROUTER_USER", None, "a value, since ROUTER_PASS is set"),
        _ => {}
    }
    check.secret("ROUTER_USER", user).zip(check.secret("ROUTER_PASS", pass))
}

/// A socket's path must fit into 104 bytes (the smallest limit of our systems), the longest stream id included.
const MAX_RUN_DIR: usize = 33;

fn judge_run_dir(check: &mut Check, raw: Option<String>, runtime_dir: Option<String>) -> PathBuf {
    let own = |dir: String| format!("{dir}/dragoman");
    let fits = |dir: &String| dir.len() <= MAX_RUN_DIR;
    let default = runtime_dir
        .map(own)
        .filter(fits)
        .unwrap_or_else(|| "/tmp/dragoman".to_owned());
    let expected = format!("an absolute path of at most {MAX_RUN_DIR} bytes");
    let read = |text: &str| (text.starts_with('/') && text.len() <= MAX_RUN_DIR).then(|| PathBuf::from(text));
    check.parse("RUN_DIR", raw, PathBuf::from(default), &expected, read)
}

fn judge_artifacts(check: &mut Check, dir: Option<String>, max_mb: Option<String>) -> Option<Artifacts> {
    let max_mb: u64 = check.number("ARTIFACTS_MAX_MB", max_mb, ARTIFACTS_MAX_MB, 1..=1_000_000);
    let read = |text: &str| text.starts_with('/').then(|| PathBuf::from(text));
    let directory = check.optional("ARTIFACTS_DIR", dir, "an absolute path", read)?;
    Some(Artifacts {
        directory,
        max_bytes: max_mb << 20,
    })
}

/// Not set is whatever is public, at the usual ports.
fn judge_forward_allow(check: &mut Check, raw: Option<String>) -> Allow {
    let raw = raw.or_else(|| Some("*".to_owned()));
    check.parse("FORWARD_ALLOW", raw, Allow::default(), forward::EXPECTED, Allow::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config, String> {
        Config::from_vars(&Vars::new(vars.iter().copied())).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_a_configuration() {
        let config = config(&[]).unwrap();
        assert_eq!(config.defaults.hold, Duration::from_millis(2500));
        assert_eq!(config.defaults.targets, ["es"]);
        assert!(config.access.is_open());
        assert_eq!(config.forward_allow.to_string(), "*");
        assert_eq!(config.run_dir, PathBuf::from("/tmp/dragoman"));
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let error = config(&[
            ("MODE", "split"),
            ("HOLD", "31s"),
            ("DRAIN", "25h"),
            ("TARGETS", "es,fr,de,it,pt"),
            ("MEDIA_LISTEN", "0.0.0.0:8080"),
            ("MEDIA_MAX_STREAMS", "0"),
            ("ROUTER_USER", "me"),
            ("ROUTER_URL", "http://router"),
            ("RUN_DIR", "run"),
            ("FORWARD_ALLOW", "10.1.2.3/8"),
        ])
        .unwrap_err();
        let names = [
            "HOLD",
            "DRAIN",
            "TARGETS",
            "MEDIA_API_KEY",
            "MEDIA_MAX_STREAMS",
            "ROUTER_PASS",
            "ROUTER_URL",
            "RUN_DIR",
            "FORWARD_ALLOW",
            "SPEECH_URL",
            "SPEECH_KEY",
        ];
        for name in names {
            assert!(error.contains(&format!("\n  {name}: ")), "{name} in {error}");
        }
        assert_eq!(error.lines().count(), names.len() + 1, "{error}");
    }

    #[test]
    fn a_mode_is_judged() {
        assert!(config(&[("MODE", "gpu")]).unwrap_err().contains("SPEECH_DEVICE"));
        assert_eq!(
            config(&[("MODE", "gpu"), ("SPEECH_DEVICE", "cuda")]).unwrap().mode,
            Mode::Gpu
        );
        let split = [
            ("MODE", "split"),
            ("SPEECH_URL", "wss://speech.example"),
            ("SPEECH_KEY", "k"),
        ];
        assert_eq!(config(&split).unwrap().mode, Mode::Split);
        let here = config(&[split[0], ("SPEECH_URL", "ws://speech:8090"), split[2]]);
        assert!(here.unwrap_err().contains("SPEECH_URL: found "));
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let config = config(&[
            ("MEDIA_API_KEY", "hunter2"),
            ("SPEECH_KEY", "hunter2"),
            ("ROUTER_USER", "hunter2"),
            ("ROUTER_PASS", "hunter2"),
        ])
        .unwrap();
        assert!(!format!("{config:?} {}", shown(&config)).contains("hunter2"));
    }
}
