//! Compaction under any files, any kill and any damage: the same rows, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use arrow::compute::cast;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::*;
use crate::dns::{self, DnsBatch, DnsRow};
use crate::kinds::Micros;
use crate::ledger;
use crate::store::layout::staged_name;
use crate::store::{Finding, Input, Statement, verify};

const BEGIN: i64 = 1_411_480_800_000_000;
const HOUR: i64 = 3_600_000_000;

fn row(at: i64, number: i64) -> DnsRow {
    DnsRow {
        ts: Micros(at),
        client_ip: "10.0.0.1".parse().unwrap(),
        resolver_ip: "10.0.0.53".parse().unwrap(),
        query: format!("host{number}.example").into(),
        query_type: "A".into(),
        rcode: (number % 3 > 0).then_some(0),
        answers: (0..number % 4).map(|n| format!("192.0.2.{n}").into()).collect(),
        answer_ttls: vec![60; usize::try_from(number % 4).unwrap()],
        answer_ech: (number % 5 == 0).then_some(true),
        rtt_us: (number % 2 == 0).then_some(number),
        sensor_id: "tap".into(),
        flow_id: number,
    }
}

/// Publishes rows of `dns`, a file for each hour; they lie there as they come.
fn publish(store: &Store, mut publisher: Publisher, times: &[i64]) -> Entry {
    let mut times: Vec<_> = times.iter().copied().enumerate().collect();
    times.sort_by_key(|(_, at)| Hour::of_micros(*at));
    for rows in times.chunk_by(|(_, a), (_, b)| Hour::of_micros(*a) == Hour::of_micros(*b)) {
        let mut batch = DnsBatch::default();
        for (number, at) in rows {
            batch.append(&row(*at, i64::try_from(*number).unwrap()));
        }
        let ends = rows.iter().map(|(_, at)| *at);
        let span = (ends.clone().min().unwrap(), ends.max().unwrap());
        let mut file = publisher.stage(&dns::TABLE, Hour::of_micros(span.0)).unwrap();
        file.append(&batch.finish().unwrap(), span).unwrap();
        publisher.seal(file).unwrap();
    }
    let entry = publisher.commit(vec![], true).unwrap();
    assert!(store.entry_of(&entry.boot, entry.seq).unwrap().is_some());
    entry
}

fn part(store: &Store, (boot, seq): (&str, u64), times: &[i64]) -> Entry {
    publish(store, Publisher::begin_part(store, "tap", boot, seq).unwrap(), times)
}

/// The rows of `dns` as text, file by file, of the entries asked for.
fn rows_by_file(store: &Store, is_asked: fn(&Entry) -> bool) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("-");
    let entries = store.entries().unwrap().into_iter().filter(is_asked);
    let files = entries.flat_map(|entry| entry.files);
    let rows = |file: FileRecord| {
        let place = fs::File::open(store.locate(&file.path).unwrap()).unwrap();
        let mut rows = Vec::new();
        for batch in ParquetRecordBatchReaderBuilder::try_new(place).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            // As a number, for the name of a time zone means nothing here.
            let ts = cast(batch.column(0), &arrow::datatypes::DataType::Int64).unwrap();
            let columns = std::iter::once(&ts).chain(batch.columns().iter().skip(1));
            let columns: Vec<_> =
                columns.map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            rows.extend((0..batch.num_rows()).map(|row| {
                let cells: Vec<_> =
                    columns.iter().map(|column| column.value(row).to_string()).collect();
                cells.join("|")
            }));
        }
        assert_eq!(rows.len() as u64, file.rows);
        rows
    };
    files.map(rows).collect()
}

fn rows(store: &Store) -> Vec<String> {
    let mut rows = rows_by_file(store, |_| true).concat();
    rows.sort();
    rows
}

fn bounds() -> Bounds {
    Bounds { window_rows: 50, file_rows: 400, file_bytes: 1 << 30 }
}

fn compact_all(store: &Store, run: &str) -> Vec<Compacted> {
    let tending = store.tend().unwrap();
    let mut compactor = Compactor::new(store, &tending, (run.to_owned(), bounds()));
    let heaps = compactor.heaps(i64::MAX).unwrap();
    heaps.iter().map(|heap| compactor.compact(heap).unwrap()).collect()
}

fn sweep(store: &Store) -> crate::store::Swept {
    store.sweep(&store.tend().unwrap(), SystemTime::now() + Duration::from_mins(1)).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for found in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(found.file_name());
        if found.path().is_dir() {
            copy(&found.path(), &to);
        } else {
            fs::copy(found.path(), to).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn any_files_keep_their_rows(
        parts in prop::collection::vec(prop::collection::vec(-HOUR..2 * HOUR, 1..90), 1..8),
        narrow: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(dir.path()).unwrap();
        for (seq, offsets) in (1..).zip(&parts) {
            let squeeze = if narrow { 100_000 } else { 1 };
            let times: Vec<i64> = offsets.iter().map(|at| BEGIN + at / squeeze).collect();
            part(&store, ("b1", seq), &times);
        }
        let before = rows(&store);
        compact_all(&store, "c1");
        prop_assert_eq!(rows(&store), before.clone());
        prop_assert!(verify(&store).unwrap().findings.is_empty());
        for file in rows_by_file(&store, |entry| entry.replaced.is_some()) {
            let times: Vec<&str> = file.iter().map(|row| row.split('|').next().unwrap()).collect();
            prop_assert!(times.len() > 90 || times.is_sorted(), "{:?}", times);
        }
        let again = compact_all(&store, "c2");
        prop_assert!(again.is_empty(), "nothing is left to merge: {:?}", again);
        sweep(&store);
        prop_assert_eq!(rows(&store), before);
        prop_assert!(verify(&store).unwrap().findings.is_empty());
        for seq in 1..=parts.len() as u64 {
            prop_assert!(store.complete("b1", seq).unwrap(), "{} is known", seq);
        }
        prop_assert!(!store.complete("b1", 99).unwrap());
    }
}

/// A store with an hour in parts, one over its end, and a capture of the same hour.
fn ground(root: &Path) -> Store {
    let store = Store::open_or_create(root).unwrap();
    for seq in 1..=5_i64 {
        let at = BEGIN + seq * 60_000_000;
        part(&store, ("b1", seq.cast_unsigned()), &[at + 3, at, at + 7]);
    }
    part(&store, ("b1", 6), &[BEGIN + HOUR - 1, BEGIN + HOUR]);
    for (boot, bytes) in [("b2", 7), ("b3", 8)] {
        let mut publisher = Publisher::begin(&store, "tap", boot).unwrap();
        let mut batch = DnsBatch::default();
        batch.append(&row(BEGIN, 1));
        let mut file = publisher.stage(&dns::TABLE, Hour::of_micros(BEGIN)).unwrap();
        file.append(&batch.finish().unwrap(), (BEGIN, BEGIN)).unwrap();
        publisher.seal(file).unwrap();
        publisher.commit(vec![capture(bytes)], false).unwrap();
    }
    store
}

fn capture(bytes: u64) -> Input {
    Input { name: format!("{bytes}.pcap"), bytes, sha256_ends: "ab".into() }
}

#[test]
fn a_kill_at_any_step_leaves_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let store = ground(&root);
    let expected = rows(&store);
    let mut kills: Vec<(String, PathBuf)> = Vec::new();
    let mut kill = |what: &str| {
        let to = dir.path().join(format!("kill{}", kills.len()));
        copy(&root, &to);
        kills.push((what.to_owned(), to.clone()));
        to
    };
    let tending = store.tend().unwrap();
    let mut compactor = Compactor::new(&store, &tending, ("c1".to_owned(), bounds()));
    let heaps = compactor.heaps(i64::MAX).unwrap();
    assert_eq!(heaps.len(), 2, "the interface's and the captures', of one hour");
    kill("before");
    for (number, heap) in (1..).zip(&heaps) {
        let staged = compactor.stage(heap).unwrap();
        kill("new files written, not committed");
        staged.commit().unwrap();
        let to = kill("committed, nothing in its place");
        let path = store.entry_of("c1", number).unwrap().unwrap();
        let tmp = to.join(format!("_tmp/c1-{number:06}"));
        fs::create_dir_all(&tmp).unwrap();
        fs::write(tmp.join("lock"), "").unwrap();
        for file in Entry::read(&path).unwrap().files {
            fs::rename(to.join(&file.path), tmp.join(staged_name(&file.path))).unwrap();
        }
        kill("committed");
    }
    drop(tending);
    // Half swept: some files gone, then an entry too.
    let to = kill("one replaced file removed");
    let first = Entry::read(&store.entry_of("b1", 1).unwrap().unwrap()).unwrap();
    let flat = staged_name(&first.files[0].path);
    fs::remove_file(to.join("_replaced").join(&flat)).unwrap();
    // Killed before they were put aside.
    let to = kill("committed, the old ones still where readers of folders look");
    fs::rename(to.join("_replaced").join(flat), to.join(&first.files[0].path)).unwrap();
    sweep(&store);
    kill("swept");
    for (what, at) in kills {
        let store = Store::open(&at).unwrap();
        assert_eq!(rows(&store), expected, "{what}, as it lies");
        assert_eq!(verify(&store).unwrap().findings, [], "{what}, as it lies");
        let store = Store::open_or_create(&at).unwrap();
        compact_all(&store, "c2");
        assert_eq!(rows(&store), expected, "{what}, compacted");
        assert_eq!(verify(&store).unwrap().findings, [], "{what}, compacted");
        sweep(&store);
        assert_eq!(rows(&store), expected, "{what}, swept");
        assert_eq!(verify(&store).unwrap().findings, [], "{what}, swept");
        assert_eq!(sweep(&store), crate::store::Swept::default(), "{what}, nothing is left");
        remembers(&store, &what);
        assert_eq!(seen_by_walking(&at.join("dns")), verify(&store).unwrap().files, "{what}");
        assert_eq!(fs::read_dir(at.join("_tmp")).unwrap().count(), 0, "{what}");
    }
}

/// Files that readers find who know no manifest.
fn seen_by_walking(folder: &Path) -> u64 {
    let found = fs::read_dir(folder).unwrap().map(|found| found.unwrap().path());
    let count = |path: PathBuf| {
        if path.is_dir() {
            return seen_by_walking(&path);
        }
        u64::from(path.extension().is_some_and(|kind| kind == "parquet"))
    };
    found.map(count).sum()
}

/// What the replaced entries guarded is guarded still.
fn remembers(store: &Store, what: &str) {
    for (boot, seq) in [("b1", 1), ("b1", 5), ("b1", 6), ("b2", 0), ("b3", 0)] {
        assert!(store.complete(boot, seq).unwrap(), "{what}: {boot} {seq}");
        let publisher = if seq == 0 {
            Publisher::begin(store, "tap", boot)
        } else {
            Publisher::begin_part(store, "tap", boot, seq)
        };
        let refused = publisher.unwrap().commit(vec![], true);
        assert!(matches!(refused, Err(StoreError::AlreadyPublished { .. })), "{what}: {refused:?}");
    }
    for (boot, seq) in [("b1", 7), ("b4", 0), ("b4", 1)] {
        assert!(!store.complete(boot, seq).unwrap(), "{what}: {boot} {seq}");
    }
    for bytes in [7, 8] {
        let refused = store.refuse_known("tap", &[capture(bytes)]);
        assert!(matches!(refused, Err(StoreError::AlreadyIngested { .. })), "{what}");
    }
    assert!(
        store.refuse_known("tap", &[capture(9)]).is_ok()
            && store.refuse_known("other", &[capture(7)]).is_ok()
    );
    let merged = store.entries().unwrap().into_iter().find(|entry| entry.replaced.is_some());
    let software = merged.unwrap().replaced.unwrap().software;
    assert_eq!(
        software,
        [format!("outflow {}, columns {}", env!("CARGO_PKG_VERSION"), crate::SCHEMA_VERSION)]
    );
}

#[test]
fn what_comes_late_is_merged_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = ground(dir.path());
    compact_all(&store, "c1");
    part(&store, ("b1", 9), &[BEGIN + 5]);
    let expected = rows(&store);
    let done = compact_all(&store, "c2");
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].files_before, done[0].files_after), (2, 1));
    assert_eq!(rows(&store), expected);
    // The entry between is swept, and what it guarded is known.
    sweep(&store);
    assert_eq!(rows(&store), expected);
    remembers(&store, "late");
    assert!(store.complete("b1", 9).unwrap() && !store.complete("b1", 8).unwrap());
    assert_eq!(
        store.entry_paths().unwrap().len(),
        3,
        "the late hour, the captures, and what is in the next hour"
    );
}

#[test]
fn readers_have_time_and_full_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(dir.path()).unwrap();
    let times: Vec<i64> = (0..300).map(|n| BEGIN + n).collect();
    let full = part(&store, ("b1", 1), &times);
    for seq in 2..5 {
        part(&store, ("b1", seq), &[BEGIN + 2_000_000]);
    }
    let expected = rows(&store);
    compact_all(&store, "c1");
    assert_eq!(rows(&store), expected);
    assert_eq!(seen_by_walking(&store.root().join("dns")), 2, "at once");
    let small = store.listed().unwrap()[1].1.as_ref().unwrap().files[0].path.clone();
    assert!(!store.root().join(&small).exists() && store.locate(&small).unwrap().is_file());
    let swept = store.sweep(&store.tend().unwrap(), SystemTime::now() - Duration::from_mins(1));
    assert_eq!(swept.unwrap(), crate::store::Swept::default(), "too young");
    let swept = sweep(&store);
    assert_eq!((swept.files, swept.entries), (3, 4), "all but the full file");
    assert!(store.root().join(&full.files[0].path).is_file());
    assert_eq!(rows(&store), expected);
    assert_eq!(verify(&store).unwrap().findings, []);
}

#[test]
fn a_damaged_file_stops_its_hour_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(dir.path()).unwrap();
    for seq in 1..=3 {
        part(&store, ("b1", seq), &[BEGIN, BEGIN + HOUR]);
    }
    let expected = rows(&store);
    let bad = store.entries().unwrap()[1].files[0].clone();
    let place = store.root().join(&bad.path);
    let good = fs::read(&place).unwrap();
    let tending = store.tend().unwrap();
    assert!(matches!(store.tend(), Err(StoreError::Tended(_))), "one at a time");
    for damage in 0..3 {
        let mut bytes = good.clone();
        match damage {
            0 => bytes[good.len() / 2] ^= 4,
            1 => bytes.truncate(good.len() - 1),
            _ => bytes.clear(),
        }
        fs::write(&place, bytes).unwrap();
        let mut compactor = Compactor::new(&store, &tending, (format!("c{damage}"), bounds()));
        let heaps = compactor.heaps(i64::MAX).unwrap();
        let error = compactor.compact(&heaps[0]).unwrap_err().to_string();
        assert!(error.contains(&bad.path) && error.contains("outflow store verify"), "{error}");
        assert_eq!(fs::read_dir(dir.path().join("_tmp")).unwrap().count(), 0);
        assert!(matches!(verify(&store).unwrap().findings[..], [Finding::Damaged(..)]));
    }
    fs::remove_file(&place).unwrap();
    let mut compactor = Compactor::new(&store, &tending, ("c4".to_owned(), bounds()));
    let heaps = compactor.heaps(i64::MAX).unwrap();
    assert!(compactor.compact(&heaps[0]).unwrap_err().to_string().contains("it is missing"));
    compactor.compact(&heaps[1]).unwrap();
    fs::write(&place, &good).unwrap();
    assert_eq!(rows(&store), expected);
    compactor.compact(&heaps[0]).unwrap();
    assert_eq!(rows(&store), expected);
}

#[test]
fn privacy_and_sensors_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(dir.path()).unwrap();
    let stated = |profile: &str| Statement { profile: profile.into(), ..Statement::default() };
    let all = [("a", None), ("a", Some(stated("truncate"))), ("b", None)];
    for (run, (sensor, privacy)) in all.iter().enumerate() {
        for seq in 1..=2 {
            let publisher = Publisher::begin_part(&store, sensor, &format!("b{run}"), seq).unwrap();
            publish(&store, publisher.stating(privacy.clone()), &[BEGIN]);
        }
    }
    assert_eq!(compact_all(&store, "c1").len(), 3);
    let mut found: Vec<_> =
        store.entries().unwrap().into_iter().map(|e| (e.sensor, e.privacy)).collect();
    found.sort_by_key(|(sensor, privacy)| (sensor.clone(), privacy.is_some()));
    assert_eq!(found, all.map(|(sensor, privacy)| (sensor.to_owned(), privacy)));
    for entry in store.entries().unwrap() {
        let file = fs::File::open(store.root().join(&entry.files[0].path)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let pairs = builder.metadata().file_metadata().key_value_metadata().unwrap().clone();
        let said =
            pairs.into_iter().find(|pair| pair.key == "outflow.privacy").map(|p| p.value.unwrap());
        assert_eq!(said, entry.privacy.map(|p| p.of_table("dns").to_json()));
    }
}

#[test]
fn the_ledger_of_an_interface_is_known_after_its_hour_was_merged() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(dir.path()).unwrap();
    let empty = arrow::record_batch::RecordBatch::new_empty(ledger::TABLE.schema());
    for seq in 1..=4_i64 {
        let at = BEGIN + seq * HOUR / 2 - 1;
        let mut publisher =
            Publisher::begin_part(&store, "tap", "b1", seq.cast_unsigned()).unwrap();
        let mut file = publisher.stage(&ledger::TABLE, Hour::of_micros(at)).unwrap();
        file.append(&empty, (at, at)).unwrap();
        publisher.seal(file).unwrap();
        publisher.commit(vec![], true).unwrap();
    }
    assert_eq!(store.watched_until("tap").unwrap(), Some(BEGIN + 2 * HOUR - 1));
    // The first hour last, so that the newest entry is about the oldest time.
    let tending = store.tend().unwrap();
    let mut compactor = Compactor::new(&store, &tending, ("c1".to_owned(), bounds()));
    assert_eq!(compactor.heaps(BEGIN + HOUR - 1).unwrap(), [], "no hour has ended");
    for heap in compactor.heaps(BEGIN + HOUR).unwrap() {
        // Files without rows have no first and last time, and so no say.
        drop(compactor.compact(&heap));
    }
    drop(tending);
    sweep(&store);
    assert_eq!(store.watched_until("tap").unwrap(), Some(BEGIN + 2 * HOUR - 1));
    assert_eq!(store.watched_until("other").unwrap(), None);
}
