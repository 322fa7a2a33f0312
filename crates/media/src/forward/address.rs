//! Which addresses are public, and what the others are for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(start: [u16; 3], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(start[0], start[1], start[2], 0, 0, 0, 0, 0), prefix)
}

/// The IPv4 networks of IANA's special-purpose registry that are not reachable from everywhere, multicast and the rest.
pub(super) const IPV4: [(Ipv4Net, &str); 16] = [
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignment"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmark"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// The networks within IPv6's global unicast that are not reachable from everywhere, and those outside of it that have
/// a name of their own.
pub(super) const IPV6: [(Ipv6Net, &str); 11] = [
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), "unspecified"),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "loopback"),
    (v6([0x64, 0xff9b, 1], 48), "local NAT64"),
    (v6([0x100, 0, 0], 64), "discard"),
    (v6([0x2001, 0, 0], 23), "protocol assignment"),
    (v6([0x2001, 0xdb8, 0], 32), "documentation"),
    (v6([0x3fff, 0, 0], 20), "documentation"),
    (v6([0xfc00, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0], 8), "multicast"),
];

/// All that is routed between networks is within this.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);

/// IPv6 networks that hold an IPv4 address, to which what is sent there goes in the end; and the bit it starts at.
pub(super) const EMBEDDING: [(Ipv6Net, u32); 3] = [
    // IPv4-mapped.
    (Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), 96),
    // NAT64.
    (v6([0x64, 0xff9b, 0], 96), 96),
    // 6to4.
    (v6([0x2002, 0, 0], 16), 16),
];

/// IPv4-compatible: given up long ago, and some systems still send it to the IPv4 address.
const COMPATIBLE: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96);

/// What kind of address it is, where it is not a public one.
pub(super) fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Option<&'static str> {
    let known = IPV4.iter().find(|(network, _)| network.contains(&address));
    known.map(|(_, kind)| *kind)
}

fn kind_of_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    if let Some((_, kind)) = IPV6.iter().find(|(network, _)| network.contains(&address)) {
        return Some(kind);
    }
    if let Some((_, start)) = EMBEDDING.iter().find(|(network, _)| network.contains(&address)) {
        return kind_of_v4(Ipv4Addr::from_bits((bits >> (96 - start)) as u32));
    }
    if COMPATIBLE.contains(&address) {
        return kind_of_v4(Ipv4Addr::from_bits(bits as u32)).or(Some("IPv4-compatible"));
    }
    (!GLOBAL_UNICAST.contains(&address)).then_some("reserved")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<&'static str> {
        kind(text.parse().unwrap())
    }

    #[test]
    fn the_public_is_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2001:200::1",
            "2400::",
            "3ffe:ffff::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_has_a_name() {
        for (text, kind) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("255.255.255.255", "broadcast"),
            ("254.0.0.1", "reserved"),
            // The metadata services of clouds.
            ("169.254.169.254", "link-local"),
            ("100.100.100.200", "carrier-grade NAT"),
            ("192.0.0.192", "protocol assignment"),
            ("fd00:ec2::254", "private"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "loopback"),
            ("::8.8.8.8", "IPv4-compatible"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:0:127.0.0.1", "reserved"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b:1::8.8.8.8", "local NAT64"),
            ("2002:a00:1::1", "private"),
            ("2002:7f00:1::", "loopback"),
            ("2001::1", "protocol assignment"),
            ("2001:2::1", "protocol assignment"),
            ("2001:db8::1", "documentation"),
            ("3fff:fff::1", "documentation"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("100::1", "discard"),
            ("4000::1", "reserved"),
            ("5f00::1", "reserved"),
        ] {
            assert_eq!(of(text), Some(kind), "{text}");
        }
    }

    fn v4() -> impl Strategy<Value = Ipv4Addr> {
        any::<u32>().prop_map(Ipv4Addr::from_bits)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// A network is refused from its first address to its last, and its neighbours are judged by themselves.
        #[test]
        fn networks_are_refused_whole(index in 0..IPV4.len(), inside: u32) {
            let (network, _) = IPV4[index];
            let host = inside.checked_shr(u32::from(network.prefix_len())).unwrap_or(0);
            for address in [network.network(), network.broadcast(), Ipv4Addr::from_bits(network.network().to_bits() | host)] {
                prop_assert!(kind_of_v4(address).is_some(), "{address}");
            }
            let neighbours = [
                network.network().to_bits().checked_sub(1),
                network.broadcast().to_bits().checked_add(1),
            ];
            for address in neighbours.into_iter().flatten().map(Ipv4Addr::from_bits) {
                let is_listed = IPV4.iter().any(|(other, _)| other.contains(&address));
                prop_assert_eq!(kind_of_v4(address).is_some(), is_listed, "{}", address);
            }
        }

        #[test]
        fn networks_of_ipv6_are_refused_whole(index in 0..IPV6.len(), inside: u128) {
            let (network, name) = IPV6[index];
            let host = inside.checked_shr(u32::from(network.prefix_len())).unwrap_or(0);
            let within = Ipv6Addr::from_bits(network.network().to_bits() | host);
            for address in [network.network(), network.broadcast(), within] {
                prop_assert_eq!(kind_of_v6(address), Some(name), "{}", address);
            }
        }

        /// The standard library's own tests find nothing that is let through.
        #[test]
        fn nothing_that_the_standard_library_knows_is_public(address in v4(), other: u128) {
            if kind_of_v4(address).is_none() {
                prop_assert!(!(address.is_private() || address.is_loopback() || address.is_link_local()));
                prop_assert!(!(address.is_broadcast() || address.is_documentation() || address.is_unspecified()));
                prop_assert!(!address.is_multicast());
            }
            // As it is, and moved to where the exceptions are.
            for bits in [other, other >> 3 | 1 << 125, other >> 7 | 0xfc << 120, other >> 10 | 0xfe8 << 116] {
                let address = Ipv6Addr::from_bits(bits);
                if kind_of_v6(address).is_none() {
                    prop_assert!(GLOBAL_UNICAST.contains(&address) || address.to_ipv4_mapped().is_some());
                    prop_assert!(!(address.is_unique_local() || address.is_unicast_link_local()));
                    prop_assert!(!(address.is_multicast() || address.is_loopback() || address.is_unspecified()));
                }
            }
        }

        /// An IPv4 address within an IPv6 one is what it is by itself.
        #[test]
        fn an_embedded_address_is_judged_as_itself(address in v4(), network in 0..EMBEDDING.len(), rest: u128) {
            let (network, start) = EMBEDDING[network];
            let below = 96 - start;
            let rest = if below == 0 { 0 } else { rest >> (128 - below) };
            let bits = network.network().to_bits() | u128::from(address.to_bits()) << below | rest;
            prop_assert_eq!(kind_of_v6(Ipv6Addr::from_bits(bits)), kind_of_v4(address));
        }

        #[test]
        fn a_compatible_address_is_never_public(address in v4()) {
            prop_assert!(kind_of_v6(Ipv6Addr::from_bits(u128::from(address.to_bits()))).is_some());
        }
    }
}
