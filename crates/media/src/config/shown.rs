//! What `--check-config` prints.

use dragoman_service::config::parse;
use url::Url;

use super::{ARTIFACTS_MAX_MB, Config};

/// The configuration in the form of its variables, without secrets.
pub fn shown(config: &Config) -> String {
    let url = |url: &Url| parse::redacted(url.as_str());
    let set = |is_set: bool| if is_set { "set, not shown" } else { "not set" };
    let rows = [
        ("MODE", config.mode.name().to_owned()),
        ("HOLD", parse::show_duration(config.defaults.hold)),
        ("MAX_WAIT", parse::show_duration(config.max_wait)),
        ("MAX_STALE", parse::show_duration(config.max_stale)),
        ("GRACE", parse::show_duration(config.grace)),
        ("DRAIN", parse::show_duration(config.drain)),
        ("SOURCE", config.defaults.source.clone()),
        ("TARGETS", config.defaults.targets.join(",")),
        ("ROUTER_URL", url(&config.router.rtmp)),
        (
            "ROUTER_RTSP_URL",
            config.router.rtsp.as_ref().map_or_else(|| "none".to_owned(), url),
        ),
        ("ROUTER_API_URL", url(&config.router.api)),
        ("ROUTER_USER", set(config.router.login.is_some()).to_owned()),
        ("ROUTER_PASS", set(config.router.login.is_some()).to_owned()),
        (
            "SPEECH_URL",
            config.speech.urls.iter().map(url).collect::<Vec<_>>().join(","),
        ),
        ("SPEECH_KEY", set(config.speech.key.is_some()).to_owned()),
        ("MEDIA_API_KEY", set(!config.access.is_open()).to_owned()),
        ("MEDIA_LISTEN", config.listen.to_string()),
        ("MEDIA_MAX_STREAMS", config.max_streams.to_string()),
        ("RUN_DIR", config.run_dir.display().to_string()),
        (
            "ARTIFACTS_DIR",
            match &config.artifacts {
                Some(artifacts) => artifacts.directory.display().to_string(),
                None => "not set".to_owned(),
            },
        ),
        (
            "ARTIFACTS_MAX_MB",
            config
                .artifacts
                .as_ref()
                .map_or(ARTIFACTS_MAX_MB, |artifacts| artifacts.max_bytes >> 20)
                .to_string(),
        ),
        ("WATCH_URL", url(&config.watch_url)),
        ("FORWARD_ALLOW", config.forward_allow.to_string()),
        ("LOG", config.log.filter.clone()),
        ("LOG_FORMAT", config.log.format.name().to_owned()),
    ];
    rows.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}
