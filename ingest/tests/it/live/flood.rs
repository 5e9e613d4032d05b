//! A table flood over the wire: random flows as fast as the sender goes, and among them people who talk to each other.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use ingest::flow::Limits;
use nix::sys::signal::Signal;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::flow::FlowRow;
use schemas::store::spool::{FLOWS, LEDGER};
use schemas::store::{SpoolFile, Store};

use crate::lab::{Row, count, number, rows_of, rows_of_batch};
use crate::live::frames::{ethernet, ipv4, udp};
use crate::live::lab::{End, Sender, Wire};
use crate::live::probe::{Ground, Probe};
use crate::live::same::on_lanes;

const FLOWS_MAX: usize = 100_000;
const LANES: usize = 2;
const RING_MIB: usize = 16;
/// Frames that are made beforehand; with each round their hosts change.
const FRAMES: usize = 1 << 16;
/// Flows of which both ends speak.
const ESTABLISHED: u8 = 50;
const SPEAKS_EVERY: Duration = Duration::from_millis(200);
/// Network of those who talk.
const HOME: u8 = 10;
const MIB: usize = 1 << 20;
const SEED: u64 = 0x6f75_7466_6c6f_7721;
/// Finished rows that wait for the writer (256 deliveries of 256), and for the lane behind.
const ROWS_WAITING: usize = 256 * 256 + 262_144;
/// Columns that wait for the disk, once more in the form in which they are written, and what the press holds of a file.
const DISK_MIB: usize = 64 + 64 + 64;
/// The probe without flows: code, buffers, stacks; 16 to 36 MiB were measured.
const ITSELF_MIB: usize = 36;
const COLUMNS: [&str; 6] =
    ["src_ip", "flow_part", "packets", "wire_bytes", "bytes", "flow_end_reason"];

/// Seconds of the flood.
fn seconds() -> u64 {
    std::env::var("OUTFLOW_FLOOD_S").map_or(60, |text| text.parse().unwrap())
}

/// A TCP segment without payload.
fn tcp(ports: [u16; 2], [number, acknowledged]: [u32; 2], flags: u8) -> Vec<u8> {
    let mut segment: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    segment.extend(number.to_be_bytes());
    segment.extend(acknowledged.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment
}

fn frame(packet: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(&[8, 0], packet);
    frame.resize(60, 0);
    frame
}

/// Numbers that follow from a seed (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn host(&mut self) -> u32 {
        // Not of those who talk.
        (self.next() as u32 & 0x00ff_ffff) | 0x6400_0000 | (self.next() as u32 & 0x1f00_0000)
    }
}

/// Packets of random hosts and ports: SYNs, and a quarter UDP.
fn flood(random: &mut Random) -> Vec<Vec<u8>> {
    let one = |_| {
        let hosts = [random.host(), random.host()];
        let ports = random.next();
        let ports = [ports as u16, (ports >> 16) as u16];
        match random.next() % 4 {
            0 => frame(&ipv4(hosts, 17, 0, &udp(ports, &[0; 8]))),
            _ => frame(&ipv4(hosts, 6, 0, &tcp(ports, [random.next() as u32, 0], 2))),
        }
    };
    (0..FRAMES).map(one).collect()
}

/// Other hosts in the same frames: what stays is their network.
fn change(frames: &mut [Vec<u8>], random: &mut Random) {
    for frame in frames {
        let [a, b, c, d, ..] = random.next().to_ne_bytes();
        for (at, with) in [(27, a), (28, b), (29, c), (33, d)] {
            frame[at] ^= with;
        }
    }
}

/// What established flow `of` says in its turn `turn`: first the three packets of the handshake.
fn talk(turn: u32, of: u8) -> Vec<Vec<u8>> {
    let hosts = [u32::from_be_bytes([HOME, 0, 0, of]), u32::from_be_bytes([HOME, 1, 0, of])];
    let back = [hosts[1], hosts[0]];
    let (up, down) = ([40_000, 443], [443, 40_000]);
    if turn == 0 {
        return vec![
            frame(&ipv4(hosts, 6, 0, &tcp(up, [100, 0], 0x02))),
            frame(&ipv4(back, 6, 0, &tcp(down, [900, 101], 0x12))),
            frame(&ipv4(hosts, 6, 0, &tcp(up, [101, 901], 0x10))),
        ];
    }
    vec![
        frame(&ipv4(hosts, 6, 0, &tcp(up, [101, 901], 0x10))),
        frame(&ipv4(back, 6, 0, &tcp(down, [901, 101], 0x10))),
    ]
}

fn converse(sender: &Sender, turn: u32) -> u64 {
    let frames: Vec<_> = (1..=ESTABLISHED).flat_map(|of| talk(turn, of)).collect();
    sender.send(&frames)
}

/// What all rows of `flows` add up to, the records of established flows, and the ledger.
#[derive(Default)]
struct Found {
    rows: i64,
    packets: i64,
    wire_bytes: i64,
    bytes: i64,
    established: Vec<(String, i32, String)>,
    ledger: Vec<Row>,
}

impl Found {
    /// Of the store, and of what still waits in the spool: publishing that is another test's.
    fn of(store: &Path) -> Self {
        let store = Store::open(store).unwrap();
        let entries = store.entries().unwrap();
        let mut found = Self { ledger: rows_of(store.root(), "ledger"), ..Self::default() };
        let files = entries.iter().flat_map(|entry| &entry.files);
        for file in files.filter(|file| file.table == "flows") {
            let input = File::open(store.root().join(&file.path)).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(input).unwrap();
            let mask = ProjectionMask::columns(reader.parquet_schema(), COLUMNS);
            for batch in reader.with_projection(mask).build().unwrap() {
                found.add(&batch.unwrap());
            }
        }
        for file in fs::read_dir(store.spool()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "spool") {
                continue;
            }
            let mut file = SpoolFile::open(&path).unwrap();
            let header = file.header.clone();
            if entries.iter().any(|entry| (&entry.boot, entry.seq) == (&header.boot, header.seq)) {
                continue;
            }
            while let Some(group) = file.next_group().unwrap() {
                group.section(FLOWS).unwrap().iter().for_each(|batch| found.add(batch));
                let ledger = group.section(LEDGER).unwrap();
                found.ledger.extend(ledger.iter().flat_map(rows_of_batch));
            }
        }
        found
    }

    fn add(&mut self, batch: &RecordBatch) {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let total =
            |name: &str| -> i64 { column(name).as_primitive::<Int64Type>().values().iter().sum() };
        self.rows += count(batch.num_rows());
        self.packets += total("packets");
        self.wire_bytes += total("wire_bytes");
        self.bytes += total("bytes");
        for (at, source) in column("src_ip").as_string::<i32>().iter().enumerate() {
            let source = source.unwrap();
            if source.starts_with("10.") {
                let part = column("flow_part").as_primitive::<Int32Type>().value(at);
                let why = column("flow_end_reason").as_string::<i32>().value(at);
                self.established.push((source.to_owned(), part, why.to_owned()));
            }
        }
    }

    fn total(&self, column: &str) -> i64 {
        let known = self.ledger.iter().filter(|row| row.contains_key(column));
        known.map(|row| number(row, column)).sum()
    }

    /// Every row of the ledger balances, every packet sent is seen or dropped, and every row made is there or counted as lost.
    fn assert_closed(&self, sent: u64) {
        for row in &self.ledger {
            for error in ["balance_error", "wire_balance_error", "ip_balance_error"] {
                assert_eq!(number(row, error), 0, "{error} in {row:?}");
            }
            assert!(row.get("kernel_balance_error").is_none_or(|error| error == "0"), "{row:?}");
        }
        assert_eq!(self.total("packets_seen") + self.total("kernel_drops"), sent.cast_signed());
        for (exported, there, lost) in [
            ("exported", self.packets, "rows_lost_packets"),
            ("wire_exported", self.wire_bytes, "rows_lost_wire_bytes"),
            ("ip_exported", self.bytes, "rows_lost_ip_bytes"),
            ("rows_written", self.rows, "rows_lost"),
        ] {
            assert_eq!(self.total(exported), there + self.total(lost), "{exported}");
        }
    }
}

fn mib(probe: &Probe, name: &str) -> usize {
    let text = probe.status(name);
    text.split_whitespace().next().unwrap().parse::<usize>().unwrap() / 1_024
}

/// Floods for a time, while the others go on talking; gives the packets.
fn storm(wire: &Wire, talker: &Sender, time: Duration) -> u64 {
    let mut random = Random(SEED);
    let mut frames = flood(&mut random);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let mut sent = 0;
            for turn in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                sent += converse(talker, turn);
                thread::sleep(SPEAKS_EVERY);
            }
            sent
        });
        let (sender, begin) = (wire.sender(), Instant::now());
        let mut sent = 0;
        while begin.elapsed() < time {
            change(&mut frames, &mut random);
            for frames in frames.chunks(4_096) {
                sent += sender.send(frames);
            }
        }
        stop.store(true, Ordering::Relaxed);
        sent + talk.join().unwrap()
    })
}

/// The most memory a probe may take, in MiB: its tables, its rings, what waits between its stages, and itself.
fn cap() -> usize {
    let limits = Limits {
        active_timeout_ns: 600_000_000_000,
        idle_timeout_ns: 30_000_000_000,
        flows_max: FLOWS_MAX.div_ceil(LANES),
    };
    let rows = ROWS_WAITING * size_of::<FlowRow>();
    (LANES * limits.memory_bytes() + rows) / MIB + LANES * RING_MIB + DISK_MIB + ITSELF_MIB
}

#[test]
fn a_flood_of_the_table_evicts_nobody_who_talks_and_no_packet_goes_missing() {
    let Some(wire) = Wire::lay_alone() else { return };
    let ground = Ground::new();
    let words = format!("--max-flows {FLOWS_MAX} --active-timeout 10m --ring-mb {RING_MIB}");
    let probe = Probe::run(&wire, on_lanes(LANES, &ground.store(), &words));
    let idle = mib(&probe, "VmHWM");
    let talker = wire.sender();
    let handshakes = converse(&talker, 0);
    let begin = Instant::now();
    let sent = handshakes + storm(&wire, &talker, Duration::from_secs(seconds()));
    let rate = sent / begin.elapsed().as_secs().max(1);
    let peak = mib(&probe, "VmHWM");
    let ended = probe.stop(Signal::SIGTERM);
    // 3 says that rows were lost, which is counted.
    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
    assert_eq!(wire.received(End::Tap).packets, sent, "the wire lost some itself");
    let found = Found::of(&ground.store());
    let total = |column: &str| found.total(column);
    let [seen, drops, lost, evicted] =
        ["packets_seen", "kernel_drops", "rows_lost", "flow_evictions"].map(total);
    eprintln!(
        "{sent} packets, {rate} a second: {seen} seen, {drops} dropped; {} rows, {lost} lost; {evicted} flows evicted; \
         {peak} MiB at most of {}, {idle} idle; ended in {:?}\n{}",
        found.rows,
        cap(),
        ended.took,
        ended.said
    );
    found.assert_closed(sent);
    assert!(evicted > count(FLOWS_MAX), "the table was never full");
    assert!(peak * 100 <= cap() * 105, "{peak} MiB, the cap is {} MiB", cap());
    let mut there = found.established;
    there.sort();
    let found_rows = there.len();
    let one = |of| (format!("{HOME}.0.0.{of}"), 0, "forced".to_owned());
    let mut wanted: Vec<_> = (1..=ESTABLISHED).map(one).collect();
    wanted.sort();
    if lost == 0 {
        assert_eq!(there, wanted, "each of those who talk is one flow from beginning to end");
    }
    // A disk that is too slow for a flood may have cost the row of one, which is counted; but nobody was cut before the end, or twice.
    there.dedup();
    assert!(there.iter().all(|talk| wanted.contains(talk)), "{there:?}");
    assert_eq!(there.len(), found_rows, "somebody is there twice");
}

#[test]
fn a_flood_that_fills_the_spool_leaves_closed_books() {
    let Some(wire) = Wire::lay_alone() else { return };
    let ground = Ground::new();
    let words = format!("--max-flows 10000 --ring-mb {RING_MIB} --spool-mb 16");
    let probe = Probe::run(&wire, on_lanes(LANES, &ground.store(), &words));
    let sent = storm(&wire, &wire.sender(), Duration::from_secs(4));
    let ended = probe.stop(Signal::SIGTERM);
    let found = Found::of(&ground.store());
    let lost = found.total("rows_lost");
    eprintln!("{sent} packets, {} rows, {lost} lost\n{}", found.rows, ended.said);
    assert!(lost > 0, "the spool was never full");
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    found.assert_closed(sent);
}
