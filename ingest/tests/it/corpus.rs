//! Inputs that a fuzzer found worth keeping, through the same entries; and the first of them, from our own traffic.

use std::fs;
use std::path::{Path, PathBuf};

use ingest::decode::Decoder;
use ingest::frame::{Frame, LinkType};
use ingest::source::synthetic::{Plan, PlannedFrame, Version};

use crate::forge::{Order, Packet, Shape, enhanced, interface, obsolete, pcap, section, simple};

#[path = "../../fuzz/entries.rs"]
mod entries;

/// Files of a corpus at most, and their octets: it is a test's input, not an archive.
const FILES_MAX: usize = 300;
const OCTETS_MAX: usize = 1 << 20;

fn run(target: &str, entry: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut octets = 0;
    for file in &files {
        let input = fs::read(file).unwrap();
        octets += input.len();
        // The name of the input is what a failure is looked up by.
        eprintln!("{}", file.display());
        entry(&input);
    }
    assert!((5..=FILES_MAX).contains(&files.len()), "{} files", files.len());
    assert!(octets <= OCTETS_MAX, "{octets} octets");
}

#[test]
fn frames_that_a_fuzzer_found() {
    run("decode", entries::decode);
}

#[test]
fn captures_that_a_fuzzer_found() {
    run("container", entries::container);
}

#[test]
fn payloads_that_a_fuzzer_found() {
    run("names", entries::names);
}

/// Frames of different kinds: every so many of a day, some hellos, and shapes by hand.
fn frames() -> Vec<PlannedFrame> {
    let day = Plan::national_day(7);
    let hellos = Plan::hellos(7, Version::Tls13, 3);
    day.frames().step_by(977).take(40).chain(hellos.frames()).collect()
}

#[test]
#[ignore = "writes the inputs a fuzzer begins with into the folder named by OUTFLOW_SEEDS"]
fn write_seeds() {
    let root = PathBuf::from(std::env::var("OUTFLOW_SEEDS").unwrap());
    let write = |target: &str, number: usize, bytes: &[u8]| {
        let folder = root.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("seed-{number:03}")), bytes).unwrap();
    };
    for (number, planned) in frames().iter().enumerate() {
        write("decode", number * 2, &[&[0, 0, 0][..], &planned.bytes].concat());
        write("decode", number * 2 + 1, &[&[1, 0, 0][..], &planned.bytes[14..]].concat());
        let frame = Frame {
            bytes: &planned.bytes,
            original: planned.original_length,
            ts_ns: 0,
            link: LinkType::Ethernet,
        };
        if let Ok(decoded) = Decoder::default().decode(&frame)
            && decoded.observation.payload_at != 0
        {
            let payload = &planned.bytes[usize::from(decoded.observation.payload_at)..];
            write("names", number, payload);
        }
    }
    let packets: Vec<Packet> = [0x02, 0x12, 0x10, 0x18, 0x11]
        .iter()
        .enumerate()
        .map(|(number, &tcp_flags)| {
            let (a, b) = ((1, 40_000), (2, 80));
            let (from, to) = if number % 2 == 0 { (a, b) } else { (b, a) };
            let ts_us = 1_000_000 * number as u64;
            Shape { ts_us, from, to, proto: 6, tcp_flags, payload: 20 }.packet()
        })
        .collect();
    for (number, order) in [Order::Little, Order::Big].into_iter().enumerate() {
        write("container", number * 3, &pcap(order, false, 1, &packets));
        write("container", number * 3 + 1, &pcap(order, true, 1, &packets));
        let mut file = [section(order), interface(order, 1, Some(9))].concat();
        for packet in &packets {
            file.extend(enhanced(order, 0, packet.ts_us * 1_000, packet));
            file.extend(simple(order, packet));
            file.extend(obsolete(order, 0, packet.ts_us, packet));
        }
        write("container", number * 3 + 2, &file);
    }
}
