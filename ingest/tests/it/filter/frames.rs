//! Any frames: tags, labels, both versions of IP with extension headers and fragments, ARP, and cuts anywhere.

use proptest::prelude::*;

/// IPv4 addresses that occur in frames and expressions.
pub(crate) const V4: [[u8; 4]; 4] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 1, 0, 1], [192, 0, 2, 1]];
/// IPv6 addresses by their second 16 bits and their last.
pub(crate) const V6: [(u8, u8); 3] = [(1, 1), (1, 2), (2, 1)];
pub(crate) const PORTS: [u16; 5] = [22, 53, 80, 443, 50_000];
pub(crate) const MACS: [[u8; 6]; 3] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [255; 6]];
pub(crate) const IDS: [u16; 3] = [0, 7, 100];
pub(crate) const LABELS: [u32; 3] = [0, 16, 1_048_575];

pub(crate) fn v6(address: (u8, u8)) -> [u8; 16] {
    let mut bytes = [0; 16];
    [bytes[0], bytes[1], bytes[3], bytes[15]] = [0x20, 0x01, address.0, address.1];
    bytes
}

fn one<T: Clone + std::fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(of.to_vec())
}

fn ports() -> impl Strategy<Value = Vec<u8>> {
    (one(&PORTS), one(&PORTS), 0..40usize).prop_map(|(from, to, payload)| {
        [&from.to_be_bytes()[..], &to.to_be_bytes(), &vec![0x2e; payload]].concat()
    })
}

fn ipv4() -> impl Strategy<Value = Vec<u8>> {
    let head = prop_oneof![9 => Just(5u8), 1 => 0..16u8];
    let fragment = prop_oneof![6 => Just(0u16), 1 => Just(0x4000), 1 => Just(0x2000), 1 => Just(3)];
    let protocol = one(&[1u8, 2, 6, 6, 17, 17, 33, 47, 132]);
    (head, fragment, protocol, one(&V4), one(&V4), ports()).prop_map(
        |(words, fragment, protocol, from, to, rest)| {
            let mut ip = vec![0x40 | words, 0, 0, 60, 0, 1];
            ip.extend(fragment.to_be_bytes());
            ip.extend([64, protocol, 0, 0]);
            ip.extend([from, to].concat());
            ip.resize(ip.len().max(usize::from(words) * 4), 1);
            ip.extend(rest);
            ip
        },
    )
}

fn ipv6() -> impl Strategy<Value = Vec<u8>> {
    let extension = (one(&[0u8, 43, 44, 44, 60]), 0..3u8, one(&[0u16, 1, 8]));
    let protocol = one(&[6u8, 6, 17, 17, 58, 59, 132, 51]);
    (prop::collection::vec(extension, 0..7), protocol, one(&V6), one(&V6), ports()).prop_map(
        |(extensions, protocol, from, to, rest)| {
            let kinds: Vec<u8> =
                extensions.iter().map(|(kind, _, _)| *kind).chain([protocol]).collect();
            let mut ip = vec![0x60, 0, 0, 0, 0, 80, kinds[0], 64];
            ip.extend(v6(from));
            ip.extend(v6(to));
            for ((kind, length, offset), next) in extensions.iter().zip(&kinds[1..]) {
                let length = if *kind == 44 { 0 } else { *length };
                ip.extend([*next, length]);
                ip.extend(offset.to_be_bytes());
                ip.resize(ip.len() + 4 + usize::from(length) * 8, 0);
            }
            ip.extend(rest);
            ip
        },
    )
}

/// What follows tags and labels, and its `EtherType`.
fn inside() -> impl Strategy<Value = (u16, Vec<u8>)> {
    prop_oneof![
        6 => ipv4().prop_map(|ip| (0x0800, ip)),
        6 => ipv6().prop_map(|ip| (0x86dd, ip)),
        1 => one(&[0x0806, 0x8035, 0x88cc, 0x0026]).prop_map(|kind| (kind, vec![4; 46])),
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(|rest| (0x0800, rest)),
    ]
}

/// Frames of Ethernet.
pub(crate) fn ethernet() -> impl Strategy<Value = Vec<u8>> {
    let tag = (one(&[0x8100u16, 0x8100, 0x88a8, 0x9100, 0x9200]), one(&IDS));
    let tags = prop_oneof![2 => Just(vec![]), 3 => prop::collection::vec(tag, 1..6)];
    let labels = prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(one(&LABELS), 1..6)];
    let cut = prop_oneof![4 => Just(usize::MAX), 1 => 0..120usize];
    (one(&MACS), one(&MACS), tags, labels, inside(), cut).prop_map(
        |(to, from, tags, labels, (kind, rest), cut)| {
            let mut frame = [to, from].concat();
            for (kind, id) in &tags {
                frame.extend(kind.to_be_bytes());
                frame.extend((id | 0x6000).to_be_bytes());
            }
            frame.extend(if labels.is_empty() { kind } else { 0x8847 }.to_be_bytes());
            for (number, label) in labels.iter().enumerate() {
                let bottom = u32::from(number + 1 == labels.len()) << 8;
                frame.extend((label << 12 | bottom | 64).to_be_bytes());
            }
            frame.extend(rest);
            frame.truncate(cut);
            frame
        },
    )
}

/// Frames that begin with IP.
pub(crate) fn raw() -> impl Strategy<Value = Vec<u8>> {
    let cut = prop_oneof![4 => Just(usize::MAX), 1 => 0..120usize];
    (inside(), cut).prop_map(|((_, mut ip), cut)| {
        ip.truncate(cut);
        ip
    })
}

/// Any expression that is understood.
pub(crate) fn expression() -> impl Strategy<Value = String> {
    let v4 = one(&V4).prop_map(|a| std::net::Ipv4Addr::from(a).to_string());
    let v6 = one(&V6).prop_map(|a| std::net::Ipv6Addr::from(v6(a)).to_string());
    let ends =
        || one(&["", "", "src ", "dst ", "src or dst ", "src and dst ", "dst || src "]).boxed();
    let nets = one(&[
        "10.0.0.0/8",
        "10.0.0.0/31",
        "0.0.0.0/0",
        "192.0.2.1/32",
        "2001:1::/32",
        "2001::/16",
        "::/0",
        "2001:1::1/128",
    ]);
    let port = one(&PORTS).prop_map(|port| port.to_string());
    let range = one(&["0-65535", "22-80", "80-80", "1024-65535"]);
    let scope = || one(&["", "", "tcp ", "udp ", "sctp "]).boxed();
    let mac = one(&MACS).prop_map(|mac| mac.map(|octet| format!("{octet:x}")).join(":"));
    let primitive = prop_oneof![
        2 => (ends(), v4).prop_map(|(ends, a)| format!("{ends}host {a}")),
        2 => (ends(), v6).prop_map(|(ends, a)| format!("ip6 {ends}host {a}")),
        2 => (ends(), nets).prop_map(|(ends, net)| format!("{ends}net {net}")),
        2 => (scope(), ends(), port).prop_map(|(s, ends, port)| format!("{s}{ends}port {port}")),
        1 => (scope(), ends(), range).prop_map(|(s, ends, r)| format!("{s}{ends}portrange {r}")),
        1 => (ends(), mac).prop_map(|(ends, mac)| format!("ether {ends}host {mac}")),
        3 => one(&[
            "ip", "ip6", "arp", "tcp", "udp", "sctp", "icmp", "icmp6", "vlan", "vlan 7", "vlan 0", "mpls",
            "mpls 16", "less 64", "greater 90", "proto 47", "ip proto 6", "ip6 proto 44", "proto 0",
            "vlan 7 or 100", "port 80 or 443", "not host 10.0.0.1 and 10.0.0.2", "mpls 0",
        ]).prop_map(str::to_owned),
    ];
    primitive.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|e| format!("not {e}")),
            1 => inner.clone().prop_map(|e| format!("!({e})")),
            3 => prop::collection::vec((inner, any::<bool>()), 2..6).prop_map(|parts| {
                let mut text = String::new();
                for (part, is_and) in parts {
                    if !text.is_empty() {
                        text.push_str(if is_and { " and " } else { " || " });
                    }
                    text.extend(["(", &part, ")"]);
                }
                text
            }),
        ]
    })
}
