//! Where the secrets' values are, on the host and around it.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::{CONTAINER, Rig};
use crate::project::docker;

/// Everything that can be kept, and what every process was given. The patterns come on standard input, so that the search
/// does not find itself.
const SEARCH: &str = "grep -rlsFf - /etc /var /root /home /opt /srv /tmp /run /usr/local /proc/[0-9]*/cmdline \
                      /proc/[0-9]*/environ";
const JOURNAL: &str = "p=$(cat); journalctl --no-pager --output json | grep -cFf <(printf '%s' \"$p\")";
/// Where they belong: root's own copies, and what containers get.
const BELONG: [&str; 2] = ["/var/lib/dragoman-host/generations/", "/run/dragoman/secrets/"];

impl Rig {
    /// Fails where a secret, or a credential of the host's role, is anywhere else than where it belongs.
    pub fn secrets_are_where_they_belong(&self) -> Result<usize> {
        let found = self.with_patterns(SEARCH)?;
        let mut count = 0;
        for path in found.lines() {
            if BELONG.iter().any(|place| path.starts_with(place)) && path.contains("/secrets/") {
                count += 1;
                continue;
            }
            // MediaMTX takes its users' secrets from its environment, where its starter puts them.
            let process = path
                .strip_prefix("/proc/")
                .and_then(|path| path.strip_suffix("/environ"));
            let of = process.map(|id| self.on_host(&["cat", &format!("/proc/{id}/comm")]).unwrap_or_default());
            ensure!(
                of.as_deref().map(str::trim) == Some("mediamtx"),
                "a secret is in {path} of {of:?}"
            );
        }
        let journal = self.with_patterns(JOURNAL)?;
        ensure!(journal.trim() == "0", "a secret is in {journal} lines of the journal");
        for name in ["moto.log", "near.log", "far.log"] {
            self.not_in(&self.dir.path().join(name))?;
        }
        Ok(count)
    }

    fn not_in(&self, file: &Path) -> Result<()> {
        let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        for (name, value) in &self.secrets {
            ensure!(!text.contains(value), "{name} is in {}", file.display());
        }
        Ok(())
    }

    fn with_patterns(&self, script: &str) -> Result<String> {
        let mut search = docker(&["exec", "--interactive", CONTAINER, "bash", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run docker")?;
        let values: Vec<&str> = self.secrets.iter().map(|(_, value)| value.as_str()).collect();
        search
            .stdin
            .take()
            .context("no stdin")?
            .write_all(values.join("\n").as_bytes())?;
        let output = search.wait_with_output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
