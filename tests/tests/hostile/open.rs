//! Without a key nothing listens where others can reach it, unless the operator says so.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::stack::binary;

/// Exit code of a start with a bad configuration.
const REFUSED: i32 = 64;
const PUBLIC: [&str; 7] = [
    "0.0.0.0:1",
    "[::]:1",
    "10.0.0.1:1",
    "192.168.1.1:1",
    "169.254.1.1:1",
    "[fd00::1]:1",
    "[::ffff:8.8.8.8]:1",
];

#[test]
fn open_mode_is_refused_beyond_loopback() -> Result<()> {
    for (program, listen, key) in [
        ("dragoman-media", "MEDIA_LISTEN", "MEDIA_API_KEY"),
        ("dragoman-speech", "SPEECH_LISTEN", "SPEECH_KEY"),
    ] {
        let start = |address: &str, more: &[(&str, &str)]| -> Result<(Option<i32>, String)> {
            let mut command = Command::new(binary(program)?);
            command
                .arg("--check-config")
                .env_remove(key)
                .env_remove("ALLOW_OPEN")
                .env(listen, address);
            let output = command.envs(more.iter().copied()).output().context("it does not run")?;
            Ok((
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ))
        };
        for address in PUBLIC {
            let (code, says) = start(address, &[])?;
            ensure!(
                code == Some(REFUSED) && says.contains(key),
                "{program} at {address}: {code:?} {says}"
            );
            ensure!(
                start(address, &[(key, "k")])?.0 == Some(0),
                "{program} at {address} with a key"
            );
            ensure!(
                start(address, &[("ALLOW_OPEN", "1")])?.0 == Some(0),
                "{program} at {address}, meant to be open"
            );
            // A key that is none is no reason to open.
            ensure!(
                start(address, &[(key, "two words")])?.0 == Some(REFUSED),
                "{program} with a bad key"
            );
        }
        for address in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            ensure!(start(address, &[])?.0 == Some(0), "{program} at {address}");
        }
    }
    for flag in ["--rtmp", "--http", "--api"] {
        for address in PUBLIC {
            let mut command = Command::new(binary("dragoman-router")?);
            let output = command.args([flag, address]).env_remove("ALLOW_OPEN").output()?;
            let says = String::from_utf8_lossy(&output.stderr).into_owned();
            let is_refused = output.status.code() == Some(REFUSED) && says.contains(flag);
            ensure!(is_refused, "dragoman-router {flag} {address}: {says}");
        }
    }
    Ok(())
}
