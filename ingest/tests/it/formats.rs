//! Every container gives the same rows for the same packets.

use std::io::Write;

use flate2::write::GzEncoder;

use crate::forge::{
    Order, Packet, Shape, block, enhanced, interface, obsolete, pcap, section, simple,
};
use crate::lab::{Lab, assert_closed, flows_of, sum};

const START_US: u64 = 1_411_480_800_000_000;

fn packets() -> Vec<Packet> {
    (0..40u8)
        .map(|i| {
            let (from, to) = ((i % 4, 4000), (9, 80));
            let (from, to) = if i % 3 == 0 { (to, from) } else { (from, to) };
            Shape::udp(START_US + u64::from(i) * 1_000, from, to, u16::from(i) * 10).packet()
        })
        .collect()
}

fn times_aside(bytes: &[u8], name: &str) -> Vec<String> {
    let lab = Lab::new();
    let path = lab.write(name, bytes);
    let (outcome, rows) = flows_of(&[path], |_| {});
    assert_closed(&outcome);
    assert!(outcome.damages.is_empty(), "{name}: {:?}", outcome.damages);
    let mut keys: Vec<String> = rows
        .iter()
        .map(|row| {
            [
                "flow_start",
                "flow_end",
                "src_ip",
                "dst_ip",
                "src_packets",
                "dst_packets",
                "src_bytes",
                "dst_bytes",
            ]
            .map(|column| row[column].as_str())
            .join(" ")
        })
        .collect();
    keys.sort();
    keys
}

fn pcapng(order: Order, resolution: Option<u8>, units: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut file = section(order);
    file.extend(interface(order, 1, resolution));
    for packet in packets() {
        file.extend(enhanced(order, 0, units(packet.ts_us), &packet));
        // A block nobody knows is passed over.
        file.extend(block(order, 0x0bad_cafe, &[1, 2, 3]));
    }
    file
}

/// `if_tsresol`, and the time in its units of a time in µs.
type Resolution = (Option<u8>, fn(u64) -> u64);

#[test]
fn all_containers_give_the_same_flows() {
    let expected = times_aside(&pcap(Order::Little, false, 1, &packets()), "us.pcap");
    assert_eq!(expected.len(), 4);
    for order in [Order::Little, Order::Big] {
        for nano in [false, true] {
            let file = pcap(order, nano, 1, &packets());
            assert_eq!(times_aside(&file, "x.pcap"), expected, "{order:?} {nano}");
        }
        let cases: [Resolution; 4] = [
            (None, |us| us),
            (Some(9), |us| us * 1_000),
            (Some(3), |us| us / 1_000),
            (Some(0x94), |us| ((u128::from(us) << 20) / 1_000_000 + 1) as u64),
        ];
        for (resolution, units) in cases {
            let rows = times_aside(&pcapng(order, resolution, units), "x.pcapng");
            if resolution == Some(0x94) {
                // 2⁻²⁰ s is not a whole number of µs; the volumes are the same.
                assert_eq!(rows.len(), expected.len());
            } else {
                assert_eq!(rows, expected, "{order:?} {resolution:?}");
            }
        }
    }
}

#[test]
fn sections_and_interfaces_begin_anew() {
    let packet = |i| Shape::udp(START_US, (i, 1), (9, 2), 10).packet();
    let mut file = section(Order::Little);
    file.extend(interface(Order::Little, 1, None));
    file.extend(interface(Order::Little, 101, Some(9)));
    file.extend(enhanced(Order::Little, 0, START_US, &packet(1)));
    let ip = Shape::udp(START_US, (2, 1), (9, 2), 10).ip();
    let raw = Packet { ts_us: START_US, original: u32::try_from(ip.len()).unwrap(), bytes: ip };
    file.extend(enhanced(Order::Little, 1, START_US * 1_000, &raw));
    file.extend(section(Order::Big));
    file.extend(interface(Order::Big, 1, None));
    file.extend(obsolete(Order::Big, 0, START_US, &packet(3)));
    file.extend(simple(Order::Big, &packet(4)));
    let lab = Lab::new();
    let (outcome, rows) = flows_of(&[lab.write("x.pcapng", &file)], |_| {});
    assert_closed(&outcome);
    assert_eq!((rows.len(), sum(&rows, "packets"), sum(&rows, "bytes")), (4, 4, 4 * 38));
    let starts = rows.iter().filter(|row| row["flow_start"] == START_US.to_string()).count();
    assert_eq!(starts, 3, "a simple packet has no time");
}

#[test]
fn compressed_files_are_read_as_they_are() {
    let plain = pcap(Order::Little, false, 1, &packets());
    let expected = times_aside(&plain, "x.pcap");
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    assert_eq!(times_aside(&gzip.finish().unwrap(), "x.pcap.gz"), expected);
    assert_eq!(times_aside(&zstd::encode_all(&plain[..], 1).unwrap(), "x.pcap.zst"), expected);
}

#[test]
fn files_are_taken_in_order_of_time() {
    let part = |range: std::ops::Range<usize>| pcap(Order::Little, false, 1, &packets()[range]);
    let lab = Lab::new();
    let files = [
        lab.write("b", &part(20..40)),
        lab.write("a", &part(10..20)),
        lab.write("c", &part(0..10)),
    ];
    let (outcome, rows) = flows_of(&files, |_| {});
    assert_closed(&outcome);
    assert_eq!((rows.len(), sum(&rows, "packets")), (4, 40));
    assert!(outcome.written.ledger.iter().all(|row| row.clock_step_us == 0));
}

#[test]
fn an_unknown_link_type_is_counted_not_an_error() {
    let lab = Lab::new();
    let file = lab.write("x.pcap", &pcap(Order::Little, false, 147, &packets()));
    let (outcome, rows) = flows_of(&[file], |_| {});
    assert!(outcome.is_complete() && rows.is_empty());
    assert_eq!(outcome.written.ledger.iter().map(|row| row.ignored_link_type).sum::<i64>(), 40);
}
