//! Where forwards may go: `FORWARD_ALLOW`, and the judge that reads it.
//!
//! A name is never trusted for what it resolves to. An entry with a name or `*` lets its hosts through where they
//! resolve to a public address; any other address is reached only where an entry lists it, or a network around it.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::address;
use crate::rtmp_url::{RtmpUrl, Scheme};

/// What [`Allow::parse`] takes, as an error message says it.
pub const EXPECTED: &str = "none, or entries such as *, live.example, rtmps://*.example:443, 10.0.0.0/8:1935 or \
    [fd00::/8]:*, separated by commas, at most 64";
/// Workers are told of them in one line.
const MAX_ENTRIES: usize = 64;

/// The word for no entry at all.
const NONE: &str = "none";

/// Where forwards may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Allow(Vec<Entry>);

/// `[scheme://]place[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// `None`: either.
    scheme: Option<Scheme>,
    place: Place,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// `*`: whatever is public.
    Public,
    /// A name, where it is public.
    Name(String),
    /// `*.name`: all names below it, where they are public.
    Below(String),
    /// Addresses, public or not, by whatever name they are reached.
    Network(IpNet),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// 1935 by RTMP, 443 by RTMPS.
    Usual,
    /// `*`.
    Any,
    This(u16),
}

/// Why a forward is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The list is empty.
    #[error("forwards are off: FORWARD_ALLOW is none")]
    Off,
    /// No entry is about such a destination.
    #[error("FORWARD_ALLOW has no entry for {0}")]
    NotListed(String),
    /// The host is let through as far as it is public, and it is not.
    #[error("{host} has the {kind} address {address}, which FORWARD_ALLOW does not list")]
    NotPublic {
        /// As the URL names it.
        host: String,
        /// What it resolved to.
        address: IpAddr,
        /// What it is for: `private`, `loopback`, `link-local`, …
        kind: &'static str,
    },
}

impl Default for Allow {
    /// Nothing.
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Allow {
    /// Reads the list; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == NONE {
            return Some(Self::default());
        }
        let entries = text.split(',').map(str::trim).map(Entry::parse);
        let entries: Vec<_> = entries.collect::<Option<_>>()?;
        (entries.len() <= MAX_ENTRIES).then_some(Self(entries))
    }

    /// Whether there is any address at which `url` would be allowed; where its host is an address, that one is judged.
    pub fn judge_url(&self, url: &RtmpUrl) -> Result<(), Refusal> {
        if let Some(address) = url.address() {
            return self.judge(url, address);
        }
        let mut entries = self.about(url)?;
        let is_listed = entries.any(|entry| matches!(entry.place, Place::Network(_)) || entry.place.names(url.host()));
        is_listed.then_some(()).ok_or_else(|| Refusal::NotListed(url.origin()))
    }

    /// Whether `url` may be reached at `address`, which is what its host resolved to.
    pub fn judge(&self, url: &RtmpUrl, address: IpAddr) -> Result<(), Refusal> {
        let canonical = address.to_canonical();
        let is_listed = |entry: &Entry| match &entry.place {
            Place::Network(network) => network.contains(&canonical) || network.contains(&address),
            _ => false,
        };
        if self.about(url)?.any(is_listed) {
            return Ok(());
        }
        if !self.about(url)?.any(|entry| entry.place.names(url.host())) {
            return Err(Refusal::NotListed(url.origin()));
        }
        match address::kind(address) {
            None => Ok(()),
            Some(kind) => Err(Refusal::NotPublic {
                host: url.host().to_owned(),
                address,
                kind,
            }),
        }
    }

    /// The entries for the URL's scheme and port.
    fn about(&self, url: &RtmpUrl) -> Result<impl Iterator<Item = &Entry>, Refusal> {
        if self.0.is_empty() {
            return Err(Refusal::Off);
        }
        Ok(self.0.iter().filter(move |entry| entry.is_about(url)))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(Scheme::of(scheme)?), rest),
            None => (None, text),
        };
        // Without brackets every colon belongs to the address.
        let (place, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (network, port) = rest.split_once(']')?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':')?),
                };
                (Place::Network(network_of(network)?), port)
            }
            None => match network_of(rest) {
                Some(network) => (Place::Network(network), None),
                None => {
                    let (place, port) = rest.rsplit_once(':').map_or((rest, None), |(p, port)| (p, Some(port)));
                    (Place::parse(place)?, port)
                }
            },
        };
        let port = match port {
            None => Port::Usual,
            Some("*") => Port::Any,
            Some(port) => Port::This(port.parse().ok().filter(|port| *port != 0)?),
        };
        Some(Self { scheme, place, port })
    }

    fn is_about(&self, url: &RtmpUrl) -> bool {
        let port = match self.port {
            Port::Usual => url.scheme().usual_port() == url.port(),
            Port::Any => true,
            Port::This(port) => port == url.port(),
        };
        port && self.scheme.is_none_or(|scheme| scheme == url.scheme())
    }
}

/// An address, or a network whose address has no bits beyond its prefix: `10.1.2.3/8` is more likely a mistake.
fn network_of(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address));
    }
    text.parse().ok().filter(|network: &IpNet| network.trunc() == *network)
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Public);
        }
        // One of IPv6 has brackets where a port follows.
        if let Some(network @ IpNet::V4(_)) = network_of(text) {
            return Some(Self::Network(network));
        }
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let name = bare(name).to_ascii_lowercase();
        let is_label = |label: &str| {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            (1..=63).contains(&label.len()) && label.bytes().all(letters)
        };
        // What looks like an address in part is a mistake: 10.0.0.0/8 without its last number, say.
        let is_name = name.split('.').all(is_label)
            && name.bytes().any(|byte| byte.is_ascii_alphabetic())
            && name != NONE
            && name.len() <= 253;
        is_name.then_some(if is_below { Self::Below(name) } else { Self::Name(name) })
    }

    /// Whether a host of this name is meant; networks mean none.
    fn names(&self, host: &str) -> bool {
        let host = bare(host);
        match self {
            Self::Public => true,
            Self::Name(name) => host == name,
            Self::Below(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Self::Network(_) => false,
        }
    }
}

/// A name without the dot that may end it.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
        for (index, entry) in self.0.iter().enumerate() {
            write!(f, "{}{entry}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.name())?;
        }
        match &self.place {
            Place::Public => f.write_str("*")?,
            Place::Name(name) => f.write_str(name)?,
            Place::Below(name) => write!(f, "*.{name}")?,
            Place::Network(IpNet::V6(network)) => write!(f, "[{network}]")?,
            Place::Network(network) => write!(f, "{network}")?,
        }
        match self.port {
            Port::Usual => Ok(()),
            Port::Any => f.write_str(":*"),
            Port::This(port) => write!(f, ":{port}"),
        }
    }
}

impl TryFrom<String> for Allow {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or(EXPECTED)
    }
}

impl From<Allow> for String {
    fn from(allow: Allow) -> String {
        allow.to_string()
    }
}

#[cfg(test)]
mod tests;
