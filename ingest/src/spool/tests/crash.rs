//! Killed at every step: what was durable is published, once.

use std::fs;
use std::path::{Path, PathBuf};

use schemas::store::spool::END;
use schemas::store::{SpoolFile, Store};

use crate::spool::keeper::Step;
use crate::spool::tests::lab::{Held, Probe, SECOND_NS, START_US, copy, names, recover_all};

fn spool(root: &Path) -> Vec<PathBuf> {
    let folder = root.join("_spool");
    let files = names(&folder).into_iter().map(|name| folder.join(name));
    files.filter(|path| path.extension().is_some_and(|end| end == "spool")).collect()
}

/// Cuts off the mark of a file's end.
fn unend(path: &Path) {
    let mut file = SpoolFile::open(path).unwrap();
    loop {
        let before = file.position();
        let head = file.next_head().unwrap().expect("an end");
        if head.is(END) {
            return fs::File::options().write(true).open(path).unwrap().set_len(before).unwrap();
        }
    }
}

#[test]
fn all_that_is_given_is_published_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut probe = Probe::start(&root, "b1", u64::MAX);
    for second in 0..10 {
        probe.rows(second * 9_000, 9_000);
        if second % 3 == 2 {
            probe.interval();
        }
        probe.cut(second % 3 == 2);
        while probe.keep() == Step::Wrote {}
        while probe.press().is_some() {}
    }
    let metrics = std::sync::Arc::clone(&probe.metrics);
    let (kept, pressed) = probe.close();
    assert_eq!((kept.error, pressed.error, pressed.left), (None, None, 0));
    let held = Held::in_store(&root);
    held.assert_closed("clean");
    assert_eq!((held.flows.len(), held.ledger_rows), (90_000, 4));
    assert_eq!(metrics.disk.rows_published.get(), 90_004);
    assert_eq!(names(&root.join("_spool")), Vec::<String>::new());
    assert_eq!(names(&root.join("_tmp")), Vec::<String>::new());
    // Nothing is left for the next.
    let (again, alive) = recover_all(&root, "b2");
    assert_eq!(again, held);
    assert_eq!(alive, Some(START_US * 1_000 + 10 * SECOND_NS), "from the manifest");
}

#[test]
fn devices_go_the_way_of_the_other_rows() {
    let dir = tempfile::tempdir().unwrap();
    for (name, is_killed) in [("closed", false), ("killed", true)] {
        let root = dir.path().join(name);
        let mut probe = Probe::start(&root, "b1", u64::MAX);
        for second in 0..4 {
            // Over the end of an hour.
            probe.device(START_US + second * 1_800_000_000);
            probe.rows(second * 10, 10);
            probe.cut(second == 1);
            while probe.keep() == Step::Wrote {}
        }
        if is_killed {
            probe.device(START_US);
            let left = dir.path().join("left");
            copy(&root, &left);
            let (held, _) = recover_all(&left, "b2");
            assert_eq!((held.device_rows, held.flows.len()), (4, 40), "what was cut");
        } else {
            drop(probe.close());
            let held = Held::in_store(&root);
            assert_eq!((held.device_rows, held.flows.len()), (4, 40));
        }
    }
}

#[test]
fn a_killed_run_ends_where_it_was_whole() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut probe = Probe::start(&root, "b1", u64::MAX);
    probe.rows(0, 100);
    probe.cut(false);
    // More than a bundle, so that a part of the next second is on disk.
    probe.rows(100, 10_000);
    while probe.keep() == Step::Wrote {}
    drop(probe);
    let (held, alive) = recover_all(&root, "b2");
    held.assert_closed("killed");
    assert_eq!(held.flows.len(), 100);
    assert_eq!(held.ledger_rows, 1, "the provisional row counts");
    // The part of the second that was begun is the last sign of life.
    assert_eq!(alive, Some(START_US * 1_000 + SECOND_NS));
    assert_eq!(names(&root.join("_spool")), Vec::<String>::new());
}

#[test]
fn a_run_killed_at_any_step_is_whole_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut probe = Probe::start(&root, "b1", u64::MAX);
    // Copies of the store as a kill would leave it, and the rows that are durable by then.
    let mut kills: Vec<(String, PathBuf, usize)> = Vec::new();
    let mut kill = |what: &str, durable: i64| {
        let to = dir.path().join(format!("kill{}", kills.len()));
        copy(&root, &to);
        kills.push((what.to_owned(), to.clone(), usize::try_from(durable).unwrap()));
        to
    };
    let mut durable = 0;
    for second in 0..6 {
        probe.rows(second * 50, 50);
        let is_rotation = second % 2 == 1;
        if is_rotation {
            probe.interval();
        }
        probe.cut(is_rotation);
        kill("before the write", durable);
        assert_eq!(probe.keep(), Step::Wrote);
        durable += 50;
        kill("after the write", durable);
        if !is_rotation {
            continue;
        }
        let [ended, next] = &spool(&root)[..] else { panic!("two files") };
        let to = kill("next file begun, end not marked", durable);
        unend(&to.join("_spool").join(ended.file_name().unwrap()));
        let to = kill("next file not yet under its name", durable);
        unend(&to.join("_spool").join(ended.file_name().unwrap()));
        let next = to.join("_spool").join(next.file_name().unwrap());
        fs::rename(&next, next.with_extension("spool.part")).unwrap();
        let to = kill("files staged, not committed", durable);
        let staged = to.join(format!("_tmp/b1-{:06}", (second + 1) / 2));
        fs::create_dir_all(&staged).unwrap();
        fs::write(staged.join("lock"), "").unwrap();
        fs::write(staged.join("flows~x.parquet.part"), "PAR1").unwrap();
        let before = fs::read(ended).unwrap();
        assert_eq!(probe.press(), Some(true));
        let to = kill("committed, spool file not removed", durable);
        let ended = ended.file_name().unwrap();
        fs::write(to.join("_spool").join(ended), &before).unwrap();
        let to = kill("committed, nothing in its place", durable);
        fs::write(to.join("_spool").join(ended), &before).unwrap();
        let entry = Store::open(&to).unwrap().entries().unwrap().pop().unwrap();
        let staged = to.join("_tmp").join(staged.file_name().unwrap());
        fs::create_dir_all(&staged).unwrap();
        fs::write(staged.join("lock"), "").unwrap();
        for file in &entry.files {
            let name = format!("{}.part", file.path.replace('/', "~"));
            fs::rename(to.join(&file.path), staged.join(name)).unwrap();
        }
        kill("published", durable);
    }
    drop(probe);
    assert!(kills.len() > 24);
    for (what, at, durable) in kills {
        let (held, _) = recover_all(&at, "b2");
        held.assert_closed(&what);
        assert_eq!(held.flows.len(), durable, "{what}: {at:?}");
        // Once more: nothing comes twice.
        assert_eq!(recover_all(&at, "b3").0, held, "{what}");
        assert_eq!(names(&at.join("_spool")), Vec::<String>::new(), "{what}");
        assert_eq!(names(&at.join("_tmp")), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn a_recovery_may_be_killed_too() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut probe = Probe::start(&root, "b1", u64::MAX);
    for second in 0..3 {
        probe.rows(second * 50, 50);
        probe.cut(true);
        probe.keep();
    }
    drop(probe);
    for boot in ["b2", "b3", "b4"] {
        let mut next = Probe::start(&root, boot, u64::MAX);
        assert_eq!(next.press(), Some(true), "publishes one file");
    }
    let (held, _) = recover_all(&root, "b5");
    held.assert_closed("recoveries killed");
    assert_eq!((held.flows.len(), held.ledger_rows), (150, 1));
}

#[test]
fn what_a_living_probe_writes_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut first = Probe::start(&root, "b1", u64::MAX);
    first.rows(0, 10);
    first.cut(true);
    first.keep();
    let (mut second, alive) = Probe::start_after(&root, "b2", u64::MAX);
    assert_eq!(alive, None);
    assert_eq!(second.press(), None, "there is nothing for it");
    second.rows(1_000, 10);
    second.cut(false);
    let (_, pressed) = second.close();
    assert_eq!(pressed.left, 0);
    let (_, pressed) = first.close();
    assert_eq!(pressed.left, 0);
    let held = Held::in_store(&root);
    held.assert_closed("two probes");
    assert_eq!((held.flows.len(), held.ledger_rows), (20, 2));
}

#[test]
fn a_file_that_cannot_be_read_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut probe = Probe::start(&root, "b1", u64::MAX);
    probe.rows(0, 10);
    probe.cut(true);
    probe.keep();
    drop(probe);
    let first = spool(&root).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[9] ^= 1;
    fs::write(&first, bytes).unwrap();
    let (pressed, notices) = Probe::start(&root, "b2", u64::MAX).idle();
    assert!(notices.iter().any(|text| text.contains("put aside")), "{notices:?}");
    assert_eq!(pressed.quarantined, [first.with_extension("spool.bad")]);
    assert!(pressed.quarantined[0].is_file());
}
