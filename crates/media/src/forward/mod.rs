//! Forwards: third parties to which a stream's programme also goes.
//!
//! Whoever may use the API names hosts to which this machine then connects. So that nobody reaches through it what only
//! this machine can reach, each destination is judged ([`Allow`]), and by the address that is connected to ([`reach`]),
//! not by its name.

mod address;
mod allow;
pub mod reach;

use std::collections::HashSet;

use dragoman_service::config::parse;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use self::allow::{Allow, EXPECTED, Refusal};
use crate::rtmp_url::{BadUrl, RtmpUrl};

/// How many a stream may have.
pub const MAX_FORWARDS: usize = 8;
/// A longer URL is none that a streaming service gives out.
pub const MAX_URL: usize = 1024;
/// A longer name is no name.
pub const MAX_NAME: usize = 64;

/// One third party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Unlike those of the stream's other forwards.
    pub name: String,
    /// Where it is published.
    pub url: RtmpUrl,
    /// Which programme goes there, by its language; `None` is the stream's first.
    pub target: Option<String>,
}

/// The forwards of a stream, with what the operator allows: what a worker has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwards {
    /// Judged at each connect.
    pub allow: Allow,
    /// At most [`MAX_FORWARDS`].
    pub list: Vec<Forward>,
}

impl Forwards {
    /// Names this list without showing it; equal ones have equal hashes, and none has an empty one.
    #[must_use]
    pub fn hash(&self) -> String {
        if self.list.is_empty() {
            return String::new();
        }
        let json = serde_json::to_vec(self).unwrap_or_default();
        let digest = Sha256::digest(json);
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

/// A forward as a client asks for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `rtmp(s)://host[:port]/app/key`.
    url: String,
    /// BCP-47.
    target: Option<String>,
    /// The URL's host where there is none.
    name: Option<String>,
}

/// What is wrong with a list; never shows a URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// More than [`MAX_FORWARDS`].
    #[error("{0} forwards, expected at most {MAX_FORWARDS}")]
    TooMany(usize),
    /// One of them; counted from 1.
    #[error("forward {0}: {1}")]
    At(usize, FaultAt),
}

/// What is wrong with one forward.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultAt {
    /// More than [`MAX_URL`].
    #[error("its URL has more than {MAX_URL} bytes")]
    Long,
    /// Cannot be published to.
    #[error("not a URL that can be published to: {0}")]
    Url(#[from] BadUrl),
    /// Must not be published to.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// No language.
    #[error("its target is no BCP-47 tag such as es")]
    Target,
    /// Empty, long, or with characters that do not belong into a line.
    #[error("its name must have 1 to {MAX_NAME} bytes and no control characters")]
    Name,
    /// Two publishers of one key throw each other out.
    #[error("its URL is that of forward {0}")]
    SameUrl(usize),
    /// Nobody could tell them apart.
    #[error("its name is that of forward {0}")]
    SameName(usize),
}

impl Fault {
    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany(_) => "too_many_forwards",
            Self::At(_, FaultAt::Long | FaultAt::Url(_)) => "bad_forward_url",
            Self::At(_, FaultAt::Refused(_)) => "forward_refused",
            Self::At(_, FaultAt::Target) => "bad_target",
            Self::At(_, FaultAt::Name) => "bad_name",
            Self::At(_, FaultAt::SameUrl(_) | FaultAt::SameName(_)) => "duplicate_forward",
        }
    }
}

/// Judges a list as far as that can be done without asking the network.
pub fn judge(wanted: Vec<Wanted>, allow: &Allow) -> Result<Vec<Forward>, Fault> {
    if wanted.len() > MAX_FORWARDS {
        return Err(Fault::TooMany(wanted.len()));
    }
    let mut list: Vec<Forward> = Vec::with_capacity(wanted.len());
    let mut given: HashSet<String> = wanted.iter().filter_map(|one| one.name.clone()).collect();
    for (index, one) in wanted.into_iter().enumerate() {
        let forward = one
            .judge(allow, &mut given)
            .and_then(|forward| match list.iter().position(|other| other.url == forward.url) {
                Some(other) => Err(FaultAt::SameUrl(other + 1)),
                None => Ok(forward),
            })
            .and_then(
                |forward| match list.iter().position(|other| other.name == forward.name) {
                    Some(other) => Err(FaultAt::SameName(other + 1)),
                    None => Ok(forward),
                },
            )
            .map_err(|fault| Fault::At(index + 1, fault))?;
        list.push(forward);
    }
    Ok(list)
}

impl Wanted {
    /// `taken` are the names that a name made up here must not be.
    fn judge(self, allow: &Allow, taken: &mut HashSet<String>) -> Result<Forward, FaultAt> {
        if self.url.len() > MAX_URL {
            return Err(FaultAt::Long);
        }
        let url = RtmpUrl::parse(&self.url)?;
        allow.judge_url(&url)?;
        let target = match self.target {
            None => None,
            Some(tag) => Some(parse::language(&tag).ok_or(FaultAt::Target)?),
        };
        let is_name = |name: &str| (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
        let name = match self.name {
            Some(name) if is_name(&name) => name,
            Some(_) => return Err(FaultAt::Name),
            None => name_for(url.host(), taken),
        };
        Ok(Forward { name, url, target })
    }
}

/// The host, numbered where that is taken.
fn name_for(host: &str, taken: &mut HashSet<String>) -> String {
    let host = &host[..host.len().min(MAX_NAME - 3)];
    let numbered = (2..).map(|number| format!("{host} {number}"));
    let mut names = std::iter::once(host.to_owned()).chain(numbered);
    // Among so few there is always one left.
    let name = names.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests;
