//! Merging the files of a table: rows go through memory a stretch of time at a time, sorted, into files of bounded size.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ParquetRecordBatchReaderBuilder as Builder, RowFilter,
};

use crate::column::Table;
use crate::store::StoreError;
use crate::store::compact::plan::Bounds;
use crate::store::compact::tally::Tally;
use crate::store::layout::Hour;
use crate::store::manifest::FileRecord;
use crate::store::publish::Publisher;
use crate::store::staged::{PRIVACY, StagedFile};

/// Rows read or written at a time.
const BATCH_ROWS: usize = 8_192;
/// The finest stretch of time that is told apart, µs.
const TICK_US: i64 = 100_000;

/// A stretch of time: from the first µs to before the last.
type Window = (i64, i64);

/// A file to merge.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    record: FileRecord,
    /// What it says was done to its rows.
    stated: Option<String>,
}

impl Source {
    pub(crate) fn open(path: PathBuf, record: FileRecord) -> Result<Self, StoreError> {
        let builder = builder(&path)?;
        let pairs = builder.metadata().file_metadata().key_value_metadata();
        let stated = pairs.into_iter().flatten().find(|pair| pair.key == PRIVACY);
        let stated = stated.and_then(|pair| pair.value.clone());
        Ok(Self { path, record, stated })
    }

    /// Its rows of a window, in the columns of the contract.
    fn rows(&self, table: &Table, (from, to): Window) -> Result<Vec<RecordBatch>, StoreError> {
        if self.record.ts_max < from || self.record.ts_min >= to {
            return Ok(Vec::new());
        }
        let mut builder = builder(&self.path)?.with_batch_size(BATCH_ROWS);
        if self.record.ts_min < from || self.record.ts_max >= to {
            let mask = ProjectionMask::columns(builder.parquet_schema(), [table.partition_by]);
            let is_inside = move |batch: RecordBatch| {
                let times = times(batch.columns().first())?;
                Ok(times.map(|time| Some((from..to).contains(&time))).collect::<BooleanArray>())
            };
            let filter = RowFilter::new(vec![Box::new(ArrowPredicateFn::new(mask, is_inside))]);
            builder = builder.with_row_filter(filter);
        }
        let reader = builder.build().map_err(StoreError::parquet("read", &self.path))?;
        let schema = table.schema();
        reader
            .map(|batch| {
                let batch = batch.map_err(|error| self.unmergeable(&error))?;
                conform(&schema, &batch).map_err(|error| self.unmergeable(&error))
            })
            .collect()
    }

    /// Counts its rows by tick.
    fn count(&self, table: &Table, counts: &mut Ticks) -> Result<(), StoreError> {
        let builder = builder(&self.path)?.with_batch_size(BATCH_ROWS);
        let mask = ProjectionMask::columns(builder.parquet_schema(), [table.partition_by]);
        let reader = builder.with_projection(mask).build();
        for batch in reader.map_err(StoreError::parquet("read", &self.path))? {
            let batch = batch.map_err(|error| self.unmergeable(&error))?;
            let times = times(batch.columns().first()).map_err(|error| self.unmergeable(&error))?;
            times.for_each(|time| counts.add(time));
        }
        Ok(())
    }

    fn unmergeable(&self, error: &ArrowError) -> StoreError {
        StoreError::Unmergeable { path: self.record.path.clone(), why: error.to_string() }
    }
}

fn builder(path: &Path) -> Result<Builder<File>, StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    Builder::try_new(file).map_err(StoreError::parquet("read", path))
}

fn times(column: Option<&Arc<dyn Array>>) -> Result<impl Iterator<Item = i64>, ArrowError> {
    let times = column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| ArrowError::SchemaError("it has no times".to_owned()))?;
    Ok(times.values().iter().copied())
}

/// Rows in the columns of the contract; older files lack some, which were not observed then.
fn conform(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let known = |name: &String| schema.column_with_name(name).is_some();
    if let Some(field) = batch.schema().fields().iter().find(|field| !known(field.name())) {
        return Err(ArrowError::SchemaError(format!("column {} is not known here", field.name())));
    }
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => new_null_array(field.data_type(), batch.num_rows()),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

/// How many rows each tick of an hour has; those beside it count at its ends.
struct Ticks {
    begin: i64,
    counts: Vec<usize>,
}

impl Ticks {
    fn of(hour: Hour) -> Self {
        let ticks = usize::try_from((hour.end() - hour.begin()) / TICK_US).unwrap_or(1);
        Self { begin: hour.begin(), counts: vec![0; ticks] }
    }

    fn add(&mut self, time: i64) {
        let last = self.counts.len().saturating_sub(1);
        let tick = usize::try_from((time - self.begin).div_euclid(TICK_US)).unwrap_or(0).min(last);
        if let Some(count) = self.counts.get_mut(tick) {
            *count += 1;
        }
    }

    /// Windows of at most so many rows, unless a tick alone has more; together all of time.
    fn windows(&self, rows_max: usize) -> Vec<Window> {
        let (mut windows, mut from, mut rows) = (Vec::new(), i64::MIN, 0);
        let mut at = self.begin;
        for count in &self.counts {
            if rows > 0 && rows + count > rows_max {
                windows.push((from, at));
                (from, rows) = (at, 0);
            }
            rows += count;
            at += TICK_US;
        }
        windows.push((from, i64::MAX));
        windows
    }
}

/// Merges the files of a table and hour.
pub(crate) struct Merge<'a> {
    pub(crate) table: &'static Table,
    pub(crate) hour: Hour,
    pub(crate) bounds: Bounds,
    pub(crate) publisher: &'a mut Publisher,
}

impl Merge<'_> {
    /// Writes all rows of the sources into new files, and reads these again: both must hold the same.
    pub(crate) fn run(&mut self, mut sources: Vec<Source>) -> Result<(), StoreError> {
        let expected: u64 = sources.iter().map(|source| source.record.rows).sum();
        let sealed_before = self.publisher.sealed().count();
        let mut read = Tally::default();
        // What was done to rows is said once a file.
        sources.sort_by(|a, b| (&a.stated, &a.record.path).cmp(&(&b.stated, &b.record.path)));
        for sources in sources.chunk_by(|a, b| a.stated == b.stated) {
            let mut file = None;
            for window in self.windows(sources)? {
                file = self.pour(sources, window, (file, &mut read))?;
            }
            if let Some(file) = file {
                self.publisher.seal(file)?;
            }
        }
        let written = self.written(sealed_before)?;
        if read.rows != expected || written != read {
            return Err(StoreError::Books {
                table: self.table.name,
                hour: self.hour.folder(),
                counts: (expected, read.rows, written.rows),
            });
        }
        Ok(())
    }

    fn windows(&self, sources: &[Source]) -> Result<Vec<Window>, StoreError> {
        let rows: u64 = sources.iter().map(|source| source.record.rows).sum();
        if usize::try_from(rows).is_ok_and(|rows| rows <= self.bounds.window_rows) {
            return Ok(vec![(i64::MIN, i64::MAX)]);
        }
        let mut ticks = Ticks::of(self.hour);
        for source in sources {
            source.count(self.table, &mut ticks)?;
        }
        Ok(ticks.windows(self.bounds.window_rows))
    }

    /// Writes the rows of a window; gives the file that grows.
    fn pour(
        &mut self,
        sources: &[Source],
        window: Window,
        (mut file, read): (Option<StagedFile>, &mut Tally),
    ) -> Result<Option<StagedFile>, StoreError> {
        let mut batches = Vec::new();
        for source in sources {
            batches.extend(source.rows(self.table, window)?);
        }
        for batch in &batches {
            read.add(batch);
        }
        let order = self.ordered(&batches)?;
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        for rows in order.chunks(BATCH_ROWS) {
            let (Some((first, ..)), Some((last, ..))) = (rows.first(), rows.last()) else { break };
            let places: Vec<_> = rows.iter().map(|(_, batch, row)| (*batch, *row)).collect();
            let sorted = interleave_record_batch(&batches, &places).map_err(StoreError::Columns)?;
            let mut grows = match file.take() {
                Some(file) => file,
                None => self.begin(sources)?,
            };
            grows.append(&sorted, (*first, *last))?;
            if grows.rows() >= self.bounds.file_rows || grows.bytes() >= self.bounds.file_bytes {
                self.publisher.seal(grows)?;
            } else {
                file = Some(grows);
            }
        }
        Ok(file)
    }

    fn begin(&mut self, sources: &[Source]) -> Result<StagedFile, StoreError> {
        let stated = sources.first().and_then(|source| source.stated.clone());
        self.publisher.stage_in(self.table, &self.hour.folder(), stated)
    }

    /// Time, batch and row of all rows, by time; rows of the same time as they came.
    fn ordered(&self, batches: &[RecordBatch]) -> Result<Vec<(i64, usize, usize)>, StoreError> {
        let mut order = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for (number, batch) in batches.iter().enumerate() {
            let column = batch.column_by_name(self.table.partition_by);
            let times = times(column).map_err(StoreError::Columns)?;
            order.extend(times.enumerate().map(|(row, time)| (time, number, row)));
        }
        order.sort_unstable();
        Ok(order)
    }

    /// What the new files hold.
    fn written(&self, sealed_before: usize) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        for (path, _) in self.publisher.sealed().skip(sealed_before) {
            let reader = builder(&path)?.with_batch_size(BATCH_ROWS).build();
            for batch in reader.map_err(StoreError::parquet("read", &path))? {
                tally.add(&batch.map_err(StoreError::Columns)?);
            }
        }
        Ok(tally)
    }
}
