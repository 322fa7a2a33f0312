//! Glossaries in a directory, one file for each stream, read again when they change.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::{Fault, Glossary};

/// Largest file.
const MAX_BYTES: u64 = 256 * 1024;
/// Streams whose glossaries are kept.
const MAX_STREAMS: usize = 1000;
/// Longest stream id.
const MAX_STREAM: usize = 64;

/// What is wrong with a stream's glossary.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No file is looked for by such a name.
    #[error("stream id {0:?}: 1 to 64 of A-Z, a-z, 0-9, _ and - are allowed")]
    Stream(String),
    /// The file cannot be read.
    #[error("glossary {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no file, or too large.
    #[error("glossary {}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// A line is not as it should be.
    #[error("glossary {}: {fault}", path.display())]
    Line {
        /// Which.
        path: PathBuf,
        /// Where and what.
        fault: Fault,
    },
}

/// The glossary in force for a stream.
#[derive(Debug)]
pub struct Found {
    /// Empty where there is none; the former one where the file has become bad.
    pub glossary: Arc<Glossary>,
    /// What is wrong with the file, said once for each version of it.
    pub problem: Option<Error>,
}

/// Modification time and size.
type Stamp = (Option<SystemTime>, u64);

#[derive(Debug, Default)]
struct Kept {
    stamp: Option<Stamp>,
    glossary: Arc<Glossary>,
}

/// `<stream id>.tsv` in a directory. Blocking; for the engine's threads.
#[derive(Debug, Default)]
pub struct Glossaries {
    dir: Option<PathBuf>,
    kept: Mutex<HashMap<String, Kept>>,
}

impl Glossaries {
    /// Of this directory; without one no stream has a glossary.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            kept: Mutex::default(),
        }
    }

    /// The glossary of a stream, from its file if that has changed.
    pub fn of(&self, stream: &str) -> Found {
        let none = |problem| Found {
            glossary: Arc::default(),
            problem,
        };
        let Some(dir) = &self.dir else { return none(None) };
        // With neither dots nor slashes nothing outside the directory can be named.
        let named = stream
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !named || !(1..=MAX_STREAM).contains(&stream.len()) {
            return none(Some(Error::Stream(stream.chars().take(MAX_STREAM).collect())));
        }
        let path = dir.join(format!("{stream}.tsv"));
        let meta = match fs::metadata(&path) {
            Ok(meta) => meta,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                self.lock().remove(stream);
                return none(None);
            }
            Err(source) => {
                return Found {
                    glossary: self.former(stream),
                    problem: Some(Error::Io { path, source }),
                };
            }
        };
        let stamp = (meta.modified().ok(), meta.len());
        let mut kept = self.lock();
        if !kept.contains_key(stream) && kept.len() >= MAX_STREAMS {
            kept.clear();
        }
        let kept = kept.entry(stream.to_owned()).or_default();
        if kept.stamp == Some(stamp) {
            return Found {
                glossary: kept.glossary.clone(),
                problem: None,
            };
        }
        kept.stamp = Some(stamp);
        let problem = match load(&path, &meta) {
            Ok(glossary) => {
                kept.glossary = Arc::new(glossary);
                None
            }
            Err(error) => Some(error),
        };
        Found {
            glossary: kept.glossary.clone(),
            problem,
        }
    }

    fn former(&self, stream: &str) -> Arc<Glossary> {
        self.lock()
            .get(stream)
            .map(|kept| kept.glossary.clone())
            .unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(path: &Path, meta: &fs::Metadata) -> Result<Glossary, Error> {
    let file = |why: String| Error::File { path: path.into(), why };
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    // Opening a pipe would wait for its other end.
    if !meta.is_file() {
        return Err(file("it is no file".into()));
    }
    let mut bytes = Vec::new();
    // It may grow after its size was looked at.
    fs::File::open(path)
        .map_err(io)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(file(format!("it is larger than {MAX_BYTES} bytes")));
    }
    let line = |fault| Error::Line {
        path: path.into(),
        fault,
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| line(not_utf8(&bytes[..error.valid_up_to()])))?;
    Glossary::parse(text).map_err(line)
}

/// The place after `valid`, where a byte is no UTF-8.
fn not_utf8(valid: &[u8]) -> Fault {
    let line = valid.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |of: &[u8], byte: u8| of.iter().filter(|is| **is == byte).count() + 1;
    Fault {
        line: count(valid, b'\n'),
        column: count(line, b'\t'),
        why: "it is not UTF-8".into(),
    }
}
