//! Any packets, any time-outs, any limits, any number of lanes: what goes in comes out, once.

use ingest::flow::Open;
use ingest::ledger::{Account, Exported, IntervalEnd, Tally, Totals};
use proptest::prelude::*;

use crate::forge::{Order, Packet, Shape, pcap};
use crate::lab::{Lab, Row, assert_closed, flows_of, sum};

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let flags = prop::sample::select(vec![0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14]);
    let end = || (1..6u8, prop::sample::select(vec![53u16, 80, 1024, 40_000]));
    let shape =
        (0..40_000_000u64, end(), end(), prop::sample::select(vec![6u8, 17]), flags, 0..600u16);
    prop::collection::vec(shape, 1..120).prop_map(|steps| {
        let mut now = 1_411_480_800_000_000;
        steps
            .into_iter()
            .map(|(step, from, to, proto, tcp_flags, payload)| {
                // Mostly forward, now and then a long silence, and every fifth a little back.
                now += if step % 7 == 0 { step } else { step / 1_000 };
                let ts_us = if step % 5 == 0 { now - 3_000_000 } else { now };
                Shape { ts_us, from, to, proto, tcp_flags, payload }
            })
            .collect()
    })
}

/// Cuts some packets into fragments, the later piece first every other time.
fn fragmented(shapes: &[Shape]) -> Vec<Packet> {
    let mut packets = Vec::new();
    for (number, shape) in shapes.iter().enumerate() {
        let whole = shape.packet();
        if number % 4 != 0 || shape.payload < 64 {
            packets.push(whole);
            continue;
        }
        let id = u16::try_from(number).unwrap().to_be_bytes();
        let ip = shape.ip();
        let cut = 20 + 24;
        let piece = |octets: &[u8], offset: u16| {
            let mut bytes = whole.bytes[..14].to_vec();
            bytes.extend(&ip[..20]);
            bytes.extend(octets);
            let length = u16::try_from(20 + octets.len()).unwrap();
            bytes[16..18].copy_from_slice(&length.to_be_bytes());
            bytes[18..20].copy_from_slice(&id);
            bytes[20..22].copy_from_slice(&offset.to_be_bytes());
            let original = u32::try_from(bytes.len()).unwrap();
            Packet { ts_us: shape.ts_us, bytes, original }
        };
        let pieces = [piece(&ip[20..cut], 0x2000), piece(&ip[cut..], 3)];
        let [first, later] = pieces;
        packets.extend(if number % 8 == 0 { [later, first] } else { [first, later] });
    }
    packets
}

fn sorted(rows: &[Row]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_goes_in_comes_out(
        shapes in shapes(),
        active_s in 1..90i64,
        idle_s in 1..60i64,
        max_flows in prop::sample::select(vec![1usize, 2, 5, 1 << 20]),
    ) {
        let packets = fragmented(&shapes);
        let wire: u64 = packets.iter().map(|packet| u64::from(packet.original)).sum();
        let ip: u64 = packets
            .iter()
            .map(|packet| u64::from(u16::from_be_bytes([packet.bytes[16], packet.bytes[17]])))
            .sum();
        let lab = Lab::new();
        let file = lab.write("x.pcap", &pcap(Order::Little, false, 1, &packets));
        let mut before: Option<Vec<String>> = None;
        for lanes in [1, 2, 5] {
            let (outcome, rows) = flows_of(std::slice::from_ref(&file), |args| {
                args.active_timeout = active_s * 1_000_000_000;
                args.idle_timeout = idle_s * 1_000_000_000;
                args.max_flows = max_flows;
                args.lanes = Some(lanes);
            });
            assert_closed(&outcome);
            prop_assert_eq!(sum(&rows, "packets"), i64::try_from(packets.len()).unwrap());
            prop_assert_eq!(sum(&rows, "wire_bytes"), i64::try_from(wire).unwrap());
            prop_assert_eq!(sum(&rows, "bytes"), i64::try_from(ip).unwrap());
            prop_assert!(rows.iter().all(|row| !row["duration_us"].starts_with('-')));
            if max_flows > 1_000 {
                let now = sorted(&rows);
                if let Some(before) = &before {
                    prop_assert_eq!(before, &now, "lanes {}", lanes);
                }
                before = Some(now);
            }
        }
    }
}

#[test]
fn a_full_table_exports_what_it_evicts() {
    let packets: Vec<Packet> = (0..2_000u16)
        .map(|i| Shape::udp(1_000_000 + u64::from(i), (1, 1_000 + i), (2, 53), 20).packet())
        .collect();
    let lab = Lab::new();
    let file = lab.write("x.pcap", &pcap(Order::Little, false, 1, &packets));
    let (outcome, rows) = flows_of(&[file], |args| args.max_flows = 100);
    assert_closed(&outcome);
    assert_eq!((rows.len(), sum(&rows, "packets")), (2_000, 2_000));
    let evicted = rows.iter().filter(|row| row["flow_end_reason"] == "resources").count();
    assert_eq!(evicted, 1_900);
    assert_eq!(outcome.written.ledger.iter().map(|row| row.flow_evictions).sum::<i64>(), 1_900);
}

#[test]
fn what_is_open_when_a_probe_dies_right_after_an_interval_is_told_as_lost() {
    let open = Open { packets: 7, wire_bytes: 700, ip_bytes: 600 };
    let mut tally = Tally { ip_bytes: 600, ..Tally::default() };
    (tally.seen.packets, tally.seen.wire_bytes) = (7, 700);
    let mut account = Account::new("lab".into(), 0, "tpacket_v3");
    let (totals, interface) = (Totals::default(), "tap0".into());
    let end = IntervalEnd { tally, open, entries: 1, totals, interface, watch: None };
    assert_eq!(account.close(&end, &Exported::default()).open_end, 7);
    let nothing = IntervalEnd { tally: Tally::default(), ..end };
    let row = account.peek(&nothing, &Exported::default());
    assert_eq!((row.open_start, row.open_end, row.balance_error), (7, 0, 0));
    assert_eq!(
        (row.open_lost, row.wire_open_lost, row.ip_open_lost),
        (Some(7), Some(700), Some(600))
    );
}
