//! The hub's standard layout, which its other clients share: `models--org--name/{blobs,refs,snapshots}`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Component, Path, PathBuf};

use hf_hub::{Repo, RepoType};

use super::{Error, Event, Progress};

/// Where the hub's home is when `HF_HOME` is not set: in the user's cache directory. `None`: there is none either.
pub fn default_home(hf_home: Option<&Path>, xdg_cache_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    hf_home.map(Path::to_owned).or_else(|| {
        let cache = xdg_cache_home
            .map(Path::to_owned)
            .or_else(|| Some(home?.join(".cache")));
        Some(cache?.join("huggingface"))
    })
}

/// One repository in a cache.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(cache: &Path, repository: &str) -> Self {
        Self {
            path: cache.join(Repo::new(repository.to_owned(), RepoType::Model).folder_name()),
        }
    }

    /// The commit that a branch was at when it was last fetched.
    pub(super) fn reference(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.path.join("refs").join(revision)).ok()?;
        let commit = text.trim();
        super::lock::is_commit(commit).then(|| commit.to_owned())
    }

    /// Notes it.
    pub(super) fn set_reference(&self, revision: &str, commit: &str) -> Result<(), Error> {
        let path = self.path.join("refs").join(revision);
        create_parent(&path)?;
        fs::write(&path, commit).map_err(Error::io(path))
    }

    /// A file of a commit, whether it is there or not.
    pub(super) fn file(&self, commit: &str, file: &str) -> PathBuf {
        self.path.join("snapshots").join(commit).join(file)
    }

    /// Where the bytes lie; `etag` has been judged by the client.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.path.join("blobs").join(etag)
    }

    /// A download that is under way; named as the hub's other Rust client does, so that each goes on with the other's.
    pub(super) fn part(&self, etag: &str) -> PathBuf {
        self.path.join("blobs").join(format!("{etag}.part"))
    }

    /// Makes `snapshots/<commit>/<file>` point at the blob, by a relative link, so that the cache can be moved.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), Error> {
        let path = self.file(commit, file);
        create_parent(&path)?;
        let mut target = PathBuf::from("../..");
        let parents = Path::new(file)
            .components()
            .filter(|part| matches!(part, Component::Normal(_)));
        target.extend(parents.skip(1).map(|_| ".."));
        target.extend(["blobs", etag]);
        if fs::read_link(&path).is_ok_and(|old| old == target) {
            return Ok(());
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(path)(error)),
            _ => {}
        }
        std::os::unix::fs::symlink(target, &path).map_err(Error::io(path))
    }

    /// Takes a blob in hand, so that two processes do not write it at once; waits for another one, and says so.
    pub(super) fn hold(&self, etag: &str, name: &str, progress: &mut dyn Progress) -> Result<Held, Error> {
        hold(&self.path.join("blobs").join(format!("{etag}.lock")), || {
            progress.event(Event::Waiting { file: name });
        })
    }
}

/// A lock on a file, until it is dropped. It holds between processes and goes with the process that has it.
#[derive(Debug)]
pub(super) struct Held {
    _file: File,
}

/// Locks the file at `path`, which is made if need be and stays.
pub(super) fn hold(path: &Path, waiting: impl FnOnce()) -> Result<Held, Error> {
    create_parent(path)?;
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::io(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock().map_err(Error::io(path))?;
        }
        Err(TryLockError::Error(source)) => return Err(Error::io(path)(source)),
    }
    Ok(Held { _file: file })
}

pub(super) fn create_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(Error::io(parent))
}
