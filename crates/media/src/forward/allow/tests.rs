use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn url(text: &str) -> RtmpUrl {
    RtmpUrl::parse(&format!("{text}/app/key")).unwrap()
}

fn allow(text: &str) -> Allow {
    Allow::parse(text).unwrap()
}

fn at(allow: &Allow, host: &str, address: &str) -> Result<(), Refusal> {
    allow.judge(&url(host), address.parse().unwrap())
}

#[test]
fn by_default_only_the_public_at_usual_ports() {
    let allow = allow("*");
    for (host, address) in [
        ("rtmp://a.example", "1.2.3.4"),
        ("rtmps://a.example", "2606:4700::1"),
        ("rtmp://1.2.3.4", "1.2.3.4"),
        ("rtmps://a.example:443", "1.2.3.4"),
    ] {
        assert_eq!(at(&allow, host, address), Ok(()), "{host} at {address}");
    }
    for (host, address, kind) in [
        ("rtmp://a.example", "127.0.0.1", "loopback"),
        ("rtmp://a.example", "10.1.2.3", "private"),
        ("rtmp://a.example", "::ffff:169.254.169.254", "link-local"),
        ("rtmp://[::1]", "::1", "loopback"),
    ] {
        let refusal = at(&allow, host, address).unwrap_err();
        assert!(
            matches!(refusal, Refusal::NotPublic { kind: found, .. } if found == kind),
            "{refusal}"
        );
        assert!(refusal.to_string().contains(kind) && !refusal.to_string().contains("key"));
    }
    for host in ["rtmp://a.example:22", "rtmps://a.example:1935", "rtmp://a.example:443"] {
        assert!(
            matches!(at(&allow, host, "1.2.3.4"), Err(Refusal::NotListed(_))),
            "{host}"
        );
        assert!(allow.judge_url(&url(host)).is_err());
    }
}

#[test]
fn none_is_off() {
    let allow = allow("none");
    assert_eq!(allow.judge_url(&url("rtmp://a.example")), Err(Refusal::Off));
    assert_eq!(at(&allow, "rtmp://a.example", "1.2.3.4"), Err(Refusal::Off));
}

#[test]
fn names_are_matched_whole_and_do_not_open_private_addresses() {
    let allow = allow("live.example,rtmps://*.video.example:443,*.Other.example.:*");
    for host in [
        "rtmp://live.example",
        "rtmps://LIVE.example.",
        "rtmps://a.video.example",
        "rtmp://a.b.other.example:7",
    ] {
        assert_eq!(at(&allow, host, "1.2.3.4"), Ok(()), "{host}");
        assert_eq!(allow.judge_url(&url(host)), Ok(()), "{host}");
        assert!(
            matches!(at(&allow, host, "10.0.0.1"), Err(Refusal::NotPublic { .. })),
            "{host}"
        );
    }
    for host in [
        "rtmp://alive.example",
        "rtmp://live.example.evil.test",
        "rtmp://a.video.example",
        "rtmps://video.example",
        "rtmps://xvideo.example",
        "rtmp://live.example:1936",
        "rtmp://1.2.3.4",
    ] {
        assert!(
            matches!(at(&allow, host, "1.2.3.4"), Err(Refusal::NotListed(_))),
            "{host}"
        );
        assert!(
            matches!(allow.judge_url(&url(host)), Err(Refusal::NotListed(_))),
            "{host}"
        );
    }
}

#[test]
fn a_network_opens_its_addresses_by_whatever_name() {
    let allow = allow("10.1.0.0/16,rtmp://127.0.0.1:*,[fd00::/8]:1935");
    assert_eq!(at(&allow, "rtmp://inner", "10.1.255.255"), Ok(()));
    assert_eq!(
        at(&allow, "rtmp://inner", "::ffff:10.1.0.0"),
        Ok(()),
        "the same address, written otherwise"
    );
    assert_eq!(at(&allow, "rtmp://localhost:4000", "127.0.0.1"), Ok(()));
    assert_eq!(at(&allow, "rtmp://[fd00::1]", "fd00::1"), Ok(()));
    for (host, address) in [
        ("rtmp://inner", "10.2.0.0"),
        ("rtmps://localhost:4000", "127.0.0.1"),
        ("rtmp://localhost:4000", "127.0.0.2"),
        ("rtmp://localhost:4000", "::1"),
        ("rtmp://inner", "1.2.3.4"),
        // NAT64 and 6to4 lead out of this machine's network: that is another matter.
        ("rtmp://inner", "64:ff9b::10.1.0.1"),
        ("rtmp://inner", "2002:a01:1::"),
    ] {
        assert!(at(&allow, host, address).is_err(), "{host} at {address}");
    }
    assert_eq!(
        allow.judge_url(&url("rtmp://inner")),
        Ok(()),
        "its address is not known yet"
    );
}

#[test]
fn what_is_no_list_is_refused() {
    for text in [
        "",
        ",",
        "*,",
        "a b",
        "http://a.example",
        "rtmp://",
        "*a.example",
        "a.*",
        "10.0.0.0/33",
        "10.1.2.3/8",
        "10.0.0/8",
        "10.0.0",
        "a.example:0",
        "a.example:70000",
        "a.example:",
        "fd00::/8:1935",
        "[fd00::/8",
        "[a.example]:1",
        "a.example/app",
        "none,*",
        "a..example",
        "user@a.example",
    ] {
        assert_eq!(Allow::parse(text), None, "{text:?}");
    }
}

#[test]
fn a_list_has_an_end() {
    let names = |count: usize| vec!["a.example"; count].join(",");
    assert!(Allow::parse(&names(64)).is_some() && Allow::parse(&names(65)).is_none());
    assert_eq!(Allow::parse(&format!("{}.example", "a.".repeat(130))), None);
}

#[test]
fn a_list_is_written_as_it_was_read() {
    let text = "*,none.example,rtmps://*.example:443,10.0.0.0/8:1935,127.0.0.1/32:*,[fd00::/8]:*,[::1/128]";
    assert_eq!(allow(text).to_string(), text);
    let json = serde_json::to_string(&allow("none")).unwrap();
    assert_eq!(serde_json::from_str::<Allow>(&json).unwrap(), Allow::default());
    assert!(serde_json::from_str::<Allow>("\"10.1.2.3/8\"").is_err());
}

proptest! {
    /// Whatever names are listed, an address that is not public is reached only through a network that holds it.
    #[test]
    fn names_never_open_what_is_not_public(bits: u32, wide: u128, host in "[a-z]{1,8}\\.example") {
        let allow = Allow::parse(&format!("*:*,{host}:*,*.example:*")).unwrap();
        for address in [IpAddr::from(Ipv4Addr::from_bits(bits)), IpAddr::from(Ipv6Addr::from_bits(wide))] {
            let verdict = allow.judge(&url(&format!("rtmp://{host}:7")), address);
            prop_assert_eq!(verdict.is_ok(), address::kind(address).is_none(), "{}", address);
        }
    }

    #[test]
    fn a_network_opens_itself_and_nothing_else(base: u32, prefix in 0u8..=32, other: u32) {
        let network = ipnet::Ipv4Net::new(Ipv4Addr::from_bits(base), prefix).unwrap().trunc();
        let allow = Allow::parse(&format!("{network}:*")).unwrap();
        for address in [Ipv4Addr::from_bits(other), Ipv4Addr::from_bits(base)] {
            let verdict = allow.judge(&url("rtmp://h:7"), address.into());
            prop_assert_eq!(verdict.is_ok(), network.contains(&address));
        }
    }

    #[test]
    fn no_text_panics(text in "[ -~]{0,30}") {
        if let Some(allow) = Allow::parse(&text) {
            prop_assert_eq!(Allow::parse(&allow.to_string()), Some(allow));
        }
    }
}
