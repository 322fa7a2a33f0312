//! Becoming another program, with secrets from files and the certificate's place in its environment.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::config::Config;
use crate::vars::{Vars, both_set, read_file};

/// Variables that end in `_FILE` by other people's conventions and are meant as paths.
const PATHS: [&str; 2] = ["SSL_CERT_FILE", "NIX_SSL_CERT_FILE"];

/// MediaMTX's setting for RTMPS: no, optional or strict.
const ENCRYPTION: &str = "MTX_RTMPENCRYPTION";

/// Becomes `program` (and its arguments); only files of names that start with one of `only` are read, all without any.
/// Comes back only with a failure: 64 for bad variables, 127 for a program that cannot be run.
pub(crate) fn exec(vars: &Vars, only: &[String], program: &[OsString]) -> Result<(), Failure> {
    let config = Config::judge(vars, only).map_err(|problems| Failure::config(&problems))?;
    if config.is_open {
        eprintln!("dragoman-hook: open: other machines publish and watch without a key, since ALLOW_OPEN is set");
    }
    let Some((program, arguments)) = program.split_first() else {
        return Err(Failure::config(&[
            "PROGRAM: not given, expected what to run behind --".to_owned()
        ]));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for Change { file_name, name, value } in config.changes {
        command.env_remove(file_name).env(name, value);
    }
    if let Some(wanted) = config.certificate {
        let found = wanted.wait()?;
        command
            .env("MTX_RTMPSERVERCERT", found.chain)
            .env("MTX_RTMPSERVERKEY", found.key);
        if vars.text(ENCRYPTION).is_none() {
            // The worker's own connection, inside, stays as it is.
            command.env(ENCRYPTION, "optional");
        }
    }
    let error = command.exec();
    Err(Failure {
        code: 127,
        reason: format!("exec {}: {error}", program.display()),
    })
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    file_name: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

pub(crate) fn changes(vars: &Vars, only: &[String]) -> Result<Vec<Change>, Vec<String>> {
    let mut changes = Vec::new();
    let mut problems = Vec::new();
    for (file_name, path) in vars.iter() {
        let Some((file_name, name)) = resolvable(file_name) else {
            continue;
        };
        let named = only.is_empty() || only.iter().any(|prefix| name.starts_with(prefix));
        if !named || path.is_empty() {
            continue;
        }
        if vars.text(name).is_some() {
            problems.push(both_set(name, file_name));
            continue;
        }
        match read_file(file_name, Path::new(path)) {
            Ok(value) => changes.push(Change {
                file_name: file_name.to_owned(),
                name: name.to_owned(),
                value,
            }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(changes)
    } else {
        Err(problems)
    }
}

/// The variable's name and the one that its file is for.
fn resolvable(file_name: &OsStr) -> Option<(&str, &str)> {
    let file_name = file_name.to_str()?;
    let name = file_name.strip_suffix("_FILE").filter(|name| !name.is_empty())?;
    (!PATHS.contains(&file_name)).then_some((file_name, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_conventions_stay_paths() {
        assert_eq!(resolvable(OsStr::new("SSL_CERT_FILE")), None);
        assert_eq!(resolvable(OsStr::new("_FILE")), None);
        assert_eq!(resolvable(OsStr::new("A_FILE")), Some(("A_FILE", "A")));
    }
}
