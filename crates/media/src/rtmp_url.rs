//! Where a programme is published: an RTMP address whose path is a secret.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How bytes reach the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RTMP over TCP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
}

impl Scheme {
    /// As URLs write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
        }
    }

    /// The port of a URL that names none.
    #[must_use]
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Rtmp => 1935,
            Self::Rtmps => 443,
        }
    }

    /// The scheme of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Rtmp, Self::Rtmps]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.name()))
    }
}

/// `rtmp(s)://host[:port]/app…/key[?query]`, split as every RTMP client splits it.
///
/// Whoever has the key may publish in its owner's name, and where the key begins is known to the destination alone. So
/// `Debug` and `Display` show scheme, host and port; serialising shows everything, for a worker's spec and socket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RtmpUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    app: String,
    key: String,
}

/// Why a text is no such URL; never shows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadUrl {
    /// It begins otherwise.
    #[error("it does not start with rtmp:// or rtmps://")]
    Scheme,
    /// It holds what a URL must have percent-encoded.
    #[error("it has spaces, control characters or letters beyond ASCII")]
    Characters,
    /// `user@` or `user:password@`.
    #[error("it has a user before its host: name and secret belong into the stream key or its query")]
    User,
    /// No DNS name and no address.
    #[error("its host is neither a name nor an address (an IPv6 address has brackets)")]
    Host,
    /// Not from 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// Fewer than two segments.
    #[error("its path is not an application and a stream key: /app/key")]
    Path,
    /// `#`.
    #[error("it has a fragment: a # in a stream key is written %23")]
    Fragment,
}

impl RtmpUrl {
    /// Reads a URL. What is in its path goes out as it is written.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
        let scheme = Scheme::of(scheme).ok_or(BadUrl::Scheme)?;
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadUrl::Characters);
        }
        if rest.contains('#') {
            return Err(BadUrl::Fragment);
        }
        let (authority, path) = rest.split_once('/').ok_or(BadUrl::Path)?;
        if authority.contains('@') {
            return Err(BadUrl::User);
        }
        let (host, port) = split_port(authority)?;
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        let (app, key) = path.trim_matches('/').rsplit_once('/').ok_or(BadUrl::Path)?;
        let app = app.trim_end_matches('/');
        if app.is_empty() {
            return Err(BadUrl::Path);
        }
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or(scheme.usual_port()),
            app: app.to_owned(),
            key: query.map_or_else(|| key.to_owned(), |query| format!("{key}?{query}")),
        })
    }

    /// How to connect.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name in lower case, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host, where it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The port, also where the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The application: everything but the last segment. For the connection alone: some services put secrets there.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The stream key with its query. For the connection alone.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// `rtmp://host:port/app`, as a client tells its server. For the connection alone.
    #[must_use]
    pub fn tc_url(&self) -> String {
        format!("{}/{}", self.origin(), self.app)
    }

    /// Scheme, host and port: what may be shown.
    #[must_use]
    pub fn origin(&self) -> String {
        let (scheme, host, port) = (self.scheme.name(), &self.host, self.port);
        match host.contains(':') {
            true => format!("{scheme}://[{host}]:{port}"),
            false => format!("{scheme}://{host}:{port}"),
        }
    }
}

/// Host in lower case, and port.
fn split_port(authority: &str) -> Result<(String, Option<u16>), BadUrl> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(BadUrl::Host)?;
            let address: std::net::Ipv6Addr = host.parse().map_err(|_| BadUrl::Host)?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or(BadUrl::Host)?),
            };
            (address.to_string(), port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (authority.to_ascii_lowercase(), None),
        },
    };
    let is_name = |host: &str| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=253).contains(&host.len()) && host.bytes().all(letters)
    };
    if !host.contains(':') && !is_name(&host) {
        return Err(BadUrl::Host);
    }
    let read = |port: &str| port.parse().ok().filter(|port| *port != 0).ok_or(BadUrl::Port);
    Ok((host, port.map(read).transpose()?))
}

impl fmt::Display for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin())
    }
}

impl fmt::Debug for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtmpUrl({self})")
    }
}

impl TryFrom<String> for RtmpUrl {
    type Error = BadUrl;

    fn try_from(text: String) -> Result<Self, BadUrl> {
        Self::parse(&text)
    }
}

impl From<RtmpUrl> for String {
    fn from(url: RtmpUrl) -> String {
        format!("{}/{}/{}", url.origin(), url.app, url.key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_split_as_rtmp_clients_do() {
        let url = RtmpUrl::parse("rtmp://h/live/s1/out/fr?user=w&pass=x/y").unwrap();
        assert_eq!((url.host(), url.port(), url.app()), ("h", 1935, "live/s1/out"));
        assert_eq!(url.key(), "fr?user=w&pass=x/y");
        assert_eq!(url.tc_url(), "rtmp://h:1935/live/s1/out");
        let url = RtmpUrl::parse("RTMPS://Live.Example.:8443//app/key").unwrap();
        assert_eq!(
            (url.scheme(), url.host(), url.port()),
            (Scheme::Rtmps, "live.example.", 8443)
        );
        assert_eq!(RtmpUrl::parse("rtmps://h/a/b").unwrap().port(), 443);
        let url = RtmpUrl::parse("rtmp://[0:0::1]:9/a/b").unwrap();
        assert_eq!((url.host(), url.origin().as_str()), ("::1", "rtmp://[::1]:9"));
    }

    #[test]
    fn what_is_no_url_says_why() {
        for (text, why) in [
            ("http://h/a/b", BadUrl::Scheme),
            ("rtmp:/h/a/b", BadUrl::Scheme),
            ("rtmp://h/a b/c", BadUrl::Characters),
            ("rtmp://h/a/b\r\n", BadUrl::Characters),
            ("rtmp://hé/a/b", BadUrl::Characters),
            ("rtmp://u:p@h/a/b", BadUrl::User),
            ("rtmp:///a/b", BadUrl::Host),
            ("rtmp://h%00/a/b", BadUrl::Host),
            ("rtmp://h\\i/a/b", BadUrl::Host),
            ("rtmp://[::1/a/b", BadUrl::Host),
            ("rtmp://[::1%25lo]/a/b", BadUrl::Host),
            ("rtmp://::1/a/b", BadUrl::Host),
            ("rtmp://h:0/a/b", BadUrl::Port),
            ("rtmp://h:/a/b", BadUrl::Port),
            ("rtmp://h:70000/a/b", BadUrl::Port),
            ("rtmp://h", BadUrl::Path),
            ("rtmp://h/only", BadUrl::Path),
            ("rtmp://h/a/b#c", BadUrl::Fragment),
        ] {
            let found = RtmpUrl::parse(text);
            // A colon in a host without brackets can be read in two ways.
            let also = text.starts_with("rtmp://::1") && found == Err(BadUrl::Port);
            assert!(found == Err(why) || also, "{text}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_back(
            host in "[a-z]{1,9}(\\.[a-z]{2,3})?", port in 1u16.., app in "[a-z0-9]{1,6}(/[a-z0-9]{1,6}){0,2}",
            key in "[!-~&&[^#/?]]{1,20}(\\?[!-~&&[^#]]{0,20})?", scheme in "rtmps?",
        ) {
            let text = format!("{scheme}://{host}:{port}/{app}/{key}");
            let url = RtmpUrl::parse(&text).unwrap();
            prop_assert_eq!(&String::from(url.clone()), &text);
            prop_assert_eq!(url.key(), key);
            let read: RtmpUrl = serde_json::from_str(&serde_json::to_string(&url).unwrap()).unwrap();
            prop_assert_eq!(read, url);
        }

        #[test]
        fn the_path_is_never_shown(app in "[A-Z0-9]{8,12}", key in "[A-Z0-9]{8,12}", more in "[A-Z0-9?&=/]{0,8}") {
            let url = RtmpUrl::parse(&format!("rtmps://host.example/{app}/{key}{more}")).unwrap();
            let shown = format!("{url} {url:?} {url:#?}");
            prop_assert!(!shown.contains(&app) && !shown.contains(&key));
        }

        #[test]
        fn no_text_panics_or_is_shown(text in "(rtmps?://)?[ -~é]{0,40}") {
            if let Err(bad) = RtmpUrl::parse(&text) {
                prop_assert!(bad.to_string().len() < 120);
            }
        }
    }
}
