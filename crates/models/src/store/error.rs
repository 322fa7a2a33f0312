//! What can go wrong with the store; every message says what to do.

use std::io;
use std::path::PathBuf;

use super::meter::bytes;

/// Who says what a file has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// The lock; this is the one that an entry can be taken out of.
    Lock(PathBuf),
    /// The manifest, which names a commit.
    Manifest,
    /// The hub itself.
    Hub,
}

impl Against {
    fn name(&self) -> &'static str {
        match self {
            Self::Lock(_) => "the lock",
            Self::Manifest => "the manifest",
            Self::Hub => "the hub",
        }
    }

    fn todo(&self) -> String {
        match self {
            Self::Lock(path) => format!(
                "the hub has another file now, or something on the way changes it; to accept it, take its entry out of {}",
                path.display()
            ),
            Self::Manifest => "HF_ENDPOINT does not serve that commit".to_owned(),
            Self::Hub => "run the same command again; if it stays so, something on the way changes files".to_owned(),
        }
    }
}

/// Each variant has a stable [`Error::code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that is no model's.
    #[error("no model {name}; there are {known}")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// What exists.
        known: String,
    },
    /// A language or a pair of languages that no model serves.
    #[error("{pair}: {why}")]
    Pair {
        /// As it was asked for.
        pair: String,
        /// What is missing and what exists.
        why: String,
    },
    /// The hub does not answer.
    #[error(
        "{endpoint} does not answer: {why}; check the network and HF_ENDPOINT, then run the same command again: it goes on \
         from where it was"
    )]
    Unreachable {
        /// The hub's address.
        endpoint: String,
        /// What happened.
        why: String,
    },
    /// The hub refuses: no token, or one that may not.
    #[error("{endpoint} refuses {repository} (HTTP {status}): {todo}")]
    Refused {
        /// The hub's address.
        endpoint: String,
        /// Which repository.
        repository: String,
        /// 401 or 403.
        status: u16,
        /// What to do.
        todo: String,
    },
    /// A repository, a commit or a file that the hub does not have.
    #[error("{what} is not on {endpoint}{why}")]
    NotFound {
        /// Repository, file and revision.
        what: String,
        /// The hub's address.
        endpoint: String,
        /// More about it, with its own punctuation; empty as a rule.
        why: String,
    },
    /// The hub answers with a failure.
    #[error("{url}: HTTP {status}; wait a little and run the same command again: it goes on from where it was")]
    Status {
        /// What was asked for, without its query.
        url: String,
        /// What came back.
        status: u16,
    },
    /// The answer is not a hub's.
    #[error("{url}: {why}; is HF_ENDPOINT a model hub?")]
    Protocol {
        /// What was asked for, without its query.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// A download that broke off.
    #[error(
        "{file}: the connection broke after {} of {}: {why}; run the same command again: it goes on from there",
        bytes(*have),
        bytes(*size)
    )]
    Cut {
        /// Repository and file.
        file: String,
        /// What has arrived and is kept.
        have: u64,
        /// The whole.
        size: u64,
        /// What happened.
        why: String,
    },
    /// A file that is not the one of the lock.
    #[error("{file}: {what} is {found}, {} says {expected}: it is not used; {}", against.name(), against.todo())]
    Mismatch {
        /// Repository and file.
        file: String,
        /// sha256, size or commit.
        what: &'static str,
        /// Of the file.
        found: String,
        /// As it has to be.
        expected: String,
        /// Who says so.
        against: Against,
    },
    /// Not enough room.
    #[error(
        "{}: {} free, {} needed; make room or set HF_HOME to a larger disk, then run the same command again",
        path.display(),
        bytes(*free),
        bytes(*needed)
    )]
    NoSpace {
        /// The cache.
        path: PathBuf,
        /// What is free.
        free: u64,
        /// What is needed.
        needed: u64,
    },
    /// A lock or a list of verified files that cannot be read.
    #[error("{}: {why}; mend it, or move it away and run `dragoman-speech models fetch` again", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file of the cache cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system trusts no certificate, so that no hub can be spoken to over TLS.
    #[error(
        "no certificate authorities: {0}; install the system's package of them (ca-certificates) or set SSL_CERT_FILE"
    )]
    Certificates(String),
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "model_unknown",
            Self::Pair { .. } => "model_pair",
            Self::Unreachable { .. } => "hub_unreachable",
            Self::Refused { .. } => "hub_refused",
            Self::NotFound { .. } => "hub_not_found",
            Self::Status { .. } => "hub_status",
            Self::Protocol { .. } => "hub_protocol",
            Self::Cut { .. } => "hub_cut",
            Self::Mismatch { .. } => "model_mismatch",
            Self::NoSpace { .. } => "disk_full",
            Self::Malformed { .. } => "lock_malformed",
            Self::Io { .. } => "cache_io",
            Self::Certificates(_) => "hub_certificates",
        }
    }

    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
