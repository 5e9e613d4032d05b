//! Both directions of a flow meet on one ring, and flows spread evenly over the rings: the kernel runs our program on real frames.

use std::collections::BTreeMap;

use ingest::source::RingSource;
use ingest::source::live::{Fanout, LiveSettings};

use crate::live::frames::{Wrap, flow, number_of};
use crate::live::lab::{End, Wire};
use crate::live::tap::{Caught, counted, settings};

const FLOWS: u32 = 2000;
const LANES: usize = 4;

/// Sends both directions of all flows, and gives how many flows each lane has.
fn spread(wire: &Wire, source: &mut RingSource, wrap: Wrap) -> [u32; LANES] {
    let sender = wire.sender();
    let mut caught = Caught::default();
    for is_back in [false, true] {
        let frames: Vec<Vec<u8>> = (0..FLOWS).flat_map(|n| flow(wrap, n, is_back)).collect();
        let expected = caught.count() + sender.send(&frames);
        caught.until(source, expected);
    }
    let mut lane_of = BTreeMap::new();
    for (lane, bytes) in &caught.frames {
        let number = number_of(bytes);
        let first = *lane_of.entry(number).or_insert(*lane);
        assert_eq!(first, *lane, "{wrap:?}: flow {number} is split");
    }
    assert_eq!(lane_of.len(), FLOWS as usize, "{wrap:?}");
    let mut count = [0; LANES];
    for lane in lane_of.values() {
        count[*lane] += 1;
    }
    count
}

fn assert_even(count: [u32; LANES], what: &str) {
    assert!(count.iter().all(|flows| (400..=600).contains(flows)), "{what}: {count:?}");
}

#[test]
fn hosts_stay_together_in_every_wrapping_and_spread() {
    let Some(wire) = Wire::lay() else { return };
    let mut source = wire.at(End::Tap, || RingSource::open(&settings(LANES)).unwrap());
    // What this host sends itself is not captured, in a group either.
    wire.sender_at(End::Tap).send(&flow(Wrap::Plain, 1, false));
    for wrap in Wrap::ALL {
        assert_even(spread(&wire, &mut source, wrap), &format!("{wrap:?}"));
    }
    let received = wire.received(End::Tap).packets;
    assert_eq!(counted(&mut source), (received, 0));
}

#[test]
fn the_kernels_hash_keeps_plain_flows_together() {
    let Some(wire) = Wire::lay() else { return };
    let settings = LiveSettings { fanout: Fanout::Hash, fanout_group: 77, ..settings(LANES) };
    let mut source = wire.at(End::Tap, || RingSource::open(&settings).unwrap());
    assert_even(spread(&wire, &mut source, Wrap::Plain), "hash");
    assert_even(spread(&wire, &mut source, Wrap::Vlan), "hash");
    let other = LiveSettings { fanout: Fanout::Hosts, ..settings };
    let refused = wire.at(End::Tap, || RingSource::open(&other).unwrap_err());
    assert!(refused.to_string().contains("--fanout-group"), "{refused}");
}
