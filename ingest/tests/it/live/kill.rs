//! Kills at random moments: nothing that is published is wrong or twice there, and what is lost is little, and known.
//!
//! 50 kills by default; `OUTFLOW_KILLS=1000 cargo test -p ingest --test it kills` for a night, `OUTFLOW_SEED` for other moments.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use nix::sys::signal::Signal;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::store::{Store, verify};

use crate::forge::Shape;
use crate::lab::{number, rows_of};
use crate::live::lab::{Wire, setting};
use crate::live::probe::{Books, Ground, Probe, Sums, number_of, numbered, spooled};

const WORDS: &str =
    "--idle-timeout 300ms --active-timeout 1s --rotate 1s --ring-mb 8 --block-kb 64";
/// A flow of one packet is a finished row this long after it: idle time-out, a turn of the table's wheel, the age of a block, a tick.
const FINISHED_US: i64 = 1_000_000;
/// A finished row is on disk this long after: a second, and the disk's own time.
const SAFE_US: i64 = 1_500_000;
/// The longest of a part of a flow that goes on.
const ACTIVE_US: i64 = 1_000_000;
/// Flows that go on for ever.
const LONG_FLOWS: u16 = 5;
/// Their host.
const LONG_HOST: u8 = 5;
/// New flows every turn of the sender.
const NEW_FLOWS: u64 = 4;
const TURN: Duration = Duration::from_millis(10);

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// What was sent, and when, µs since 1970 UTC.
#[derive(Default)]
struct Sent {
    /// By number of the flow.
    flows: Vec<i64>,
    /// A packet of each long flow.
    rounds: Vec<i64>,
}

/// Sends until told to stop.
fn send(wire: &Wire, is_over: &AtomicBool) -> Sent {
    let (sender, mut sent) = (wire.sender(), Sent::default());
    while !is_over.load(Ordering::Relaxed) {
        let first = sent.flows.len() as u64;
        let mut frames: Vec<Vec<u8>> = (first..first + NEW_FLOWS).map(numbered).collect();
        let long = |flow| Shape::udp(0, (LONG_HOST, 1_000 + flow), (2, 9), 60).packet().bytes;
        frames.extend((0..LONG_FLOWS).map(long));
        let at = now_us();
        sender.send(&frames);
        sent.flows.extend([at; NEW_FLOWS as usize]);
        sent.rounds.push(at);
        thread::sleep(TURN);
    }
    sent
}

/// A run of the probe, µs since 1970 UTC.
struct Life {
    /// When it said that it captures, if it came so far.
    ready: Option<i64>,
    end: i64,
    is_killed: bool,
}

impl Life {
    /// Whether what was sent at a time must be in the store: `late` is how long it takes to get there.
    fn must_have(&self, sent: i64, late: i64) -> bool {
        let late = if self.is_killed { late } else { 0 };
        self.ready.is_some_and(|ready| ready < sent) && sent + late < self.end
    }
}

/// Runs the probe and kills it, over and over; the last run ends well.
fn live_and_die(wire: &Wire, store: &Path, kills: u64) -> Vec<Life> {
    let mut dice = Dice(setting("OUTFLOW_SEED", 3));
    let mut lives = Vec::new();
    let mut longest = Duration::ZERO;
    for _ in 0..kills {
        let mut probe = Probe::spawn(wire, Probe::command(store, WORDS));
        // Some die while they start.
        let is_early = dice.below(5) == 0;
        let ready = if is_early {
            thread::sleep(Duration::from_millis(dice.below(200)));
            None
        } else {
            probe.wait();
            longest = longest.max(probe.start_took);
            let ready = now_us();
            thread::sleep(Duration::from_millis(dice.below(4_500)));
            Some(ready)
        };
        let end = now_us();
        let ended = probe.stop(Signal::SIGKILL);
        assert_eq!(ended.code, None, "it ended before it was killed: {}", ended.said);
        lives.push(Life { ready, end, is_killed: true });
    }
    let probe = Probe::start(wire, store, WORDS);
    longest = longest.max(probe.start_took);
    let ready = Some(now_us());
    thread::sleep(Duration::from_secs(2));
    let end = now_us();
    probe.end();
    lives.push(Life { ready, end, is_killed: false });
    eprintln!("{kills} kills; the longest start took {longest:?}");
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    lives
}

/// Gives a few columns of all rows of a table, as text.
fn each_row<const N: usize>(
    store: &Store,
    table: &str,
    columns: [&str; N],
    mut visit: impl FnMut([String; N]),
) {
    let files = store.entries().unwrap().into_iter().flat_map(|entry| entry.files);
    for file in files.filter(|file| file.table == table) {
        let input = File::open(store.root().join(&file.path)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(input).unwrap();
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
        for batch in builder.with_projection(mask).build().unwrap() {
            let batch = batch.unwrap();
            let options = FormatOptions::default();
            let cells = columns.map(|name| {
                let column = batch.column_by_name(name).unwrap();
                ArrayFormatter::try_new(column.as_ref(), &options).unwrap()
            });
            for row in 0..batch.num_rows() {
                visit(std::array::from_fn(|at| cells[at].value(row).to_string()));
            }
        }
    }
}

/// What the published rows hold.
struct Held {
    sums: Sums,
    /// Packets by number of the flow.
    flows: Vec<i64>,
    /// Packets of the long flows.
    long: i64,
}

impl Held {
    fn of(store: &Store, flows: usize) -> Self {
        let mut held = Self { sums: Sums::default(), flows: vec![0; flows], long: 0 };
        let mut names = HashSet::new();
        let columns =
            ["flow_id", "flow_part", "packets", "wire_bytes", "bytes", "src_ip", "src_port"];
        each_row(store, "flows", columns, |[id, part, packets, wire, bytes, ip, port]| {
            let [packets, wire, bytes] = [packets, wire, bytes].map(|n| n.parse::<i64>().unwrap());
            assert!(names.insert((id.clone(), part)), "flow {id} is there twice");
            held.sums.rows += 1;
            held.sums.packets += packets;
            held.sums.wire_bytes += wire;
            held.sums.bytes += bytes;
            if ip == format!("10.0.0.{LONG_HOST}") {
                held.long += packets;
            } else {
                held.flows[number_of(&ip, &port) as usize] += packets;
            }
        });
        held
    }
}

/// What an interval ends with, the next begins with; what was open at a kill is told as lost.
fn assert_chain(books: &Books) {
    let mut rows = books.kind("interval");
    rows.sort_by_key(|row| {
        (number(row, "ts_end"), number(row, "ts_start"), row.contains_key("open_lost"))
    });
    for pair in rows.windows(2) {
        let (left, taken) = (number(pair[0], "open_end"), number(pair[1], "open_start"));
        assert_eq!(left, taken, "{:#?} is followed by {:#?}", pair[0], pair[1]);
    }
}

/// Every kill lies in a gap of the ledger, and no gap lies in an interval.
fn assert_gaps(books: &Books, lives: &[Life]) {
    let span = |row: &crate::lab::Row| (number(row, "ts_start"), number(row, "ts_end"));
    let gaps: Vec<_> = books.kind("gap").into_iter().map(span).collect();
    let mut spans: Vec<_> = books.kind("interval").into_iter().map(span).collect();
    let first = spans.iter().map(|(start, _)| *start).min().unwrap();
    for life in lives.iter().filter(|life| life.is_killed && life.end - 1_500_000 > first) {
        let is_told = gaps.iter().any(|(start, end)| (*start..=*end).contains(&life.end));
        assert!(is_told, "no gap tells of the kill at {}: {gaps:?}", life.end);
    }
    spans.extend(&gaps);
    spans.sort_unstable();
    for pair in spans.windows(2) {
        let hole = pair[1].0 - pair[0].1;
        assert!((0..=100_000).contains(&hole), "the ledger has a hole of {hole} µs: {pair:?}");
    }
    let longest = gaps.iter().map(|(start, end)| end - start).max().unwrap();
    eprintln!("{} gaps, the longest {} ms", gaps.len(), longest / 1_000);
}

/// Whatever was done long enough before a kill is there.
fn assert_little_is_lost(held: &Held, sent: &Sent, lives: &[Life]) {
    let due = |at: i64, late: i64| lives.iter().any(|life| life.must_have(at, late));
    let finished: Vec<usize> = (0..sent.flows.len())
        .filter(|flow| due(sent.flows[*flow], FINISHED_US + SAFE_US))
        .collect();
    let missing: Vec<&usize> = finished.iter().filter(|flow| held.flows[**flow] != 1).collect();
    let had = held.flows.iter().filter(|packets| **packets > 0).count();
    let (all, must) = (sent.flows.len(), finished.len());
    eprintln!("{all} flows sent, {must} had to be there, {had} are");
    assert!(missing.is_empty(), "{} rows are lost: {missing:?}", missing.len());
    assert!(must > all / 10, "the lives are too short to tell anything");
    assert!(held.flows.iter().all(|packets| *packets <= 1));
    let late = ACTIVE_US + FINISHED_US + SAFE_US;
    let rounds = sent.rounds.iter().filter(|at| due(**at, late)).count() as u64;
    let must = rounds * u64::from(LONG_FLOWS);
    assert!(held.long >= must.cast_signed(), "{} of {must} packets", held.long);
}

#[test]
fn kills_lose_little_and_spoil_nothing() {
    let Some(wire) = Wire::lay() else { return };
    let ground = Ground::new();
    let path = ground.store();
    let is_over = AtomicBool::new(false);
    let kills = setting("OUTFLOW_KILLS", 50);
    let (sent, lives) = thread::scope(|scope| {
        let sender = scope.spawn(|| send(&wire, &is_over));
        let lives = std::panic::catch_unwind(|| live_and_die(&wire, &path, kills));
        is_over.store(true, Ordering::Relaxed);
        let sent = sender.join().unwrap();
        (sent, lives.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    // Whatever the last run had no time for.
    Probe::start(&wire, &path, WORDS).end();
    assert!(spooled(&path).is_empty(), "{:?}", spooled(&path));
    let store = Store::open(&path).unwrap();
    assert_eq!(verify(&store).unwrap().findings, []);
    let held = Held::of(&store, sent.flows.len());
    let books = Books { flows: Vec::new(), ledger: rows_of(&path, "ledger") };
    books.assert_closed_with(held.sums);
    assert_chain(&books);
    let known = held.sums.packets + books.total("open_lost");
    assert_eq!(books.total("packets_seen"), known);
    assert_eq!((books.total("kernel_drops"), books.total("rows_lost")), (0, 0));
    assert_little_is_lost(&held, &sent, &lives);
    assert_gaps(&books, &lives);
}
