//! Room on the disk.

use std::io;
use std::path::Path;

/// The bytes that an ordinary user may still write where `path` is, or will be: its nearest parent that exists is asked.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let exists = path.ancestors().find(|part| part.exists()).unwrap_or(Path::new("."));
    let fs = rustix::fs::statvfs(exists)?;
    Ok(fs.f_bavail.saturating_mul(fs.f_frsize))
}
