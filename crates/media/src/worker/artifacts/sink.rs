//! The files of one session, in a directory that all sessions share and keep small.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::spec::Artifacts;

const SUFFIX: &str = ".jsonl";
/// A file is this part of the directory's limit, so that a long session loses its oldest part first.
const FILES: u64 = 16;
/// How often the directory is looked at, as a part of its limit.
const LOOKS: u64 = 256;
/// Short sessions make small files; there are never more than these.
const MOST_FILES: usize = 2_048;

/// See the module.
pub(super) struct Sink {
    directory: PathBuf,
    /// `<stream>.<session>.`
    prefix: String,
    first_line: String,
    max_bytes: u64,
    open: Option<Open>,
    /// Written since the directory was last looked at.
    unlooked: u64,
    /// The first line of this process has been written.
    has_begun: bool,
}

struct Open {
    file: File,
    path: PathBuf,
    part: u64,
    /// After the last whole line.
    len: u64,
}

impl Sink {
    /// Nothing is opened before the first line.
    pub(super) fn new(artifacts: &Artifacts, stream: &str, session: &str, first_line: String) -> Self {
        Self {
            directory: artifacts.directory.clone(),
            prefix: format!("{stream}.{session}."),
            first_line,
            max_bytes: artifacts.max_bytes,
            open: None,
            unlooked: 0,
            has_begun: false,
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends `line`, as a whole or not at all.
    pub(super) fn write(&mut self, line: &str) -> io::Result<()> {
        let most = self.max_bytes / FILES;
        let needed = line.len() as u64 + 1;
        if needed > most {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a line is longer than a file may be",
            ));
        }
        // A file that was removed, by another session or by hand, is written into the void.
        let is_gone = |open: &Open| open.file.metadata().map(|found| found.nlink() == 0);
        if let Some(open) = &self.open
            && (open.len + needed > most || is_gone(open)?)
        {
            let part = open.part + 1;
            self.open = None;
            self.begin(part)?;
        }
        if self.open.is_none() {
            let last = self.last_part()?;
            let has_room = |part: &u64| fs::metadata(self.path(*part)).is_ok_and(|found| found.len() + needed <= most);
            self.begin(last.filter(has_room).unwrap_or(last.map_or(1, |last| last + 1)))?;
        }
        self.append(line)?;
        if self.unlooked > self.max_bytes / LOOKS {
            // The line is written; a directory that cannot be read will be an error at the next file.
            let _ = self.look();
        }
        Ok(())
    }

    /// Opens a part; each file, and each process, begins with the session's line.
    fn begin(&mut self, part: u64) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let path = self.path(part);
        let file = File::options().create(true).append(true).open(&path)?;
        let len = file.metadata()?.len();
        let is_new = len == 0 || !self.has_begun;
        self.open = Some(Open { file, path, part, len });
        self.look()?;
        if is_new {
            let first_line = self.first_line.clone();
            self.append(&first_line)?;
            self.has_begun = true;
        }
        Ok(())
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        match open.file.write_all(format!("{line}\n").as_bytes()) {
            Ok(()) => {
                let written = line.len() as u64 + 1;
                open.len += written;
                self.unlooked += written;
                Ok(())
            }
            Err(error) => {
                // The beginning of a line is of no use, and would spoil the next one.
                let _ = open.file.set_len(open.len);
                self.open = None;
                Err(error)
            }
        }
    }

    /// Removes the oldest files while the directory holds too much. Other people's files are left alone.
    fn look(&mut self) -> io::Result<()> {
        self.unlooked = 0;
        let mut files: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
        for entry in fs::read_dir(&self.directory)?.flatten() {
            let is_ours = entry.file_name().to_str().is_some_and(|name| part_of(name).is_some());
            let found = entry.metadata().ok().filter(Metadata::is_file);
            if let Some(found) = found.filter(|_| is_ours) {
                files.push((found.modified()?, entry.path(), found.len()));
            }
        }
        files.sort_unstable();
        let mut bytes: u64 = files.iter().map(|(_, _, len)| len).sum();
        let mut count = files.len();
        let current = self.open.as_ref().map(|open| &open.path);
        for (_, path, len) in files.iter().filter(|(_, path, _)| Some(path) != current) {
            if bytes <= self.max_bytes && count <= MOST_FILES {
                break;
            }
            match fs::remove_file(path) {
                // Another session has seen the same.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => (bytes, count) = (bytes - len, count - 1),
            }
        }
        Ok(())
    }

    fn path(&self, part: u64) -> PathBuf {
        self.directory.join(format!("{}{part}{SUFFIX}", self.prefix))
    }

    /// The last part that is there: of a worker that this one replaces, or of an open file that was lost.
    fn last_part(&self) -> io::Result<Option<u64>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let ours = names.filter(|name| name.starts_with(&self.prefix));
        Ok(ours.filter_map(|name| part_of(&name)).max())
    }
}

/// The part that a file is, if it is one of ours: `<stream>.<session>.<part>.jsonl`.
fn part_of(name: &str) -> Option<u64> {
    let mut fields = name.strip_suffix(SUFFIX)?.split('.');
    match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(_stream), Some(_session), Some(part), None) => part.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(directory: &Path, session: &str, max_bytes: u64) -> Sink {
        let artifacts = Artifacts {
            directory: directory.to_owned(),
            max_bytes,
        };
        Sink::new(&artifacts, "news", session, "first".to_owned())
    }

    fn files(directory: &Path) -> Vec<(String, u64)> {
        let entries = fs::read_dir(directory).unwrap().flatten();
        let mut files: Vec<_> = entries
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, entry.metadata().unwrap().len())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_worker_that_takes_over_goes_on_in_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("made/when/needed");
        sink(&below, "a", 1 << 20).write("one").unwrap();
        sink(&below, "a", 1 << 20).write("two").unwrap();
        sink(&below, "b", 1 << 20).write("three").unwrap();
        let text = |name: &str| fs::read_to_string(below.join(name)).unwrap();
        assert_eq!(text("news.a.1.jsonl"), "first\none\nfirst\ntwo\n");
        assert_eq!(text("news.b.1.jsonl"), "first\nthree\n");
    }

    #[test]
    fn files_and_the_directory_keep_their_limits_and_the_oldest_go_first() {
        const MAX: u64 = 16 * 1_000;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.jsonl"), vec![b' '; 50_000]).unwrap();
        let mut sink = sink(dir.path(), "a", MAX);
        for number in 0..2_000 {
            sink.write(&format!("line {number:020}")).unwrap();
            let ours: Vec<_> = files(dir.path())
                .into_iter()
                .filter(|(name, _)| part_of(name).is_some())
                .collect();
            assert!(ours.iter().all(|(_, len)| *len <= MAX / FILES), "{ours:?}");
            let bytes: u64 = ours.iter().map(|(_, len)| len).sum();
            assert!(bytes <= MAX + MAX / LOOKS + 50, "{bytes}");
        }
        assert!(dir.path().join("notes.jsonl").exists(), "not ours");
        assert!(!dir.path().join("news.a.1.jsonl").exists());
        let newest = files(dir.path())
            .into_iter()
            .filter_map(|(name, _)| part_of(&name))
            .max()
            .unwrap();
        let text = fs::read_to_string(dir.path().join(format!("news.a.{newest}.jsonl"))).unwrap();
        assert!(
            text.starts_with("first\n") && text.ends_with(&format!("line {:020}\n", 1_999)),
            "{text}"
        );
    }

    #[test]
    fn a_file_that_was_removed_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = sink(dir.path(), "a", 1 << 20);
        sink.write("one").unwrap();
        fs::remove_file(dir.path().join("news.a.1.jsonl")).unwrap();
        sink.write("two").unwrap();
        let text = fs::read_to_string(dir.path().join("news.a.2.jsonl")).unwrap();
        assert_eq!(text, "first\ntwo\n");
    }

    #[test]
    fn a_disk_that_takes_nothing_is_an_error_each_time_and_taken_again_when_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("artifacts");
        fs::write(&place, "a file where the directory should be").unwrap();
        let mut sink = sink(&place, "a", 1 << 20);
        assert!(sink.write("one").is_err() && sink.write("two").is_err());
        fs::remove_file(&place).unwrap();
        sink.write("three").unwrap();
        assert_eq!(
            fs::read_to_string(place.join("news.a.1.jsonl")).unwrap(),
            "first\nthree\n"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_costs_the_line_and_leaves_no_part_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = sink(dir.path(), "a", 1 << 20);
        std::os::unix::fs::symlink("/dev/full", dir.path().join("news.a.1.jsonl")).unwrap();
        let error = sink.write("one").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
