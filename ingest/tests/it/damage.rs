//! Torn, lying and hostile files: what was readable is kept, the rest is reported with file and offset, and nothing grows without bound.

use ingest::{IngestError, Outcome};
use proptest::prelude::*;

use crate::forge::{Order, Packet, Shape, block, enhanced, interface, pcap, section};
use crate::lab::{Lab, assert_closed, flows_of, sum};

fn packets(count: u8) -> Vec<Packet> {
    (0..count)
        .map(|i| Shape::udp(1_000_000 * u64::from(i), (i, 5), (200, 53), 100).packet())
        .collect()
}

fn read(bytes: &[u8]) -> (Outcome, i64) {
    let lab = Lab::new();
    let (outcome, rows) = flows_of(&[lab.write("x.cap", bytes)], |_| {});
    assert_closed(&outcome);
    (outcome, sum(&rows, "packets"))
}

fn assert_damaged(bytes: &[u8], kept: i64, offset: u64, why: &str) {
    let (outcome, packets) = read(bytes);
    let [damage] = &outcome.damages[..] else { panic!("{:?}", outcome.damages) };
    assert!(!outcome.is_complete());
    assert_eq!((packets, damage.offset), (kept, offset), "{damage}");
    assert!(damage.why.contains(why) && damage.to_string().contains("x.cap"), "{damage}");
}

#[test]
fn a_torn_pcap_keeps_what_came_before() {
    let file = pcap(Order::Little, false, 1, &packets(3));
    let record = (file.len() - 24) / 3;
    assert_damaged(&file[..file.len() - 1], 2, (24 + 2 * record) as u64, "middle of a record");
    assert_damaged(&file[..24 + record + 7], 1, (24 + record) as u64, "middle of a record");
    assert_damaged(&file[..20], 0, 0, "middle of a record");
}

#[test]
fn a_lying_length_stops_the_walk() {
    let mut file = pcap(Order::Big, false, 1, &packets(3));
    let second = 24 + (file.len() - 24) / 3;
    file[second + 8..second + 12].copy_from_slice(&0xffff_fff0u32.to_be_bytes());
    assert_damaged(&file, 1, second as u64, "captured octets");
}

#[test]
fn hostile_blocks_end_it() {
    let order = Order::Little;
    let start =
        [section(order), interface(order, 1, None), enhanced(order, 0, 5, &packets(1)[0])].concat();
    let at = start.len() as u64;
    let with = |tail: Vec<u8>| [start.clone(), tail].concat();
    // Length 0 would never advance; 4 GiB would never fit.
    assert_damaged(&with([order.u32(6), order.u32(0), order.u32(0)].concat()), 1, at, "length 0");
    let huge = [order.u32(6), order.u32(0xffff_fffc), order.u32(0)].concat();
    assert_damaged(&with(huge), 1, at, "length 4294967292");
    let unknown = [order.u32(0x77), order.u32(0xffff_fffc), order.u32(0)].concat();
    assert_damaged(&with(unknown), 1, at, "behind the end");
    // More captured than the block holds.
    let mut lie = enhanced(order, 0, 5, &packets(1)[0]);
    lie[20..24].copy_from_slice(&order.u32(60_000));
    assert_damaged(&with(lie), 1, at, "60000");
    assert_damaged(&with(enhanced(order, 7, 5, &packets(1)[0])), 1, at, "interface 7");
    assert_damaged(&with(block(order, 6, &[0; 8])), 1, at, "shorter than its fields");
}

#[test]
fn what_is_no_capture_is_refused_by_name() {
    let lab = Lab::new();
    for (name, bytes) in [("letter.txt", &b"Dear Sir"[..]), ("empty.pcap", b"")] {
        let path = lab.write(name, bytes);
        let error = ingest::run(&lab.args(&[path])).unwrap_err();
        assert!(matches!(error, IngestError::Source(_)), "{error}");
        assert!(
            error.to_string().contains(name) && error.to_string().contains("not a capture"),
            "{error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_flipped_octets_are_survived(
        ng in any::<bool>(),
        flips in prop::collection::vec((0..2_000usize, any::<u8>()), 1..6),
        cut in 0..2_000usize,
    ) {
        let mut file = if ng {
            let mut file = [section(Order::Little), interface(Order::Little, 1, Some(6))].concat();
            for packet in packets(10) {
                file.extend(enhanced(Order::Little, 0, packet.ts_us, &packet));
            }
            file
        } else {
            pcap(Order::Little, false, 1, &packets(10))
        };
        // The magic stays, or it is no capture at all.
        for (position, octet) in flips {
            if let Some(slot) = file.get_mut(position + 4) {
                *slot = octet;
            }
        }
        file.truncate(file.len().saturating_sub(cut).max(24));
        let lab = Lab::new();
        let path = lab.write("x.cap", &file);
        let outcome = ingest::run(&lab.args(&[path])).unwrap();
        prop_assert_eq!(outcome.difference(), 0);
    }
}
