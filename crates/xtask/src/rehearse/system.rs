//! The system that a rehearsed host boots: Debian's next to an empty one, with systemd and cloud-init.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::docker::{Docker, archive};
use crate::{compile, needs, stack};

/// The release that an instance runs.
const RELEASE: &str = "trixie";
/// What its machine image has, and the packages that the boot script wants: so it finds them there.
const PACKAGES: &str = "systemd-sysv,dbus,cloud-init,docker.io,docker-cli,docker-compose,curl,jq,ca-certificates,iptables,\
                        iproute2,procps,openssl,apt,gzip";
/// What nobody reads there.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/// The name of the image, which is made where it is missing: a few minutes and Debian's archive, once.
pub(super) fn image(docker: &Docker) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    (RELEASE, PACKAGES, LEFT_OUT).hash(&mut hasher);
    let name = format!("dragoman-system:{:016x}", hasher.finish());
    if needs::succeeds(docker.command().args(["image", "inspect", &name])) {
        return Ok(name);
    }
    let tar = archive_of(&name)?;
    if !tar.is_file() {
        make(&tar)?;
    }
    compile::run(docker.command().arg("import").arg(&tar).arg(&name))?;
    Ok(name)
}

fn archive_of(name: &str) -> Result<PathBuf> {
    let dir = stack::bin_dir()?;
    let target = dir.parent().unwrap_or(&dir);
    Ok(target.join(format!("{}.tar", name.replace(':', "-"))))
}

fn make(tar: &std::path::Path) -> Result<()> {
    let new = tar.with_extension("new.tar");
    let mut command = Command::new("mmdebstrap");
    command.args(["--variant=minbase", "--quiet", &format!("--include={PACKAGES}")]);
    command.arg("--aptopt=APT::Install-Recommends \"false\"");
    for path in LEFT_OUT {
        command.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    compile::run(command.arg(RELEASE).arg(&new).arg(archive()?))?;
    fs::rename(&new, tar).with_context(|| format!("cannot name {}", tar.display()))
}
