//! What a store costs when it is asked, at the size of the field. Measurements, each to be run alone: `cargo nextest run -p analyze --run-ignored only measure
//! --no-capture`. With `OUTFLOW_OUT=FOLDER` the stores stay, to be asked by another build.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use analyze::session::{Limits, Session};
use analyze::sketch::Sketch;
use schemas::flow::{self, FlowBatch};
use schemas::rollup::daily::{RollupBatch, RollupRow, TABLE};
use schemas::store::compact::{Bounds, Compactor};
use schemas::store::manifest::hex;
use schemas::store::{Bucket, Entry, Hour, Publisher, Rolled, Store};
use schemas::{Micros, rollup};
use sha2::{Digest as _, Sha256};

use crate::fixture::{BEGIN, HOUR, ask, catalog, flow};

const DAY: i64 = 24 * HOUR;
/// 2014-07-01.
const JULY: i64 = 1_404_172_800_000_000;

fn place(name: &str) -> (PathBuf, Option<tempfile::TempDir>) {
    if let Some(folder) = std::env::var_os("OUTFLOW_OUT") {
        return (PathBuf::from(folder).join(name), None);
    }
    let folder = tempfile::tempdir().unwrap();
    (folder.path().join(name), Some(folder))
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    eprintln!("{what}: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    done
}

async fn asked(store: &Store, (what, sql): (&str, &str)) -> Vec<String> {
    let began = Instant::now();
    let session = Session::open(store, catalog(), &Limits::default()).await.unwrap();
    eprintln!("{what}, session opened: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    let mut answer = Vec::new();
    for turn in ["first", "again"] {
        let began = Instant::now();
        answer = ask(&session, sql).await.unwrap();
        eprintln!("{what}, {turn}: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    }
    answer
}

/// A number below `below`, small ones far more often.
fn skewed(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let drawn = u128::from(*seed >> 44);
    u64::try_from((drawn * drawn * drawn * u128::from(below)) >> 60).unwrap()
}

/// The cells of a day, drawn and each once: 60 vendors, 60 countries, 12 operators, makers and rungs.
fn cells(day: i64, seed: &mut u64) -> Vec<RollupRow> {
    let mut drawn: Vec<[u64; 6]> = Vec::new();
    for _ in 0..20_000 {
        let mut part = |below| skewed(seed, below);
        drawn.push([part(60), part(60), part(12), part(3), part(8), part(6)]);
    }
    drawn.sort_unstable();
    drawn.dedup();
    let text = |what: &str, number: u64| Some(format!("{what}{number}").into());
    let row = |[vendor, country, operator, direction, device, evidence]: [u64; 6]| {
        let mut clients = Sketch::default();
        let number = 1 + 400 / (1 + vendor + country);
        (0..number).for_each(|client| clients.add(format!("10.0.{day}.{client}").as_bytes()));
        RollupRow {
            bucket_start: Micros(JULY + day * DAY),
            sensor_id: "tap".into(),
            site: None,
            direction: ["outbound", "inbound", "transit"][usize::try_from(direction).unwrap()]
                .into(),
            service_vendor: text("vendor", vendor),
            operator: text("operator", operator),
            server_country: text("C", country),
            vendor_country: text("C", vendor % 20),
            device_vendor: text("maker", device),
            evidence: text("E", evidence),
            flows: number.cast_signed() * 10,
            packets_up: number.cast_signed() * 100,
            packets_down: number.cast_signed() * 200,
            bytes_up: number.cast_signed() * 50_000,
            bytes_down: number.cast_signed() * 500_000,
            clients: rollup::Sketch(clients.to_bytes().into()),
            catalog_id: "measured".into(),
        }
    };
    drawn.into_iter().map(row).collect()
}

#[tokio::test]
#[ignore = "a measurement, to be run alone"]
async fn ninety_days_of_rollups() {
    let (root, _gone) = place("quarter");
    let store = Store::open_or_create(&root).unwrap();
    let mut seed = 7;
    for (month, days) in [(0, 0..31), (1, 31..62), (2, 62..90)] {
        let bucket = |day: i64| Bucket {
            start: JULY + day * DAY,
            catalog_id: "measured".into(),
            rows: 1,
            is_settled: true,
        };
        let rolled = Rolled { buckets: days.clone().map(bucket).collect(), privacy: vec![] };
        let mut publisher =
            Publisher::begin_part(&store, "rollup", "m", month + 1).unwrap().rolling(rolled);
        let hour = Hour::of_micros(JULY + days.start * DAY);
        let mut file = publisher.stage(&TABLE, hour).unwrap();
        for day in days {
            let mut batch = RollupBatch::default();
            batch.extend(&cells(day, &mut seed));
            let at = JULY + day * DAY;
            file.append(&batch.finish().unwrap(), (at, at)).unwrap();
        }
        publisher.seal(file).unwrap();
        let entry = publisher.commit(vec![], true).unwrap();
        eprintln!(
            "{}: {} rows, {} octets",
            entry.files[0].path, entry.files[0].rows, entry.files[0].bytes
        );
    }
    let sums =
        "SELECT service_vendor, server_country, sum(bytes_up), sum(bytes_down) FROM rollup_daily
         WHERE bucket_start >= '2014-07-01' AND bucket_start < '2014-09-29' GROUP BY 1, 2";
    assert!(asked(&store, ("vendor × country", sums)).await.len() > 2_000);
    let clients =
        "SELECT service_vendor, sketch_count(sketch_merge(clients)) FROM rollup_daily GROUP BY 1";
    assert_eq!(asked(&store, ("clients by vendor", clients)).await.len(), 60);
}

/// Publishes a part with a file of `flows`.
fn part(store: &Store, seq: u64, at: i64) -> Entry {
    let mut publisher = Publisher::begin_part(store, "tap", "b1", seq).unwrap();
    let mut batch = FlowBatch::default();
    for number in 0..100 {
        batch.append(&flow(at + number * 40_000, "8.8.8.8"));
    }
    let span = (at + 1_000, at + 99 * 40_000 + 1_000);
    let mut file = publisher.stage(&flow::TABLE, Hour::of_micros(at)).unwrap();
    file.append(&batch.finish().unwrap(), span).unwrap();
    publisher.seal(file).unwrap();
    publisher.commit(vec![], true).unwrap()
}

/// Writes an entry whose files are not there: only their times are asked.
fn claim(root: &Path, mut entry: Entry, (seq, back_us): (u64, i64)) {
    let template = entry.files.remove(0);
    for table in ["flows", "dns", "devices", "ledger"] {
        let mut file = template.clone();
        (file.ts_min, file.ts_max) = (file.ts_min - back_us, file.ts_max - back_us);
        file.times.clear();
        let folder = Hour::of_micros(file.ts_min).folder();
        file.path = format!("{table}/{folder}/tap-b1-{seq:06}-000000.parquet");
        table.clone_into(&mut file.table);
        entry.files.push(file);
    }
    entry.seq = seq;
    let mut content = serde_json::to_vec_pretty(&entry).unwrap();
    content.push(b'\n');
    let mut digest = hex(&Sha256::digest(&content));
    digest.truncate(16);
    fs::write(root.join(format!("_manifest/b1-{seq:06}-{digest}.json")), content).unwrap();
}

#[tokio::test]
#[ignore = "a measurement, to be run alone"]
async fn a_day_of_publications_every_five_seconds() {
    const HOURLY: u64 = 720;
    let (root, _gone) = place("day");
    let store = Store::open_or_create(&root).unwrap();
    let mut last = None;
    for number in 0..HOURLY {
        let at = BEGIN + number.cast_signed() * 5_000_000;
        last = Some(part(&store, 23 * HOURLY + number + 1, at));
    }
    let last = last.unwrap();
    for seq in 1..=23 * HOURLY {
        let back = (24 * HOURLY - seq).cast_signed() * 5_000_000;
        claim(&root, last.clone(), (seq, back));
    }
    let entries = timed("entries of a day", || store.entries().unwrap());
    assert_eq!(entries.len(), 17_280);
    let sql = "SELECT proto, count(*), sum(bytes) FROM flows WHERE flow_end >= '2014-09-23T14:00:00Z' GROUP BY 1";
    let before = asked(&store, ("the last hour in 720 files, before compaction", sql)).await;
    let tending = store.tend().unwrap();
    let mut compactor = Compactor::new(&store, &tending, ("c1".into(), Bounds::default()));
    let heaps = compactor.heaps(i64::MAX).unwrap();
    let done = timed("720 files compacted", || compactor.compact(heaps.last().unwrap()).unwrap());
    eprintln!("{done:?}");
    assert_eq!(asked(&store, ("the last hour in one file", sql)).await, before);
    // As if the other hours had been merged, too.
    for path in store.entry_paths().unwrap() {
        if path.file_name().unwrap().to_string_lossy().starts_with("b1-") {
            fs::remove_file(path).unwrap();
        }
    }
    for hour in 1..24 {
        claim(&root, last.clone(), (hour, hour.cast_signed() * HOUR));
    }
    timed("entries of a day, compacted", || store.entries().unwrap());
    assert_eq!(asked(&store, ("the last hour of a compacted day", sql)).await, before);
}
