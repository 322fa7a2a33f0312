//! What `exec` and `--check-config` judge before MediaMTX runs: this program's own variables, and whom MediaMTX would
//! let in. MediaMTX itself starts with whatever it is given.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::certificate::{self, Wanted};
use crate::event;
use crate::exec::{Change, changes};
use crate::recordings;
use crate::vars::Vars;

/// MediaMTX's setting for its users, with an index and the field behind it.
const USERS: &str = "MTX_AUTHINTERNALUSERS_";
/// Whom `mediamtx.yml` lets in when no variable says otherwise: anybody on this machine.
const OF_THE_FILE: [&str; 3] = ["0", "1", "2"];
const LOCAL: &str = "127.0.0.1,::1";

/// A configuration without problems.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// What the files of `_FILE` variables change.
    pub(crate) changes: Vec<Change>,
    /// Other machines are let in without a key, as asked for.
    pub(crate) is_open: bool,
    /// What MediaMTX is to serve RTMPS with.
    pub(crate) certificate: Option<Wanted>,
    /// `NAME=value` lines, without secrets.
    pub(crate) shown: String,
}

impl Config {
    /// Judges `vars`; `only` as in [`changes`]. Every problem at once.
    pub(crate) fn judge(vars: &Vars, only: &[String]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let changes = changes(vars, only).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let (base, key) = event::address(vars, &mut problems);
        let (mode, may_open) = judge_mode(vars, &mut problems);
        problems.extend(recordings::floor(vars).err());
        let domain = or_problem(certificate::domain(vars), &mut problems);
        let certificate = or_problem(certificate::wanted(vars, domain.as_deref()), &mut problems);
        if let Some(domain) = domain
            .as_deref()
            .filter(|domain| may_open && !certificate::is_local(domain))
        {
            problems.push(format!(
                "ALLOW_OPEN: found 1, expected 0 or not set, since DOMAIN is {domain}: what other machines reach needs keys"
            ));
        }
        problems.extend(blank_secrets(vars));

        let value = |name: &str| {
            let changed = changes.iter().find(|change| change.name == name);
            changed.map(|change| change.value.clone()).or_else(|| vars.text(name))
        };
        let users = match value("MTX_AUTHMETHOD").as_deref() {
            None | Some("internal") => users(vars, &value),
            // Somebody else lets them in.
            Some(_) => BTreeMap::new(),
        };
        for (index, user) in &users {
            problems.extend(user.problems(index, &mode, may_open));
        }
        if !problems.is_empty() {
            return Err(problems);
        }

        let mut rows = vec![
            ("MODE".to_owned(), mode),
            ("DOMAIN".to_owned(), domain.unwrap_or_else(|| "none".to_owned())),
            ("MEDIA_API_URL".to_owned(), base),
            ("MEDIA_API_KEY".to_owned(), set(key.is_some()).to_owned()),
        ];
        for (index, user) in &users {
            let name = if user.is_anybody() { "any" } else { set(true) };
            rows.push((format!("{USERS}{index}_USER"), name.to_owned()));
            rows.push((format!("{USERS}{index}_PASS"), set(!user.pass.is_empty()).to_owned()));
            rows.push((format!("{USERS}{index}_IPS"), user.ips.clone()));
        }
        Ok(Self {
            changes,
            certificate,
            is_open: users.values().any(|user| user.is_open() && !user.is_local()),
            shown: rows.iter().map(|(name, value)| format!("{name}={value}\n")).collect(),
        })
    }
}

/// What was found; a problem joins the others.
fn or_problem<T>(found: Result<Option<T>, String>, problems: &mut Vec<String>) -> Option<T> {
    found.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    })
}

fn set(is_set: bool) -> &'static str {
    if is_set { "set, not shown" } else { "not set" }
}

/// A user's password that is set to nothing was meant to be one: MediaMTX would take any.
fn blank_secrets(vars: &Vars) -> impl Iterator<Item = String> {
    let names = vars
        .iter()
        .filter(|(_, value)| value.is_empty())
        .filter_map(|(name, _)| name.to_str());
    let secrets = names.filter(|name| {
        let field = name.strip_prefix(USERS).and_then(|rest| rest.split_once('_'));
        field.is_some_and(|(_index, field)| matches!(field, "PASS" | "PASS_FILE"))
    });
    secrets.map(|name| format!("{name}: found nothing, expected a secret, or the variable not to be set at all"))
}

/// As the services judge it: only the local mode can be open.
fn judge_mode(vars: &Vars, problems: &mut Vec<String>) -> (String, bool) {
    let mode = vars.text("MODE").unwrap_or_else(|| "cpu".to_owned());
    if !["cpu", "gpu", "split"].contains(&mode.as_str()) {
        problems.push(format!("MODE: found {mode:?}, expected one of cpu, gpu, split"));
    }
    let asked = match vars
        .text("ALLOW_OPEN")
        .as_deref()
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("0" | "false" | "no" | "off") => false,
        Some("1" | "true" | "yes" | "on") => true,
        Some(other) => {
            problems.push(format!("ALLOW_OPEN: found {other:?}, expected 1 or 0"));
            false
        }
    };
    if asked && mode != "cpu" {
        problems.push(format!(
            "ALLOW_OPEN: found 1, expected 0 or not set, since MODE is {mode}: it needs keys"
        ));
    }
    let may_open = asked && mode == "cpu";
    (mode, may_open)
}

/// Somebody whom MediaMTX lets in.
#[derive(Debug)]
struct User {
    name: String,
    pass: String,
    /// Networks separated by commas; none is everywhere.
    ips: String,
}

impl User {
    fn is_anybody(&self) -> bool {
        self.name.is_empty() || self.name == "any"
    }

    /// MediaMTX takes any password where none is set.
    fn is_open(&self) -> bool {
        self.is_anybody() || self.pass.is_empty()
    }

    fn is_local(&self) -> bool {
        !self.ips.is_empty() && self.ips.split(',').all(|network| is_loopback(network.trim()))
    }

    fn problems(&self, index: &str, mode: &str, may_open: bool) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.is_anybody() && self.pass.is_empty() {
            problems.push(format!(
                "{USERS}{index}_PASS: not set, expected a secret, since {USERS}{index}_USER is set"
            ));
        } else if self.is_open() && !self.is_local() && !may_open {
            let way_out = if mode == "cpu" { " (or ALLOW_OPEN=1)" } else { "" };
            problems.push(format!(
                "{USERS}{index}_USER: found any, expected a name, and a secret in {USERS}{index}_PASS, since \
                 {USERS}{index}_IPS lets in other machines{way_out}"
            ));
        }
        problems
    }
}

/// The users of `mediamtx.yml` as the variables change them, and those that only the variables name.
fn users(vars: &Vars, value: &impl Fn(&str) -> Option<String>) -> BTreeMap<String, User> {
    let named = vars.iter().filter_map(|(name, _)| {
        let (index, _field) = name.to_str()?.strip_prefix(USERS)?.split_once('_')?;
        Some(index.to_owned())
    });
    let indices = OF_THE_FILE.map(str::to_owned).into_iter().chain(named);
    let user = |index: String| {
        let field = |field: &str| value(&format!("{USERS}{index}_{field}"));
        let default_ips = if OF_THE_FILE.contains(&index.as_str()) {
            LOCAL
        } else {
            ""
        };
        let user = User {
            name: field("USER").unwrap_or_default(),
            pass: field("PASS").unwrap_or_default(),
            ips: field("IPS").unwrap_or_else(|| default_ips.to_owned()),
        };
        (index, user)
    };
    indices.map(user).collect()
}

/// A loopback address, or a network of nothing else.
fn is_loopback(network: &str) -> bool {
    let (address, prefix) = network.split_once('/').unwrap_or((network, "128"));
    let (Ok(address), Ok(prefix)) = (address.parse::<IpAddr>(), prefix.parse::<u8>()) else {
        return false;
    };
    address.is_loopback() && prefix >= if address.is_ipv4() { 8 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(vars: &[(&str, &str)]) -> Result<Config, String> {
        let vars = Vars::new(vars.iter().map(|(name, value)| (name.into(), value.into())));
        Config::judge(&vars, &[]).map_err(|problems| problems.join("\n"))
    }

    #[test]
    fn this_machine_alone_needs_no_keys() {
        let config = judge(&[]).unwrap();
        assert!(!config.is_open);
        assert!(config.shown.contains("MTX_AUTHINTERNALUSERS_2_IPS=127.0.0.1,::1\n"));
        judge(&[("MTX_AUTHINTERNALUSERS_1_IPS", "127.0.0.0/8, ::1/128")]).unwrap();
    }

    #[test]
    fn other_machines_need_keys_or_the_operators_word() {
        let everywhere = ("MTX_AUTHINTERNALUSERS_0_IPS", "0.0.0.0/0,::/0");
        let problem = judge(&[everywhere]).unwrap_err();
        assert!(
            problem.starts_with("MTX_AUTHINTERNALUSERS_0_USER: ") && problem.ends_with("(or ALLOW_OPEN=1)"),
            "{problem}"
        );
        assert!(judge(&[everywhere, ("ALLOW_OPEN", "1")]).unwrap().is_open);
        for mode in ["gpu", "split"] {
            let problems = judge(&[everywhere, ("ALLOW_OPEN", "1"), ("MODE", mode)]).unwrap_err();
            assert!(
                problems.contains("ALLOW_OPEN: ") && problems.contains("_0_USER: "),
                "{problems}"
            );
        }
        let open = ("ALLOW_OPEN", "1");
        let problem = judge(&[open, ("DOMAIN", "live.example")]).unwrap_err();
        assert!(
            problem.starts_with("ALLOW_OPEN: ") && problem.contains("live.example"),
            "{problem}"
        );
        judge(&[open, ("DOMAIN", "localhost")]).unwrap();
        let keyed = [
            everywhere,
            ("MTX_AUTHINTERNALUSERS_0_USER", "publisher"),
            ("MTX_AUTHINTERNALUSERS_0_PASS", "hunter2"),
        ];
        let config = judge(&keyed).unwrap();
        assert!(!config.is_open && !config.shown.contains("hunter2") && !config.shown.contains("publisher"));
        // A further user is let in from everywhere unless it says from where.
        assert!(judge(&[("MTX_AUTHINTERNALUSERS_3_USER", "any")]).is_err());
        judge(&[("MTX_AUTHMETHOD", "jwt"), everywhere]).unwrap();
    }

    #[test]
    fn every_problem_is_listed_at_once() {
        let problems = judge(&[
            ("MODE", "gpus"),
            ("ALLOW_OPEN", "maybe"),
            ("MEDIA_API_URL", "https://media"),
            ("MEDIA_API_KEY", ""),
            ("MTX_AUTHINTERNALUSERS_1_USER", "worker"),
            ("MTX_AUTHINTERNALUSERS_2_PASS_FILE", "/no/such/file"),
            ("DOMAIN", "https://live.example"),
            ("CERTIFICATES_DIR", "certificates"),
        ])
        .unwrap_err();
        for name in [
            "MODE",
            "ALLOW_OPEN",
            "MEDIA_API_URL",
            "MEDIA_API_KEY",
            "MTX_AUTHINTERNALUSERS_1_PASS",
            "MTX_AUTHINTERNALUSERS_2_PASS_FILE",
            "DOMAIN",
            "CERTIFICATES_DIR",
        ] {
            assert!(
                problems.lines().any(|line| line.starts_with(&format!("{name}: "))),
                "{name} in {problems}"
            );
        }
        assert_eq!(problems.lines().count(), 8, "{problems}");
    }
}
