//! Where weights come from: the manifest, the lock, one cache in the hub's layout; fetched, verified, listed.
//!
//! Three things are kept apart. The [`manifest`] in the source says which files a model has, in which repository, under which
//! licence. The [`lock`] says which commit and which sha256 each of them has: what ships in the source, and, for what is not in
//! there, what the first fetch saw (trust on first use). The [`Store`] finds files in the cache and never asks the network:
//! what is not there, or not what the lock says, is [`Missing`], with the command that gets it.
//!
//! Hashing gigabytes at each start would cost seconds. So a file is hashed when it is fetched and by [`Store::verify`], and its
//! size and time of change are noted beside the hash; at a start these two are compared. Whoever can write to the cache can
//! forge a time; the lock protects from a bad download and from a cache that was changed by accident, not from the machine's owner.

mod cache;
mod client;
mod directory;
mod disk;
mod error;
mod fetch;
mod hash;
mod inspect;
pub mod lock;
pub mod manifest;
pub mod meter;
mod progress;
mod resolve;
mod stamps;
mod url;
mod voices;

use std::path::{Path, PathBuf};

pub use self::cache::default_home;
pub use self::client::Token;
pub use self::disk::free_bytes;
pub use self::error::{Against, Error};
pub use self::fetch::{Fetched, Options};
pub use self::inspect::{FileState, Inspected, State};
pub use self::progress::{Event, Progress, Silent};
pub use self::resolve::Missing;

use self::lock::Lock;

/// The endpoint of the public hub.
pub const HUB: &str = "https://huggingface.co";

/// The models of one cache.
#[derive(Clone, Debug)]
pub struct Store {
    cache: PathBuf,
    shipped: Lock,
}

impl Store {
    /// Over the cache directory `cache`, the `hub` directory of a hub home (`HF_HOME/hub`); it need not exist.
    pub fn open(cache: &Path) -> Self {
        Self::with_lock(cache, Lock::shipped())
    }

    /// The same with another lock than the one that ships in the source.
    pub fn with_lock(cache: &Path, shipped: Lock) -> Self {
        Self {
            cache: cache.to_owned(),
            shipped,
        }
    }

    /// The cache directory.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where the lock of what was fetched into this cache is.
    pub fn lock_path(&self) -> PathBuf {
        self.cache.join("dragoman.lock.json")
    }

    /// What is locked: the shipped lock, and below it that of the cache.
    pub fn lock(&self) -> Result<Lock, Error> {
        let mut lock = Lock::read(&self.lock_path())?;
        lock.lay_over(&self.shipped);
        Ok(lock)
    }

    fn stamps_path(&self) -> PathBuf {
        self.cache.join("dragoman.verified.json")
    }
}
