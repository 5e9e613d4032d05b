//! The same sessions in every wrapper: the same flows, names and octets, and what the wrapper costs apart from them.

use std::collections::BTreeMap;

use ingest::config::PacketArgs;
use ingest::decode::{Decoder, FlowSpace, Tunnels};
use ingest::frame::{Frame, LinkType};
use ingest::source::synthetic::{Plan, Version};

use crate::forge::{Order, Packet, pcap};
use crate::lab::{Lab, Row, assert_closed, count, flows_of, number, sum};
use crate::wrap::{ALL, Inner, VXLAN_42, Wrap, ip4};

/// Packets of twenty sessions, every fifth over IPv6: time in µs, and from the IP header on.
fn sessions() -> Vec<(u64, Vec<u8>)> {
    let plan = Plan::hellos(8, Version::Tls13, 20);
    let packets = plan.frames().map(|frame| {
        let kind = frame.bytes.iter().skip(12).position(|&octet| octet == 0x45 || octet == 0x60);
        let ip = &frame.bytes[12 + kind.unwrap()..];
        let octets = if ip[0] == 0x45 {
            usize::from(u16::from_be_bytes([ip[2], ip[3]]))
        } else {
            40 + usize::from(u16::from_be_bytes([ip[4], ip[5]]))
        };
        (u64::try_from(frame.ts_ns / 1_000).unwrap(), ip[..octets].to_vec())
    });
    packets.collect()
}

/// Whether the sender has the higher address.
fn is_back(ip: &[u8]) -> bool {
    if ip[0] == 0x45 { ip[12..16] > ip[16..20] } else { ip[8..24] > ip[24..40] }
}

fn wrapped(wrap: &Wrap, (ts_us, ip): &(u64, Vec<u8>)) -> Packet {
    let bytes = (wrap.make)(Inner { ip, is_back: is_back(ip) });
    Packet { ts_us: *ts_us, original: u32::try_from(bytes.len()).unwrap(), bytes }
}

fn ingest(packets: &[Packet], packet_args: PacketArgs) -> Vec<Row> {
    let lab = Lab::new();
    let file = lab.write("x.pcap", &pcap(Order::Little, false, 1, packets));
    let (outcome, rows) = flows_of(&[file], |args| {
        args.packets = packet_args;
        args.lanes = Some(2);
    });
    assert_closed(&outcome);
    assert_eq!(sum(&rows, "packets"), count(packets.len()));
    rows
}

/// What must not depend on the wrapper; of AH the octets less its own.
fn inside(rows: &[Row], adds: i64) -> Vec<BTreeMap<String, String>> {
    const SAME: [&str; 14] = [
        "ip_version",
        "proto",
        "src_ip",
        "dst_ip",
        "src_port",
        "dst_port",
        "src_packets",
        "dst_packets",
        "src_payload_bytes",
        "dst_payload_bytes",
        "src_tcp_flags",
        "conn_state",
        "server_name",
        "dscp",
    ];
    let mut all: Vec<_> = rows
        .iter()
        .map(|row| {
            let kept = row.iter().filter(|(column, _)| SAME.contains(&column.as_str()));
            let mut kept: BTreeMap<_, _> = kept.map(|(a, b)| (a.clone(), b.clone())).collect();
            for (bytes, packets) in [("src_bytes", "src_packets"), ("dst_bytes", "dst_packets")] {
                let octets = number(row, bytes) - adds * number(row, packets);
                kept.insert(bytes.to_owned(), octets.to_string());
            }
            kept
        })
        .collect();
    all.sort();
    all
}

#[test]
fn the_same_sessions_in_every_wrapper() {
    let sessions = sessions();
    let all = |wrap: &Wrap| -> Vec<Packet> {
        sessions.iter().map(|packet| wrapped(wrap, packet)).collect()
    };
    let plain = inside(&ingest(&all(&ALL[0]), PacketArgs::default()), 0);
    assert_eq!(plain.len(), 20);
    assert!(plain.iter().filter(|row| row.contains_key("server_name")).count() >= 19);
    for wrap in &ALL {
        let rows = ingest(&all(wrap), PacketArgs::default());
        // AH is part of the packet it protects.
        let own = if wrap.name == "ah" { 24 } else { 0 };
        assert_eq!(inside(&rows, own), plain, "{}", wrap.name);
        for row in &rows {
            let stack = row.get("tunnel_stack").map(String::as_str);
            let says = |stack: &str, word: &str| {
                stack == word || stack.strip_prefix(word).is_some_and(|id| id.starts_with(':'))
            };
            // What the receiver chooses is not the same in all rows.
            let is_right = match wrap.stack {
                None => stack.is_none(),
                Some(word) => stack.is_some_and(|stack| says(stack, word)),
            };
            assert!(is_right, "{}: {stack:?}", wrap.name);
            let cost = wrap.stack.map(|_| wrap.adds * number(row, "packets"));
            let stated = row.get("tunnel_bytes").map(|_| number(row, "tunnel_bytes"));
            assert_eq!(stated, cost, "{}", wrap.name);
            assert_eq!(row.contains_key("tunnel_src_ip"), wrap.adds > 0, "{}", wrap.name);
        }
    }
}

#[test]
fn common_tunnels_only_where_no_others_are_asked_for() {
    let closed = ["l2tp", "l2tpv3", "l2tpv3 over udp", "lisp", "ayiya", "capwap"];
    let args = PacketArgs { tunnels: Tunnels::Common, ..PacketArgs::default() };
    let session = &sessions()[..1];
    for wrap in &ALL {
        let rows = ingest(&[wrapped(wrap, &session[0])], args);
        let is_closed = closed.contains(&wrap.name) || wrap.name.ends_with("another port");
        assert_eq!(rows[0]["src_ip"] == "198.51.100.1", is_closed, "{}", wrap.name);
    }
}

#[test]
fn every_wrapper_cut_at_every_octet_closes_the_balance() {
    let packet = &sessions()[3];
    let mut frames = Vec::new();
    for wrap in &ALL {
        let whole = wrapped(wrap, packet);
        for kept in 0..whole.bytes.len().min(220) {
            frames.push(Packet { bytes: whole.bytes[..kept].to_vec(), ..whole });
        }
    }
    let lab = Lab::new();
    let file = lab.write("x.pcap", &pcap(Order::Little, false, 1, &frames));
    for tunnels in [Tunnels::All, Tunnels::Common] {
        let (outcome, rows) = flows_of(std::slice::from_ref(&file), |args| {
            args.packets = PacketArgs { tunnels, ..PacketArgs::default() };
        });
        assert_closed(&outcome);
        let ignored: i64 = outcome.written.ledger.iter().map(|row| row.ignored_truncated).sum();
        assert!(ignored > 0 && sum(&rows, "packets") > 0);
    }
}

/// A packet in so many IPv4 headers.
fn nested(packet: &[u8], depth: usize) -> Packet {
    let mut ip = packet.to_vec();
    for _ in 0..depth {
        ip = ip4(4, &ip);
    }
    let bytes = [&[2; 12][..], &[8, 0], &ip].concat();
    Packet { ts_us: 1_000_000, original: u32::try_from(bytes.len()).unwrap(), bytes }
}

#[test]
fn sixteen_tunnels_deep_and_no_deeper() {
    let (_, packet) = &sessions()[0];
    let row = &ingest(&[nested(packet, 16)], PacketArgs::default())[0];
    assert_eq!((row["proto"].as_str(), number(row, "tunnel_bytes")), ("tcp", 16 * 20));
    assert_eq!(row["tunnel_stack"], format!("{}/+8", ["ipip"; 8].join("/")));
    let row = &ingest(&[nested(packet, 17)], PacketArgs::default())[0];
    assert_eq!((row["proto"].as_str(), number(row, "tunnel_bytes")), ("ipip", 16 * 20));
    assert_eq!(number(row, "bytes"), count(packet.len()) + 20);
}

/// The same packet in two networks, and in two VLANs.
fn apart(space: FlowSpace) -> (usize, usize) {
    let (ts_us, ip) = &sessions()[0];
    let inner = [&[2; 12][..], &[8, 0], ip].concat();
    let in_vxlan = |network: u8| {
        let mut header = VXLAN_42;
        header[6] = network;
        let datagram = [&[0xc0, 1, 0x12, 0xb5, 0, 0, 0, 0][..], &header, &inner].concat();
        let bytes = [&[2; 12][..], &[8, 0], &ip4(17, &datagram)].concat();
        Packet { ts_us: *ts_us, original: u32::try_from(bytes.len()).unwrap(), bytes }
    };
    let in_vlan = |id: u8| {
        let bytes = [&[2; 12][..], &[0x81, 0, 0, id, 8, 0], ip].concat();
        Packet { ts_us: *ts_us, original: u32::try_from(bytes.len()).unwrap(), bytes }
    };
    let args = PacketArgs { flow_key: space, ..PacketArgs::default() };
    let flows = |packets: &[Packet]| ingest(packets, args).len();
    (flows(&[in_vxlan(1), in_vxlan(2)]), flows(&[in_vlan(1), in_vlan(2)]))
}

#[test]
fn networks_with_the_same_addresses_are_told_apart_as_configured() {
    assert_eq!(apart(FlowSpace::Tunnel), (2, 1));
    assert_eq!(apart(FlowSpace::Vlan), (1, 2));
    assert_eq!(apart(FlowSpace::Both), (2, 2));
    assert_eq!(apart(FlowSpace::Neither), (1, 1));
}

#[test]
fn what_only_looks_like_a_tunnel_stays_a_packet() {
    let packet = &sessions()[0];
    let decoder = Decoder::default();
    let has_tunnel = |bytes: &[u8]| {
        let original = u32::try_from(bytes.len()).unwrap();
        let frame = Frame { bytes, original, ts_ns: 0, link: LinkType::Ethernet };
        decoder.detail(&frame).unwrap().tunnel.is_some()
    };
    for wrap in ALL.iter().filter(|wrap| {
        ["l2tp", "lisp", "ayiya", "capwap"].iter().any(|name| wrap.name.starts_with(name))
            || wrap.name.ends_with("another port")
    }) {
        let mut bytes = wrapped(wrap, packet).bytes;
        assert!(has_tunnel(&bytes), "{}", wrap.name);
        // The check sum of the inner header no longer closes.
        let inner = bytes.len() - packet.1.len();
        bytes[inner + 10] ^= 1;
        assert!(!has_tunnel(&bytes), "{}", wrap.name);
    }
}

/// Each packet as it comes in, and 20 µs later as it goes out: another VLAN, other MACs, a hop further.
fn mirrored() -> Vec<Packet> {
    let mut packets = Vec::new();
    for packet in &sessions() {
        packets.push(wrapped(&ALL[1], packet));
        let mut ip = packet.1.clone();
        let (hops, kind): (usize, &[u8]) =
            if ip[0] == 0x45 { (8, &[8, 0]) } else { (7, &[0x86, 0xdd]) };
        ip[hops] -= 1;
        let bytes = [&[4; 12][..], &[0x81, 0, 0, 99], kind, &ip].concat();
        let original = u32::try_from(bytes.len()).unwrap();
        packets.push(Packet { ts_us: packet.0 + 20, original, bytes });
    }
    packets.sort_by_key(|packet| packet.ts_us);
    packets
}

#[test]
fn a_mirror_with_two_sides_is_counted_and_where_asked_for_left_out() {
    let once = sessions();
    let lab = Lab::new();
    let file = lab.write("x.pcap", &pcap(Order::Little, false, 1, &mirrored()));
    for (dedup, share) in [(false, 2), (true, 1)] {
        let (outcome, rows) = flows_of(std::slice::from_ref(&file), |args| {
            args.packets.dedup = dedup;
        });
        assert_closed(&outcome);
        let ledger = &outcome.written.ledger;
        let duplicates: i64 = ledger.iter().filter_map(|row| row.duplicates).sum();
        let ignored: i64 = ledger.iter().filter_map(|row| row.ignored_duplicate).sum();
        assert_eq!(duplicates, count(once.len()), "{outcome}");
        assert_eq!(ignored, if dedup { duplicates } else { 0 });
        let octets: usize = once.iter().map(|(_, ip)| ip.len()).sum();
        assert_eq!(sum(&rows, "packets"), share * count(once.len()));
        assert_eq!(sum(&rows, "bytes"), share * count(octets));
        assert_eq!(rows.len(), 20);
    }
}

#[test]
fn what_a_host_says_twice_is_no_copy() {
    let sessions = sessions();
    let (v4, v6) = (&sessions[0], sessions.iter().find(|(_, ip)| ip[0] == 0x60).unwrap());
    let mut nameless = v4.clone();
    nameless.1[4..6].fill(0);
    let mut again = v4.clone();
    again.1[5] ^= 1;
    let plain = &ALL[0];
    let later = |(ts_us, ip): &(u64, Vec<u8>), by| wrapped(plain, &(ts_us + by, ip.clone()));
    for (packets, expected) in [
        (vec![later(v4, 0), later(v4, 20)], 1),
        (vec![later(v4, 0), later(v4, 10_001)], 0),
        (vec![later(v4, 0), later(&again, 20)], 0),
        (vec![later(&nameless, 0), later(&nameless, 20)], 0),
        (vec![later(v6, 0), later(v6, 20)], 0),
    ] {
        let lab = Lab::new();
        let file = lab.write("x.pcap", &pcap(Order::Little, false, 1, &packets));
        let (outcome, _) = flows_of(&[file], |args| args.packets.dedup = true);
        assert_closed(&outcome);
        let ledger = &outcome.written.ledger;
        assert_eq!(ledger.iter().filter_map(|row| row.duplicates).sum::<i64>(), expected);
    }
}
