//! Installs missing native libraries through the system's package manager, and says the command that it runs.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::needs::{self, Need, Scope};

/// Something is missing and may not, or cannot, be installed from here.
#[derive(Debug)]
pub(crate) struct NotInstalled(String);

impl fmt::Display for NotInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotInstalled {}

/// Who installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt { sudo: bool },
    Brew,
}

/// Puts in place what `scope` needs, or fails with the command that would.
pub(crate) fn ensure(scope: Scope, forbidden: bool) -> Result<()> {
    let missing = needs::missing(scope);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().map(|need| need.name()).collect();
    let Some(manager) = Manager::of_this_machine() else {
        return Err(NotInstalled(format!(
            "missing: {}. No apt-get or brew that could install them was found (on Debian and Ubuntu without sudo, \
             run this as root); `cargo xtask doctor` says what is needed",
            names.join("; ")
        ))
        .into());
    };
    let commands = manager.install(&missing);
    let shown: Vec<String> = commands.iter().map(|command| command.join(" ")).collect();
    if forbidden {
        return Err(NotInstalled(format!(
            "missing: {}. Install with:\n  {}",
            names.join("; "),
            shown.join("\n  ")
        ))
        .into());
    }
    eprintln!("missing: {}", names.join("; "));
    for command in &commands {
        manager.run(command)?;
    }
    let still: Vec<String> = needs::missing(scope).iter().map(|need| need.name()).collect();
    if !still.is_empty() {
        bail!("still missing after the installation: {}", still.join("; "));
    }
    Ok(())
}

/// As [`ensure`] for all tests. Some are skipped without what only they need, so its absence is only said.
pub(crate) fn ensure_for_tests(forbidden: bool) -> Result<()> {
    ensure(Scope::Test, forbidden)?;
    for scope in [Scope::Pages, Scope::Chain] {
        if let Err(error) = ensure(scope, forbidden) {
            eprintln!("warning: {error:#}; the tests that need it are skipped");
        }
    }
    Ok(())
}

/// The commands that bring what is missing, for a reader.
pub(crate) fn advice(missing: &[&Need]) -> Vec<String> {
    let manager = Manager::of_this_machine().unwrap_or(Manager::Apt { sudo: true });
    manager
        .install(missing)
        .iter()
        .map(|command| command.join(" "))
        .collect()
}

impl Manager {
    fn of_this_machine() -> Option<Self> {
        if needs::on_path("apt-get").is_some() {
            let root = rustix::process::geteuid().is_root();
            return (root || needs::on_path("sudo").is_some()).then_some(Self::Apt { sudo: !root });
        }
        needs::on_path("brew").map(|_| Self::Brew)
    }

    /// The commands that install, one argument list each.
    fn install(self, missing: &[&Need]) -> Vec<Vec<&'static str>> {
        let mut lists: Vec<Vec<&'static str>> = Vec::new();
        match self {
            Self::Apt { .. } => {
                let mut list = self.apt(&["install", "-y", "--no-install-recommends"]);
                for package in missing.iter().flat_map(|need| need.apt) {
                    if !list.contains(package) {
                        list.push(package);
                    }
                }
                lists.push(list);
            }
            Self::Brew => {
                for formula in missing
                    .iter()
                    .map(|need| need.brew)
                    .filter(|formula| !formula.is_empty())
                {
                    let mut list = vec!["brew", "install"];
                    list.extend(formula.split(' '));
                    if !lists.contains(&list) {
                        lists.push(list);
                    }
                }
            }
        }
        lists
    }

    fn apt(self, arguments: &[&'static str]) -> Vec<&'static str> {
        let mut list = match self {
            Self::Apt { sudo: true } => vec!["sudo", "apt-get"],
            _ => vec!["apt-get"],
        };
        list.extend(arguments);
        list
    }

    /// Package lists are fetched only where there are none, or where they are too old to install from.
    fn run(self, command: &[&'static str]) -> Result<()> {
        let refresh = self.apt(&["update"]);
        let fresh = self != Self::Brew && !has_package_lists();
        if fresh {
            execute(&refresh)?;
        }
        match execute(command) {
            Err(_) if self != Self::Brew && !fresh => {
                execute(&refresh)?;
                execute(command)
            }
            outcome => outcome,
        }
    }
}

fn has_package_lists() -> bool {
    let Ok(entries) = std::fs::read_dir(Path::new("/var/lib/apt/lists")) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}

fn execute(command: &[&str]) -> Result<()> {
    let shown = command.join(" ");
    eprintln!("$ {shown}");
    let (program, arguments) = command.split_first().context("an empty command")?;
    let status = Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needs::NEEDS;

    #[test]
    fn apt_gets_each_package_once_in_one_command() {
        let all: Vec<&Need> = NEEDS.iter().collect();
        let commands = Manager::Apt { sudo: true }.install(&all);
        assert_eq!(commands.len(), 1);
        let command = &commands[0];
        assert_eq!(
            command[..5],
            ["sudo", "apt-get", "install", "-y", "--no-install-recommends"]
        );
        let mut packages = command[5..].to_vec();
        packages.sort_unstable();
        let count = packages.len();
        packages.dedup();
        assert_eq!(packages.len(), count, "a package is named twice");
        assert!(packages.contains(&"gstreamer1.0-libav"));
    }

    #[test]
    fn brew_installs_each_formula_once() {
        let all: Vec<&Need> = NEEDS.iter().collect();
        let commands = Manager::Brew.install(&all);
        assert_eq!(
            commands.iter().filter(|command| command.contains(&"gstreamer")).count(),
            1
        );
        assert!(commands.contains(&vec!["brew", "install", "--cask", "chromium"]));
    }
}
