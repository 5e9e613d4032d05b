//! The published vectors, and what holds for every address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use schemas::{Mac, Text};

use super::addresses::Veil;
use super::key::Key;
use super::prefix_preserving::PrefixPreserving;
use super::profile::Profile;
use crate::direction::Inside;

const TEXT_KEY: &[u8] = b"32-char-str-for-AES-key-and-pad.";
/// Of the authors' sample program.
const SAMPLE_KEY: [u8; 32] = [
    21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121,
    121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
];
const NETWORKS: [&str; 3] = ["10.0.0.0/8", "100.64.0.0/10", "2001:db8::/32"];

fn veil(profile: Profile) -> Veil {
    let inside = NETWORKS.iter().map(|network| network.parse().unwrap()).collect();
    Veil::new(profile, Inside(inside), &Key::parse(TEXT_KEY).unwrap())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn published_vectors_of_both_families() {
    let map = PrefixPreserving::new(&Key::parse(TEXT_KEY).unwrap());
    let v4 = |a, b, c, d| Ipv4Addr::from_bits(map.v4(Ipv4Addr::new(a, b, c, d).to_bits()));
    assert_eq!(v4(192, 0, 2, 1).to_string(), "192.0.125.244");
    let v6 = Ipv6Addr::from_bits(map.v6("2001:db8::1".parse::<Ipv6Addr>().unwrap().to_bits()));
    assert_eq!(v6.to_string(), "27fe:8bc7:fee:1e:1e1f:f0fe:f0e1:83fd");

    let map = PrefixPreserving::new(&Key::parse(&SAMPLE_KEY).unwrap());
    for (address, pseudonym) in [
        ("128.11.68.132", "135.242.180.132"),
        ("129.118.74.4", "134.136.186.123"),
        ("130.132.252.244", "133.68.164.234"),
        ("141.223.7.43", "141.167.8.160"),
        ("141.233.145.108", "141.129.237.235"),
        ("152.163.225.39", "151.140.114.167"),
        ("156.29.3.236", "147.225.12.42"),
        ("165.247.96.84", "162.9.99.234"),
        ("166.107.77.190", "160.132.178.185"),
        ("192.102.249.13", "252.138.62.131"),
    ] {
        let bits = address.parse::<Ipv4Addr>().unwrap().to_bits();
        assert_eq!(Ipv4Addr::from_bits(map.v4(bits)).to_string(), pseudonym, "{address}");
    }
}

#[test]
fn a_key_in_either_form_and_its_id() {
    let hex = schemas::store::manifest::hex(&SAMPLE_KEY).to_uppercase();
    let (raw, text) = (Key::parse(&SAMPLE_KEY).unwrap(), Key::parse(hex.as_bytes()).unwrap());
    let line = Key::parse(format!("{hex}\n").as_bytes()).unwrap();
    assert!(raw.id() == text.id() && raw.id() == line.id() && raw.id().len() == 16);
    assert_ne!(raw.id(), Key::parse(TEXT_KEY).unwrap().id());
    // What is shown of a key is its id.
    assert_eq!(format!("{raw:?}"), format!("Key({})", raw.id()));
    for bad in [&b""[..], &SAMPLE_KEY[..31], &hex.as_bytes()[..62], b"0x0", &[0xff; 64]] {
        assert!(Key::parse(bad).is_none(), "{bad:?}");
    }
    assert_ne!(Key::fresh().unwrap().id(), Key::fresh().unwrap().id());
}

#[test]
fn truncation_keeps_the_network() {
    let veil = veil(Profile::Truncate);
    for (address, kept) in [
        ("10.20.3.5", "10.20.3.0"),
        ("2001:db8:1:2::5", "2001:db8:1::"),
        ("fe80::211:22ff:fe33:4455", "fe80::"),
        ("169.254.7.8", "169.254.7.0"),
        ("ff02::1:ff33:4455", "ff02::1:ff00:0"),
        // An inside IPv4 address in one of IPv6: 6to4, NAT64, mapped, Teredo's client, ISATAP.
        ("2002:a14:305:1::7", "2002:a14:300::"),
        ("64:ff9b::a14:305", "64:ff9b::"),
        ("64:ff9b:1:a14:3:500::", "64:ff9b:1::"),
        ("::ffff:10.20.3.5", "::"),
        ("2001:0:4136:e378:8000:63bf:f5eb:fcfa", "2001:0:4136::"),
        ("2400:1::200:5efe:a14:305", "2400:1::"),
    ] {
        assert_eq!(veil.address(ip(address)), ip(kept), "{address}");
    }
    for outside in ["8.8.8.8", "2400:1::5", "64:ff9b::808:808", "2002:808:808::1", "ff02::1", "::1"]
    {
        assert_eq!(veil.address(ip(outside)), ip(outside));
    }
}

#[test]
fn classes_stay_where_no_number_of_a_device_is_in_them() {
    let veil = veil(Profile::Pseudonymise);
    for (class, kept) in [
        ("MSFT 5.0", true),
        ("android-dhcp-13", true),
        ("dhcpcd-9.4.1:Linux-5.15.32-v8+:aarch64:BCM2835", true),
        ("udhcp 1.30.1", true),
        ("phone 8c:be:be:01:02:03", false),
        ("8cbe.be01.0203", false),
        ("camera SN0012345", false),
    ] {
        assert_eq!(veil.class(class.into()), kept.then(|| class.into()), "{class}");
    }
    assert_eq!(veil.class("at 10.20.3.5".into()), Some(veil.name("at 10.20.3.5".into())));
}

#[test]
fn addresses_of_devices_keep_their_maker_only() {
    let (cut, keyed) = (veil(Profile::Truncate), veil(Profile::Pseudonymise));
    let phone = Mac([0x8c, 0xbe, 0xbe, 1, 2, 3]);
    assert_eq!(cut.mac(phone), Some(Mac([0x8c, 0xbe, 0xbe, 0, 0, 0])));
    let hidden = keyed.mac(phone).unwrap().0;
    assert!(hidden[..3] == phone.0[..3] && hidden[3..] != phone.0[3..]);
    for veil in [cut, keyed] {
        // Randomised, for a group, for all.
        for first in [0x02, 0x01, 0x33, 0xff] {
            assert_eq!(veil.mac(Mac([first, 0, 0x5e, 1, 2, 3])), None);
        }
        let router = Mac([0, 0, 0x5e, 0, 1, 7]);
        assert_eq!(veil.mac(router), Some(router));
    }
}

#[test]
fn ids_are_kept_apart_by_the_key() {
    let (cut, keyed) = (veil(Profile::Truncate), veil(Profile::Pseudonymise));
    assert!(keyed.flow_id(7) != 7 && keyed.flow_id(7) == cut.flow_id(7) && keyed.flow_id(7) > 0);
    assert_eq!(cut.tunnel_id(7), None);
    assert!(keyed.tunnel_id(7).is_some_and(|id| id != 7 && id != keyed.flow_id(7)));
    let other =
        Veil::new(Profile::Pseudonymise, Inside::default(), &Key::parse(&SAMPLE_KEY).unwrap());
    assert_ne!(other.flow_id(7), keyed.flow_id(7));
}

#[test]
fn addresses_are_found_in_names() {
    let veil = veil(Profile::Truncate);
    for (name, kept) in [
        ("10.20.3.5", "10.20.3.0"),
        ("2001:db8:1:2::5", "2001:db8:1::"),
        ("::ffff:10.20.3.5", "::"),
        ("5.3.20.10.in-addr.arpa", "0.3.20.10.in-addr.arpa"),
        ("3.20.10.in-addr.arpa", "3.20.10.in-addr.arpa"),
        ("b._dns-sd._udp.5.3.20.10.in-addr.arpa", "b._dns-sd._udp.0.3.20.10.in-addr.arpa"),
        ("5.0/25.3.20.10.in-addr.arpa", "3.20.10.in-addr.arpa"),
        ("10.3.20.8.in-addr.arpa", "10.3.20.8.in-addr.arpa"),
        ("5.3.20.10.in-addr.arpa.corp.example", "0.3.20.10.in-addr.arpa.corp.example"),
        ("5.3.20.10.zen.example", "0.3.20.10.zen.example"),
        ("ip-10-20-3-5.example", "ip-10-20-3-0.example"),
        ("a1.10.20.3.5.b_10_20_3_6.example", "a1.10.20.3.0.b_10_20_3_0.example"),
        ("[2001:db8:1:2::5]:443", "[2001:db8:1::]:443"),
        ("fe80::1%eth0", "fe80::%eth0"),
        ("host-2001-db8-1-2--5.example", "host-2001-db8-1--.example"),
        ("20010db8000100020000000000000005.example", "20010db8000100000000000000000000.example"),
        ("2001-db8-1-2--5-static.example", "2001-db8-1---static.example"),
        ("janes-phone.local", "local"),
        ("_8443._https.janes-nas.lan", "lan"),
        ("x._smb.janes-mac.local", "local"),
        ("janes phone._airplay._tcp.local", "_airplay._tcp.local"),
        ("_airplay._tcp.local", "_airplay._tcp.local"),
        ("ip-10-20-3-5.compute.internal", "internal"),
        ("nas.home.arpa", "home.arpa"),
    ] {
        assert_eq!(&*veil.name(name.into()), kept, "{name}");
    }
    for other in [
        "",
        ".",
        "api.line.me",
        "8.8.8.8",
        "notlocal",
        "local.example",
        "2400:1::1",
        "1.2.3",
        "10.20-3.5",
        "10.20.3.256",
        "10.20.3.99999999999999999999",
        "10.20.3.",
        "a-b-c-d-e.example",
        "8.8.8.8.in-addr.arpa",
        "foo.in-addr.arpa",
        "..in-addr.arpa",
        "\\255\\000.example",
    ] {
        assert_eq!(&*veil.name(other.into()), other);
    }
    let nibbles = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    let kept = format!("{}1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(20));
    assert_eq!(*veil.name(nibbles.into()), *kept);
    assert_eq!(&*Veil::agent("MI 3W MIUI/V6.3.5"), "MI 0W MIUI/V0.0.0");
}

#[test]
fn a_reverse_lookup_meets_the_pseudonym() {
    let veil = veil(Profile::Pseudonymise);
    let IpAddr::V4(hidden) = veil.address(ip("10.20.3.5")) else { panic!("another family") };
    let [a, b, c, d] = hidden.octets();
    let name = |text: &str| veil.name(text.into()).to_string();
    assert_eq!(name("5.3.20.10.in-addr.arpa"), format!("{d}.{c}.{b}.{a}.in-addr.arpa"));
    // The network of a pseudonym is the pseudonym of the network.
    assert_eq!(name("3.20.10.in-addr.arpa"), format!("{c}.{b}.{a}.in-addr.arpa"));
    assert_eq!(name("10-20-3-5.example"), format!("{a}-{b}-{c}-{d}.example"));
}

fn shared_v4(a: u32, b: u32) -> u32 {
    (a ^ b).leading_zeros()
}

proptest! {
    #[test]
    fn prefixes_are_preserved(a: u32, b: u32, c: u128, near in 0u32..128) {
        let map = PrefixPreserving::new(&Key::parse(TEXT_KEY).unwrap());
        prop_assert_eq!(shared_v4(a, b), shared_v4(map.v4(a), map.v4(b)));
        let near_v4 = a ^ 1 << (near % 32);
        prop_assert_eq!(shared_v4(a, near_v4), shared_v4(map.v4(a), map.v4(near_v4)));
        // Of any shared length, which two of chance would hardly have.
        let d = c ^ 1 << near;
        prop_assert_eq!((map.v6(c) ^ map.v6(d)).leading_zeros(), (c ^ d).leading_zeros());
    }

    #[test]
    fn a_pseudonym_is_taken_back_with_the_key(address: u32, wide: u128) {
        // Bit by bit: what was found of the address decides the next.
        let map = PrefixPreserving::new(&Key::parse(TEXT_KEY).unwrap());
        let (hidden, wide_hidden) = (map.v4(address), map.v6(wide));
        let back = (0..32).rev().fold(0, |known, bit| {
            known | (map.v4(known) ^ hidden) & 1 << bit
        });
        let wide_back = (0..128).rev().fold(0, |known, bit| {
            known | (map.v6(known) ^ wide_hidden) & 1 << bit
        });
        prop_assert_eq!((back, wide_back), (address, wide));
    }

    #[test]
    fn only_inside_addresses_change(v4: u32, v6: u128) {
        for profile in [Profile::Truncate, Profile::Pseudonymise] {
            let veil = veil(profile);
            for address in [IpAddr::V4(Ipv4Addr::from_bits(v4)), IpAddr::V6(Ipv6Addr::from_bits(v6))] {
                let is_changed = veil.address(address) != address;
                prop_assert!(veil.is_inside(address) || !is_changed, "{address}");
                // In text as in its column.
                let name = veil.name(address.to_string().into());
                prop_assert_eq!(name.parse::<IpAddr>().unwrap(), veil.address(address));
            }
            let inside = IpAddr::V4(Ipv4Addr::from_bits(10 << 24 | v4 >> 8 | 1));
            prop_assert_ne!(veil.address(inside), inside);
        }
    }

    #[test]
    fn devices_stay_apart(a in 0u32..1 << 24, b in 0u32..1 << 24) {
        let mac = |number: u32| {
            let [_, x, y, z] = number.to_be_bytes();
            veil(Profile::Pseudonymise).mac(Mac([0x8c, 0xbe, 0xbe, x, y, z]))
        };
        prop_assert_eq!(a == b, mac(a) == mac(b));
    }

    #[test]
    fn hostile_names_do_no_harm(text in "[0-9a-f.:_\\-\\\\%é]{0,80}(\\.in-addr\\.arpa|\\.ip6\\.arpa|\\.local)?") {
        for profile in [Profile::Truncate, Profile::Pseudonymise] {
            let name: Text = text.as_str().into();
            let hidden = veil(profile).name(name);
            prop_assert!(hidden.len() <= text.len() * 4 + 64);
        }
    }
}
