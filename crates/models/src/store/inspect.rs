//! What state files are in: at a glance for [`Store::list`] and a start, by their hash for [`Store::verify`].

use std::fs;
use std::path::PathBuf;

use super::cache::{Folder, hold};
use super::lock::Lock;
use super::manifest::{self, Model, Part};
use super::stamps::Stamps;
use super::{Error, Event, Progress, Store, hash};

/// The state of a file or, the worst of its files, of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As locked.
    Present,
    /// As large as locked, but changed or copied since it was last hashed.
    Unverified,
    /// In the cache, but nothing says what it has to be.
    Unlocked,
    /// Not there.
    Missing,
    /// Not what the lock says.
    Corrupt,
}

impl State {
    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Unverified => "unverified",
            Self::Unlocked => "unlocked",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
        }
    }

    pub(super) fn as_reason(self) -> &'static str {
        match self {
            Self::Present => "is there",
            Self::Unverified => "has changed since it was verified",
            Self::Unlocked => "is in the cache but not in the lock",
            Self::Missing => "is not in the cache",
            Self::Corrupt => "is not what the lock says",
        }
    }
}

/// A file of a model.
#[derive(Clone, Debug)]
pub struct FileState {
    /// `repository/file`.
    pub name: String,
    /// Where it is, if it is.
    pub path: Option<PathBuf>,
    /// Its size, if it is there or locked.
    pub size: Option<u64>,
    /// Whether the model works without it.
    pub optional: bool,
    /// Its state.
    pub state: State,
}

/// A model and its files.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Which.
    pub model: Model,
    /// Its files.
    pub files: Vec<FileState>,
}

impl Inspected {
    /// The worst of its files; optional ones that are missing do not count.
    pub fn state(&self) -> State {
        let counted = self
            .files
            .iter()
            .filter(|file| !(file.optional && file.state == State::Missing));
        counted.map(|file| file.state).max().unwrap_or(State::Missing)
    }

    /// Whether anything of it is in the cache.
    pub fn is_there(&self) -> bool {
        self.files.iter().any(|file| file.path.is_some())
    }
}

impl Store {
    /// The manifest's models, and the OPUS-MT pairs that are in the cache or locked.
    pub fn known(&self) -> Result<Vec<Model>, Error> {
        let mut models = manifest::all();
        let lock = self.lock()?;
        let mut pairs: Vec<String> = lock
            .repositories()
            .filter_map(|name| Some(name.split_once('/')?.1.to_owned()))
            .collect();
        for entry in fs::read_dir(&self.cache).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            pairs.extend(name.strip_prefix("models--Helsinki-NLP--").map(str::to_owned));
        }
        pairs.retain(|name| name.starts_with("opus-mt-"));
        pairs.sort();
        pairs.dedup();
        models.extend(pairs.iter().filter_map(|pair| manifest::find(pair).ok()));
        Ok(models)
    }

    /// The state of these models, without reading their files.
    pub fn list(&self, models: &[Model]) -> Result<Vec<Inspected>, Error> {
        let (lock, stamps) = (self.lock()?, Stamps::read(&self.stamps_path())?);
        let list = models.iter().map(|model| Inspected {
            model: model.clone(),
            files: model
                .parts
                .iter()
                .map(|part| self.inspect_part(model, part, &lock, &stamps))
                .collect(),
        });
        Ok(list.collect())
    }

    /// The state of these models after every file that is there has been hashed; what was found is noted for the next start,
    /// where the cache can be written to.
    pub fn verify(&self, models: &[Model], progress: &mut dyn Progress) -> Result<Vec<Inspected>, Error> {
        let lock = self.lock()?;
        let mut list = self.list(models)?;
        let mut hashed = Vec::new();
        for file in list.iter_mut().flat_map(|inspected| {
            inspected.files.iter_mut().zip(&inspected.model.parts).map({
                let repository = &inspected.model.repository;
                move |(file, part)| (repository, file, part)
            })
        }) {
            let (repository, file, part) = file;
            let (Some(path), Some((_, locked))) = (&file.path, locked(&lock, repository, part)) else {
                continue;
            };
            let size = file.size.unwrap_or_default();
            progress.event(Event::Checking { file: &file.name, size });
            let sha256 = hash::sha256(path, &mut |bytes| progress.event(Event::Advanced { bytes }))?;
            file.state = if sha256 == locked.sha256 {
                State::Present
            } else {
                State::Corrupt
            };
            if file.state == State::Present {
                progress.event(Event::Done {
                    file: &file.name,
                    first_use: false,
                });
            }
            hashed.push((file.name.clone(), path.clone(), sha256));
        }
        let noted = self.update(|_, stamps| {
            hashed
                .iter()
                .try_for_each(|(name, path, sha256)| stamps.note(name, path, sha256))
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "what was verified could not be noted");
        }
        Ok(list)
    }

    pub(super) fn inspect_part(&self, model: &Model, part: &Part, lock: &Lock, stamps: &Stamps) -> FileState {
        let repository = &model.repository;
        let folder = Folder::new(&self.cache, repository);
        let file = |name: &str, path: Option<PathBuf>, size, state| FileState {
            name: format!("{repository}/{name}"),
            path,
            size,
            optional: part.optional,
            state,
        };
        let Some((name, locked)) = locked(lock, repository, part) else {
            // Fetched by another program, at the head of the branch then.
            let commit = folder
                .reference(part.revision)
                .unwrap_or_else(|| part.revision.to_owned());
            let found = part.names.iter().find_map(|name| {
                let path = folder.file(&commit, name);
                let size = fs::metadata(&path).ok()?.len();
                Some(file(name, Some(path), Some(size), State::Unlocked))
            });
            return found.unwrap_or_else(|| file(&part.names[0], None, None, State::Missing));
        };
        let path = folder.file(&locked.commit, name);
        let Ok(metadata) = fs::metadata(&path) else {
            return file(name, None, Some(locked.size), State::Missing);
        };
        let full = format!("{repository}/{name}");
        let state = match stamps.sha256(&full, &path) {
            _ if metadata.len() != locked.size => State::Corrupt,
            Some(sha256) if sha256 == locked.sha256 => State::Present,
            Some(_) => State::Corrupt,
            None => State::Unverified,
        };
        file(name, Some(path), Some(metadata.len()), state)
    }

    /// Changes the cache's lock and stamps, one process at a time.
    pub(super) fn update(&self, change: impl FnOnce(&mut Lock, &mut Stamps) -> Result<(), Error>) -> Result<(), Error> {
        let _held = hold(&self.cache.join("dragoman.flock"), || {})?;
        let mut lock = Lock::read(&self.lock_path())?;
        let mut stamps = Stamps::read(&self.stamps_path())?;
        let before = lock.clone();
        change(&mut lock, &mut stamps)?;
        if lock != before {
            lock.write(&self.lock_path())?;
        }
        stamps.write(&self.stamps_path())
    }
}

/// The locked one of a part's names, the best first.
pub(super) fn locked<'a>(
    lock: &'a Lock,
    repository: &str,
    part: &'a Part,
) -> Option<(&'a str, &'a super::lock::Locked)> {
    part.names
        .iter()
        .find_map(|name| Some((name.as_str(), lock.get(repository, name)?)))
}
