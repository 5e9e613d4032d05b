//! The program in the real kernel: what comes through its socket is what matches, tags beside the frame and all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ingest::filter::Filter;
use ingest::frame::LinkType;
use ingest::source::live::{Fanout, LiveSettings, LiveSource, Parcel};
use ingest::source::{DRAIN_MAX, RingSource};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::filter::agree::whole;
use crate::filter::frames::{ethernet, expression};
use crate::live::lab::{End, TAP, Wire};

/// Frames sent for each expression.
const FRAMES: usize = 400;
/// The kernel takes no tag out of less, and drops the frame before any socket sees it.
const OCTETS_MIN: usize = 20;
/// Expressions beside those that are written out.
const EXPRESSIONS: usize = 24;

fn open(wire: &Wire, filter: &Filter) -> RingSource {
    let settings = LiveSettings {
        interface: TAP.to_owned(),
        lanes: 1,
        ring_bytes: 1 << 22,
        block_bytes: 1 << 18,
        retire: Duration::from_millis(5),
        fanout_group: 0,
        fanout: Fanout::Hosts,
        promiscuous: true,
        force: false,
        kernel_filter: Some(filter.program(LinkType::Ethernet).unwrap()),
    };
    wire.at(End::Tap, || RingSource::open(&settings).unwrap())
}

/// The frames that the kernel lets through, as they are once walked; none is lost, by its own count.
fn passed(source: &mut RingSource) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let begin = Instant::now();
    source.stop();
    while !source.is_drained() {
        assert!(begin.elapsed() < 2 * DRAIN_MAX, "the ring does not run dry");
        let mut take = |parcel: Parcel| {
            let (Parcel::Lane(_, block) | Parcel::Any(block)) = parcel;
            let walk = block.walk(0, Vec::new());
            let memory = walk.memory.bytes();
            for at in &walk.frames {
                let frame = at.frame(memory);
                assert_eq!(frame.original as usize, frame.bytes.len());
                frames.push(frame.bytes.to_vec());
            }
        };
        source.poll(Duration::from_millis(5), &mut take).unwrap();
    }
    let counted = source.counters();
    assert_eq!((counted[0].packets, counted[0].drops), (Some(frames.len() as u64), Some(0)));
    frames
}

#[test]
fn the_kernel_lets_through_what_matches() {
    let Some(wire) = Wire::lay() else { return };
    let sender = wire.sender();
    let mut runner = TestRunner::deterministic();
    let written = [
        "vlan",
        "not vlan",
        "vlan 7",
        "vlan 100 and not vlan 7",
        "vlan 0",
        "mpls",
        "mpls 16",
        "vlan and mpls",
        "host 10.0.0.1",
        "not host 10.0.0.1",
        "ip6 and port 443",
        "less 80",
        "greater 80",
        "arp",
        "ether src 2:0:0:0:0:1 and tcp",
        "vlan 7 and src net 10.0.0.0/31 and dst portrange 1-1024",
    ];
    let any: Vec<String> =
        (0..EXPRESSIONS).map(|_| expression().new_tree(&mut runner).unwrap().current()).collect();
    let mut divided = 0;
    for text in written.into_iter().map(str::to_owned).chain(any) {
        let filter = Filter::parse(&text).unwrap();
        // A number at the end tells frames apart.
        let frames: Vec<Vec<u8>> = std::iter::repeat_with(|| ethernet().new_tree(&mut runner))
            .map(|tree| tree.unwrap().current())
            .filter(|frame| frame.len() >= OCTETS_MIN)
            .take(FRAMES)
            .enumerate()
            .map(|(number, frame)| [&frame[..], &(number as u32).to_be_bytes()].concat())
            .collect();
        let mut source = open(&wire, &filter);
        assert_eq!(sender.send(&frames), FRAMES as u64);
        let passed: BTreeSet<Vec<u8>> = passed(&mut source).into_iter().collect();
        let matching: BTreeSet<Vec<u8>> = frames
            .into_iter()
            .filter(|frame| filter.matches(&whole(frame, LinkType::Ethernet)))
            .collect();
        let wrong: Vec<_> = passed.symmetric_difference(&matching).take(3).collect();
        assert!(wrong.is_empty(), "{text}: {wrong:02x?}");
        divided += usize::from(!matching.is_empty() && matching.len() < FRAMES);
    }
    assert!(divided > 20, "{divided}");
}

/// The longest programs are taken as well.
#[test]
fn the_kernel_takes_a_long_program() {
    let Some(wire) = Wire::lay() else { return };
    let hosts: Vec<String> = (0..200).map(|n| format!("10.9.0.{n}")).collect();
    let filter = Filter::parse(&format!("host {} or 10.0.0.1", hosts.join(" or "))).unwrap();
    let mut source = open(&wire, &filter);
    let mut runner = TestRunner::deterministic();
    let frames: Vec<Vec<u8>> = std::iter::repeat_with(|| ethernet().new_tree(&mut runner))
        .map(|tree| tree.unwrap().current())
        .filter(|frame| frame.len() >= OCTETS_MIN)
        .take(FRAMES)
        .collect();
    wire.send(&frames);
    let matching = |frame: &&Vec<u8>| filter.matches(&whole(frame, LinkType::Ethernet));
    let count = frames.iter().filter(matching).count();
    assert!(count > 0 && count < FRAMES);
    assert_eq!(passed(&mut source).len(), count);
}
