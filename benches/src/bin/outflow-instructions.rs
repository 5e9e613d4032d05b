//! What `benches/instructions` counts: packets of a mix, decoded, looked up, and taken by a lane, each in a function of its own.
//!
//! Time on a shared machine says little about a change of some per cent; instructions, counted by a simulator, are the same each time.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for measuring tells how many packets it took, and one that cannot be set up should stop at once"
)]

use std::hint::black_box;

use benches::feed::{self, Nobody};
use ingest::Inside;
use ingest::block::Block;
use ingest::config::PacketArgs;
use ingest::decode::{Decoded, Decoder};
use ingest::flow::{Arrival, FlowTable, Limits};
use ingest::lane::{Lane, LaneSettings};
use ingest::record::RowStyle;
use ingest::source::synthetic::Mix;

const SEED: u64 = 7;
const PACKETS: u64 = 60_000;
/// Packets a lane looks up together.
const GROUP: usize = 32;

fn blocks() -> Vec<Block> {
    let mut file = Vec::new();
    Mix::new(SEED, PACKETS).write_pcap(&mut file).expect("written to memory");
    feed::blocks(file).expect("a capture")
}

const LIMITS: Limits = Limits {
    active_timeout_ns: 60_000_000_000,
    idle_timeout_ns: 15_000_000_000,
    flows_max: 1 << 14,
};

/// From frames to what they say.
#[inline(never)]
fn decode(blocks: &[Block]) -> Vec<Decoded> {
    let decoder = Decoder::default();
    let frames = blocks.iter().flat_map(Block::frames);
    frames.filter_map(|frame| decoder.decode(&frame).ok()).collect()
}

/// From what packets say to flows.
#[inline(never)]
fn table(packets: &[Decoded]) -> usize {
    let mut table = FlowTable::new(LIMITS, SEED);
    let mut arrivals = Vec::with_capacity(GROUP);
    for group in packets.chunks(GROUP) {
        for Decoded { observation, sequence, .. } in group {
            let hash = table.hash(&observation.key);
            table.expect(hash);
            let clock = observation.ts_ns;
            arrivals.push(Arrival {
                hash,
                clock,
                place: None,
                sequence: *sequence,
                tunnel_octets: 0,
            });
        }
        for arrival in &mut arrivals {
            arrival.place = table.approach(arrival.hash);
        }
        for (Decoded { observation, .. }, arrival) in group.iter().zip(arrivals.drain(..)) {
            black_box(table.observe(observation, arrival, || None, &mut Nobody).is_new);
        }
    }
    table.len()
}

/// All that a lane does, names and rows with it.
#[inline(never)]
fn lane(blocks: &[Block]) {
    let settings = LaneSettings {
        lane: 0,
        limits: LIMITS,
        seed: SEED,
        style: RowStyle { sensor: "count".into(), inside: Inside::default(), interface: None },
        filter: None,
        packets: PacketArgs::default(),
    };
    let mut lane = Lane::new(settings, Nobody);
    for block in blocks {
        assert!(lane.take(block), "somebody takes what it sends");
    }
    lane.finish(blocks.len() as u64, None);
}

fn main() {
    let blocks = blocks();
    let packets = decode(&blocks);
    black_box(table(&packets));
    lane(&blocks);
    println!("{}", packets.len());
}
