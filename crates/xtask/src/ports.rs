//! Which TCP ports of this machine are free, and who holds one that is not.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

/// Below the range from which systems take the ports of outgoing connections, so that none of those takes ours.
const FREE_RANGE: std::ops::Range<u16> = 20_000..32_000;

/// The ports of one stack, all on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The router's RTMP.
    pub rtmp: u16,
    /// The router's player and streams over HTTP.
    pub http: u16,
    /// The router's control API.
    pub api: u16,
    /// The media service.
    pub media: u16,
    /// The speech service.
    pub speech: u16,
    /// RTSP, where the router speaks it.
    pub rtsp: u16,
}

/// The ports that everybody expects.
pub const USUAL: Ports = Ports {
    rtmp: 1935,
    http: 8888,
    api: 9997,
    media: 8080,
    speech: 8090,
    rtsp: 8554,
};

impl Ports {
    /// Six ports that nobody listens on.
    pub fn free() -> Result<Self> {
        Ok(Self {
            rtmp: free()?,
            http: free()?,
            api: free()?,
            media: free()?,
            speech: free()?,
            rtsp: free()?,
        })
    }

    /// Each port with what it is for.
    pub fn named(&self) -> [(&'static str, u16); 6] {
        [
            ("RTMP", self.rtmp),
            ("player", self.http),
            ("router API", self.api),
            ("media service", self.media),
            ("speech service", self.speech),
            ("RTSP", self.rtsp),
        ]
    }

    /// What stands in the way, one sentence for each port that is taken.
    pub fn taken(&self) -> Vec<String> {
        self.named()
            .iter()
            .filter(|(_, port)| !is_free(*port))
            .map(|(purpose, port)| match holder(*port) {
                Some(who) => format!("port {port} ({purpose}) is taken by {who}"),
                None => format!("port {port} ({purpose}) is taken"),
            })
            .collect()
    }
}

/// Whether a service could listen there now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// A port that nobody listens on and that was not given out before by this process.
pub fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = FREE_RANGE.end - FREE_RANGE.start;
    let _ = NEXT.compare_exchange(0, seed() % span, Ordering::SeqCst, Ordering::SeqCst);
    for _ in 0..span {
        let port = FREE_RANGE.start + NEXT.fetch_add(1, Ordering::SeqCst) % span;
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no free port between {} and {}", FREE_RANGE.start, FREE_RANGE.end)
}

/// Processes that start together should not try the same ports in the same order.
fn seed() -> u16 {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    let mixed = u64::from(nanos / 1_000)
        .wrapping_mul(31)
        .wrapping_add(u64::from(std::process::id()) * 97);
    u16::try_from(mixed % 11_999).unwrap_or(0) + 1
}

/// The process that listens on `port`, as far as this user may see it.
pub(crate) fn holder(port: u16) -> Option<String> {
    let inode = listening_inode(port)?;
    let wanted = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let pid = process.file_name().to_string_lossy().into_owned();
        if pid.parse::<u32>().is_err() {
            continue;
        }
        let Ok(fds) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = fds
            .flatten()
            .any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()));
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (pid {})", name.trim(), pid));
        }
    }
    None
}

fn listening_inode(port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = std::fs::read_to_string(table).ok()?;
        table.lines().skip(1).find_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, ..] = columns.as_slice() else {
                return None;
            };
            (local.ends_with(&suffix) && *state == LISTEN).then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_who_holds_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ports = Ports {
            rtmp: port,
            ..Ports::free().unwrap()
        };
        let taken = ports.taken();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert!(
            taken[0].contains(&port.to_string()) && taken[0].contains("RTMP"),
            "{taken:?}"
        );
        if cfg!(target_os = "linux") {
            assert!(taken[0].contains(&format!("pid {}", std::process::id())), "{taken:?}");
        }
    }

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let ports = Ports::free().unwrap();
        assert_eq!(ports.taken(), Vec::<String>::new());
        let mut numbers: Vec<u16> = ports.named().iter().map(|(_, port)| *port).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 6);
    }
}
