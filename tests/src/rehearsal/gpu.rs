//! A speech host: the service with the mock engine in another network namespace, behind a proxy that ends TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use xtask::stack;

use super::door::Door;
use super::wires::{OUTSIDE, SPEECH, SPEECH_NAMESPACE};

/// A running one; dropping it kills it.
#[derive(Debug)]
pub struct Gpu {
    process: Child,
    door: Door,
    url: String,
}

impl Gpu {
    /// The one of this number, which is its port's; `identity` is its proxy's certificate and key.
    pub fn start(number: u16, key: &Path, identity: &Path, log: &Path) -> Result<Self> {
        let inner: SocketAddr = format!("{SPEECH}.2:{}", 8_090 + number).parse()?;
        let outer: SocketAddr = format!("{OUTSIDE}:{}", 8_443 + number).parse()?;
        let process = Command::new("ip")
            .args(["netns", "exec", SPEECH_NAMESPACE])
            .arg(stack::binary("dragoman-speech")?)
            .env("MODE", "split")
            .env("SPEECH_LISTEN", inner.to_string())
            .env("SPEECH_KEY_FILE", key)
            .env("LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(log)?)
            .spawn()
            .context("cannot run a speech host")?;
        Ok(Self {
            process,
            door: Door::open(outer, inner, identity)?,
            url: format!("wss://{outer}"),
        })
    }

    /// Where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What ends TLS before it.
    pub fn door(&self) -> &Door {
        &self.door
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
