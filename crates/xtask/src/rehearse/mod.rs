//! `rehearse`: a streaming host from its first boot to a dubbed stream, in a container, with everything around it.
//!
//! The scenarios are in `tests/tests/rehearsal`; here is what they need: an engine, our images, a system to boot, and what
//! stands in for the cloud.

mod system;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::docker::{Docker, suite};
use crate::needs::{Need, Probe, Scope};
use crate::{cloud, compile, faults, images, install, stack};

/// Where the scenarios leave their figures, beside the binaries.
const ROWS: &str = "rehearsal";
/// Names that directory to the scenarios.
const FIGURES: &str = "DRAGOMAN_FIGURES";
/// Names the system's image to the scenarios.
const SYSTEM_IMAGE: &str = "DRAGOMAN_SYSTEM_IMAGE";

const NEEDS: &[Need] = &[
    need(&"mmdebstrap", "makes the system that a host boots", &["mmdebstrap"]),
    need(
        &"docker-registry",
        "the images are pulled from it",
        &["docker-registry"],
    ),
    need(&"openssl", "makes certificates", &["openssl"]),
    need(&"ip", "lays networks", &["iproute2"]),
    need(&"nsenter", "lays networks", &["util-linux"]),
    need(&"shellcheck", "reads what a host runs", &["shellcheck"]),
];

const fn need(name: &'static &'static str, reason: &'static str, apt: &'static [&'static str]) -> Need {
    Need {
        scope: Scope::Test,
        probe: Probe::Program(std::slice::from_ref(name)),
        reason,
        apt,
        brew: "",
    }
}

/// `cargo xtask rehearse`.
#[derive(Args)]
pub(crate) struct Rehearse {
    /// Build no binaries: those beside this program are rehearsed
    #[arg(long)]
    built: bool,
    /// Only scenarios with this in their name
    filter: Option<String>,
}

impl Rehearse {
    /// Runs it; where there can be no engine, or no cloud's stand-in, it is skipped, and says so.
    pub(crate) fn run(self) -> Result<ExitCode> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: the rehearsal of a host: it lays networks, which only root can");
            return Ok(ExitCode::SUCCESS);
        }
        let docker = match Docker::for_tests() {
            Ok(docker) => docker,
            Err(reason) => {
                println!("skipped: the rehearsal of a host: {reason:#}");
                return Ok(ExitCode::SUCCESS);
            }
        };
        install::ensure_all(&|| NEEDS.iter().filter(|need| need.find().is_err()).collect(), false)?;
        let host = stack::repository().join("crates/deploy/host");
        let scripts = ["boot.sh", "dragoman-host"].map(|name| host.join(name));
        compile::run(std::process::Command::new("shellcheck").args(scripts))?;
        let made = cloud::tools().and_then(|tools| Ok((tools, system::image(&docker)?)));
        let (tools, system) = match made {
            Ok(made) => made,
            Err(reason) => {
                println!("skipped: the rehearsal of a host: {reason:#}");
                return Ok(ExitCode::SUCCESS);
            }
        };
        if !self.built {
            compile::cargo(&["build", "--workspace", "--bins", "--tests"])?;
        }
        let cloud = match self.filter {
            Some(_) => Ok(()),
            None => {
                let mut command =
                    compile::command(&["test", "--workspace", "--test", "it", "--", "aws::", "commands::"]);
                compile::run_and_say_what_was_skipped(command.env(cloud::TOOLS, &tools))
            }
        };
        images::make(&docker)?;
        let rows = stack::bin_dir()?.join(ROWS);
        // Those of an earlier build would pass for this one's.
        let _ = std::fs::remove_dir_all(&rows);
        let packages: &[&str] = if self.built {
            &["--package", "dragoman-tests"]
        } else {
            &["--workspace"]
        };
        let mut command = [&["test"], packages, &["--test", "rehearsal", "--no-fail-fast", "--"]].concat();
        command.extend(["--ignored", "--test-threads=1", "--nocapture"]);
        command.extend(self.filter.as_deref());
        let mut command = compile::command(&command);
        command.envs(docker.variables()).env(FIGURES, &rows);
        command.env(SYSTEM_IMAGE, system).env(cloud::TOOLS, tools);
        let outcome = compile::run_and_say_what_was_skipped(&mut command);
        let measured = faults::rows(&rows)?;
        if !measured.is_empty() {
            println!("\n{}", suite::table("rehearsal", &measured));
            let file = rows.with_extension("json");
            std::fs::write(&file, Value::from(measured).to_string())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        cloud.context("the command against what stands in for AWS and RunPod")?;
        outcome.map(|()| ExitCode::SUCCESS)
    }
}
