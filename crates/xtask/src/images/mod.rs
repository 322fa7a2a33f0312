//! `images`: the images without Nix, for this machine's Docker alone.
//!
//! They have the flake's names and tag, its users, volumes, entry points and health checks, so that `compose.yaml` does
//! not see a difference; inside are the binaries of this build with what they load from this very system. They are for
//! trying and testing: nobody else can build the same bytes.

mod caddy;
mod closure;
mod recipe;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::recipe::{Recipe, USER};
use crate::cli::Starting;
use crate::docker::Docker;
use crate::stack;

/// `cargo xtask images`.
#[derive(Args)]
pub(crate) struct Images {
    #[command(flatten)]
    starting: Starting,
    /// Also the one of the compose file's profile `tls`: Caddy from the PATH, or from apt's package
    #[arg(long)]
    tls: bool,
}

impl Images {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let docker = Docker::running()?;
        self.starting.ensure_binaries(true)?;
        make(&docker)?;
        if self.tls {
            make_caddy(&docker)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes every image of `docker compose up` from the binaries beside this program; the tag is the version, as the flake's.
pub(crate) fn make(docker: &Docker) -> Result<()> {
    ensure!(
        cfg!(target_os = "linux"),
        "images hold Linux programs, which only Linux builds here; `nix run .#load` builds them on a Linux builder"
    );
    for recipe in recipe::all()? {
        make_one(docker, &recipe)?;
    }
    Ok(())
}

/// Makes the image of the profile `tls`.
pub(crate) fn make_caddy(docker: &Docker) -> Result<()> {
    make_one(docker, &recipe::caddy(caddy::find()?)?)
}

fn make_one(docker: &Docker, recipe: &Recipe) -> Result<()> {
    let started = Instant::now();
    let image = format!("{}:{}", recipe.name, env!("CARGO_PKG_VERSION"));
    let dir = tempfile::tempdir().context("cannot make a directory")?;
    let archive = dir.path().join("image.tar");
    pack(recipe, dir.path(), &archive)?;
    let megabytes = fs::metadata(&archive)?.len() / 1_000_000;
    import(docker, recipe, &archive, &image)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{image}  {megabytes} MB, {seconds:.1} s  {}", recipe.note);
    Ok(())
}

/// The image's files as one archive: everything root's but what is written to.
fn pack(recipe: &Recipe, dir: &Path, archive: &Path) -> Result<()> {
    let [staged, volumes] = ["staged", "volumes"].map(|name| dir.join(name));
    fs::create_dir_all(staged.join("bin"))?;
    fs::create_dir_all(staged.join("etc"))?;
    fs::create_dir_all(&volumes)?;
    let mut loaded = recipe.loads.clone();
    for program in &recipe.programs {
        let name = program.file_name().context("a program without a name")?;
        fs::copy(program, staged.join("bin").join(name))
            .with_context(|| format!("cannot copy {}", program.display()))?;
        loaded.push(program.clone());
    }
    for (to, from) in &recipe.files {
        let to = staged.join(to);
        fs::create_dir_all(to.parent().unwrap_or(&staged))?;
        fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let accounts = format!("root:x:0:0::/:/sbin/nologin\ndragoman:x:{USER}:{USER}::/tmp:/sbin/nologin\n");
    fs::write(staged.join("etc/passwd"), accounts)?;
    fs::write(staged.join("etc/group"), format!("root:x:0:\ndragoman:x:{USER}:\n"))?;
    for volume in &recipe.volumes {
        fs::create_dir_all(volumes.join(volume.trim_start_matches('/')))?;
    }

    let libraries = closure::of(&loaded)?;
    let from_root: Vec<OsString> = recipe
        .loads
        .iter()
        .chain(&libraries)
        .map(|file| file.strip_prefix("/").unwrap_or(file).as_os_str().to_owned())
        .collect();
    let root = owner(0);
    tar("-c", archive, &root, Path::new("/"), &from_root)?;
    tar("-r", archive, &root, &staged, &["bin".into(), "etc".into()])?;
    if staged.join("share").is_dir() {
        tar("-r", archive, &root, &staged, &["share".into()])?;
    }
    let names: Vec<OsString> = fs::read_dir(&volumes)?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    if !names.is_empty() {
        tar("-r", archive, &owner(USER), &volumes, &names)?;
    }
    fs::create_dir_all(dir.join("tmp"))?;
    let open = [owner(0), vec!["--mode=1777".into()]].concat();
    tar("-r", archive, &open, dir, &["tmp".into()])
}

fn owner(id: u32) -> Vec<OsString> {
    [
        "--numeric-owner".to_owned(),
        format!("--owner={id}"),
        format!("--group={id}"),
    ]
    .map(OsString::from)
    .to_vec()
}

/// Links are followed: what the loader looks for under a name is there under that name.
fn tar(action: &str, archive: &Path, options: &[OsString], dir: &Path, names: &[OsString]) -> Result<()> {
    if names.is_empty() && action == "-r" {
        return Ok(());
    }
    let mut command = Command::new("tar");
    command.arg(action).arg("--dereference").args(options);
    command.arg("-f").arg(archive).arg("-C").arg(dir).args(names);
    if names.is_empty() {
        command.args(["-T", "/dev/null"]);
    }
    quietly(&mut command)
}

fn import(docker: &Docker, recipe: &Recipe, archive: &Path, image: &str) -> Result<()> {
    let mut command = docker.command();
    command.arg("import").args(["--message", "cargo xtask images"]);
    for change in recipe.changes() {
        command.arg("--change").arg(change);
    }
    quietly(command.arg(archive).arg(image))
}

/// Runs a program that has nothing to say unless it fails.
fn quietly(command: &mut Command) -> Result<()> {
    let name = PathBuf::from(command.get_program());
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", name.display()))?;
    if !output.status.success() {
        let first: Vec<&OsStr> = command.get_args().take(1).collect();
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} {first:?} ended with {}: {}",
            name.display(),
            output.status,
            reason.trim()
        );
    }
    Ok(())
}

/// Where MediaMTX's configuration is, for the image that holds it.
fn mediamtx_configuration() -> PathBuf {
    stack::repository().join("crates/hook/mediamtx.yml")
}
