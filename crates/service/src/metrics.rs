//! The registry of a daemon and what it says about its own process.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::auth::Access;

/// Clock ticks a second of the times in `/proc`, a constant of Linux's interface to user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// A registry whose names start with `prefix` (`dragoman_media`), with the build and, on Linux, the process's memory,
/// processor time, descriptors and threads.
#[must_use]
pub fn registry(prefix: &str, version: &str) -> Registry {
    let mut registry = Registry::with_prefix(prefix);
    let build = Info::new(vec![("version".to_owned(), version.to_owned())]);
    registry.register("build", "The program", build);
    registry.register_collector(Box::new(ProcessCollector));
    registry
}

/// Says whether a listener asks for a key: `open{listener="…"} 1` when it does not.
pub fn register_access(registry: &mut Registry, listener: &'static str, access: &Access) {
    let open: Gauge = Gauge::default();
    open.set(i64::from(access.is_open()));
    registry
        .sub_registry_with_label(("listener".into(), listener.into()))
        .register("open", "Whether the listener asks for no key", open);
}

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Processor time, user and system, in seconds.
    pub cpu_seconds: f64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// Threads.
    pub threads: u64,
}

/// What this process uses; `None` where there is no `/proc`.
#[must_use]
pub fn usage() -> Option<Usage> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let open_fds = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    parse_usage(&status, &stat, open_fds)
}

fn parse_usage(status: &str, stat: &str, open_fds: u64) -> Option<Usage> {
    let field = |name: &str| -> Option<u64> {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    // The program's name stands in parentheses and may hold anything; fields count from behind it.
    let after_name = stat.rsplit_once(") ")?.1;
    let ticks = |index: usize| -> Option<f64> { after_name.split(' ').nth(index)?.parse().ok() };
    Some(Usage {
        resident_bytes: field("VmRSS:")? * 1024,
        cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
        open_fds,
        threads: field("Threads:")?,
    })
}

#[derive(Debug)]
struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(usage) = usage() else { return Ok(()) };
        let mut gauge = |name: &str, help: &str, value: u64| {
            let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        gauge("process_resident_memory_bytes", "Resident memory", usage.resident_bytes)?;
        gauge("process_open_fds", "Open file descriptors", usage.open_fds)?;
        gauge("process_threads", "Threads", usage.threads)?;
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let help = "User and system processor time";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_proc_whatever_the_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 100 1000 10";
        let usage = parse_usage("Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t7\n", stat, 9).unwrap();
        assert_eq!(
            usage,
            Usage {
                resident_bytes: 2_097_152,
                cpu_seconds: 3.0,
                open_fds: 9,
                threads: 7
            }
        );
        assert_eq!(parse_usage("", stat, 9), None);
    }

    #[test]
    fn encodes_the_process_under_the_prefix() {
        let mut registry = registry("dragoman_test", "1.2.3");
        register_access(&mut registry, "api", &Access::Open);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("dragoman_test_build_info{version=\"1.2.3\"} 1"), "{text}");
        assert!(text.contains("dragoman_test_open{listener=\"api\"} 1"), "{text}");
        if cfg!(target_os = "linux") {
            for name in ["resident_memory_bytes ", "open_fds ", "threads ", "cpu_seconds_total "] {
                assert!(
                    text.contains(&format!("dragoman_test_process_{name}")),
                    "{name}: {text}"
                );
            }
        }
    }
}
