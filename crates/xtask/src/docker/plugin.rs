//! `docker compose`, where the distribution has none: Debian 12 packages version 1 alone.
//!
//! Debian's next release has version 2 as one static program. It comes through apt, from the mirror that this machine's apt
//! is set up with and checked against the keys that it trusts, and is unpacked beside the build, not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{compile, needs, stack};

/// The release that has it.
const RELEASE: &str = "trixie";
const PACKAGE: &str = "docker-compose";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PLUGIN: &str = "cli-plugins/docker-compose";

/// A configuration directory for `docker` with the plugin in it; kept beside the binaries.
pub(super) fn fetch() -> Result<PathBuf> {
    let config = stack::bin_dir()?.join("docker-config");
    if config.join(PLUGIN).is_file() {
        return Ok(config);
    }
    for program in ["apt-get", "dpkg-deb"] {
        if needs::on_path(program).is_none() {
            bail!("`docker compose` is missing and there is no {program}: install Docker's compose plugin");
        }
    }
    eprintln!("there is no `docker compose`: taking it from Debian {RELEASE}");
    let dir = tempfile::tempdir().context("cannot make a directory")?;
    let archive = archive()?;
    let lists = dir.path().join("lists/partial");
    fs::create_dir_all(&lists)?;
    let source = dir.path().join("one.sources");
    fs::write(
        &source,
        format!("Types: deb\nURIs: {archive}\nSuites: {RELEASE}\nComponents: main\nSigned-By: {KEYS}\n"),
    )?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for (name, value) in [
            ("Dir::Etc::sourcelist", source.as_path()),
            ("Dir::Etc::sourceparts", Path::new("-")),
            ("Dir::State::lists", &dir.path().join("lists")),
            ("Dir::Cache", &dir.path().join("cache")),
        ] {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        }
        // Downloads go to a directory of ours, which apt's own user may not enter.
        command.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none", "-qq"]);
        command.args(arguments).current_dir(dir.path());
        compile::run(&mut command)
    };
    apt(&["update"])?;
    apt(&["download", PACKAGE])?;
    let package = fs::read_dir(dir.path())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get left no package")?;
    let unpacked = dir.path().join("unpacked");
    compile::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&unpacked))?;
    let program = find(&unpacked, PLUGIN).context("the package holds no plugin")?;
    let target = config.join(PLUGIN);
    fs::create_dir_all(config.join("cli-plugins"))?;
    fs::copy(&program, &target).with_context(|| format!("cannot write {}", target.display()))?;
    Ok(config)
}

/// Debian's archive that this machine's apt is set up with.
pub(crate) fn archive() -> Result<String> {
    debian(&sources())
}

/// What apt is set up with: both forms that it knows.
fn sources() -> String {
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let files = [PathBuf::from("/etc/apt/sources.list")]
        .into_iter()
        .chain(parts.map(|entry| entry.path()));
    files
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Debian's archive, as the machine's own sources name it.
fn debian(sources: &str) -> Result<String> {
    let words = sources
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace);
    let archive = words
        .filter(|word| word.starts_with("http://") || word.starts_with("https://"))
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.ends_with("/debian"));
    let archive = archive.context("apt is not set up with an archive of Debian; install Docker's compose plugin")?;
    Ok(archive.to_owned())
}

/// The file below `dir` whose path ends so.
fn find(dir: &Path, end: &str) -> Option<PathBuf> {
    fs::read_dir(dir).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        match entry.file_type().ok()? {
            kind if kind.is_dir() => find(&path, end),
            kind if kind.is_file() && path.ends_with(end) => Some(path),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_machines_own() {
        let new = "Types: deb\n# http://old.example/debian\nURIs: http://mirror.example/debian/\nSuites: bookworm\n\n\
                   Types: deb\nURIs: http://mirror.example/debian-security\n";
        assert_eq!(debian(new).unwrap(), "http://mirror.example/debian");
        let old = "deb [arch=amd64] https://mirror.example/debian bookworm main\n";
        assert_eq!(debian(old).unwrap(), "https://mirror.example/debian");
        assert!(debian("deb http://mirror.example/ubuntu noble main").is_err());
    }
}
