//! What stands in for a cloud: AWS's own client, a server that answers as AWS does, and the linter of its templates.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::needs::Scope;
use crate::{compile, install, needs, stack};

/// Names the directory to the tests that need these programs; they are skipped without it.
pub const TOOLS: &str = "DRAGOMAN_CLOUD_TOOLS";

const LIST: &str = "crates/deploy/tests/tools.txt";

/// The directory that holds `aws`, `moto_server` and `cfn-lint`, in the versions of `crates/deploy/tests/tools.txt`. They
/// are installed beneath the target directory by the first call and after a change of that list, which takes a minute and
/// the Python package index.
pub fn tools() -> Result<PathBuf> {
    let bin = stack::bin_dir()?;
    let dir = bin.parent().unwrap_or(&bin).join("cloud-tools");
    let list = stack::repository().join(LIST);
    let wanted = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let lock = dir.with_extension("lock");
    // A second caller waits for the first. The lock ends with the file.
    let lock = File::create(&lock).with_context(|| format!("cannot make {}", lock.display()))?;
    lock.lock().context("cannot wait for the other installation")?;
    // Written last: what was cut off is made anew.
    let made = dir.join("made-of.txt");
    if fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
        return Ok(dir.join("bin"));
    }
    install::ensure(Scope::Cloud, false)?;
    make(&dir, &list)?;
    fs::write(&made, wanted).with_context(|| format!("cannot write {}", made.display()))?;
    Ok(dir.join("bin"))
}

fn make(dir: &Path, list: &Path) -> Result<()> {
    let python = needs::on_path("python3").context("no python3 on the PATH")?;
    compile::run(quiet(&python).args(["-m", "venv", "--clear"]).arg(dir))?;
    let pip = dir.join("bin/pip");
    let options = ["install", "--quiet", "--disable-pip-version-check", "--requirement"];
    compile::run(quiet(&pip).args(options).arg(list))
}

/// What is installed must not depend on where this runs or what is set for another Python.
fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(stack::repository())
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME")
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    command
}
