//! `flake`: evaluates the Nix flake for every system and looks at what it would build.
//!
//! Nothing is built and no network is needed: small stand-ins (`nix/standin`) take the place of nixpkgs and crane. They
//! hold exactly what we use of both and remember what they were called with; the judgement is in [`judge`].

mod judge;
#[cfg(test)]
mod plugins_test;

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::Installing;
use crate::needs::{self, Need, Probe, Scope};
use crate::{install, stack};

/// `cargo xtask flake`.
#[derive(Args)]
pub(crate) struct Flake {
    #[command(flatten)]
    installing: Installing,
}

const NIX: Need = Need {
    scope: Scope::Test,
    probe: Probe::Program(&["nix-instantiate"]),
    reason: "evaluates the flake",
    apt: &["nix-bin"],
    brew: "nix",
};

/// Wrong spellings of our own names: each has to be an error, or the evaluation does not look at that place.
const MISSPELT: [(&str, &str, &str); 9] = [
    ("flake.nix", "each \"checks\"", "each \"cheks\""),
    ("nix/default.nix", "oci.collect \"images\"", "oci.colect \"images\""),
    ("nix/packages.nix", "gstreamer.path.worker", "gstreamer.path.wroker"),
    ("nix/images.nix", "project.media ]", "project.medai ]"),
    ("nix/images.nix", "fakeRootCommands =", "fakeRootComands ="),
    ("nix/gstreamer.nix", "scope.gst-plugins-bad", "scope.gst-plugin-bad"),
    ("nix/workspace.nix", "cargoExtraArgs", "cargoExtraArg"),
    ("nix/cuda.nix", "cudaPackages.libcublas", "cudaPackages.libcubals"),
    ("nix/checks.nix", "arguments dependencies", "arguments dependecies"),
];

impl Flake {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let missing = || match NIX.find() {
            Ok(_) => Vec::new(),
            Err(_) => vec![&NIX],
        };
        if !missing().is_empty() && needs::on_path("apt-get").is_none() {
            println!("skipped: there is no nix on the PATH and no apt-get to install it");
            return Ok(ExitCode::SUCCESS);
        }
        install::ensure_all(&missing, self.installing.no_install)?;

        let started = Instant::now();
        let nix = Nix::new()?;
        let root = stack::repository();
        let problems = judge::problems(
            &nix.report(&root)?,
            &std::fs::read_to_string(root.join("nix/README.md"))?,
        );
        if !problems.is_empty() {
            bail!("the flake is not as promised:\n  {}", problems.join("\n  "));
        }
        for (file, right, wrong) in MISSPELT {
            nix.must_fail(&root, file, right, wrong)?;
        }
        nix.check(&root)?;
        println!(
            "evaluated for every system, {} misspellings found, in {:.1} s",
            MISSPELT.len(),
            started.elapsed().as_secs_f64()
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// A Nix with a store of its own: it may run as anybody and leaves nothing behind.
struct Nix {
    dir: TempDir,
}

impl Nix {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir().context("cannot make a directory")?;
        Ok(Self { dir })
    }

    fn run(&self, program: &str, arguments: &[&str], root: &Path) -> Result<Output> {
        // Nix refuses a store below a link, which macOS's temporary directory is.
        let own = self.dir.path().canonicalize().context("find the directory")?;
        Command::new(program)
            .args(arguments)
            .current_dir(root)
            .env("NIX_STORE_DIR", own.join("store"))
            .env("NIX_STATE_DIR", own.join("state"))
            .env("NIX_LOG_DIR", own.join("log"))
            .env("NIX_CONF_DIR", own.join("etc"))
            .env("XDG_CACHE_HOME", own.join("cache"))
            .env("HOME", &own)
            .env_remove("NIX_PATH")
            .env_remove("NIX_REMOTE")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {program}"))
    }

    fn report(&self, root: &Path) -> Result<Value> {
        let output = self.run(
            "nix-instantiate",
            &["--eval", "--strict", "--json", "nix/standin/report.nix"],
            root,
        )?;
        if !output.status.success() {
            bail!(
                "the flake does not evaluate:\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).context("the report is no JSON")
    }

    /// A copy of the Nix files in which `right` is spelt `wrong` has to be refused.
    fn must_fail(&self, root: &Path, file: &str, right: &str, wrong: &str) -> Result<()> {
        let copy = tempfile::tempdir().context("cannot make a directory")?;
        for entry in std::fs::read_dir(root).context("list the repository")?.flatten() {
            let to = copy.path().join(entry.file_name());
            match entry.file_name().to_str() {
                Some("nix") => copy_dir(&entry.path(), &to)?,
                Some("flake.nix") => drop(std::fs::copy(entry.path(), &to).context("copy flake.nix")?),
                _ => std::os::unix::fs::symlink(entry.path(), &to).context("link the rest")?,
            }
        }
        let path = copy.path().join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {file}"))?;
        if !text.contains(right) {
            bail!("{file} has no `{right}` that could be misspelt");
        }
        std::fs::write(&path, text.replacen(right, wrong, 1)).with_context(|| format!("write {file}"))?;
        match self.report(copy.path()) {
            Ok(_) => bail!("`{wrong}` in {file} was not noticed"),
            Err(_) => Ok(()),
        }
    }

    /// The flake's own machinery: the lock file, the shape of each output, and that every file is known to git.
    fn check(&self, root: &Path) -> Result<()> {
        if !root.join(".git").exists() {
            println!("skipped: `nix flake check`, which wants a checkout with its history");
            return Ok(());
        }
        let inputs: Vec<String> = ["nixpkgs", "crane"]
            .iter()
            .map(|input| format!("path:{}", root.join("nix/standin").join(input).display()))
            .collect();
        let flake = format!("git+file://{}", root.display());
        let mut arguments = vec!["--extra-experimental-features", "nix-command flakes", "flake", "check"];
        arguments.extend([flake.as_str(), "--no-build", "--no-write-lock-file"]);
        arguments.extend(["--override-input", "nixpkgs", &inputs[0]]);
        arguments.extend(["--override-input", "crane", &inputs[1]]);
        // Nix before 2.16 does not know the flag: it looks at all systems always.
        for more in [&["--all-systems"][..], &[]] {
            let output = self.run("nix", &[arguments.as_slice(), more].concat(), root)?;
            let text = String::from_utf8_lossy(&output.stderr);
            if output.status.success() {
                return Ok(());
            }
            if !text.contains("unrecognised flag") {
                bail!("`nix flake check` failed:\n{text}");
            }
        }
        bail!("`nix flake check` does not know its own flags")
    }
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to).with_context(|| format!("make {}", to.display()))?;
    for entry in std::fs::read_dir(from)
        .with_context(|| format!("list {}", from.display()))?
        .flatten()
    {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), &to).with_context(|| format!("copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}
