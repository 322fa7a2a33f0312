//! What MediaMTX says in the environment, as a request to the media service.

use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::Failure;
use crate::vars::Vars;

/// Where the media service is when nothing else is said.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// What has happened to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It can be read from now on.
    Ready,
    /// It cannot any more.
    NotReady,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not-ready",
        }
    }
}

/// A request that is ready to be sent.
pub(crate) struct Request {
    /// What it is, for messages: no query, no key.
    pub(crate) label: String,
    pub(crate) url: String,
    pub(crate) key: Option<String>,
    pub(crate) body: Body,
}

/// The body, in the words of the media service's API.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    path: String,
    query: String,
    source_type: String,
    source_id: String,
}

/// The request for `kind`; `None` for a path that is no stream of ours: MediaMTX runs the hook for each of its paths,
/// the programmes among them.
pub(crate) fn request(kind: Kind, vars: &Vars) -> Result<Option<Request>, Failure> {
    let path = vars.text("MTX_PATH");
    if path.as_deref().is_some_and(|path| !is_stream(path)) {
        return Ok(None);
    }
    let mut problems = Vec::new();
    let mut required = |name: &str, value: Option<String>, expected: &str| {
        value.unwrap_or_else(|| {
            problems.push(format!("{name}: not set, expected {expected}"));
            String::new()
        })
    };
    let path = required("MTX_PATH", path, "the path, set by MediaMTX");
    let source_type = required(
        "MTX_SOURCE_TYPE",
        vars.text("MTX_SOURCE_TYPE"),
        "the source's type, set by MediaMTX",
    );
    let source_id = required(
        "MTX_SOURCE_ID",
        vars.text("MTX_SOURCE_ID"),
        "the source's id, set by MediaMTX",
    );
    let (base, key) = address(vars, &mut problems);
    if !problems.is_empty() {
        return Err(Failure::config(&problems));
    }
    let url = format!("{}/v1/mediamtx/events/{}", base.trim_end_matches('/'), kind.name());
    let label = format!("{} {path}", kind.name());
    let query = decode_query(&vars.text("MTX_QUERY").unwrap_or_default());
    Ok(Some(Request {
        label,
        url,
        key,
        body: Body {
            path,
            query,
            source_type,
            source_id,
        },
    }))
}

/// Where the media service is, and its key.
pub(crate) fn address(vars: &Vars, problems: &mut Vec<String>) -> (String, Option<String>) {
    let key = vars
        .secret("MEDIA_API_KEY")
        .and_then(|keys| keys.map(|keys| sendable(&keys)).transpose());
    let key = key.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let base = vars.text("MEDIA_API_URL").unwrap_or_else(|| DEFAULT_URL.to_owned());
    if let Err(problem) = plain_http(&base) {
        problems.push(format!("MEDIA_API_URL: {problem}"));
    }
    (base, key)
}

/// The first plain key: the media service takes several, and digests, from the same variable.
fn sendable(keys: &str) -> Result<String, String> {
    let key = keys.split(',').map(str::trim).find(|key| !key.starts_with("sha256:"));
    key.filter(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(str::to_owned)
        .ok_or_else(|| {
            "MEDIA_API_KEY: found a value that is not shown, expected a plain key in printable ASCII without spaces"
                .into()
        })
}

/// `live/<id>/in`, whatever the id: whether it is a good one is the media service's to say, with a reason.
fn is_stream(path: &str) -> bool {
    let id = path.strip_prefix("live/").and_then(|rest| rest.strip_suffix("/in"));
    id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

/// `url` if it is plain HTTP with a host and without user, query or fragment; otherwise what is wrong, not showing it.
pub(crate) fn plain_http(url: &str) -> Result<(), String> {
    let expected = "expected a URL such as http://127.0.0.1:8080 without user and query";
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(format!("found one that does not start with http://, {expected}"));
    };
    if rest.contains(['@', '?', '#']) || rest.starts_with(['/', ':']) || rest.is_empty() {
        return Err(format!("found one that is not shown, {expected}"));
    }
    Ok(())
}

/// MediaMTX escapes the whole query as a form value: one layer comes off, and the query's own escapes stay.
fn decode_query(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    fn vars(vars: &[(&str, &str)]) -> Vars {
        Vars::new(vars.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn only_streams_are_ours() {
        for (path, ours) in [
            ("live/x/in", true),
            ("live/bad id!/in", true),
            ("live/x/out", false),
            ("live/x/out/fr", false),
            ("live/x/y/in", false),
            ("live//in", false),
            ("live/in", false),
            ("other/x/in", false),
        ] {
            assert_eq!(is_stream(path), ours, "{path}");
        }
        assert!(
            request(Kind::Ready, &vars(&[("MTX_PATH", "live/x/out")]))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn every_problem_is_listed() {
        let vars = vars(&[
            ("MEDIA_API_URL", "http://me:hunter2@host"),
            ("MEDIA_API_KEY", "hunter2"),
            ("MEDIA_API_KEY_FILE", "/x"),
        ]);
        let failure = request(Kind::Ready, &vars).err().unwrap();
        assert_eq!(failure.code, 64);
        for name in [
            "MTX_PATH",
            "MTX_SOURCE_TYPE",
            "MTX_SOURCE_ID",
            "MEDIA_API_URL",
            "MEDIA_API_KEY_FILE",
        ] {
            assert!(failure.reason.contains(&format!("\n  {name}: ")), "{name} in {failure}");
        }
        assert!(!failure.reason.contains("hunter2"), "{failure}");
    }

    #[test]
    fn the_first_plain_key_is_sent() {
        assert_eq!(sendable("sha256:00, new,old").as_deref(), Ok("new"));
        for keys in ["sha256:00", "a b", ",k"] {
            assert!(sendable(keys).is_err(), "{keys}");
        }
    }

    #[test]
    fn one_layer_of_escapes_comes_off() {
        assert_eq!(
            decode_query("source%3Den%26targets%3Des%252Cfr%26note%3Da%2Bb+c"),
            "source=en&targets=es%2Cfr&note=a+b c"
        );
        assert_eq!(decode_query(""), "");
    }

    proptest! {
        #[test]
        fn any_query_survives(query in ".*") {
            let escaped = utf8_percent_encode(&query, NON_ALPHANUMERIC).to_string().replace("%20", "+");
            prop_assert_eq!(decode_query(&escaped), query);
        }
    }
}
