//! Rolling up: each hour of flows as judged, summed up once, and again when its flows grew, the catalog is another, or the day after is over, of which
//! names and devices are witnesses.
//!
//! A day of hours is one file, a month of days is one, each replaced as a whole in one step; so questions over months open few files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use futures::TryStreamExt as _;
use schemas::rollup::{daily, hourly};
use schemas::store::{
    Bucket, Entry, Hour, Publisher, Rolled, StagedFile, Statement, Store, StoreError, Tending,
};
use schemas::{Partition, Table};

use crate::catalog::Catalog;
use crate::session::{Limits, Session, SessionError};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
/// With what the names of the files begin.
const NAME: &str = "rollup";
/// The view that is summed up.
const VIEW: &str = "rolling";

/// A rollup, and the questions that make it.
struct Kind {
    table: &'static Table,
    /// Of a bucket that is rolled up now.
    sums: &'static str,
    /// Of one that stays.
    kept: &'static str,
    bucket_us: i64,
}

const HOURLY: Kind = Kind {
    table: &hourly::TABLE,
    sums: include_str!("../sql/rollup/hour.sql"),
    kept: include_str!("../sql/rollup/kept_hour.sql"),
    bucket_us: HOUR_US,
};

const DAILY: Kind = Kind {
    table: &daily::TABLE,
    sums: include_str!("../sql/rollup/day.sql"),
    kept: include_str!("../sql/rollup/kept_day.sql"),
    bucket_us: DAY_US,
};

/// What was rolled up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Hours or days.
    pub buckets: u64,
    /// Files written for them.
    pub files: u64,
    /// Rows of these files, also of buckets that stayed as they were.
    pub rows: u64,
}

/// A program that rolls a store up.
#[derive(Debug)]
pub struct Roller<'a> {
    /// The store.
    pub store: &'a Store,
    /// The right to replace.
    pub tending: &'a Tending,
    /// By which flows are judged.
    pub catalog: Arc<Catalog>,
    /// What a question may use.
    pub limits: Limits,
    /// Its name, unique and without `-`.
    pub run: String,
    /// Hours that ended by then are closed, µs since 1970 UTC.
    pub until: i64,
    /// Entries it has begun.
    pub begun: u64,
}

/// Buckets that share a file, and which of them are to be rolled up.
#[derive(Debug, Default)]
struct Folder {
    buckets: BTreeMap<i64, Bucket>,
    stale: BTreeSet<i64>,
}

impl Roller<'_> {
    /// Rolls up the hours that need it, then the days.
    pub async fn roll(&mut self) -> Result<[Done; 2], SessionError> {
        Ok([self.hours().await?, self.days().await?])
    }

    /// Rolls up hours.
    async fn hours(&mut self) -> Result<Done, SessionError> {
        let entries = self.store.entries()?;
        let known = known(&entries, &HOURLY);
        let mut wanted = BTreeMap::new();
        for (hour, rows) in rows_by_hour(&entries, self.until) {
            let day = hour.begin().div_euclid(DAY_US) * DAY_US;
            let bucket = Bucket {
                start: hour.begin(),
                catalog_id: self.catalog.snapshot().id.clone(),
                rows,
                is_settled: day + 2 * DAY_US <= self.until,
            };
            wanted.insert(bucket.start, bucket);
        }
        self.renew(&HOURLY, &entries, folders(&HOURLY, known, wanted)).await
    }

    /// Rolls up the days of which all hours are closed.
    async fn days(&mut self) -> Result<Done, SessionError> {
        let entries = self.store.entries()?;
        let mut wanted: BTreeMap<i64, Bucket> = BTreeMap::new();
        for hour in known(&entries, &HOURLY).into_values() {
            let start = hour.start.div_euclid(DAY_US) * DAY_US;
            if start + DAY_US > self.until {
                continue;
            }
            match wanted.get_mut(&start) {
                None => drop(wanted.insert(start, Bucket { start, ..hour })),
                Some(day) => {
                    day.rows += hour.rows;
                    day.is_settled &= hour.is_settled;
                    if !day.catalog_id.split(' ').any(|id| id == hour.catalog_id) {
                        day.catalog_id = format!("{} {}", day.catalog_id, hour.catalog_id);
                    }
                }
            }
        }
        let known = known(&entries, &DAILY);
        self.renew(&DAILY, &entries, folders(&DAILY, known, wanted)).await
    }

    /// Writes the files anew that hold a bucket that is stale.
    async fn renew(
        &mut self,
        kind: &Kind,
        entries: &[Entry],
        folders: BTreeMap<String, Folder>,
    ) -> Result<Done, SessionError> {
        let mut done = Done::default();
        for folder in folders.into_values().filter(|folder| !folder.stale.is_empty()) {
            let Some((start, _)) = folder.buckets.first_key_value() else { continue };
            let hour = Hour::of_micros(*start);
            done.buckets += folder.stale.len() as u64;
            let rolled = Rolled {
                buckets: folder.buckets.values().cloned().collect(),
                privacy: privacy(entries, (kind, &folder)),
            };
            self.begun += 1;
            let mut publisher =
                Publisher::begin_part(self.store, NAME, &self.run, self.begun)?.rolling(rolled);
            // A session for each, for it remembers what was seen in its days only.
            let session =
                Session::open(self.store, Arc::clone(&self.catalog), &self.limits).await?;
            match fill(&session, (kind, &folder), &mut publisher).await {
                Ok(()) => {}
                Err(error) => {
                    publisher.abandon();
                    return Err(error);
                }
            }
            let partition = hour.folder_by(kind.table.partition);
            let entry = match self.store.rolled_before(kind.table, &partition)? {
                None => publisher.commit(Vec::new(), true)?,
                Some((replaced, old)) => {
                    let entry = publisher.replace(self.tending, replaced, Default::default())?;
                    self.store.retire(self.tending, old.iter().map(String::as_str))?;
                    entry
                }
            };
            done.files += entry.files.len() as u64;
            done.rows += entry.files.iter().map(|file| file.rows).sum::<u64>();
        }
        Ok(done)
    }
}

/// Writes the rows of a folder's buckets, in order of time.
async fn fill(
    session: &Session,
    (kind, folder): (&Kind, &Folder),
    publisher: &mut Publisher,
) -> Result<(), SessionError> {
    let schema = kind.table.schema();
    let mut file: Option<StagedFile> = None;
    for start in folder.buckets.keys() {
        let sql = if folder.stale.contains(start) { kind.sums } else { kind.kept };
        define(session, sql, (*start, *start + kind.bucket_us)).await?;
        let mut rows = session.stream(&format!("SELECT * FROM {VIEW}")).await?;
        while let Some(batch) = rows.try_next().await? {
            let batch = conform(&schema, &batch).map_err(StoreError::Columns)?;
            let mut grows = match file.take() {
                Some(file) => file,
                None => publisher.stage(kind.table, Hour::of_micros(*start))?,
            };
            grows.append(&batch, (*start, *start))?;
            file = Some(grows);
        }
    }
    Ok(file.map_or(Ok(()), |file| publisher.seal(file))?)
}

/// Makes the answer to a question about a time a view.
async fn define(
    session: &Session,
    sql: &str,
    (from, to): (i64, i64),
) -> Result<(), DataFusionError> {
    let time = |micros| ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()));
    let context = session.context();
    let frame = context.sql(sql).await?;
    let frame = frame.with_param_values(vec![("from", time(from)), ("to", time(to))])?;
    context.deregister_table(VIEW)?;
    context.register_table(VIEW, frame.into_view())?;
    Ok(())
}

/// Rows in the types of the contract.
fn conform(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let column = |field: &Arc<Field>| {
        let column = batch.column_by_name(field.name());
        let missing = || ArrowError::SchemaError(format!("there is no column {}", field.name()));
        cast(column.ok_or_else(missing)?, field.data_type())
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// Rows of `flows` in each hour that ended by `until`.
fn rows_by_hour(entries: &[Entry], until: i64) -> BTreeMap<Hour, u64> {
    let mut rows = BTreeMap::new();
    for file in entries.iter().flat_map(|entry| &entry.files) {
        let hour = Hour::of_micros(file.ts_min);
        if file.table == schemas::flow::TABLE.name && file.rows > 0 && hour.end() <= until {
            *rows.entry(hour).or_default() += file.rows;
        }
    }
    rows
}

/// The buckets that are in the store.
fn known(entries: &[Entry], kind: &Kind) -> BTreeMap<i64, Bucket> {
    let is_kind = |entry: &&Entry| entry.files.iter().any(|file| file.table == kind.table.name);
    let rolled = entries.iter().filter(is_kind).filter_map(|entry| entry.rolled.as_ref());
    let buckets = rolled.flat_map(|rolled| &rolled.buckets);
    buckets.map(|bucket| (bucket.start, bucket.clone())).collect()
}

/// What is known and what is wanted, by folder. A bucket with fewer rows than it was made of stays: they were deleted, and it is what is left of them.
fn folders(
    kind: &Kind,
    known: BTreeMap<i64, Bucket>,
    wanted: BTreeMap<i64, Bucket>,
) -> BTreeMap<String, Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    let place = |start: i64| Hour::of_micros(start).folder_by(kind.table.partition);
    for (start, bucket) in known {
        folders.entry(place(start)).or_default().buckets.insert(start, bucket);
    }
    for (start, bucket) in wanted {
        let folder = folders.entry(place(start)).or_default();
        let is_stale = folder
            .buckets
            .get(&start)
            .is_none_or(|known| *known != bucket && known.rows <= bucket.rows);
        if is_stale {
            folder.stale.insert(start);
            folder.buckets.insert(start, bucket);
        }
    }
    folders
}

/// What was done to the flows of a folder's buckets, each statement once.
fn privacy(entries: &[Entry], (kind, folder): (&Kind, &Folder)) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    let mut note = |statement: &Statement| {
        if !found.contains(statement) {
            found.push(statement.clone());
        }
    };
    for entry in entries {
        let holds = entry.files.iter().any(|file| {
            let start = file.ts_min.div_euclid(kind.bucket_us) * kind.bucket_us;
            folder.buckets.contains_key(&start)
        });
        if holds {
            let rolled = entry.rolled.iter().flat_map(|rolled| &rolled.privacy);
            entry.privacy.iter().chain(rolled).for_each(&mut note);
        }
    }
    found
}

// A folder of either is found by any hour in it.
const _: () = assert!(matches!(
    (hourly::TABLE.partition, daily::TABLE.partition),
    (Partition::Day, Partition::Month)
));
