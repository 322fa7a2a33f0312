//! The CloudFormation template, filled in.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use ipnet::IpNet;

use crate::config::Architecture;

const TEMPLATE: &str = include_str!("../../host/ec2.yaml");
const BOOT: &str = include_str!("../../host/boot.sh");
/// The line before the boot script; it is indented two further.
const BEFORE_BOOT: &str = "          Fn::Sub: |";
const BOOT_INDENT: &str = "            ";
/// What a security group takes by default, of each address family.
const MAX_RULES: usize = 60;

/// What may be reached from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// What it is for, in a word or two.
    pub what: &'static str,
}

const fn port(number: u16, protocol: &'static str, what: &'static str) -> Port {
    Port { number, protocol, what }
}

/// All that is open: without a domain there is no TLS, so no password for the API may travel and the API is closed; with one,
/// what has a TLS form is open in that form alone. RTSP, SSH and metrics never are.
pub fn ports(domain: bool) -> &'static [Port] {
    const PLAIN: &[Port] = &[
        port(1935, "tcp", "RTMP"),
        port(8888, "tcp", "HLS"),
        port(8890, "udp", "SRT"),
    ];
    const TLS: &[Port] = &[
        port(80, "tcp", "certificates"),
        port(443, "tcp", "HLS and API"),
        port(1936, "tcp", "RTMPS"),
        port(8890, "udp", "SRT"),
    ];
    if domain { TLS } else { PLAIN }
}

/// All that decides about the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of the deployment and of the stack.
    pub name: String,
    /// The subnet's network.
    pub vpc: String,
    /// Routed to the internet.
    pub subnet: String,
    /// The subnet's availability zone.
    pub zone: String,
    /// `ami-…`.
    pub image: String,
    /// The image's name for its first disk.
    pub root_device: String,
    /// Of image and instance type.
    pub architecture: Architecture,
    /// Such as `c6i.xlarge`.
    pub instance_type: String,
    /// Of the data volume.
    pub disk_gb: u32,
    /// A data volume that is there; `None`: the stack makes one.
    pub volume: Option<String>,
    /// Networks that may publish and watch.
    pub allow: Vec<String>,
    /// Whether everything is served over TLS.
    pub domain: bool,
    /// How long the host may take to become healthy; up to 99.
    pub healthy_minutes: u32,
}

impl Wanted {
    /// The stack's parameters.
    pub(super) fn parameters(&self) -> BTreeMap<String, String> {
        [
            ("Name", self.name.clone()),
            ("Vpc", self.vpc.clone()),
            ("Subnet", self.subnet.clone()),
            ("Zone", self.zone.clone()),
            ("Image", self.image.clone()),
            ("RootDevice", self.root_device.clone()),
            ("Architecture", architecture(self.architecture).to_owned()),
            ("InstanceType", self.instance_type.clone()),
            ("DiskGb", self.disk_gb.to_string()),
            ("Volume", self.volume.clone().unwrap_or_default()),
            ("HealthyWithin", format!("PT{}M", self.healthy_minutes)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// As parameter and as Debian's word.
pub(super) fn architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "amd64",
        Architecture::Arm64 => "arm64",
    }
}

/// What the host runs at its first boot; `Fn::Sub` replaces three names in it.
pub fn boot_script() -> &'static str {
    BOOT
}

/// The template with the ports of [`ports`] open to the networks of `allow`, and with `boot` as the host's user data.
pub fn template(allow: &[String], domain: bool, boot: &str) -> Result<String> {
    let mut rules = String::new();
    let mut counts = [0, 0];
    for network in allow {
        let network: IpNet = network
            .trim()
            .parse()
            .with_context(|| format!("`allow`: {network} is no network such as 203.0.113.0/24 or 2001:db8::/32"))?;
        let (family, count) = match network {
            IpNet::V4(_) => ("CidrIp", &mut counts[0]),
            IpNet::V6(_) => ("CidrIpv6", &mut counts[1]),
        };
        for port in ports(domain) {
            *count += 1;
            let Port { number, protocol, what } = port;
            // Writing into a text cannot fail.
            let _ = writeln!(
                rules,
                "        - {{ IpProtocol: {protocol}, FromPort: {number}, ToPort: {number}, {family}: \"{}\", \
                 Description: {what} }}",
                network.trunc()
            );
        }
    }
    if rules.is_empty() {
        bail!("`allow` names no network: nobody could publish or watch");
    }
    if counts.iter().any(|count| *count > MAX_RULES) {
        bail!(
            "`allow` names {} networks, but a security group takes {} of each address family",
            allow.len(),
            MAX_RULES / ports(domain).len()
        );
    }
    let mut indented = String::new();
    for line in boot.lines() {
        if !line.is_empty() {
            indented.push_str(BOOT_INDENT);
            indented.push_str(line);
        }
        indented.push('\n');
    }
    Ok(TEMPLATE
        .replace("@ingress@\n", &rules)
        .replace("@boot.sh@\n", &indented))
}

/// The boot script that a filled in template holds.
pub(super) fn boot_of(template: &str) -> Option<String> {
    let mut boot = String::new();
    let mut lines = template.lines().skip_while(|line| *line != BEFORE_BOOT);
    lines.next()?;
    for line in lines {
        match line.strip_prefix(BOOT_INDENT) {
            Some(line) => boot.push_str(line),
            None if line.is_empty() => {}
            None => break,
        }
        boot.push('\n');
    }
    // The empty line behind it is the template's.
    Some(boot.trim_end_matches('\n').to_owned() + "\n").filter(|boot| boot.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anywhere() -> Vec<String> {
        vec!["0.0.0.0/0".into(), "::/0".into()]
    }

    #[test]
    fn everything_is_filled_in_and_fits_what_the_provider_takes() {
        for domain in [false, true] {
            let text = template(&anywhere(), domain, BOOT).unwrap();
            assert!(text.len() < 51_200, "the template is {} bytes", text.len());
            assert!(!text.lines().any(|line| line.starts_with('@')));
        }
        // Base64 is not counted.
        assert!(BOOT.len() < 16_384, "the user data is {} bytes", BOOT.len());
    }

    #[test]
    fn the_boot_script_names_only_what_is_replaced() {
        let names: Vec<&str> = BOOT
            .split("${")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('}')?.0))
            .collect();
        assert_eq!(names.len(), BOOT.matches("${").count());
        for name in names {
            assert!(["Name", "AWS::Region", "AWS::StackName"].contains(&name), "{name}");
        }
    }

    #[test]
    fn a_running_hosts_boot_script_is_found_again() {
        for boot in [BOOT, "#!/bin/sh\n\n  two\n\nend\n"] {
            let text = template(&anywhere(), false, boot).unwrap();
            assert_eq!(boot_of(&text).unwrap().trim_end(), boot.trim_end());
        }
        assert_eq!(boot_of("Resources: {}"), None);
    }

    #[test]
    fn only_media_is_open() {
        let open = |domain| {
            let text = template(&anywhere(), domain, BOOT).unwrap();
            let mut numbers: Vec<u16> = text
                .lines()
                .filter_map(|line| line.split_once("FromPort: ")?.1.split_once(',')?.0.parse().ok())
                .collect();
            numbers.dedup();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        assert_eq!(open(false), [1935, 8888, 8890]);
        assert_eq!(open(true), [80, 443, 1936, 8890]);
    }

    #[test]
    fn networks_are_networks() {
        let allow = |networks: &[&str]| {
            let networks: Vec<String> = networks.iter().map(|network| (*network).to_owned()).collect();
            template(&networks, false, BOOT)
        };
        assert!(
            allow(&["198.51.100.7/24"])
                .unwrap()
                .contains("CidrIp: \"198.51.100.0/24\"")
        );
        assert!(
            allow(&["2001:db8::/32"])
                .unwrap()
                .contains("CidrIpv6: \"2001:db8::/32\"")
        );
        for wrong in ["10.0.0.1", "example.com", "10.0.0.0/33", "0.0.0.0/0 }"] {
            assert!(format!("{:#}", allow(&[wrong]).unwrap_err()).contains("network"));
        }
        assert!(allow(&[]).is_err());
        let many: Vec<String> = (0..21).map(|n| format!("10.{n}.0.0/16")).collect();
        assert!(
            template(&many, false, BOOT)
                .unwrap_err()
                .to_string()
                .contains("takes 20")
        );
    }
}
