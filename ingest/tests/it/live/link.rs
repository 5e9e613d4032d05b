//! A link that goes down and an interface that goes away: the probe waits, comes back by itself, and says how long it saw nothing.
//!
//! The probe runs confined, as it does by default: what it opens anew it opens with `CAP_NET_RAW` alone.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::lab::{Row, number};
use crate::live::frames::{Wrap, flow};
use crate::live::lab::{End, Wire};
use crate::live::probe::{Books, Ended, Ground, Probe, counter};
use crate::live::same::on_lanes;

const SEEN: &str = "outflow_packets_seen_total";
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Frames a second, and how many go at once.
const RATE: u64 = 4_000;
const AT_ONCE: usize = 20;

fn frames() -> Vec<Vec<u8>> {
    (0..400).flat_map(|number| flow(Wrap::Plain, number, number % 2 == 1)).collect()
}

/// Sends without pause until told to stop.
fn load(wire: &Wire, frames: &[Vec<u8>], stop: &AtomicBool) -> u64 {
    let sender = wire.sender();
    let mut sent = 0;
    for chunk in frames.chunks(AT_ONCE).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        sent += sender.send(chunk);
        thread::sleep(Duration::from_micros(1_000_000 * AT_ONCE as u64 / RATE));
    }
    sent
}

/// Tells the load to stop, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn now_us() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// Waits until more than `before` packets were counted; how long that took.
fn until_seen(metrics: &Path, before: i64) -> Duration {
    let begin = Instant::now();
    while counter(metrics, SEEN) <= before {
        assert!(begin.elapsed() < PATIENCE, "still {before} packets");
        thread::sleep(Duration::from_millis(10));
    }
    begin.elapsed()
}

/// Waits until no more packets are counted, and gives their number.
fn at_rest(metrics: &Path) -> i64 {
    let begin = Instant::now();
    loop {
        let before = counter(metrics, SEEN);
        thread::sleep(Duration::from_millis(700));
        if counter(metrics, SEEN) == before {
            return before;
        }
        assert!(begin.elapsed() < PATIENCE, "packets come though there is no link");
    }
}

/// The gap, of which there is one, lies where the link was away.
fn assert_gap(books: &Books, (from_us, to_us): (i64, i64), slack: Duration) {
    let gaps = books.kind("gap");
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    let (start, end) = (number(gaps[0], "ts_start"), number(gaps[0], "ts_end"));
    let slack = i64::try_from(slack.as_micros()).unwrap();
    // A look every 250 ms finds it.
    assert!(
        (from_us - 1_000..from_us + slack).contains(&start),
        "begin {} µs off",
        start - from_us
    );
    assert!((to_us - slack..to_us + slack).contains(&end), "end {} µs off", end - to_us);
    let dark = (end - start) / 1_000_000;
    let covered: i64 = covered(books);
    let whole = books
        .kind("interval")
        .iter()
        .filter(|row| row["queue"] == "0")
        .map(|row| length_us(row))
        .sum::<i64>()
        / 1_000_000;
    assert!(
        (whole - dark - 2..=whole - dark + 1).contains(&covered),
        "{covered} s of {whole} covered, {dark} dark"
    );
}

fn length_us(row: &Row) -> i64 {
    number(row, "ts_end") - number(row, "ts_start")
}

fn covered(books: &Books) -> i64 {
    let rows = books.kind("interval");
    rows.iter().filter(|row| row["queue"] == "0").map(|row| number(row, "coverage_s")).sum()
}

struct Run {
    wire: Wire,
    ground: Ground,
}

impl Run {
    fn new() -> Option<Self> {
        Some(Self { wire: Wire::lay()?, ground: Ground::new() })
    }

    fn metrics(&self) -> std::path::PathBuf {
        self.ground.path("metrics.socket")
    }

    fn start(&self, lanes: usize) -> Probe {
        let words = format!("--ring-mb 8 --metrics {}", self.metrics().display());
        Probe::run(&self.wire, on_lanes(lanes, &self.ground.store(), &words))
    }

    fn books(&self) -> Books {
        let books = Books::of(&self.ground.store());
        books.assert_closed();
        books
    }
}

#[test]
fn a_link_that_flaps_under_load_is_captured_again_within_2_s() {
    let Some(run) = Run::new() else { return };
    let probe = run.start(2);
    let (frames, stop) = (frames(), AtomicBool::new(false));
    let metrics = run.metrics();
    let (dark, back) = thread::scope(|scope| {
        let load = scope.spawn(|| load(&run.wire, &frames, &stop));
        let until = Stop(&stop);
        until_seen(&metrics, 2_000);
        let from = now_us();
        run.wire.set(End::Tap, "down");
        let before = at_rest(&metrics);
        thread::sleep(Duration::from_secs(2));
        let to = now_us();
        let begin = Instant::now();
        run.wire.set(End::Tap, "up");
        until_seen(&metrics, before);
        let back = begin.elapsed();
        thread::sleep(Duration::from_secs(1));
        drop(until);
        load.join().unwrap();
        ((from, to), back)
    });
    assert!(back < Duration::from_secs(2), "packets again after {back:?}");
    let Ended { said, .. } = probe.end();
    let received = run.wire.received(End::Tap).packets.cast_signed();
    let books = run.books();
    assert_gap(&books, dark, Duration::from_millis(1_200));
    let counted = books.total("packets_seen") + books.total("kernel_drops");
    eprintln!("counted again after {back:?}; {counted} of {received} packets of the interface");
    // While the interface is half up it counts what no socket is given: a few, never more than were seen.
    assert!(counted <= received && received - counted < 200, "{counted} of {received}: {said}");
}

#[test]
fn an_interface_made_anew_is_captured_again_within_5_s() {
    let Some(run) = Run::new() else { return };
    let probe = run.start(2);
    let (frames, stop) = (frames(), AtomicBool::new(false));
    let metrics = run.metrics();
    let first = run.wire.sender().send_for(&frames, RATE, Duration::from_secs(1));
    // What lies in the ring at this moment is still read.
    assert_eq!(run.wire.received(End::Tap).packets, first);
    let from = now_us();
    run.wire.cut();
    let before = at_rest(&metrics);
    assert_eq!(before, first.cast_signed(), "frames in the ring of a deleted interface were lost");
    thread::sleep(Duration::from_secs(1));
    let to = now_us();
    let begin = Instant::now();
    run.wire.connect();
    let back = thread::scope(|scope| {
        let load = scope.spawn(|| load(&run.wire, &frames, &stop));
        let until = Stop(&stop);
        until_seen(&metrics, before);
        let back = begin.elapsed();
        thread::sleep(Duration::from_secs(1));
        drop(until);
        load.join().unwrap();
        back
    });
    assert!(back < Duration::from_secs(5), "packets again after {back:?}");
    let left = run.wire.received(End::Tap).packets.cast_signed();
    probe.end();
    let books = run.books();
    assert_gap(&books, (from, to), Duration::from_millis(1_500));
    assert_eq!(books.kind("event").len(), 1, "{:#?}", books.kind("event"));
    let counted = books.total("packets_seen") + books.total("kernel_drops");
    eprintln!("counted again after {back:?}; {counted} packets of {} ", first.cast_signed() + left);
    assert!(counted > before && counted <= before + left, "{before} and {left}: {counted}");
    // An interface that is gone cannot be asked for what it counted since the last look.
    let nic = books.total("nic_rx_packets");
    assert!((before + left - RATE.cast_signed() / 2..=before + left).contains(&nic), "{nic}");
    assert_eq!(books.total("kernel_drops"), 0);
}
