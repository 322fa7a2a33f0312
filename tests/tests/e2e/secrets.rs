//! No secret is in the repository.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::{secrets, stack};

/// What is under version control; everything, where the sources came without it.
fn files() -> Result<Vec<PathBuf>> {
    let root = stack::repository();
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(&root).output();
    match output {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
            // A file may be removed and not yet committed so.
            let there = |name: &PathBuf| root.join(name).exists();
            Ok(names.split_terminator('\0').map(PathBuf::from).filter(there).collect())
        }
        _ => secrets::tree(&root).context("cannot list the repository"),
    }
}

#[test]
fn nothing_in_the_repository_looks_like_a_secret() -> Result<()> {
    let files = files()?;
    ensure!(files.len() > 300, "only {} files were looked at", files.len());
    let found = secrets::in_files(&stack::repository(), files)?;
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    ensure!(found.is_empty(), "these look like secrets:\n{}", shown.join("\n"));
    Ok(())
}
