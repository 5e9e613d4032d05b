//! What it costs to read a name, and to see that a payload has none.
//!
//! Payloads are in the cache, as they are when a lane comes to them: it has just read their headers. The figure to hold on to is the least of the
//! samples, for whatever else the machine does only adds.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot be set up should stop at once"
)]

use std::hint::black_box;
use std::time::Duration;

use benches::feed::{self, Nobody};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingest::Inside;
use ingest::block::Block;
use ingest::config::PacketArgs;
use ingest::decode::Decoder;
use ingest::flow::Limits;
use ingest::frame::{Frame, LinkType};
use ingest::lane::{Lane, LaneSettings};
use ingest::names;
use ingest::names::quic::{Conversation, Outcome};
use ingest::record::RowStyle;
use ingest::source::synthetic::{Plan, PlannedFrame, QuicVersion, Version};

const SEED: u64 = 7;
/// Payloads without a name in one measured pass: of each, the first octets are looked at.
const NAMELESS: u16 = 64;

/// Payloads of a plan that a reader takes to be of its kind.
fn payloads(plan: &Plan, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for planned in plan.frames() {
        let frame = Frame {
            bytes: &planned.bytes,
            original: planned.original_length,
            ts_ns: planned.ts_ns,
            link: LinkType::Ethernet,
        };
        let Ok(decoded) = Decoder::default().decode(&frame) else { continue };
        let payload = &frame.bytes[usize::from(decoded.observation.payload_at)..];
        if decoded.observation.payload_at != 0 && is_wanted(payload) {
            payloads.push(payload.to_vec());
        }
    }
    assert!(payloads.len() >= 100, "{}", payloads.len());
    payloads
}

/// A plan as the blocks of a capture; where it is `mute`, all that packets carry is zeros.
fn blocks(plan: &Plan, is_mute: bool) -> Vec<Block> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    for mut planned in plan.frames() {
        if is_mute {
            let PlannedFrame { ref bytes, original_length: original, ts_ns } = planned;
            let decoder = Decoder::default();
            let decoded =
                decoder.decode(&Frame { bytes, original, ts_ns, link: LinkType::Ethernet });
            let at = decoded.map_or(0, |decoded| usize::from(decoded.observation.payload_at));
            if at != 0 {
                planned.bytes[at..].fill(0);
            }
        }
        let us = u64::try_from(planned.ts_ns / 1_000).unwrap_or(0);
        let captured = planned.bytes.len() as u64;
        let words = [us / 1_000_000, us % 1_000_000, captured, planned.original_length.into()];
        // Little-endian words of 32 bits.
        file.extend(words.iter().flat_map(|word| word.to_le_bytes().into_iter().take(4)));
        file.extend(&planned.bytes);
    }
    feed::blocks(file).expect("a capture")
}

fn lane() -> Lane<Nobody> {
    let limits = Limits {
        active_timeout_ns: 60_000_000_000,
        idle_timeout_ns: 15_000_000_000,
        flows_max: 1 << 16,
    };
    let style = RowStyle { sensor: "bench".into(), inside: Inside::default(), interface: None };
    let packets = PacketArgs::default();
    Lane::new(LaneSettings { lane: 0, limits, seed: SEED, style, filter: None, packets }, Nobody)
}

/// Nanoseconds for each packet of a mixed day, from frame to rows, and of the same day with nothing in its packets: the difference is what names cost
/// with all that follows from them. A day in small has far more handshakes for its packets than a real one.
fn share(c: &mut Criterion) {
    let plan = Plan::national_day(SEED);
    let mut group = c.benchmark_group("share");
    group.throughput(Throughput::Elements(plan.frames().count() as u64));
    for (name, is_mute) in [("day", false), ("day, mute", true)] {
        let blocks = blocks(&plan, is_mute);
        group.bench_function(name, |b| {
            b.iter_batched(
                lane,
                |mut lane| {
                    for block in &blocks {
                        assert!(lane.take(block));
                    }
                    lane.finish(blocks.len() as u64, None);
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Nanoseconds for each name read. Decides which packets may be offered to the readers of names: a hello comes once a connection and can afford
/// what a packet cannot.
fn reading_names(c: &mut Criterion) {
    let mut group = c.benchmark_group("names");
    let hellos = payloads(&Plan::hellos(SEED, Version::Tls13, 500), |payload| {
        names::of_tcp(payload).is_some()
    });
    group.throughput(Throughput::Elements(hellos.len() as u64));
    group.bench_function("hello", |b| {
        b.iter(|| hellos.iter().filter(|hello| names::of_tcp(black_box(hello)).is_some()).count());
    });
    // Octets of no protocol, and text of none.
    let octet = |number: u16, at: u16| (number ^ at).wrapping_mul(40_503).to_be_bytes()[0];
    let letter = |number: u16, at: u16| b'a' + octet(number, at) % 26;
    for (name, octet) in [("none", &octet as &dyn Fn(u16, u16) -> u8), ("none, text", &letter)] {
        let payload = |number| (0..1_460).map(|at| octet(number, at)).collect::<Vec<u8>>();
        let mut nameless: Vec<Vec<u8>> = (0..NAMELESS).map(payload).collect();
        nameless.retain(|payload| names::of_tcp(payload).is_none());
        group.throughput(Throughput::Elements(nameless.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                nameless.iter().filter(|bytes| names::of_tcp(black_box(bytes)).is_some()).count()
            });
        });
    }
    // Each in a conversation of its own: keys made, opened, and read where the hello is whole.
    let initials = payloads(&Plan::quic(SEED, QuicVersion::V1, 500, false), names::quic::begins);
    group.throughput(Throughput::Elements(initials.len() as u64));
    group.bench_function("quic", |b| {
        b.iter(|| {
            let outcomes =
                initials.iter().map(|initial| Conversation::default().take(black_box(initial)));
            outcomes.filter(|outcome| matches!(outcome, Outcome::Hello(_))).count()
        });
    });
    let mut nameless = payloads(&Plan::quic(SEED, QuicVersion::V1, 500, false), |payload| {
        !names::quic::looks_like(payload)
    });
    nameless.truncate(usize::from(NAMELESS));
    group.throughput(Throughput::Elements(nameless.len() as u64));
    group.bench_function("not quic", |b| {
        b.iter(|| {
            nameless.iter().filter(|datagram| names::quic::looks_like(black_box(datagram))).count()
        });
    });
    let messages = payloads(&Plan::national_day(SEED), |payload| {
        names::dns::message(payload).is_some_and(|message| message.query.contains('.'))
    });
    group.throughput(Throughput::Elements(messages.len() as u64));
    group.bench_function("dns", |b| {
        b.iter(|| {
            let read = messages.iter().filter_map(|bytes| names::dns::message(black_box(bytes)));
            read.count()
        });
    });
    group.finish();
}

fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = probe; config = settings(); targets = reading_names, share }
criterion_main!(probe);
