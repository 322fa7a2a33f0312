//! Caddy: the one on the PATH, or this distribution's package, unpacked beside the build. Installed it would start as a
//! service and take the ports 80 and 443.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{compile, needs, stack};

const PACKAGE: &str = "caddy";
/// Where the package has it.
const PROGRAM: &str = "usr/bin/caddy";

/// The program.
pub(super) fn find() -> Result<PathBuf> {
    if let Some(program) = needs::on_path(PACKAGE) {
        return Ok(program);
    }
    let unpacked = stack::bin_dir()?.join("caddy-package");
    let program = unpacked.join(PROGRAM);
    if program.is_file() {
        return Ok(program);
    }
    for program in ["apt-get", "dpkg-deb"] {
        if needs::on_path(program).is_none() {
            bail!("there is no `caddy` on the PATH and no {program} to fetch it with");
        }
    }
    eprintln!("there is no `caddy` on the PATH: taking the package that apt has");
    let dir = tempfile::tempdir().context("cannot make a directory")?;
    let download = || {
        // The download goes to a directory of ours, which apt's own user may not enter.
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "APT::Sandbox::User=root", "download", PACKAGE]);
        compile::run(command.current_dir(dir.path()))
    };
    if download().is_err() {
        compile::run(Command::new("apt-get").args(["-qq", "update"]))?;
        download()?;
    }
    let package = fs::read_dir(dir.path())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get left no package")?;
    // Whole or not at all: what is there is taken for good the next time.
    let staged = dir.path().join("unpacked");
    compile::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&staged))?;
    let parent = program.parent().context("a program without a directory")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let new = parent.join("caddy.new");
    fs::copy(staged.join(PROGRAM), &new).context("the package holds no program")?;
    fs::rename(&new, &program).with_context(|| format!("cannot write {}", program.display()))?;
    Ok(program)
}
