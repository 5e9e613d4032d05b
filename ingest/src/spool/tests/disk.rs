//! Full and small disks. The disk is a tmpfs of its own, which only the superuser can mount.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::spool::backlog::Lost;
use crate::spool::keeper::Step;
use crate::spool::tests::lab::{Held, Probe, recover_all};
use crate::spool::tests::tmpfs::Disk;

fn assert_all_counted(root: &Path, given: i64, what: &str) {
    let held = Held::in_store(root);
    held.assert_closed(what);
    let stored = i64::try_from(held.flows.len()).unwrap();
    assert_eq!(stored + held.lost_rows, given, "{what}: {} lost", held.lost_rows);
}

/// A probe with its two threads, fed for some seconds of its own clock.
fn feed(probe: &mut Probe, seconds: i64, rows: i64) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..seconds {
        let began = Instant::now();
        probe.rows(probe.given, rows);
        if probe.second % 10 == 9 {
            probe.interval();
        }
        probe.cut(probe.second % 5 == 4);
        slowest = slowest.max(began.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    slowest
}

/// Both disk threads' steps until nothing waits.
fn drain(probe: &mut Probe) {
    let mut steps = 0;
    while probe.keep() != Step::Idle {
        probe.press();
        steps += 1;
        assert!(steps < 200, "stuck for good");
    }
}

#[test]
fn a_full_disk_stops_nothing_and_is_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(dir.path().join("disk"), "16m") else { return };
    let root = disk.store();
    schemas::store::Store::open_or_create(&root).unwrap();
    // Full at the start already.
    let filler = disk.fill();
    let mut probe = Probe::start(&root, "b1", 8 << 20);
    let metrics = Arc::clone(&probe.metrics);
    let (keeper, press) = probe.threads();
    let slowest = feed(&mut probe, 160, 2_000);
    assert!(slowest < Duration::from_millis(500), "capture waited {slowest:?}");
    assert_eq!(metrics.disk.rows_published.get(), 0);
    assert!(metrics.disk.write_errors.get() > 0);
    fs::remove_file(filler).unwrap();
    let freed = Instant::now();
    while metrics.disk.rows_published.get() == 0 {
        assert!(freed.elapsed() < Duration::from_secs(5), "writing did not resume");
        feed(&mut probe, 1, 10);
    }
    probe.interval();
    let given = probe.given;
    probe.intake.close(0).unwrap();
    let kept = keeper.join().unwrap();
    let pressed = press.join().unwrap();
    eprintln!(
        "given {given}, lost {}, resumed after {:?}, slowest second {slowest:?}",
        kept.lost.flows.rows,
        freed.elapsed()
    );
    assert_eq!((kept.error, pressed.left), (None, 0));
    assert!(kept.lost.flows.rows > 0, "the test is too small");
    assert_eq!(kept.lost.ledger_rows, 0);
    recover_all(&root, "b2");
    let held = Held::in_store(&root);
    let stored = held.flows.len() as u64;
    assert_eq!(stored + kept.lost.flows.rows, given.unsigned_abs());
    assert_all_counted(&root, given, "full disk");
}

#[test]
fn a_spool_that_fills_its_own_disk_lets_the_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(dir.path().join("disk"), "8m") else { return };
    let root = disk.store();
    let mut probe = Probe::start(&root, "b1", u64::MAX);
    // A press that never gets a turn, then one that does.
    for _ in 0..40 {
        probe.rows(probe.given, 500);
        probe.interval();
        probe.cut(true);
        probe.keep();
    }
    disk.fill();
    assert_eq!(probe.press(), Some(false), "no room for a file");
    feed(&mut probe, 200, 2_000);
    // What is dropped makes room to publish, and that makes more, until the disk is full of published rows.
    for _ in 0..150 {
        probe.keep();
        probe.press();
    }
    let published = probe.metrics.disk.rows_published.get();
    assert!(published > 30_000, "only {published} rows found room");
    disk.grow("64m");
    drain(&mut probe);
    let given = probe.given;
    let (kept, pressed) = probe.close();
    assert_eq!((kept.error, pressed.left), (None, 0));
    assert!(kept.lost.flows.rows > 0, "the test is too small");
    let held = Held::in_store(&root);
    assert_eq!(held.flows.len() as u64 + kept.lost.flows.rows, given.unsigned_abs());
    assert!(held.flows.keys().next() > Some(&0), "the oldest went");
}

#[test]
fn the_spool_keeps_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut probe = Probe::start(&root, "b1", 1 << 20);
    for _ in 0..60 {
        probe.rows(probe.given, 300);
        probe.cut(false);
        assert_eq!(probe.keep(), Step::Wrote);
        let folder = fs::read_dir(root.join("_spool")).unwrap();
        let bytes: u64 = folder.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(bytes <= 1 << 20, "{bytes}");
    }
    let given = probe.given;
    let (kept, _) = probe.close();
    assert!(kept.lost.flows.rows > 0);
    assert_eq!(kept.lost.ledger_rows, 0);
    assert_all_counted(&root, given, "limit");
}

#[test]
fn the_end_of_a_run_pushes_no_row_out() {
    let fill = |root: &Path, spool_max_bytes| {
        let mut probe = Probe::start(root, "b1", spool_max_bytes);
        for second in 1..=8 {
            probe.rows(probe.given, 300);
            probe.interval();
            probe.cut(second < 8);
            assert_eq!(probe.keep(), Step::Wrote);
        }
        probe
    };
    let dir = tempfile::tempdir().unwrap();
    let (roomy, tight) = (dir.path().join("roomy"), dir.path().join("tight"));
    drop(fill(&roomy, u64::MAX));
    let files = fs::read_dir(roomy.join("_spool")).unwrap().map(Result::unwrap);
    let spools = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "spool"));
    let bytes = spools.map(|file| file.metadata().unwrap().len()).sum();
    let probe = fill(&tight, bytes);
    let given = probe.given;
    let (kept, _) = probe.end();
    assert_eq!(kept.lost, Lost::default(), "there was room for all but the mark of the end");
    assert_all_counted(&tight, given, "end");
}

#[test]
fn a_spool_too_small_for_all_that_waits_takes_it_piece_by_piece() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut probe = Probe::start(&root, "b1", 16 << 20);
    for _ in 0..10 {
        probe.rows(probe.given, 8_000);
        probe.cut(false);
    }
    drain(&mut probe);
    let given = probe.given;
    let (kept, _) = probe.close();
    assert_eq!(kept.error, None);
    assert_all_counted(&root, given, "piece by piece");
}
