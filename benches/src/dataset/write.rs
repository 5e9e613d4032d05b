//! Hours of made flows into a store, several at a time.

use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use ingest::block::{Seen, Time};
use ingest::flow::Open;
use ingest::ledger::{Account, Exported, IntervalEnd, Tally, Totals};
use schemas::flow::{FlowBatch, FlowRow};
use schemas::ledger::LedgerBatch;
use schemas::store::{Hour, Publisher, Store};

use crate::dataset::flows::Drawing;
use crate::dataset::hour::{HOUR_US, HourOfFlows};

/// 2026-03-02, a Monday, 00:00 UTC.
const BEGIN_US: i64 = 1_772_409_600_000_000;
const SENSOR: &str = "made";
/// Rows made at a time, so that they are still in the cache when they become columns.
const HAND: usize = 256;

/// How busy each hour of a day is, UTC; a fifth at night.
const DAY: [u64; 24] = [
    30, 24, 20, 20, 22, 28, 40, 56, 70, 78, 82, 84, 86, 84, 82, 80, 80, 84, 90, 98, 100, 92, 70, 46,
];
/// How busy each day of a week is, from Monday.
const WEEK: [u64; 7] = [10, 10, 10, 10, 10, 8, 8];

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rows of `flows`.
    pub rows: u64,
    /// Days they are spread over.
    pub days: u32,
    /// What they are drawn from.
    pub seed: u64,
    /// Hours that are written at the same time.
    pub threads: usize,
}

/// What was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Made {
    /// Rows of `flows`.
    pub rows: u64,
    /// Of files of `flows`.
    pub bytes: u64,
    /// Hours.
    pub hours: u32,
}

/// What went wrong.
type Fault = Box<dyn Error + Send + Sync>;

impl Plan {
    /// Rows of each hour: all of them, none twice.
    fn hours(&self) -> Vec<u64> {
        let day = WEEK.iter().cycle().take(self.days as usize);
        let weights: Vec<u64> =
            day.flat_map(|day| DAY.iter().map(move |hour| day * hour)).collect();
        let all: u64 = weights.iter().sum();
        let upto =
            |weight: u64| u128::from(self.rows) * u128::from(weight) / u128::from(all.max(1));
        let mut sum = 0;
        let hour = |weight: &u64| {
            let before = upto(sum);
            sum += weight;
            u64::try_from(upto(sum) - before).unwrap_or(0)
        };
        weights.iter().map(hour).collect()
    }

    /// Writes a store; `progress` is told after each hour what there is by then.
    pub fn make(&self, out: &Path, progress: impl Fn(&Made) + Sync) -> Result<Made, Fault> {
        let store = Store::open_or_create(out)?;
        let hours = self.hours();
        let (made, threads) = (Mutex::new(Made::default()), self.threads.max(1));
        thread::scope(|scope| {
            let work = |first: usize| {
                let (store, hours, made, progress) = (&store, &hours, &made, &progress);
                move || {
                    // Each has its own: names that threads share would go from cache to cache.
                    let press =
                        Press { store, drawing: Drawing::new(self.seed, SENSOR), seed: self.seed };
                    for (number, rows) in (0_u32..).zip(hours).skip(first).step_by(threads) {
                        let bytes = press.hour(number, *rows)?;
                        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                        made.rows += rows;
                        made.bytes += bytes;
                        made.hours += 1;
                        progress(&made);
                    }
                    Ok(())
                }
            };
            let workers: Vec<_> = (0..threads).map(|first| scope.spawn(work(first))).collect();
            let ended = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|_| Err("a writer has stopped, see above".into()))
            });
            ended.collect::<Result<(), Fault>>()
        })?;
        Ok(made.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes hours.
struct Press<'a> {
    store: &'a Store,
    drawing: Drawing,
    seed: u64,
}

impl Press<'_> {
    /// Writes one and publishes it; gives the octets of its file of `flows`.
    fn hour(&self, number: u32, rows: u64) -> Result<u64, Fault> {
        let begin_us = BEGIN_US + i64::from(number) * HOUR_US;
        let boot = format!("seed{:x}", self.seed);
        let mut publisher =
            Publisher::begin_part(self.store, SENSOR, &boot, u64::from(number) + 1)?;
        let hour = Hour::of_micros(begin_us);
        let mut file = publisher.stage_rows::<FlowBatch>(hour)?;
        let mut flows = HourOfFlows::new(&self.drawing, self.seed, begin_us, rows.cast_signed());
        let mut exported = Exported::default();
        let mut hand: Vec<FlowRow> = Vec::with_capacity(HAND);
        loop {
            hand.clear();
            hand.extend(flows.by_ref().take(HAND));
            if hand.is_empty() {
                break;
            }
            let mut span = (i64::MAX, i64::MIN);
            for row in &hand {
                add(&mut exported, row);
                span = (span.0.min(row.flow_end.0), span.1.max(row.flow_end.0));
            }
            file.extend(&hand, span)?;
        }
        publisher.seal(file)?;
        write_ledger(&mut publisher, begin_us, &exported)?;
        let entry = publisher.commit(Vec::new(), false)?;
        let of_flows = entry.files.iter().filter(|file| file.table == schemas::flow::TABLE.name);
        Ok(of_flows.map(|file| file.bytes).sum())
    }
}

fn add(exported: &mut Exported, row: &FlowRow) {
    exported.rows += 1;
    exported.one_way += u64::from(row.dst_packets == 0);
    exported.sums.packets += row.packets.unsigned_abs();
    exported.sums.wire_bytes += row.wire_bytes.unsigned_abs();
    exported.sums.ip_bytes += row.bytes.unsigned_abs();
}

/// The balance of an hour in which all that came went into rows.
fn write_ledger(
    publisher: &mut Publisher,
    begin_us: i64,
    exported: &Exported,
) -> Result<(), Fault> {
    let (from_us, to_us) = (begin_us, begin_us + HOUR_US - 1);
    let sums = exported.sums;
    let seen = Seen { packets: sums.packets, wire_bytes: sums.wire_bytes };
    let time = Time { from_ns: from_us * 1_000, to_ns: to_us * 1_000, step_back_ns: 0 };
    let end = IntervalEnd {
        tally: Tally { seen, ip_bytes: sums.ip_bytes, time, ..Tally::default() },
        open: Open::default(),
        entries: 0,
        totals: Totals::default(),
        interface: "eth0".into(),
        watch: None,
    };
    let row = Account::new(SENSOR.into(), 0, "file").close(&end, exported);
    let mut file = publisher.stage_rows::<LedgerBatch>(Hour::of_micros(begin_us))?;
    file.extend(&[row], (to_us, to_us))?;
    Ok(publisher.seal(file)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_hour() {
        for (rows, days) in [(10_000_000, 7), (1, 1), (999_983, 31), (0, 2)] {
            let hours = Plan { rows, days, seed: 7, threads: 1 }.hours();
            assert_eq!(hours.len(), days as usize * 24);
            assert_eq!(hours.iter().sum::<u64>(), rows);
        }
    }
    #[test]
    fn a_store_is_whole_and_the_same_again_however_many_write_it() {
        let digests = |threads: usize| {
            let folder = tempfile::tempdir().unwrap();
            let plan = Plan { rows: 6_000, days: 1, seed: 7, threads };
            let made = plan.make(folder.path(), |_| ()).unwrap();
            assert_eq!((made.rows, made.hours), (6_000, 24));
            let store = Store::open(folder.path()).unwrap();
            assert_eq!(schemas::store::verify(&store).unwrap().findings, []);
            let entries = store.entries().unwrap();
            let files: Vec<_> = entries.into_iter().flat_map(|entry| entry.files).collect();
            files.into_iter().map(|file| (file.path, file.sha256)).collect::<Vec<_>>()
        };
        assert_eq!(digests(1), digests(3));
    }

    #[test]
    fn rows_are_in_the_order_of_a_probe_and_add_up() {
        let drawing = Drawing::new(7, SENSOR);
        let rows: Vec<FlowRow> = HourOfFlows::new(&drawing, 7, BEGIN_US, 20_000).collect();
        assert_eq!(rows.len(), 20_000);
        for (at, row) in (0_i64..).zip(&rows) {
            let told_us = BEGIN_US + at * HOUR_US / 20_000;
            assert!((BEGIN_US..=told_us).contains(&row.flow_end.0), "{row:?}");
            assert!(told_us - row.flow_end.0 < 121_000_000, "{row:?}");
            assert_eq!(row.flow_end.0 - row.flow_start.0, row.duration_us);
            assert_eq!(row.src_bytes + row.dst_bytes, row.bytes);
            assert!(row.flow_first_seen <= row.flow_start && row.duration_us >= 0);
        }
        let share =
            |is: fn(&FlowRow) -> bool| rows.iter().filter(|row| is(row)).count() * 100 / rows.len();
        assert!((12..18).contains(&share(|row| row.server_name.is_none())));
        assert!((10..20).contains(&share(|row| row.ip_version == 6)));
        assert!((88..92).contains(&share(|row| row.direction == "outbound")));
        assert!((3..9).contains(&share(|row| row.flow_part > 0)));
    }
}
