//! The disk that recordings are on keeps some room: MediaMTX removes them by age alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Failure;
use crate::vars::Vars;

/// Enough for a host to go on living with.
const DEFAULT_FLOOR: u64 = 5 << 30;
const EXPECTED: &str = "a size such as 5G or 500M";

/// A segment is complete: removes the oldest ones until as much is free as RECORD_FREE says.
pub(crate) fn make_room(vars: &Vars) -> Result<(), Failure> {
    let mut problems = Vec::new();
    let floor = floor(vars).unwrap_or_else(|problem| {
        problems.push(problem);
        DEFAULT_FLOOR
    });
    let (segment, path) = (vars.text("MTX_SEGMENT_PATH"), vars.text("MTX_PATH"));
    let root = segment
        .as_deref()
        .zip(path)
        .and_then(|(segment, path)| root(segment, &path));
    let Some((root, segment)) = root.zip(segment).filter(|_| problems.is_empty()) else {
        if problems.is_empty() {
            problems.push("MTX_SEGMENT_PATH: not a path with MTX_PATH in it, expected one, set by MediaMTX".to_owned());
        }
        return Err(Failure::config(&problems));
    };
    let free = || {
        let disk = rustix::fs::statvfs(&root)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    };
    let removed = remove_oldest(&root, Path::new(&segment), floor, free)
        .map_err(|error| Failure::other(format!("recordings: {error}")))?;
    if removed > 0 {
        eprintln!("dragoman-hook: recordings: the disk was too full, the {removed} oldest are removed");
    }
    Ok(())
}

/// What RECORD_FREE says, in bytes.
pub(crate) fn floor(vars: &Vars) -> Result<u64, String> {
    let Some(text) = vars.text("RECORD_FREE") else {
        return Ok(DEFAULT_FLOOR);
    };
    let unit = |suffix| text.strip_suffix(suffix).and_then(|digits| digits.parse::<u32>().ok());
    let bytes = unit('G')
        .map(|n| u64::from(n) << 30)
        .or(unit('M').map(|n| u64::from(n) << 20));
    bytes.ok_or_else(|| format!("RECORD_FREE: found {text:?}, expected {EXPECTED}"))
}

/// Where all recordings are: what stands before the stream's path.
fn root(segment: &str, path: &str) -> Option<PathBuf> {
    let (root, _) = segment.split_once(&format!("/{path}/"))?;
    Some(PathBuf::from(if root.is_empty() { "/" } else { root }))
}

/// How many were removed. `newest` stays whatever happens.
fn remove_oldest(root: &Path, newest: &Path, floor: u64, free: impl Fn() -> io::Result<u64>) -> io::Result<usize> {
    if free()? >= floor {
        return Ok(0);
    }
    let mut segments = Vec::new();
    collect(root, &mut segments)?;
    segments.sort();
    let mut removed = 0;
    for (_, segment) in segments.iter().filter(|(_, segment)| segment != newest) {
        match fs::remove_file(segment) {
            Ok(()) => removed += 1,
            // Another hook, or MediaMTX itself, was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if free()? >= floor {
            break;
        }
    }
    Ok(removed)
}

/// The segments below `dir` with the time of their last change: what MediaMTX writes, nothing else.
fn collect(dir: &Path, segments: &mut Vec<(SystemTime, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            collect(&path, segments)?;
        } else if kind.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "mp4" || extension == "ts")
        {
            segments.push((entry.metadata()?.modified()?, path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::time::Duration;

    #[test]
    fn the_oldest_go_until_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("live/s/out");
        fs::create_dir_all(&out).unwrap();
        let file = |name: &str, age: u64| {
            let path = out.join(name);
            let file = fs::File::create(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            path
        };
        let paths = [
            file("1.mp4", 400),
            file("2.mp4", 300),
            file("3.mp4", 200),
            file("4.mp4", 100),
        ];
        let foreign = file("notes.txt", 900);
        let free = Cell::new(10);
        // Each look finds ten more.
        let look = || Ok(free.replace(free.get() + 10));
        assert_eq!(remove_oldest(dir.path(), &paths[3], 30, look).unwrap(), 2);
        let left: Vec<bool> = paths.iter().map(|path| path.exists()).collect();
        assert_eq!(left, [false, false, true, true]);
        assert!(foreign.exists());
        // However full the disk is, what was just written stays.
        assert_eq!(remove_oldest(dir.path(), &paths[3], 30, || Ok(0)).unwrap(), 1);
        assert!(paths[3].exists());
    }

    #[test]
    fn a_segment_tells_where_all_are() {
        let found = root("/recordings/live/s/out/x.mp4", "live/s/out");
        assert_eq!(found, Some(PathBuf::from("/recordings")));
        assert_eq!(root("/recordings/x.mp4", "live/s/out"), None);
    }

    #[test]
    fn a_floor_has_a_unit() {
        let vars = |text: &str| Vars::new([("RECORD_FREE".into(), text.into())]);
        assert_eq!(floor(&vars("500M")), Ok(500 << 20));
        assert_eq!(floor(&vars("2G")), Ok(2 << 30));
        assert!(floor(&vars("2")).is_err() && floor(&vars("-1G")).is_err());
        assert_eq!(floor(&vars("")), Ok(DEFAULT_FLOOR));
    }
}
