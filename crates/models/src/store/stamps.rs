//! Which files have been hashed, and what they were like then.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Error;
use super::lock::write_json;

/// By the name of the file, `repository/file`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Stamps(BTreeMap<String, Stamp>);

/// A file when it was hashed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Stamp {
    size: u64,
    /// Of its last change, in nanoseconds since 1970.
    changed: u64,
    sha256: String,
}

impl Stamps {
    /// Reads them; what is not there or cannot be read is empty: then files count as not verified.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::io(path)(source)),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        write_json(path, self)
    }

    /// The sha256 that the file had, if it has not been changed since.
    pub(super) fn sha256(&self, name: &str, path: &Path) -> Option<&str> {
        let stamp = self.0.get(name)?;
        let now = Stamp::of(path, &stamp.sha256).ok()?;
        (now == *stamp).then_some(stamp.sha256.as_str())
    }

    /// Notes the sha256 of a file as it is now.
    pub(super) fn note(&mut self, name: &str, path: &Path, sha256: &str) -> Result<(), Error> {
        let stamp = Stamp::of(path, sha256).map_err(Error::io(path))?;
        self.0.insert(name.to_owned(), stamp);
        Ok(())
    }
}

impl Stamp {
    fn of(path: &Path, sha256: &str) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            size: metadata.len(),
            changed: changed.as_nanos() as u64,
            sha256: sha256.to_owned(),
        })
    }
}
