//! From a plan to a spec: the addresses, paths and keys that a worker needs.

use url::Url;

use super::codecs::Pull;
use super::session::Plan;
use crate::config::Config;
use crate::spec::{Ingest, Programme, Spec, Speech};

/// The router path of a stream's source.
pub(crate) fn in_path(stream: &str) -> String {
    format!("live/{stream}/in")
}

/// The router path of a stream's programme: the first target's has no language in it.
pub(crate) fn out_path(stream: &str, index: usize, target: &str) -> String {
    match index {
        0 => format!("live/{stream}/out"),
        _ => format!("live/{stream}/out/{target}"),
    }
}

/// The stream whose source this path is; the id is not judged.
pub(crate) fn stream_of(path: &str) -> Option<&str> {
    path.strip_prefix("live/")?.strip_suffix("/in")
}

/// What the worker of `stream` is told.
pub(crate) fn spec(config: &Config, stream: &str, plan: Plan) -> Spec {
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let programme = |(index, target): (usize, &String)| {
        let path = out_path(stream, index, target);
        let url = rtmp_url(config, &path);
        Programme {
            target: target.clone(),
            path,
            url,
            muted: plan.muted.get(target).copied().unwrap_or_default(),
        }
    };
    let rtsp_url = rtsp_url(config, &in_path(stream));
    let (url, rtsp_url) = match (plan.pull, rtsp_url) {
        (Pull::Rtsp, Some(url)) => (url, None),
        (_, rtsp_url) => (rtmp_url(config, &in_path(stream)), rtsp_url),
    };
    Spec {
        stream: stream.to_owned(),
        session: plan.session,
        source_id: plan.source_id,
        ingest: Ingest {
            url,
            rtsp_url,
            tracks: plan.tracks,
        },
        programmes: plan.settings.targets.iter().enumerate().map(programme).collect(),
        source: plan.settings.source,
        hold_ms: ms(plan.settings.hold),
        max_wait_ms: ms(config.max_wait),
        max_stale_ms: ms(config.max_stale),
        grace_ms: ms(config.grace),
        speech: Some(Speech {
            urls: config
                .speech
                .urls
                .iter()
                .map(|url| url.as_str().trim_end_matches('/').to_owned())
                .collect(),
            urls_file: config.speech.urls_file.clone(),
            key: config.speech.key.as_ref().map(|key| key.expose().to_owned()),
        }),
        run_dir: config.run_dir.clone(),
        artifacts: config.artifacts.clone(),
        resume: plan.resume,
    }
}

/// MediaMTX takes an RTMP client's credentials from the query.
fn rtmp_url(config: &Config, path: &str) -> String {
    let mut url = below(&config.router.rtmp, path);
    if let Some((user, pass)) = &config.router.login {
        url.query_pairs_mut()
            .append_pair("user", user.expose())
            .append_pair("pass", pass.expose());
    }
    url.into()
}

fn rtsp_url(config: &Config, path: &str) -> Option<String> {
    let mut url = below(config.router.rtsp.as_ref()?, path);
    if let Some((user, pass)) = &config.router.login {
        // Fails only for URLs that cannot have a host; the configuration has none of those.
        url.set_username(user.expose()).ok()?;
        url.set_password(Some(pass.expose())).ok()?;
    }
    Some(url.into())
}

/// `base` with `path` below whatever path it has.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrator::settings::Settings;
    use crate::spec::Tracks;
    use dragoman_service::config::Vars;
    use std::time::Duration;

    fn plan(pull: Pull) -> Plan {
        Plan {
            session: "s".into(),
            source_id: "1".into(),
            settings: Settings {
                source: "en".into(),
                targets: vec!["es".into(), "fr".into()],
                hold: Duration::ZERO,
            },
            muted: [("fr".to_owned(), true)].into(),
            pull,
            tracks: Some(Tracks {
                video: true,
                audio: true,
            }),
            resume: None,
        }
    }

    #[test]
    fn each_target_has_its_path_and_the_login_goes_along() {
        let vars = [
            ("ROUTER_USER", "me"),
            ("ROUTER_PASS", "p&w"),
            ("ROUTER_URL", "rtmp://r:1/"),
        ];
        let config = Config::from_vars(&Vars::new(vars)).unwrap();
        let spec = spec(&config, "a", plan(Pull::Rtmp));
        assert_eq!(spec.ingest.url, "rtmp://r:1/live/a/in?user=me&pass=p%26w");
        assert_eq!(
            spec.ingest.rtsp_url.as_deref(),
            Some("rtsp://me:p&w@127.0.0.1:8554/live/a/in")
        );
        let outs: Vec<_> = spec.programmes.iter().map(|p| (p.path.as_str(), p.muted)).collect();
        assert_eq!(outs, [("live/a/out", false), ("live/a/out/fr", true)]);
        assert_eq!(spec.programmes[1].url, "rtmp://r:1/live/a/out/fr?user=me&pass=p%26w");
    }

    #[test]
    fn what_rtmp_cannot_carry_is_pulled_by_rtsp() {
        let config = Config::from_vars(&Vars::new([("SPEECH_KEY", "k")])).unwrap();
        let spec = spec(&config, "a", plan(Pull::Rtsp));
        assert_eq!(spec.ingest.url, "rtsp://127.0.0.1:8554/live/a/in");
        assert_eq!(spec.ingest.rtsp_url, None);
        assert_eq!(spec.speech.unwrap().urls, ["ws://127.0.0.1:8090"]);
    }

    #[test]
    fn only_sources_are_streams() {
        assert_eq!(stream_of("live/a/in"), Some("a"));
        assert_eq!(stream_of("live/a/b/in"), Some("a/b"));
        for path in ["live/a/out", "live/a/out/fr", "live/in", "other/a/in", "live/in/in/x"] {
            assert_eq!(stream_of(path), None, "{path}");
        }
    }
}
