//! Single variables for those who do not need all of them judged: whoever does refuses what is wrong.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dragoman_service::config::{Check, Vars};

use super::{LISTEN, MAX_DRAIN, Raw};

/// Where a service with these variables answers its health check, seen from its own machine.
pub fn health_url(vars: &Vars) -> String {
    let mut check = Check::new();
    let raw: Raw = vars.read(&mut check);
    let mut listen = check.address("MEDIA_LISTEN", raw.media_listen, LISTEN);
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    format!("http://{listen}/healthz")
}

/// How long streams on air go on when the service is told to stop.
pub fn drain(vars: &Vars) -> Duration {
    let mut check = Check::new();
    let raw: Raw = vars.read(&mut check);
    check.duration_in("DRAIN", raw.drain, Duration::ZERO, Duration::ZERO..=MAX_DRAIN)
}
