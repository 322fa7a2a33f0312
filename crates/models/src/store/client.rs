//! Speaks the hub's HTTP: what a file is, and its bytes from any place on.
//!
//! Not through hf-hub's client, though the layout of the cache is the same: that one sends the token along to the host that
//! large files are redirected to, cannot go on with a download that was complete but not yet renamed, puts a file under its
//! final name before anyone has hashed it, and gives up after five seconds where another process is at work.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LOCATION, RANGE, USER_AGENT,
};
use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::Error;
use super::hash::is_sha256;
use super::lock::is_commit;
use super::url::{bare, host, join, same_host};

/// Redirects that are followed for one answer.
const REDIRECTS: usize = 6;

/// A token of the hub: never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A hub.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: String,
    token: Option<Token>,
    agent: Agent,
}

/// What the hub says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) commit: String,
    /// The blob's name; safe as a file's.
    pub(super) etag: String,
    pub(super) size: u64,
}

impl Remote {
    /// The hub's ETag of a large file is its sha256; a small file's is not.
    pub(super) fn sha256(&self) -> Option<&str> {
        is_sha256(&self.etag).then_some(self.etag.as_str())
    }
}

/// The bytes of a file from `from` on.
pub(super) struct Body {
    pub(super) from: u64,
    pub(super) bytes: Box<dyn Read>,
}

/// A file of a repository at a revision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) repository: &'a str,
    pub(super) revision: &'a str,
    pub(super) file: &'a str,
}

impl Client {
    pub(super) fn new(endpoint: &str, token: Option<Token>, silence: Duration) -> Result<Self, Error> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(silence))
            .timeout_per_read(Some(silence))
            .timeout_per_write(Some(silence));
        if endpoint.starts_with("https:") {
            config = config.tls_config(trust()?);
        }
        Ok(Self {
            endpoint,
            token,
            agent: config.build().into(),
        })
    }

    /// Asks what a file is.
    pub(super) fn describe(&self, place: Place<'_>) -> Result<Remote, Error> {
        let url = self.url(place);
        let mut seen = Seen::default();
        let response = self.follow(&url, place, None, &mut |headers, elsewhere| {
            seen.take(headers, elsewhere);
            seen.complete()
        })?;
        if !seen.complete() {
            seen.take_length(&response);
        }
        let missing = |what: &str| Error::Protocol {
            url: url.clone(),
            why: format!("the answer has no usable {what}"),
        };
        Ok(Remote {
            commit: seen.commit.ok_or_else(|| missing("X-Repo-Commit"))?,
            etag: seen.etag.ok_or_else(|| missing("ETag"))?,
            size: seen.size.ok_or_else(|| missing("size"))?,
        })
    }

    /// Opens a file at `from`. A server without ranges answers from the start: see [`Body::from`].
    pub(super) fn open(&self, place: Place<'_>, from: u64) -> Result<Body, Error> {
        let url = self.url(place);
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let response = self.follow(&url, place, Some(range.as_deref()), &mut |_, _| false)?;
        let starts = match response.status().as_u16() {
            206 => content_range_start(response.headers()).ok_or_else(|| Error::Protocol {
                url: url.clone(),
                why: "a part of the file without a usable Content-Range".to_owned(),
            })?,
            _ => 0,
        };
        if starts != 0 && starts != from {
            return Err(Error::Protocol {
                url,
                why: format!("asked for the bytes from {from} on and got those from {starts} on"),
            });
        }
        let bytes = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Body {
            from: starts,
            bytes: Box::new(bytes),
        })
    }

    fn url(&self, place: Place<'_>) -> String {
        let revision = place.revision.replace('/', "%2F");
        format!(
            "{}/{}/resolve/{revision}/{}",
            self.endpoint, place.repository, place.file
        )
    }

    /// Follows redirects until a success or until `enough` says so; HEAD without `get`. The token goes to the hub's own host
    /// alone, and a redirect from TLS to plain HTTP is refused.
    fn follow(
        &self,
        url: &str,
        place: Place<'_>,
        get: Option<Option<&str>>,
        enough: &mut dyn FnMut(&HeaderMap, bool) -> bool,
    ) -> Result<Response<ureq::Body>, Error> {
        let mut at = url.to_owned();
        for _ in 0..REDIRECTS {
            let response = self.ask(&at, get)?;
            let status = response.status();
            let elsewhere = !same_host(&at, &self.endpoint);
            if status.is_success() || status.is_redirection() {
                if enough(response.headers(), elsewhere) || status.is_success() {
                    return Ok(response);
                }
            } else {
                return Err(self.failure(&response, &at, place));
            }
            let next = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = next.and_then(|next| join(&at, next)).ok_or_else(|| Error::Protocol {
                url: bare(&at),
                why: format!("HTTP {} without a usable Location", status.as_u16()),
            })?;
            if at.starts_with("https:") && !next.starts_with("https:") {
                return Err(Error::Protocol {
                    url: bare(&at),
                    why: "a redirect from https to plain http".to_owned(),
                });
            }
            at = next;
        }
        Err(Error::Protocol {
            url: url.to_owned(),
            why: format!("more than {REDIRECTS} redirects"),
        })
    }

    fn ask(&self, url: &str, get: Option<Option<&str>>) -> Result<Response<ureq::Body>, Error> {
        let mut request = match get {
            None => self.agent.head(url),
            Some(_) => self.agent.get(url),
        };
        // Sizes and places are those of the file, so it must not be packed on the way.
        request = request.header(ACCEPT_ENCODING, "identity");
        request = request.header(USER_AGENT, concat!("dragoman/", env!("CARGO_PKG_VERSION")));
        if let Some(Some(range)) = get {
            request = request.header(RANGE, range);
        }
        if let Some(token) = &self.token
            && same_host(url, &self.endpoint)
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.0))
        {
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.call().map_err(|error| Error::Unreachable {
            endpoint: host(url).unwrap_or(&self.endpoint).to_owned(),
            why: error.to_string(),
        })
    }

    /// The hub answers 401 for a repository that does not exist, so that nobody learns of private ones; its own code says more.
    fn failure(&self, response: &Response<ureq::Body>, url: &str, place: Place<'_>) -> Error {
        let status = response.status().as_u16();
        let code = header(response.headers(), "x-error-code").unwrap_or_default();
        let endpoint = self.endpoint.clone();
        let Place {
            repository,
            revision,
            file,
        } = place;
        match status {
            // Of the host that has the large files: its signature has run out, for instance.
            _ if !same_host(url, &self.endpoint) => Error::Status { url: bare(url), status },
            404 | 410 if code == "RevisionNotFound" => Error::NotFound {
                what: format!("{repository} at {revision}"),
                endpoint,
                why: String::new(),
            },
            404 | 410 if code == "RepoNotFound" => Error::NotFound {
                what: repository.to_owned(),
                endpoint,
                why: opus_hint(repository).to_owned(),
            },
            404 | 410 => Error::NotFound {
                what: format!("{repository}/{file} at {revision}"),
                endpoint,
                why: String::new(),
            },
            401 | 403 => {
                let page = format!("{}/{repository}", self.endpoint);
                let hint = opus_hint(repository);
                let todo = match (code, &self.token) {
                    ("RepoNotFound", None) => {
                        format!("no such repository, or a private one, which needs HF_TOKEN or HF_TOKEN_FILE{hint}")
                    }
                    ("RepoNotFound", Some(_)) => format!("no such repository, or HF_TOKEN may not see it{hint}"),
                    (_, None) => format!("accept its terms at {page} and set HF_TOKEN or HF_TOKEN_FILE"),
                    (_, Some(_)) => format!("HF_TOKEN may not read it: accept its terms at {page}, or check the token"),
                };
                Error::Refused {
                    endpoint,
                    repository: repository.to_owned(),
                    status,
                    todo,
                }
            }
            _ => Error::Status { url: bare(url), status },
        }
    }
}

/// Collects what is known of a file from the answers on the way to it.
#[derive(Default)]
struct Seen {
    commit: Option<String>,
    etag: Option<String>,
    size: Option<u64>,
}

impl Seen {
    fn take(&mut self, headers: &HeaderMap, elsewhere: bool) {
        let commit = header(headers, "x-repo-commit").filter(|commit| is_commit(commit));
        self.commit = self.commit.take().or(commit.map(str::to_owned));
        // Of a large file the hub's own answer is a redirect, and has the file's ETag and size under these names.
        let linked = header(headers, "x-linked-etag").and_then(etag);
        let own = || {
            (!elsewhere)
                .then(|| headers.get(ETAG)?.to_str().ok().and_then(etag))
                .flatten()
        };
        self.etag = linked.or_else(own).or(self.etag.take());
        let size = header(headers, "x-linked-size").and_then(|size| size.parse().ok());
        self.size = size.or(self.size);
    }

    fn take_length(&mut self, response: &Response<ureq::Body>) {
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        self.size = self.size.or(length);
    }

    fn complete(&self) -> bool {
        self.commit.is_some() && self.etag.is_some() && self.size.is_some()
    }
}

fn opus_hint(repository: &str) -> &'static str {
    if repository.starts_with("Helsinki-NLP/") {
        "; there is no OPUS-MT model for every pair: opus-mt-tc-big-<from>-<to> may exist, and madlad-400-3b translates all"
    } else {
        ""
    }
}

/// An ETag as the name of a file; `None` if it cannot be one.
fn etag(text: &str) -> Option<String> {
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let ok = (8..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    ok.then(|| text.to_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn content_range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.parse().ok()
}

fn trust() -> Result<TlsConfig, Error> {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = found
        .certs
        .iter()
        .map(|cert| Certificate::from_der(cert).to_owned())
        .collect();
    if roots.is_empty() {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(Error::Certificates(why.join(", ")));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_a_server_cannot_leave_the_cache() {
        let sha256 = "0".repeat(64);
        assert_eq!(etag(&format!("W/\"{sha256}\"")), Some(sha256));
        for bad in [
            "\"../../../etc/passwd\"",
            "\"..\"",
            "\"\"",
            "\"a/b-a/b-a/b\"",
            "\"a.lock.part\"",
        ] {
            assert_eq!(etag(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let client = Client::new(
            "http://127.0.0.1:1",
            Some(Token::new("hf_secret")),
            Duration::from_secs(1),
        )
        .unwrap();
        assert!(!format!("{client:?}").contains("hf_secret"));
    }
}
