//! What each step of the probe costs for one packet, apart from all others.
//!
//! Each group says which decision it informs. Figures are for one thread; look at how they stand to each other, for machines differ.
//! `cargo bench -p benches --no-default-features` takes less than a minute and does not build the SQL engine.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up should stop at once")]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Duration;

use benches::feed::{self, Nobody};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ingest::block::Block;
use ingest::decode::Decoder;
use ingest::flow::{Arrival, Endpoint, Ends, FlowKey, FlowTable, Limits};
use ingest::frame::Frame;
use ingest::observation::Observation;
use ingest::source::synthetic::Bulk;

const SEED: u64 = 7;
/// Packets a lane looks up together.
const GROUP: usize = 32;
/// Lookups in one measured pass.
const LOOKUPS: usize = 100_000;

/// Blocks of a capture as the probe's reader makes them.
fn blocks(packets: u64) -> Vec<Block> {
    let mut file = Vec::new();
    Bulk::new(SEED, packets).write_pcap(&mut file).expect("written to memory");
    feed::blocks(file).expect("a capture")
}

/// Nanoseconds for each packet from frame to observation. Decides whether headers are worth parsing in groups or with SIMD: only while this is a
/// large part of what the table costs.
fn decoding(c: &mut Criterion) {
    let blocks = blocks(10_000);
    let frames: Vec<Frame<'_>> = blocks.iter().flat_map(Block::frames).collect();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(frames.len() as u64));
    group.bench_function("bulk", |b| {
        b.iter(|| {
            frames
                .iter()
                .filter(|frame| Decoder::default().decode(black_box(frame)).is_ok())
                .count()
        });
    });
    group.finish();
}

/// A packet of flow `number`, as decoding would give it.
fn observation(number: u32) -> Observation {
    let end = |address: Ipv4Addr, port: u16| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&address.octets());
        Endpoint { address: bytes, port }
    };
    let from = end(Ipv4Addr::from_bits(0x0a00_0000 ^ number), 40_000);
    let to = end(Ipv4Addr::from_bits(0xc612_0000 | number >> 7 & 0xffff), 443);
    let (key, forward) = FlowKey::of(&Ends { from, to, ip_proto: 17, ip_version: 4 });
    Observation {
        key,
        tcp_flags: 0,
        bits: u8::from(forward) * Observation::FORWARD,
        ts_ns: 1,
        ip_bytes: 1_500,
        wire_bytes: 1_514,
        header_bytes: 28,
        payload_at: 0,
    }
}

fn limits(flows_max: usize) -> Limits {
    Limits { active_timeout_ns: 60_000_000_000, idle_timeout_ns: 30_000_000_000, flows_max }
}

/// A table with flows in it.
fn filled(flows: u32) -> FlowTable {
    let mut table = FlowTable::new(limits(1 << 20), SEED);
    for number in 0..flows {
        let observation = observation(number);
        let hash = table.hash(&observation.key);
        table.observe(
            &observation,
            Arrival { hash, clock: 1, place: None, sequence: None, tunnel_octets: 0 },
            || None,
            &mut Nobody,
        );
    }
    table
}

/// Packets of these flows: every flow in turn, none near the one before.
fn shuffled(flows: u32) -> Vec<Observation> {
    let mut number = 0_u32;
    let mut next = || {
        // A full period of a linear congruence.
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u32::try_from((u64::from(number) * u64::from(flows)) >> 32).unwrap_or(0)
    };
    (0..LOOKUPS.max(flows as usize)).map(|_| observation(next())).collect()
}

/// Nanoseconds for each packet to find its flow and count, keys in no order: one packet after the other, and as a lane does it, a group first looked
/// up and then counted. Decides how the table is laid out and how large a group is: the price must not leap when the flows leave the cache.
fn looking_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("table");
    group.throughput(Throughput::Elements(LOOKUPS as u64)).sample_size(20);
    for flows in [1_000, 100_000, 1_000_000] {
        let (mut table, packets) = (filled(flows), shuffled(flows));
        for size in [1, GROUP] {
            let name = if size == 1 { "alone" } else { "grouped" };
            group.bench_function(BenchmarkId::new(name, flows), |b| {
                // Each pass goes on where the last one ended, so that all flows are needed.
                let mut passes = packets.chunks_exact(LOOKUPS).cycle();
                b.iter(|| {
                    let packets = passes.next().unwrap_or_default();
                    packets.chunks(size).for_each(|packets| count(&mut table, packets));
                });
            });
        }
        assert_eq!(table.len(), flows as usize);
    }
    group.finish();
}

/// Counts a group as a lane does.
fn count(table: &mut FlowTable, packets: &[Observation]) {
    let mut arrivals =
        [Arrival { hash: 0, clock: 2, place: None, sequence: None, tunnel_octets: 0 }; GROUP];
    for (arrival, packet) in arrivals.iter_mut().zip(packets) {
        arrival.hash = table.hash(&packet.key);
        table.expect(arrival.hash);
    }
    if packets.len() > 1 {
        for arrival in arrivals.iter_mut().take(packets.len()) {
            arrival.place = table.approach(arrival.hash);
        }
    }
    for (arrival, packet) in arrivals.iter().zip(packets) {
        black_box(table.observe(packet, *arrival, || None, &mut Nobody).is_new);
    }
}

/// Nanoseconds for each new flow whose keys an attacker chose to share 12 bits of the hash under seed 0, and for any keys, in a table whose seed he does
/// not know; and what he would gain if he did. Decides whether the hash is worth its price: the first two must not differ by a factor of 2.
fn flooding(c: &mut Criterion) {
    const FLOWS: usize = 65_536;
    let chosen: Vec<Observation> = (0..)
        .map(observation)
        .filter(|packet| packet.key.hash(0) & 4095 == 0)
        .take(FLOWS)
        .collect();
    let any: Vec<Observation> = (0..).step_by(4096).map(observation).take(FLOWS).collect();
    let mut group = c.benchmark_group("flood");
    group.throughput(Throughput::Elements(FLOWS as u64)).sample_size(10);
    for (name, packets, seed) in
        [("any", &any, SEED), ("chosen", &chosen, SEED), ("chosen, seed known", &chosen, 0)]
    {
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || FlowTable::new(limits(FLOWS), seed),
                |table| packets.chunks(GROUP).for_each(|packets| count(table, packets)),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = probe; config = settings(); targets = decoding, looking_up, flooding }
criterion_main!(probe);
