//! The variables handed in by `main`, and values from files.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// The largest file that a `_FILE` variable may name: what fits into one variable of a new program.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The variables of this process.
pub(crate) struct Vars(BTreeMap<OsString, OsString>);

impl Vars {
    pub(crate) fn new(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(vars.into_iter().collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The value of `name`; an empty one counts as not set. Bytes that are not UTF-8 come out replaced.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get(OsStr::new(name))?;
        (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
    }

    /// The value of `name` or the content of `<name>_FILE`. A problem is one line that names the variable; that it is set
    /// to nothing is one too, since what should have filled it did not.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<String>, String> {
        let file_name = format!("{name}_FILE");
        let Some(path) = self.text(&file_name) else {
            let value = self.text(name);
            let blank = [name, &file_name]
                .into_iter()
                .find(|name| self.0.contains_key(OsStr::new(name)));
            return match (value, blank) {
                (None, Some(blank)) => Err(format!(
                    "{blank}: found nothing, expected a secret, or the variable not to be set at all"
                )),
                (value, _) => Ok(value),
            };
        };
        if self.text(name).is_some() {
            return Err(both_set(name, &file_name));
        }
        read_file(&file_name, Path::new(&path)).map(Some)
    }
}

/// The content of the file that the variable `name` points at, trimmed.
pub(crate) fn read_file(name: &str, path: &Path) -> Result<String, String> {
    let problem = |reason: String| {
        format!(
            "{name}: found {} ({reason}), expected a readable file of text",
            path.display()
        )
    };
    let file = fs::File::open(path).map_err(|error| problem(error.to_string()))?;
    let mut text = String::new();
    // What it says of its size is not asked: a device says 0 and never ends.
    file.take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| problem(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(problem(format!("more than {MAX_FILE_BYTES} bytes")));
    }
    match text.trim() {
        "" => Err(problem("empty".to_owned())),
        text => Ok(text.to_owned()),
    }
}

pub(crate) fn both_set(name: &str, file_name: &str) -> String {
    format!("{file_name}: found a path, expected not both {name} and {file_name}")
}
