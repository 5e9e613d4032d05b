//! Volume is the product: the cases in which meters are known to get it wrong.

use std::fs::File;

use ingest::source::synthetic::LongFlow;

use crate::forge::{Order, Packet, Shape, pcap};
use crate::lab::{Lab, assert_closed, flows_of, number, sum};

/// 3.2 M packets of 1,500 octets in 198 s: more than 32 bits can count.
const LONG: i64 = 4_800_000_000;

#[test]
fn one_flow_of_4_8_gb_is_4_8_gb() {
    let lab = Lab::new();
    let path = lab.path("long.pcap");
    LongFlow::default().write_pcap(File::create(&path).unwrap()).unwrap();
    let (outcome, rows) = flows_of(std::slice::from_ref(&path), |_| {});
    assert_closed(&outcome);
    assert_eq!((rows.len(), sum(&rows, "bytes"), sum(&rows, "packets")), (4, LONG, 3_200_000));
    assert_eq!(
        rows.iter().map(|row| &row["flow_id"]).collect::<std::collections::BTreeSet<_>>().len(),
        1
    );
    // As one record, under a longer active time-out.
    let (outcome, rows) = flows_of(&[path], |args| args.active_timeout = 3_600_000_000_000);
    assert_closed(&outcome);
    assert_eq!((rows.len(), number(&rows[0], "bytes")), (1, LONG));
}

#[test]
fn a_segment_with_length_0_is_counted_in_full() {
    let shape = Shape {
        ts_us: 1,
        from: (1, 50_000),
        to: (2, 443),
        proto: 6,
        tcp_flags: 0x18,
        payload: 3_000,
    };
    let mut packet = shape.packet();
    packet.bytes[16..18].copy_from_slice(&[0, 0]);
    let lab = Lab::new();
    let file = lab.write("tso.pcap", &pcap(Order::Little, false, 1, &[packet]));
    let (outcome, rows) = flows_of(&[file], |_| {});
    assert_closed(&outcome);
    assert_eq!((number(&rows[0], "bytes"), number(&rows[0], "src_payload_bytes")), (3_040, 3_000));
}

#[test]
fn padding_and_check_sequence_are_not_volume() {
    // 40 octets of IP in a frame of 60, and 4 octets of check sequence behind.
    let shape =
        Shape { ts_us: 1, from: (1, 50_000), to: (2, 443), proto: 6, tcp_flags: 0x10, payload: 0 };
    let mut packet = shape.packet();
    packet.bytes.extend([0xde, 0xad, 0xbe, 0xef]);
    packet.original += 4;
    let lab = Lab::new();
    let file = lab.write("padded.pcap", &pcap(Order::Little, false, 1, &[packet]));
    let (_, rows) = flows_of(&[file], |_| {});
    assert_eq!(
        ["bytes", "src_payload_bytes", "wire_bytes"].map(|column| number(&rows[0], column)),
        [40, 0, 64]
    );
}

#[test]
fn a_length_beyond_the_frame_counts_as_written_and_is_said() {
    let mut packet = Shape::udp(1, (1, 5), (2, 6), 20).packet();
    packet.bytes[16..18].copy_from_slice(&9_000u16.to_be_bytes());
    let lab = Lab::new();
    let file = lab.write("long.pcap", &pcap(Order::Little, false, 1, &[packet]));
    let (outcome, rows) = flows_of(&[file], |_| {});
    assert_closed(&outcome);
    assert_eq!(number(&rows[0], "bytes"), 9_000);
    assert_eq!(outcome.written.ledger.iter().map(|row| row.length_exceeds_frame).sum::<i64>(), 1);
}

#[test]
fn time_outs_cut_where_they_say() {
    let at = |seconds: u64| Shape::udp(1_000_000 * (1_000 + seconds), (1, 5), (2, 53), 20).packet();
    let lab = Lab::new();
    let reasons = |name: &str, packets: &[Packet]| -> Vec<String> {
        let file = lab.write(name, &pcap(Order::Little, false, 1, packets));
        let (outcome, mut rows) = flows_of(&[file], |_| {});
        assert_closed(&outcome);
        rows.sort_by_key(|row| row["flow_start"].clone());
        rows.iter().map(|row| format!("{}:{}", row["flow_part"], row["flow_end_reason"])).collect()
    };
    assert_eq!(reasons("idle", &[at(0), at(29), at(60)]), ["0:idle", "0:forced"]);
    let steady: Vec<Packet> = (0..13).map(|i| at(i * 10)).collect();
    assert_eq!(reasons("active", &steady), ["0:active", "1:active", "2:forced"]);
}
