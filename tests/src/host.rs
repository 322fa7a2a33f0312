//! Another speech host, beside the one of a stack.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use xtask::{ports, stack};

/// A running speech service; dropping it kills it.
#[derive(Debug)]
pub struct Host {
    process: Child,
    address: SocketAddr,
}

impl Host {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        let mut command = Command::new(stack::binary("dragoman-speech")?);
        command.env("SPEECH_LISTEN", address.to_string()).env("LOG", "warn");
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Ok(Self {
            process: process.context("cannot run another speech service")?,
            address,
        })
    }

    /// It can dub.
    pub fn is_well(&self) -> bool {
        reqwest::blocking::get(format!("http://{}/healthz", self.address))
            .is_ok_and(|answer| answer.status().is_success())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
