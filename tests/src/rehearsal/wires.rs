//! Networks between this machine and a host in a namespace of its own.

use std::process::Command;

use anyhow::Result;

use crate::material::run;

/// This machine's address on the host's network, where the provider's services and the speech hosts' proxies are.
pub const OUTSIDE: &str = "10.213.0.1";
/// Another one, for what the emulator does not have.
pub const OUTSIDE_TOO: &str = "10.213.0.3";
/// The host's address.
pub const HOST: &str = "10.213.0.2";
/// The metadata service's.
pub const METADATA: &str = "169.254.169.254";
/// The speech hosts' network: this machine is its `.1`, and the first speech host its `.2`.
pub const SPEECH: &str = "10.213.1";

const OUTER: &str = "dragoman-host";
const SPEECH_OUTER: &str = "dragoman-gpu";
/// The speech hosts' namespace.
pub const SPEECH_NAMESPACE: &str = "dragoman-gpu";

/// The wires; dropping them takes them away.
#[derive(Debug)]
pub struct Wires(());

fn ip(arguments: &str) -> Result<()> {
    run(Command::new("ip").args(arguments.split(' '))).map(drop)
}

fn inside(pid: u32, arguments: &str) -> Result<()> {
    let mut command = Command::new("nsenter");
    command.arg("--target").arg(pid.to_string()).args(["--net", "ip"]);
    run(command.args(arguments.split(' '))).map(drop)
}

impl Wires {
    /// Lays one to the namespace of process `pid`, and one to a namespace for speech hosts.
    pub fn lay(pid: u32) -> Result<Self> {
        // Those of a run that was killed.
        take_away();
        let wires = Self(());
        ip(&format!("link add {OUTER} type veth peer name eth0 netns {pid}"))?;
        ip(&format!("addr add {OUTSIDE}/24 dev {OUTER}"))?;
        ip(&format!("addr add {OUTSIDE_TOO}/32 dev {OUTER}"))?;
        ip(&format!("addr add {METADATA}/32 dev {OUTER}"))?;
        ip(&format!("link set {OUTER} up"))?;
        inside(pid, &format!("addr add {HOST}/24 dev eth0"))?;
        inside(pid, "link set eth0 up")?;
        inside(pid, "link set lo up")?;
        inside(pid, &format!("route add {METADATA} via {OUTSIDE}"))?;
        ip(&format!("netns add {SPEECH_NAMESPACE}"))?;
        ip(&format!(
            "link add {SPEECH_OUTER} type veth peer name eth0 netns {SPEECH_NAMESPACE}"
        ))?;
        ip(&format!("addr add {SPEECH}.1/24 dev {SPEECH_OUTER}"))?;
        ip(&format!("link set {SPEECH_OUTER} up"))?;
        ip(&format!("-n {SPEECH_NAMESPACE} addr add {SPEECH}.2/24 dev eth0"))?;
        ip(&format!("-n {SPEECH_NAMESPACE} link set eth0 up"))?;
        ip(&format!("-n {SPEECH_NAMESPACE} link set lo up"))?;
        Ok(wires)
    }
}

fn take_away() {
    for command in [
        format!("link del {OUTER}"),
        format!("link del {SPEECH_OUTER}"),
        format!("netns del {SPEECH_NAMESPACE}"),
    ] {
        let _ = ip(&command);
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        take_away();
    }
}
