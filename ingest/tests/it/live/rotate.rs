//! Publishing every second while packets come: none is lost, none counted twice, and what is idle is soon in the store.
//!
//! Every five seconds too; `OUTFLOW_ROTATE=50 cargo test -p ingest --test it within_the_rotation` for what a probe does that is told nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use schemas::store::Store;

use crate::forge::Shape;
use crate::lab::{Row, count, number, rows_in, sum};
use crate::live::lab::{Sender, Wire, setting};
use crate::live::probe::{Books, Ground, Probe};
use crate::live::same::on_lanes;

const TIME: Duration = Duration::from_secs(15);
/// Between two bursts.
const TURN: Duration = Duration::from_millis(20);
/// Flows that speak every turn, both ways.
const LONG: u16 = 40;
/// Idle and rotation.
const SECOND_US: i64 = 1_000_000;
/// Idle flows leave the table this soon after their time-out.
const EXPORT_US: i64 = SECOND_US;
/// A look at the clock, between which intervals are cut.
const LOOK_US: i64 = 300_000;
/// From the cut to the name in the store: conversion, three fsyncs, on a busy disk.
const PRESS_US: i64 = 2 * SECOND_US;

/// Sends to the beat for a time; gives the packets.
fn send(sender: &Sender, time: Duration) -> u64 {
    let begin = Instant::now();
    let mut sent = 0;
    for turn in 0_u16.. {
        let Some(wait) = (TURN * u32::from(turn)).checked_sub(begin.elapsed()) else {
            if begin.elapsed() >= time {
                break;
            }
            continue;
        };
        thread::sleep(wait);
        if begin.elapsed() >= time {
            break;
        }
        let mut frames = Vec::new();
        for flow in 0..LONG {
            let (client, server) = ((1, 2_000 + flow), (2, 443));
            frames.push(Shape::udp(0, client, server, 100).packet().bytes);
            frames.push(Shape::udp(0, server, client, 200).packet().bytes);
        }
        // One that says nothing more.
        frames.push(Shape::udp(0, (3, 10_000 + turn), (4, 53_000), 10).packet().bytes);
        sent += sender.send(&frames);
    }
    sent
}

/// A publication: its flows, when its interval ended, when it was there.
struct Publication {
    flows: Vec<Row>,
    cut_us: i64,
    there_us: i64,
}

fn publications(store: &Path) -> Vec<Publication> {
    let store = Store::open(store).unwrap();
    let publication = |entry: schemas::store::Entry| {
        let of = |table: &str| -> Vec<Row> {
            let files = entry.files.iter().filter(|file| file.table == table);
            files.flat_map(|file| rows_in(&store.root().join(&file.path))).collect()
        };
        let ends = of("ledger").iter().map(|row| number(row, "ts_end")).collect::<Vec<_>>();
        let files = entry.files.iter().map(|file| {
            let file = fs::metadata(store.root().join(&file.path)).unwrap();
            // Its last change was to be given its name.
            file.ctime() * SECOND_US + file.ctime_nsec() / 1_000
        });
        Publication {
            there_us: files.max().unwrap(),
            cut_us: ends.into_iter().max().unwrap(),
            flows: of("flows"),
        }
    };
    store.entries().unwrap().into_iter().map(publication).collect()
}

#[test]
fn publishing_every_second_loses_nothing_and_keeps_nobody_waiting() {
    let Some(wire) = Wire::lay() else { return };
    let ground = Ground::new();
    let words = "--rotate 1s --idle-timeout 1s --active-timeout 3s --ring-mb 16";
    let probe = Probe::run(&wire, on_lanes(2, &ground.store(), words));
    let sent = send(&wire.sender(), TIME);
    let ended = probe.end();
    let books = Books::of(&ground.store());
    books.assert_whole(sent);
    let parts: BTreeSet<_> =
        books.flows.iter().map(|row| (&row["flow_id"], &row["flow_part"])).collect();
    assert_eq!(parts.len(), books.flows.len(), "a part is there twice");
    let publications = publications(&ground.store());
    let with_flows = publications.iter().filter(|one| !one.flows.is_empty()).count();
    assert!(with_flows >= 10, "{with_flows} publications with flows: {}", ended.said);
    // Every long flow has all of its parts, from the first on.
    for flow in 0..LONG {
        let port = (2_000 + flow).to_string();
        let of: Vec<&Row> = books
            .flows
            .iter()
            .filter(|row| row.get("src_port") == Some(&port) || row.get("dst_port") == Some(&port))
            .collect();
        let parts: BTreeSet<i64> = of.iter().map(|row| number(row, "flow_part")).collect();
        assert!(parts.len() >= 4 && parts.iter().copied().eq(0..count(parts.len())), "{parts:?}");
        assert_eq!(of.iter().map(|row| &row["flow_id"]).collect::<BTreeSet<_>>().len(), 1);
    }
    let (mut export, mut press, mut idle) = (0, 0, 0);
    for one in &publications {
        press = press.max(one.there_us - one.cut_us);
        for row in one.flows.iter().filter(|row| row["flow_end_reason"] == "idle") {
            idle += number(row, "packets");
            let due = number(row, "flow_end") + SECOND_US;
            assert!(due <= one.cut_us, "exported before its time: {row:?}");
            export = export.max(one.cut_us - due);
        }
    }
    eprintln!(
        "{sent} packets, {with_flows} publications; idle flows in the interval that ends {export} µs after their time-out, published {press} µs after its end"
    );
    assert!(idle > 500, "{idle} idle flows");
    assert!(export <= EXPORT_US + SECOND_US + LOOK_US, "{export} µs");
    assert!(press <= PRESS_US, "{press} µs");
    assert_eq!(sum(&books.flows, "packets"), sent.cast_signed());
}

/// Rows as a reader of the manifest finds them: each entry's flows, and when it was first there.
fn watch(store: &Path, until: Instant) -> Vec<(i64, Vec<Row>)> {
    let store = Store::open(store).unwrap();
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    while Instant::now() < until {
        for path in store.entry_paths().unwrap() {
            if known.insert(path.clone()) {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                let entry = schemas::store::Entry::read(&path).unwrap();
                let files = entry.files.iter().filter(|file| file.table == "flows");
                let rows = files.flat_map(|file| rows_in(&store.locate(&file.path).unwrap()));
                found.push((i64::try_from(now.as_micros()).unwrap(), rows.collect()));
            }
        }
        thread::sleep(TURN);
    }
    found
}

#[test]
fn a_finished_flow_is_found_within_the_rotation_and_few_seconds() {
    let rotate = Duration::from_secs(setting("OUTFLOW_ROTATE", 5));
    let Some(wire) = Wire::lay() else { return };
    let ground = Ground::new();
    let words = format!("--rotate {}s --idle-timeout 1s --ring-mb 16", rotate.as_secs());
    let probe = Probe::run(&wire, on_lanes(2, &ground.store(), &words));
    let store = ground.store();
    // Some flows end just after a publication, and what was sent last comes by itself.
    let time = rotate + Duration::from_secs(10);
    let until = Instant::now() + time + rotate + Duration::from_secs(5);
    let watcher = thread::spawn(move || watch(&store, until));
    send(&wire.sender(), time);
    let found = watcher.join().unwrap();
    probe.end();
    let mut lags: Vec<i64> = Vec::new();
    for (seen, rows) in &found {
        let idle = rows.iter().filter(|row| row["flow_end_reason"] == "idle");
        lags.extend(idle.map(|row| seen - number(row, "flow_end") - SECOND_US));
    }
    lags.sort_unstable();
    let (half, most) = (lags[lags.len() / 2], lags[lags.len() - 1]);
    eprintln!(
        "{} flows in {} publications: from their time-out until they were found {half} µs for half of them, {most} µs at most",
        lags.len(),
        found.len()
    );
    assert!(lags.len() > 500, "{lags:?}");
    let rotate_us = i64::try_from(rotate.as_micros()).unwrap();
    assert!(most <= rotate_us + EXPORT_US + LOOK_US + PRESS_US, "{most} µs");
}
