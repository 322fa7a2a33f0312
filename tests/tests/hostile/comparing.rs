//! Keys are compared in constant time, in one place. The types forbid any other comparison (`Keys` and `Secret` have no
//! `==`, see their documentation); this looks for ways around them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xtask::stack::repository;

/// Where keys are judged.
const JUDGE: &str = "crates/service/src/auth.rs";

#[test]
fn keys_are_read_and_compared_in_one_place() -> Result<()> {
    for (file, text) in sources()? {
        if file == JUDGE {
            ensure!(text.contains("known.ct_eq(&found)"), "{file} compares in constant time");
            continue;
        }
        for around in [
            "subtle::",
            "ct_eq",
            ".get(header::AUTHORIZATION)",
            ".get(\"authorization\")",
        ] {
            ensure!(
                !text.contains(around),
                "{file} has {around}: keys are judged in {JUDGE}"
            );
        }
        for line in text.lines().filter(|line| line.contains(".expose()")) {
            let compares = ["==", "!=", ".eq(", ".starts_with(", ".contains("];
            ensure!(
                !compares.iter().any(|way| line.contains(way)),
                "{file} compares a secret: {line}"
            );
        }
    }
    Ok(())
}

/// What ships, without its tests.
pub(crate) fn sources() -> Result<Vec<(String, String)>> {
    let root = repository();
    let mut files = Vec::new();
    for name in ["hook", "media", "protocol", "router", "service", "speech"] {
        find(&root.join("crates").join(name).join("src"), &mut files)?;
    }
    ensure!(files.len() > 50, "the sources are somewhere else");
    let read = |file: PathBuf| -> Result<(String, String)> {
        let text = std::fs::read_to_string(&file)?;
        let shipped = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok((file.strip_prefix(&root)?.display().to_string(), shipped))
    };
    files.into_iter().map(read).collect()
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            find(&path, files)?;
        } else if name.ends_with(".rs") && !name.ends_with("_test.rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    Ok(())
}
