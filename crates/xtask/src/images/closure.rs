//! The libraries that programs and plugins load, as this system's loader finds them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Every library that one of `files` loads, the loader included. Static programs load none.
pub(super) fn of(files: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for file in files {
        let output = Command::new("ldd")
            .arg(file)
            .env("LC_ALL", "C")
            .output()
            .context("cannot run ldd")?;
        let text = String::from_utf8_lossy(&output.stdout);
        found.extend(libraries(&text).with_context(|| format!("{} cannot be loaded", file.display()))?);
    }
    Ok(found)
}

/// The paths in what `ldd` prints: `libc.so.6 => /lib/libc.so.6 (0x…)`, or `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn libraries(text: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some((name, _)) = line.trim().split_once(" => not found") {
            bail!("there is no {name}");
        }
        let path = line.split_once("=> ").map_or(line, |(_, path)| path).trim();
        let path = path.split(" (").next().unwrap_or_default();
        if Path::new(path).is_absolute() {
            found.push(PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_words_are_read() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f1)\n";
        let paths = libraries(text).unwrap();
        assert_eq!(
            paths,
            ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from)
        );
        assert!(libraries("\tnot a dynamic executable").unwrap().is_empty());
        let missing = libraries("\tlibx.so => not found").unwrap_err();
        assert!(missing.to_string().contains("libx.so"));
    }

    #[test]
    fn this_program_loads_a_c_library() {
        let own = of(&[std::env::current_exe().unwrap()]).unwrap();
        assert!(
            own.iter().any(|path| path.to_string_lossy().contains("libc.")),
            "{own:?}"
        );
    }
}
