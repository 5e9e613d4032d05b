//! What acknowledgements say of packets that never came: nothing of a whole capture, and of one with holes exactly the holes.

use ingest::Outcome;

use crate::forge::{Order, Packet, Shape, pcap};
use crate::lab::{Lab, Row, assert_closed, flows_of, sum};

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 443);
const OCTETS: u32 = 600;
const FIN_ACK: u8 = 0x11;
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;

/// A segment of a connection; `number` counts from the sender's first.
#[derive(Clone, Copy)]
struct Segment {
    from_client: bool,
    flags: u8,
    number: u32,
    acknowledged: u32,
    payload: u16,
}

impl Segment {
    fn packet(&self, at: usize, first: u32) -> Packet {
        let (from, to) = if self.from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let ts_us = 1_000_000 + at as u64 * 1_000;
        let shape =
            Shape { ts_us, from, to, proto: 6, tcp_flags: self.flags, payload: self.payload };
        let mut packet = shape.packet();
        packet.bytes[38..42].copy_from_slice(&first.wrapping_add(self.number).to_be_bytes());
        packet.bytes[42..46].copy_from_slice(&first.wrapping_add(self.acknowledged).to_be_bytes());
        packet
    }
}

/// A connection in which the server sends `segments`, and the client acknowledges every `every`th at once.
fn session(segments: u32, every: u32) -> Vec<Segment> {
    let client = |flags, number, acknowledged| Segment {
        from_client: true,
        flags,
        number,
        acknowledged,
        payload: 0,
    };
    let server = |flags, number, payload| Segment {
        from_client: false,
        flags,
        number,
        acknowledged: 1,
        payload,
    };
    let mut all = vec![client(SYN, 0, 0), server(SYN_ACK, 0, 0), client(ACK, 1, 1)];
    for number in 0..segments {
        let at = 1 + number * OCTETS;
        all.push(server(ACK, at, u16::try_from(OCTETS).unwrap()));
        if number % every == every - 1 {
            all.push(client(ACK, 1, at + OCTETS));
        }
    }
    let end = 1 + segments * OCTETS;
    all.extend([server(FIN_ACK, end, 0), client(FIN_ACK, 1, end + 1)]);
    all.push(Segment { acknowledged: 2, ..server(ACK, end + 1, 0) });
    all
}

/// Data segment `number` of a session whose every segment is acknowledged.
const fn data(number: usize) -> usize {
    3 + 2 * number
}

fn run(segments: &[Segment], first: u32) -> (Outcome, Vec<Row>) {
    let packets: Vec<Packet> =
        segments.iter().enumerate().map(|(at, segment)| segment.packet(at, first)).collect();
    let lab = Lab::new();
    let file = lab.write("x.pcap", &pcap(Order::Little, false, 1, &packets));
    let (outcome, rows) = flows_of(&[file], |_| {});
    assert_closed(&outcome);
    (outcome, rows)
}

/// Acknowledgements compared, gaps, octets missed.
fn found(segments: &[Segment], first: u32) -> (i64, i64, i64) {
    let (outcome, rows) = run(segments, first);
    let ledger = &outcome.written.ledger;
    (
        ledger.iter().filter_map(|row| row.tcp_acks).sum(),
        ledger.iter().filter_map(|row| row.tcp_ack_gaps).sum(),
        sum(&rows, "missed_bytes"),
    )
}

#[test]
fn a_whole_capture_has_no_gap_wherever_the_numbers_begin() {
    for first in [0, 7, u32::MAX - 5_000, u32::MAX, 1 << 31] {
        for every in [1, 2, 5] {
            let all = session(20, every);
            let (acks, gaps, missed) = found(&all, first);
            assert_eq!((gaps, missed), (0, 0), "{first} {every}");
            // All but the first SYN carry one, and each has something to be compared with.
            assert_eq!(acks, i64::try_from(all.len() - 1).unwrap());
        }
    }
}

#[test]
fn what_was_removed_is_found_to_the_octet() {
    for first in [7, u32::MAX - 5_000] {
        for removed in [vec![4], vec![2, 9, 15], vec![0], vec![19], (0..20).collect::<Vec<_>>()] {
            let mut all = session(20, 1);
            for &number in removed.iter().rev() {
                all.remove(data(number));
            }
            let (_, gaps, missed) = found(&all, first);
            let expected = i64::try_from(removed.len()).unwrap();
            assert_eq!((gaps, missed), (expected, expected * 600), "{first} {removed:?}");
        }
    }
}

#[test]
fn a_run_that_is_acknowledged_at_once_is_one_gap() {
    // Segments 5 and 6, then 8, of those that the acknowledgement after 9 covers.
    let mut all = session(20, 10);
    for at in [3 + 8, 3 + 6, 3 + 5] {
        all.remove(at);
    }
    let (_, gaps, missed) = found(&all, 7);
    assert_eq!((gaps, missed), (1, 3 * 600));
}

#[test]
fn order_and_repetition_are_no_loss() {
    let mut all = session(20, 10);
    all.swap(5, 8);
    all.swap(6, 9);
    all.insert(10, all[4]);
    // Sent again after duplicates of an older acknowledgement.
    let late = all.remove(15);
    all.insert(19, late);
    // A keep-alive, and a SYN sent twice.
    let last = all.len() - 3;
    let keep_alive = Segment { number: all[last].number - 1, payload: 1, ..all[last] };
    all.insert(last, Segment { flags: ACK, ..keep_alive });
    all.insert(1, all[0]);
    let (acks, gaps, missed) = found(&all, u32::MAX - 3_000);
    assert!(acks > 0);
    assert_eq!((gaps, missed), (0, 0));
}

#[test]
fn a_capture_that_begins_in_the_middle_begins_there() {
    for skipped in 1..12 {
        let (_, gaps, missed) = found(&session(20, 1)[skipped..], 7);
        assert_eq!((gaps, missed), (0, 0), "{skipped}");
    }
}

#[test]
fn nothing_is_said_of_one_way_or_of_resets() {
    let one_way: Vec<Segment> =
        session(20, 1).into_iter().filter(|segment| segment.from_client).collect();
    let (outcome, rows) = run(&one_way, 7);
    assert_eq!(outcome.written.ledger.iter().filter_map(|row| row.tcp_acks).sum::<i64>(), 0);
    assert!(rows.iter().all(|row| !row.contains_key("missed_bytes")), "{rows:?}");
    let udp = Shape::udp(1, CLIENT, SERVER, 20).packet();
    let lab = Lab::new();
    let (_, rows) =
        flows_of(&[lab.write("u.pcap", &pcap(Order::Little, false, 1, &[udp]))], |_| {});
    assert!(!rows[0].contains_key("missed_bytes"));
    // A reset with numbers of its own.
    let mut all = session(3, 1);
    let reset = Segment { flags: RST | ACK, number: 90_000, acknowledged: 1 << 20, ..all[2] };
    all.insert(6, reset);
    let (_, gaps, missed) = found(&all, 7);
    assert_eq!((gaps, missed), (0, 0));
}

#[test]
fn the_planned_day_has_no_gap() {
    let lab = Lab::new();
    let path = lab.path("day.pcap");
    let file = std::fs::File::create(&path).unwrap();
    ingest::source::synthetic::Plan::national_day(7).write_pcap(file).unwrap();
    let (outcome, _) = flows_of(&[path], |_| {});
    let ledger = &outcome.written.ledger;
    assert!(ledger.iter().filter_map(|row| row.tcp_acks).sum::<i64>() > 1_000);
    assert_eq!(ledger.iter().filter_map(|row| row.tcp_ack_gaps).sum::<i64>(), 0);
}
