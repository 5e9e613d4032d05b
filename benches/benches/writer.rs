//! What a finished flow costs from its entry to Parquet on disk, and how many bytes it takes there.
//!
//! Rows are those of the planned day, each repeated with other clients, ports, times, ids and counts, in order of their end, as a day of a larger net
//! would have them. `cargo bench -p benches --no-default-features --bench writer`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up should stop at once")]
#![expect(clippy::print_stderr, reason = "bytes a row stand beside the times")]

use std::cell::RefCell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingest::Inside;
use ingest::config::PacketArgs;
use ingest::delivery::{Delivery, Outbox};
use ingest::flow::Limits;
use ingest::lane::{Lane, LaneSettings};
use ingest::record::RowStyle;
use ingest::source::synthetic::{INSIDE, Plan};
use ingest::source::{FileSource, Pool, Tagger};
use mimalloc::MiMalloc;
use nix::time::{ClockId, clock_gettime};
use schemas::Micros;
use schemas::flow::{FlowBatch, FlowRow};
use schemas::store::{Hour, Publisher, Store};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SEED: u64 = 7;
/// Rows of a measured file.
const ROWS: usize = 409_600;
/// Rows made, and then written, at a time: what was made stays in the cache, as it does between lane and writer.
const HAND: usize = 256;
/// Time between two rows.
const STEP_US: i64 = 500;

/// Keeps the rows that are delivered.
struct Kept(Rc<RefCell<Vec<FlowRow>>>);

impl Outbox for Kept {
    fn send(&mut self, delivery: Delivery) -> bool {
        self.0.borrow_mut().extend_from_slice(&delivery.rows);
        true
    }
}

fn style() -> RowStyle {
    let inside = INSIDE.iter().map(|prefix| prefix.parse().expect("a prefix")).collect();
    RowStyle { sensor: "tap".into(), inside: Inside(inside), interface: Some("eth0".into()) }
}

/// The rows of the planned day.
fn day() -> Vec<FlowRow> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    Plan::national_day(SEED).write_pcap(file.as_file()).expect("room for it");
    let mut source = FileSource::open(file.path(), &Pool::new(64)).expect("a capture");
    let rows = Rc::default();
    let limits = Limits {
        active_timeout_ns: 60_000_000_000,
        idle_timeout_ns: 30_000_000_000,
        flows_max: 1 << 20,
    };
    let (lane, seed, style) = (0, SEED, style());
    let settings =
        LaneSettings { lane, limits, seed, style, filter: None, packets: PacketArgs::default() };
    let mut lane = Lane::new(settings, Kept(Rc::clone(&rows)));
    let mut tagger = Tagger::new(1);
    loop {
        let blocks = source.read(&mut tagger);
        if blocks.is_empty() {
            break;
        }
        assert!(blocks.iter().all(|block| lane.take(block)));
    }
    lane.finish(tagger.sequence(), None);
    rows.take()
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }
}

/// Another client of the same network.
fn other(address: IpAddr, number: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() ^ (number & 0x3fff)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() ^ u128::from(number & 0x3fff)).into(),
    }
}

/// Makes the rows of a larger day.
struct Crowd {
    day: Vec<FlowRow>,
    random: Random,
    at_us: i64,
}

impl Crowd {
    fn new() -> Self {
        let mut day = day();
        for row in &mut day {
            row.dns_names.extend(row.server_name.clone().filter(|name| name.contains('.')));
        }
        Self { day, random: Random(SEED), at_us: 1_411_460_000_000_000 }
    }

    fn rows(&mut self) -> Vec<FlowRow> {
        (0..HAND).map(|_| self.row()).collect()
    }

    fn row(&mut self) -> FlowRow {
        let random = &mut self.random;
        let place = random.below(u32::try_from(self.day.len()).unwrap_or(0));
        let mut row = self.day.get(place as usize).expect("a row of the day").clone();
        self.at_us += STEP_US;
        let took_us = row.duration_us * i64::from(random.below(2_000)) / 1_000
            + i64::from(random.below(1_000));
        row.flow_end = Micros(self.at_us - i64::from(random.below(1_000_000)));
        row.flow_start = Micros(row.flow_end.0 - took_us);
        row.flow_first_seen = row.flow_start;
        row.duration_us = took_us;
        row.flow_id = random.next().cast_signed();
        row.src_ip = other(row.src_ip, random.below(1 << 14));
        row.src_port = row.src_port.map(|_| 32_768 + random.below(28_000).cast_signed());
        row.dns_names_at = (!row.dns_names.is_empty())
            .then(|| Micros(row.flow_start.0 - i64::from(random.below(50_000_000))));
        let more = i64::from(random.below(8));
        let octets = more * 40 + i64::from(random.below(1_200));
        row.src_packets += more;
        row.packets += more;
        row.src_bytes += octets;
        row.bytes += octets;
        row.src_payload_bytes += octets - more * 40;
        row.wire_bytes += octets + 14 * more;
        row
    }
}

/// Where files are published.
struct Target {
    store: Store,
    files: u64,
}

impl Target {
    /// Writes a file; gives the time that took, and its bytes.
    fn write(&mut self, crowd: &mut Crowd) -> (Duration, u64) {
        self.files += 1;
        let mut publisher = Publisher::begin(&self.store, "tap", &format!("{:08}", self.files))
            .expect("a publication");
        let mut file =
            publisher.stage_rows::<FlowBatch>(Hour::of_micros(crowd.at_us)).expect("a staged file");
        let mut took = Duration::ZERO;
        for _ in 0..ROWS / HAND {
            let rows = crowd.rows();
            let start = now();
            let span = (crowd.at_us - 1_000_000, crowd.at_us);
            file.extend(black_box(&rows), span).expect("room for it");
            took += now().saturating_sub(start);
        }
        let start = now();
        publisher.seal(file).expect("room for it");
        let entry = publisher.commit(Vec::new(), true).expect("a new publication");
        took += now().saturating_sub(start);
        (took, entry.files.iter().map(|file| file.bytes).sum())
    }
}

/// Nanoseconds of processor time for each row into a file that is safe on disk, and its bytes. Decides encodings, compression and ranges of the columns,
/// and how words are looked up: the goal is a million rows a second, in no more bytes than nfdump needs for both ways (41).
fn writing(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open_or_create(folder.path()).expect("a store");
    let (mut target, mut crowd) = (Target { store, files: 0 }, Crowd::new());
    let mut group = c.benchmark_group("writer");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    let (mut nanoseconds, mut bytes) = (0, 0);
    let per_row = |number: u64| number / ROWS as u64;
    group.bench_function("row to disk", |b| {
        b.iter_custom(|passes| {
            let mut took = Duration::ZERO;
            for _ in 0..passes {
                let written = target.write(&mut crowd);
                took += written.0;
                bytes = written.1;
            }
            nanoseconds = per_row(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / passes);
            took
        });
    });
    group.finish();
    eprintln!("{nanoseconds} ns and {} bytes a row", per_row(bytes));
}

/// Processor time of this thread: the disk and other programs are none of our business.
fn now() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock"))
}

fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = writer; config = settings(); targets = writing }
criterion_main!(writer);
