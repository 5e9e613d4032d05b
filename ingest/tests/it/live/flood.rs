//! A table flood over the wire: random flows as fast as the sender goes, and among them people who talk to each other.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use ingest::flow::Limits;
use nix::sys::signal::Signal;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::store::Store;

use crate::lab::{number, rows_of};
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

/// What all rows of `flows` add up to, and the records of established flows.
#[derive(Default)]
struct Found {
    rows: i64,
    packets: i64,
    wire_bytes: i64,
    bytes: i64,
    established: Vec<(String, i32, String)>,
}

fn found(store: &Path) -> Found {
    let store = Store::open(store).unwrap();
    let mut found = Found::default();
    for file in store.entries().unwrap().into_iter().flat_map(|entry| entry.files) {
        if file.table != "flows" {
            continue;
        }
        let input = File::open(store.root().join(&file.path)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(input).unwrap();
        let columns = ["src_ip", "flow_part", "packets", "wire_bytes", "bytes", "flow_end_reason"];
        let mask = ProjectionMask::columns(reader.parquet_schema(), columns);
        for batch in reader.with_projection(mask).build().unwrap() {
            let batch = batch.unwrap();
            let column = |name: &str| batch.column_by_name(name).unwrap();
            let total = |name: &str| -> i64 {
                column(name).as_primitive::<Int64Type>().values().iter().sum()
            };
            found.rows += batch.num_rows() as i64;
            found.packets += total("packets");
            found.wire_bytes += total("wire_bytes");
            found.bytes += total("bytes");
            let sources = column("src_ip").as_string::<i32>();
            for (at, source) in sources.iter().enumerate() {
                let source = source.unwrap();
                if source.starts_with("10.") {
                    let part = column("flow_part").as_primitive::<Int32Type>().value(at);
                    let why = column("flow_end_reason").as_string::<i32>().value(at);
                    found.established.push((source.to_owned(), part, why.to_owned()));
                }
            }
        }
    }
    found
}

/// Publishes what the probe left for the next start.
fn publish_rest(wire: &Wire, ground: &Ground) {
    let spool = ground.store().join("_spool");
    let waits = || {
        let files = std::fs::read_dir(&spool).unwrap();
        files
            .filter(|file| {
                let name = file.as_ref().unwrap().file_name();
                name.to_string_lossy().ends_with(".spool")
            })
            .count()
    };
    let begin = Instant::now();
    while waits() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(300), "{} files wait", waits());
        let probe = Probe::start(wire, &ground.store(), "--ring-mb 1 --block-kb 64 --spool-mb 64");
        let (before, since) = (waits(), Instant::now());
        while waits() > 1.min(before - 1) && since.elapsed() < Duration::from_secs(120) {
            thread::sleep(Duration::from_millis(100));
        }
        probe.end();
    }
}

fn kib(probe: &Probe, name: &str) -> usize {
    let text = probe.status(name);
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// The most memory a probe may take, in octets: its tables, its rings, what waits between its stages, and itself.
fn cap() -> usize {
    let limits = Limits {
        active_timeout_ns: 600_000_000_000,
        idle_timeout_ns: 30_000_000_000,
        flows_max: FLOWS_MAX.div_ceil(LANES),
    };
    LANES * (limits.memory_bytes() + RING_MIB * MIB)
}

#[test]
fn a_flood_of_the_table_evicts_nobody_who_talks_and_no_packet_goes_missing() {
    let Some(wire) = Wire::lay() else { return };
    let ground = Ground::new();
    // A small spool: what the press cannot keep up with is dropped, oldest first, and counted.
    let words =
        format!("--max-flows {FLOWS_MAX} --active-timeout 10m --ring-mb {RING_MIB} --spool-mb 64");
    let probe = Probe::run(&wire, on_lanes(LANES, &ground.store(), &words));
    let idle = kib(&probe, "VmHWM") / 1_024;
    let mut random = Random(0x6f75_7466_6c6f_7721);
    let mut frames = flood(&mut random);
    let talker = wire.sender();
    let mut sent = converse(&talker, 0);
    let stop = AtomicBool::new(false);
    let time = Duration::from_secs(seconds());
    let begin = Instant::now();
    sent += thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let mut sent = 0;
            for turn in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                sent += converse(&talker, turn);
                thread::sleep(SPEAKS_EVERY);
            }
            sent
        });
        let sender = wire.sender();
        let mut sent = 0;
        while begin.elapsed() < time {
            change(&mut frames, &mut random);
            for frames in frames.chunks(4_096) {
                sent += sender.send(frames);
            }
        }
        stop.store(true, Ordering::Relaxed);
        sent + talk.join().unwrap()
    });
    let rate = sent / begin.elapsed().as_secs().max(1);
    let peak = kib(&probe, "VmHWM") / 1_024;
    let ended = probe.stop(Signal::SIGTERM);
    // 3 says that rows were lost, which is counted.
    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
    assert!(ended.took < Duration::from_secs(5), "{ended:?}");
    let received = wire.received(End::Tap).packets;
    publish_rest(&wire, &ground);
    let ledger = rows_of(&ground.store(), "ledger");
    let total = |column: &str| -> i64 {
        ledger.iter().filter(|row| row.contains_key(column)).map(|row| number(row, column)).sum()
    };
    let found = found(&ground.store());
    eprintln!(
        "{sent} packets, {rate} a second; seen {}, dropped {}; rows {}, lost {}; evicted {}; memory {peak} MiB, idle {idle}, tables and rings {}; end in {:?}\n{}",
        total("packets_seen"),
        total("kernel_drops"),
        found.rows,
        total("rows_lost"),
        total("flow_evictions"),
        cap() / MIB,
        ended.took,
        ended.said
    );
    assert_eq!(received, sent, "the wire lost some itself");
    assert_eq!(total("packets_seen") + total("kernel_drops"), sent.cast_signed());
    for row in &ledger {
        for error in ["balance_error", "wire_balance_error", "ip_balance_error"] {
            assert_eq!(number(row, error), 0, "{error} in {row:?}");
        }
        assert!(row.get("kernel_balance_error").is_none_or(|error| error == "0"), "{row:?}");
    }
    for (exported, there, lost) in [
        ("exported", found.packets, "rows_lost_packets"),
        ("wire_exported", found.wire_bytes, "rows_lost_wire_bytes"),
        ("ip_exported", found.bytes, "rows_lost_ip_bytes"),
        ("rows_written", found.rows, "rows_lost"),
    ] {
        assert_eq!(total(exported), there + total(lost), "{exported}");
    }
    assert!(total("flow_evictions") > FLOWS_MAX as i64, "the table was never full");
    let mut hosts: Vec<_> = found.established.clone();
    hosts.sort();
    let wanted: Vec<_> = {
        let mut all: Vec<_> = (1..=ESTABLISHED)
            .map(|of| (format!("{HOME}.0.0.{of}"), 0, "forced".to_owned()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(hosts, wanted, "each of those who talk is one flow from beginning to end");
}
