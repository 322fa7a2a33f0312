//! `up`: everything as the file says. Its order leaves nothing half-made that a further run does not find: keys and
//! files first, which cost nothing; then the GPU, which may not be had; then the stack, whose host needs all of these.

use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Deploying, Stored, say};
use crate::aws::{self, Aws, HostState, Release, Stack};
use crate::cli::Up;
use crate::registry::hex;
use crate::secrets::{NAMES, Secret};
use crate::wanted;
use sha2::{Digest, Sha256};

/// How long a host may take to do what it is asked: it looks every 15 s, and may have images to pull.
const HOST_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long the host may take to hear of another list of speech hosts.
const LIST_WITHIN: Duration = Duration::from_secs(3 * 60);
const LOOK: Duration = Duration::from_secs(3);

/// What became of a release at the host.
pub(super) enum Rollout {
    /// It runs.
    Runs,
    /// It waits for this.
    Waits(String),
}

impl Deploying {
    /// `up`.
    pub(crate) fn up(&self, up: &Up) -> Result<()> {
        let aws = self.aws()?;
        self.check_images()?;
        // Refused early when the name is somebody else's.
        let there = aws.stack(self.name())?;
        let stored = self.stored(&aws)?;
        let mut changed = Vec::new();

        let mut keys = std::collections::BTreeMap::new();
        for (name, what) in NAMES {
            let key = match stored.get(&format!("secrets/{name}")) {
                Some(key) => Secret::new(key).with_context(|| format!("the stored {name} is no key"))?,
                None => {
                    let key = Secret::random()?;
                    say(&format!("a new key for {what} ({name})"));
                    aws.put_parameter(self.name(), &wanted::secret(name, &key))?;
                    changed.push(format!("secrets/{name}"));
                    key
                }
            };
            keys.insert(*name, key);
        }
        let old = stored.get("release").map(|json| Release::parse(json)).transpose()?;
        let tls = self.has_tls(there.as_ref(), old.as_ref());
        let release = wanted::release(&self.wanted, old.as_ref(), tls, up.now)?;
        if up.now && old.as_ref() != Some(&release) {
            self.say_what_is_cut(&stored)?;
        }
        let mut parameters = wanted::files()?;
        aws.delete_named(&aws::prefix(self.name()), &wanted::left_over(&stored, &parameters))?;
        parameters.push(wanted::plain("release", release.json()));
        changed.extend(aws.put_parameters(self.name(), &parameters, &stored)?);

        let speech_key = keys.get("speech_key").context("there is no key for the speech hosts")?;
        let keys = (speech_key, None);
        self.speech_hosts(&aws, &stored, keys, up.replace_gpu, there.is_some(), &mut changed)?;

        let wanted = aws.wanted(self.name(), &self.wanted.streams, there.as_ref())?;
        let deployed = aws
            .deploy_stack(&wanted, up.now, &mut |line| say(line))
            .with_context(|| {
                format!(
                    "the streaming host was not brought up; what costs money meanwhile: {}. Run `up` again, or `down`",
                    self.what_is_rented()
                )
            })?;
        if deployed.changed {
            changed.push("the stack".into());
        }
        match self.rollout(&aws, &release)? {
            Rollout::Waits(for_what) => say(&format!("release {} waits {for_what}", release.id)),
            Rollout::Runs => say(&format!("release {} runs", release.id)),
        }
        match changed.is_empty() {
            true => say("nothing had to be changed"),
            false => say(&format!("changed: {}", changed.join(", "))),
        }
        self.show(&aws, Some(&deployed.stack))?;
        match &self.wanted.streams.domain {
            // Its ports are TLS's alone: nothing goes out in the clear meanwhile.
            Some(domain) if !tls => bail!(
                "{domain} does not point to the streaming host: nothing is served yet. Make it point to {}, then run `up` again",
                deployed
                    .stack
                    .outputs
                    .get("Address")
                    .map_or("its address", String::as_str)
            ),
            _ => Ok(()),
        }
    }

    /// Whether the host may ask for a certificate: its domain points to it, or did when it was given the domain.
    pub(super) fn has_tls(&self, stack: Option<&Stack>, old: Option<&Release>) -> bool {
        let Some(domain) = &self.wanted.streams.domain else {
            return false;
        };
        if old.is_some_and(|old| old.settings.get("DOMAIN") == Some(domain)) {
            return true;
        }
        let Some(address) = stack.and_then(|stack| stack.outputs.get("Address")) else {
            return false;
        };
        // What cannot be resolved does not point anywhere.
        (domain.as_str(), 443)
            .to_socket_addrs()
            .is_ok_and(|mut found| found.any(|found| found.ip().to_string() == *address))
    }

    fn say_what_is_cut(&self, stored: &Stored) -> Result<()> {
        let Some(state) = stored.get("state").map(|json| HostState::parse(json)).transpose()? else {
            return Ok(());
        };
        let used = state.capacity.as_ref().and_then(|capacity| capacity["used"].as_f64());
        match used {
            Some(0.0) => say("no stream is on air"),
            Some(used) => {
                let names = self.on_air(stored).unwrap_or_default();
                let names = if names.is_empty() {
                    String::new()
                } else {
                    format!(": {}", names.join(", "))
                };
                say(&format!("this cuts the streams on air ({used} places in use){names}"));
            }
            None => say("this cuts the streams on air; the host did not say how many"),
        }
        Ok(())
    }

    /// Waits until the host runs `release`, or says what it waits for.
    pub(super) fn rollout(&self, aws: &Aws, release: &Release) -> Result<Rollout> {
        let since = Instant::now();
        let mut said = false;
        loop {
            if let Some(state) = aws.host_state(self.name())? {
                if state.release.as_deref() == Some(&release.id) && state.healthy && state.problem.is_none() {
                    return Ok(Rollout::Runs);
                }
                let runs = state.release.as_deref().unwrap_or("none");
                if let Some(problem) = &state.problem
                    && problem.contains(&release.id)
                {
                    bail!(
                        "the host did not take release {}, it runs {runs}: {problem}. `dragoman-deploy logs` shows more",
                        release.id
                    );
                }
                if let Some(waiting) = state.waiting {
                    return Ok(Rollout::Waits(waiting));
                }
            }
            if since.elapsed() > HOST_WITHIN {
                bail!(
                    "the host has not said within {} minutes that it runs release {}: `dragoman-deploy status` and \
                     `dragoman-deploy logs` show what it does",
                    HOST_WITHIN.as_secs() / 60,
                    release.id
                );
            }
            if !said {
                said = true;
                say(&format!("waiting for the host to run release {}", release.id));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Stores the list of speech hosts; with `wait` until the streaming host has it.
    pub(super) fn list(&self, aws: &Aws, stored: &Stored, urls: &[String], wait: bool) -> Result<bool> {
        let list = wanted::speech_list(urls);
        let parameter = wanted::plain("speech", list.clone());
        let changed = !aws.put_parameters(self.name(), &[parameter], stored)?.is_empty();
        if !wait {
            return Ok(changed);
        }
        let hash = hex(&Sha256::digest(&list))[..12].to_owned();
        let since = Instant::now();
        while aws.host_state(self.name())?.and_then(|state| state.speech).as_ref() != Some(&hash) {
            if since.elapsed() > LIST_WITHIN {
                bail!(
                    "the streaming host has not taken the new list of speech hosts within {} minutes: both speech hosts are \
                     left running. See `dragoman-deploy logs`, then run this again",
                    LIST_WITHIN.as_secs() / 60
                );
            }
            std::thread::sleep(LOOK);
        }
        Ok(changed)
    }
}
