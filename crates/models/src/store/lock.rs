//! The lock: which commit, sha256 and size each file has.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;
use super::hash::is_sha256;

const VERSION: u32 = 1;

/// Repositories, and in each its files.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    repositories: BTreeMap<String, BTreeMap<String, Locked>>,
}

/// One file as it has to be.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// The repository's commit that it is taken from.
    pub commit: String,
    /// In hexadecimal.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            version: VERSION,
            repositories: BTreeMap::new(),
        }
    }
}

impl Lock {
    /// The lock that ships in the source.
    pub fn shipped() -> Self {
        // A test proves that it can be read.
        Self::parse(include_str!("../../models.lock.json")).unwrap_or_default()
    }

    /// Reads a lock, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if lock.version != VERSION {
            return Err(format!("version {}, this build knows {VERSION}", lock.version));
        }
        for (repository, files) in &lock.repositories {
            for (file, locked) in files {
                if !is_sha256(&locked.sha256) || !is_commit(&locked.commit) {
                    return Err(format!("{repository}/{file}: bad commit or sha256"));
                }
            }
        }
        Ok(lock)
    }

    /// Reads a lock; one that is not there is empty.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::io(path)(source)),
        };
        Self::parse(&text).map_err(|why| Error::Malformed {
            path: path.to_owned(),
            why,
        })
    }

    /// Writes it, all or nothing.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        write_json(path, self)
    }

    /// What a file has to be.
    pub fn get(&self, repository: &str, file: &str) -> Option<&Locked> {
        self.repositories.get(repository)?.get(file)
    }

    /// The repositories that anything is locked of.
    pub fn repositories(&self) -> impl Iterator<Item = &str> {
        self.repositories.keys().map(String::as_str)
    }

    /// The commits of a repository's files.
    pub(super) fn commits<'a>(&'a self, repository: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let files = self.repositories.get(repository);
        files.into_iter().flatten().map(|(_, locked)| locked.commit.as_str())
    }

    /// Locks a file.
    pub fn insert(&mut self, repository: &str, file: &str, locked: Locked) {
        let files = self.repositories.entry(repository.to_owned()).or_default();
        files.insert(file.to_owned(), locked);
    }

    /// Takes everything of `other`, which wins.
    pub(super) fn lay_over(&mut self, other: &Self) {
        for (repository, files) in &other.repositories {
            let ours = self.repositories.entry(repository.clone()).or_default();
            ours.extend(files.iter().map(|(file, locked)| (file.clone(), locked.clone())));
        }
    }
}

/// Whether `text` is a git commit in hexadecimal, and so safe as the name of a directory.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes beside the file first, so that a reader sees the old one or the new one.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let beside = path.with_extension("json.new");
    let write = || {
        let mut file = fs::File::create(&beside)?;
        serde_json::to_writer_pretty(&mut file, value)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(Error::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_can_be_read() {
        let shipped = Lock::parse(include_str!("../../models.lock.json")).unwrap();
        assert_eq!(shipped, Lock::shipped());
    }

    #[test]
    fn a_lock_that_is_not_one_is_refused() {
        let file = |commit: &str, sha256: &str| {
            format!(
                r#"{{"version":1,"repositories":{{"a/b":{{"c":{{"commit":"{commit}","sha256":"{sha256}","size":1}}}}}}}}"#
            )
        };
        let (commit, sha256) = ("a".repeat(40), "0".repeat(64));
        assert!(Lock::parse(&file(&commit, &sha256)).is_ok());
        for bad in [
            file("../../etc", &sha256),
            file(&commit, "0"),
            r#"{"version":2,"repositories":{}}"#.to_owned(),
            r#"{"version":1,"repositories":{},"more":1}"#.to_owned(),
            String::new(),
        ] {
            assert!(Lock::parse(&bad).is_err(), "{bad}");
        }
    }
}
