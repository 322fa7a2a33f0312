//! Gets what is missing: plans with the hub, checks the room, downloads one file after the other.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::cache::Folder;
use super::client::{Client, Remote};
use super::error::Against;
use super::inspect::{State, locked};
use super::lock::Locked;
use super::manifest::{Model, Part};
use super::stamps::Stamps;
use super::{Error, Event, Progress, Store, Token, hash};

mod download;
mod plan;

/// What stays free beside the downloads.
const MARGIN: u64 = 64_000_000;

/// From where, and how patiently.
#[derive(Clone, Debug)]
pub struct Options {
    /// The hub's address, [`super::HUB`] as a rule.
    pub endpoint: String,
    /// For repositories that ask for one. It goes to the hub's own host alone.
    pub token: Option<Token>,
    /// How often in a row a download may break off without anything having arrived before it is given up.
    pub retries: u32,
    /// How long to wait before the first of these; doubled each time.
    pub pause: Duration,
    /// How long the hub may be silent.
    pub silence: Duration,
    /// Asks how much room there is: [`super::free_bytes`].
    pub free: fn(&Path) -> io::Result<u64>,
}

impl Options {
    /// For a hub.
    pub fn new(endpoint: &str, token: Option<Token>) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            token,
            retries: 5,
            pause: Duration::from_secs(1),
            silence: Duration::from_secs(30),
            free: super::free_bytes,
        }
    }
}

/// What a fetch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Bytes that came over the network.
    pub bytes: u64,
    /// Files that were downloaded.
    pub downloaded: Vec<String>,
    /// Files that had been there and have now been hashed.
    pub verified: Vec<String>,
    /// Optional files that the hub does not have.
    pub absent: Vec<String>,
}

/// A file that has to be asked for.
struct Wanted<'a> {
    model: usize,
    repository: &'a str,
    part: &'a Part,
    locked: Option<(&'a str, Locked)>,
}

/// A file that is to be got.
struct Item<'a> {
    repository: &'a str,
    name: String,
    full: String,
    /// The branch, if it was taken from the head of one.
    branch: Option<&'a str>,
    locked: Option<Locked>,
    remote: Remote,
}

impl Store {
    /// Gets everything that these models lack. What is there and verified costs nothing, and if that is all, the hub is not asked.
    /// What was broken off goes on from there, in this process or any later one. A file has its final name only after its hash
    /// was right.
    pub fn fetch(&self, models: &[Model], options: &Options, progress: &mut dyn Progress) -> Result<Fetched, Error> {
        let mut fetched = Fetched::default();
        let wanted = self.wanted(models, &mut fetched, progress)?;
        if wanted.is_empty() {
            return Ok(fetched);
        }
        let client = Client::new(&options.endpoint, options.token.clone(), options.silence)?;
        let items = self.plan(&client, &wanted, &mut fetched, progress)?;
        let needed: u64 = items.iter().map(|item| self.remaining(item)).sum();
        progress.event(Event::Planned {
            files: items.len(),
            bytes: needed,
        });
        if needed > 0 {
            let free = (options.free)(&self.cache).map_err(Error::io(&self.cache))?;
            if free < needed + MARGIN {
                return Err(Error::NoSpace {
                    path: self.cache.clone(),
                    free,
                    needed: needed + MARGIN,
                });
            }
        }
        for item in &items {
            self.obtain(&client, item, options, &mut fetched, progress)?;
        }
        Ok(fetched)
    }

    /// What is not there, after what is there but not verified has been hashed.
    fn wanted<'a>(
        &self,
        models: &'a [Model],
        fetched: &mut Fetched,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Wanted<'a>>, Error> {
        let (lock, stamps) = (self.lock()?, Stamps::read(&self.stamps_path())?);
        let mut wanted = Vec::new();
        for (model, Model { repository, parts, .. }) in models.iter().enumerate() {
            for part in parts {
                let file = self.inspect_part(&models[model], part, &lock, &stamps);
                let locked = locked(&lock, repository, part).and_then(|(name, locked)| {
                    // The names borrow from the part, the rest is copied out of the lock.
                    let name = part.names.iter().find(|known| *known == name)?;
                    Some((name.as_str(), locked.clone()))
                });
                if file.state == State::Present {
                    continue;
                }
                if let (State::Unverified, Some(path), Some((_, locked))) = (file.state, &file.path, &locked) {
                    let sha256 = hash_of(path, &file.name, locked.size, progress)?;
                    if sha256 == locked.sha256 {
                        self.update(|_, stamps| stamps.note(&file.name, path, &sha256))?;
                        fetched.verified.push(file.name);
                        continue;
                    }
                }
                if let (State::Unverified | State::Corrupt, Some(path)) = (file.state, &file.path) {
                    progress.event(Event::Note {
                        file: &file.name,
                        what: "is not what the lock says; it is fetched again",
                    });
                    let blob = fs::canonicalize(path).map_err(Error::io(path))?;
                    fs::remove_file(&blob).map_err(Error::io(blob))?;
                }
                wanted.push(Wanted {
                    model,
                    repository,
                    part,
                    locked,
                });
            }
        }
        Ok(wanted)
    }

    fn remaining(&self, item: &Item<'_>) -> u64 {
        let folder = Folder::new(&self.cache, item.repository);
        let size = |path| fs::metadata(path).map_or(0, |metadata: fs::Metadata| metadata.len());
        let have = size(folder.blob(&item.remote.etag)).max(size(folder.part(&item.remote.etag)));
        item.remote.size.saturating_sub(have)
    }

    fn obtain(
        &self,
        client: &Client,
        item: &Item<'_>,
        options: &Options,
        fetched: &mut Fetched,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let folder = Folder::new(&self.cache, item.repository);
        let etag = &item.remote.etag;
        let _held = folder.hold(etag, &item.full, progress)?;
        let (blob, part) = (folder.blob(etag), folder.part(etag));
        // Of another program, or of another process while this one waited.
        if blob.exists() {
            let sha256 = hash_of(&blob, &item.full, item.remote.size, progress)?;
            if self.check(item, &sha256).is_ok() {
                fetched.verified.push(item.full.clone());
                return self.settle(&folder, item, &sha256, progress);
            }
            let what = "is damaged; it is fetched again";
            progress.event(Event::Note { file: &item.full, what });
            fs::remove_file(&blob).map_err(Error::io(&blob))?;
        }
        let mut resumed = fs::metadata(&part).is_ok_and(|metadata| metadata.len() > 0);
        let sha256 = loop {
            fetched.bytes += download::run(client, item, &part, options, progress)?;
            let sha256 = hash_of(&part, &item.full, item.remote.size, progress)?;
            let Err(error) = self.check(item, &sha256) else {
                break sha256;
            };
            fs::remove_file(&part).map_err(Error::io(&part))?;
            if !resumed {
                return Err(error);
            }
            // The beginning may have been of something else.
            resumed = false;
            let what = "does not fit its beginning; it is fetched again from the start";
            progress.event(Event::Note { file: &item.full, what });
        };
        fs::rename(&part, &blob).map_err(Error::io(&blob))?;
        fetched.downloaded.push(item.full.clone());
        self.settle(&folder, item, &sha256, progress)
    }

    /// Whether this is the sha256 that the lock, or else the hub, says.
    fn check(&self, item: &Item<'_>, sha256: &str) -> Result<(), Error> {
        let locked = item.locked.as_ref().map(|locked| locked.sha256.as_str());
        match locked.or(item.remote.sha256()) {
            Some(expected) if expected != sha256 => Err(self.mismatch(item, "sha256", sha256, expected)),
            _ => Ok(()),
        }
    }

    fn mismatch(&self, item: &Item<'_>, what: &'static str, found: &str, expected: &str) -> Error {
        let against = match &item.locked {
            Some(_) => Against::Lock(self.lock_path()),
            None if what == "commit" => Against::Manifest,
            None => Against::Hub,
        };
        Error::Mismatch {
            file: item.full.clone(),
            what,
            found: found.to_owned(),
            expected: expected.to_owned(),
            against,
        }
    }

    /// Makes a blob whose hash is right the file of its commit, locks it if it was not, and notes that it was verified.
    fn settle(&self, folder: &Folder, item: &Item<'_>, sha256: &str, progress: &mut dyn Progress) -> Result<(), Error> {
        let Remote { commit, etag, size } = &item.remote;
        folder.link(commit, &item.name, etag)?;
        if let Some(branch) = item.branch {
            folder.set_reference(branch, commit)?;
        }
        let path = folder.file(commit, &item.name);
        let mut first_use = false;
        self.update(|lock, stamps| {
            if item.locked.is_none() {
                // Two first fetches at once must have seen the same.
                if let Some(other) = lock.get(item.repository, &item.name)
                    && other.sha256 != sha256
                {
                    return Err(self.mismatch(item, "sha256", sha256, &other.sha256));
                }
                first_use = true;
                let locked = Locked {
                    commit: commit.clone(),
                    sha256: sha256.to_owned(),
                    size: *size,
                };
                lock.insert(item.repository, &item.name, locked);
            }
            stamps.note(&item.full, &path, sha256)
        })?;
        progress.event(Event::Done {
            file: &item.full,
            first_use,
        });
        Ok(())
    }
}

fn hash_of(path: &Path, name: &str, size: u64, progress: &mut dyn Progress) -> Result<String, Error> {
    progress.event(Event::Checking { file: name, size });
    hash::sha256(path, &mut |bytes| progress.event(Event::Advanced { bytes }))
}
