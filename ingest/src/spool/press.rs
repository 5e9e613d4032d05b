//! Turns closed spool files into Parquet files of their hour and publishes them, each file once: its number is the publication's.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::compute::{SortOptions, sort_to_indices, take_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use schemas::TABLES;
use schemas::column::Table;
use schemas::store::publish::sync_folder;
use schemas::store::{Hour, Publisher, StagedFile, Store, StoreError};

use crate::spool::contents::Contents;
use crate::spool::lock::BootLock;
use crate::spool::shared::{Closed, Shared};

/// Between two tries.
const RETRY: Duration = Duration::from_secs(1);
/// Without files the end of the run is looked for this often.
const IDLE: Duration = Duration::from_secs(1);
/// At the end of the run no file is begun later than this; the next start goes on.
const LAST_BEGIN: Duration = Duration::from_secs(2);
/// Files that grow at the same time.
const OPEN_FILES_MAX: usize = 24;

/// What was published, for the operator.
#[derive(Debug, Clone, Default)]
pub struct Pressed {
    /// Parquet files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Spool files left for the next start.
    pub left: usize,
    /// Spool files that could not be read, renamed to `….bad`.
    pub quarantined: Vec<PathBuf>,
    /// Why files were left.
    pub error: Option<String>,
}

/// What came of a spool file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Yield {
    files: u64,
    rows: u64,
    damages: u64,
}

/// Publishes the spool: the second of its two disk threads.
#[derive(Debug)]
pub struct Press {
    shared: Arc<Shared>,
    /// Of dead runs whose files are published here.
    locks: Vec<BootLock>,
    pressed: Pressed,
}

impl Press {
    pub(crate) fn new(shared: Arc<Shared>, locks: Vec<BootLock>) -> Self {
        Self { shared, locks, pressed: Pressed::default() }
    }

    /// Works until no more files will come and all are published, or the disk takes no more.
    pub fn run(mut self) -> Pressed {
        let mut end: Option<Instant> = None;
        loop {
            if self.shared.state().is_kept {
                let end = *end.get_or_insert_with(Instant::now);
                if end.elapsed() > LAST_BEGIN {
                    break;
                }
            }
            match self.step() {
                Some(true) => {}
                Some(false) => {
                    self.shared.wait(&self.shared.files, RETRY, |state| state.is_press_stuck);
                }
                None if end.is_some() => break,
                None => self.shared.wait(&self.shared.files, IDLE, |state| {
                    state.closed.is_empty() && !state.is_kept
                }),
            }
            self.shared.measure();
        }
        let mut state = self.shared.state();
        self.pressed.left = state.closed.len();
        if state.closed.is_empty()
            && state.current_bytes == 0
            && let Some(lock) = state.lock.take()
        {
            lock.retire();
        }
        drop(state);
        self.pressed
    }

    /// Publishes the oldest file: whether that went well; none where there is none.
    pub(crate) fn step(&mut self) -> Option<bool> {
        let closed = {
            let mut state = self.shared.state();
            let closed = state.closed.pop_front()?;
            state.pressing_bytes = closed.bytes;
            closed
        };
        let outcome = self.publish(&closed).or_else(|error| self.quarantine(&closed, error));
        let mut state = self.shared.state();
        state.pressing_bytes = 0;
        state.is_press_stuck = outcome.is_err();
        match outcome {
            Ok(made) => {
                let is_done = !state.closed.iter().any(|other| other.boot == closed.boot);
                drop(state);
                self.count(&closed, made);
                let is_free = |lock: &mut BootLock| is_done && lock.boot == closed.boot;
                self.locks.extract_if(.., is_free).for_each(BootLock::retire);
                Some(true)
            }
            Err(error) => {
                if self.pressed.error.is_none() {
                    state.notice(format!(
                        "files wait in the spool: {}",
                        crate::error::chain(&error)
                    ));
                }
                self.pressed.error = Some(crate::error::chain(&error));
                state.closed.push_front(closed);
                drop(state);
                self.shared.settings.metrics.disk.write_errors.add(1);
                Some(false)
            }
        }
    }

    fn count(&mut self, closed: &Closed, made: Yield) {
        self.pressed.error = None;
        self.pressed.files += made.files;
        self.pressed.rows += made.rows;
        let disk = &self.shared.settings.metrics.disk;
        disk.files_published.add(made.files);
        disk.rows_published.add(made.rows);
        if made.damages > 0 {
            let text = format!("{} was damaged in {} places", closed.path.display(), made.damages);
            self.shared.state().notice(text);
        }
    }

    /// Publishes a file that is not in the store yet, and removes it.
    fn publish(&self, closed: &Closed) -> Result<Yield, StoreError> {
        let store = &self.shared.settings.store;
        let mut contents = Contents::open(closed)?;
        let header = contents.header().clone();
        let mut made = Yield::default();
        if !store.complete(&header.boot, header.seq)? {
            let mut publisher =
                Publisher::begin_part(store, &header.sensor, &header.boot, header.seq)?
                    .stating(header.privacy.clone());
            match convert(&mut contents, &mut publisher) {
                Ok(0) => publisher.abandon(),
                Ok(rows) => {
                    let entry = publisher.commit(Vec::new(), true)?;
                    made.rows = rows;
                    made.files = entry.files.len() as u64;
                }
                Err(error) => {
                    publisher.abandon();
                    return Err(error);
                }
            }
            made.damages = contents.damages();
        }
        remove(store, closed)?;
        Ok(made)
    }

    /// Puts a file aside that can never be published; gives other failures back.
    fn quarantine(&mut self, closed: &Closed, error: StoreError) -> Result<Yield, StoreError> {
        if let StoreError::Io { .. } = error {
            return Err(error);
        }
        let mut bad = closed.path.clone().into_os_string();
        bad.push(".bad");
        let bad = PathBuf::from(bad);
        fs::rename(&closed.path, &bad).map_err(StoreError::io("put aside", &closed.path))?;
        let text =
            format!("{}; it was put aside as {}", crate::error::chain(&error), bad.display());
        self.shared.state().notice(text);
        self.pressed.quarantined.push(bad);
        Ok(Yield::default())
    }
}

fn remove(store: &Store, closed: &Closed) -> Result<(), StoreError> {
    match fs::remove_file(&closed.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", &closed.path)(error))
        }
        _ => sync_folder(&store.spool()),
    }
}

/// Files under construction, by table and hour.
#[derive(Default)]
struct Shelf {
    files: BTreeMap<(usize, Hour), (StagedFile, u64)>,
    uses: u64,
}

/// Writes all rows; gives their number.
fn convert(contents: &mut Contents, publisher: &mut Publisher) -> Result<u64, StoreError> {
    let mut shelf = Shelf::default();
    let mut rows = 0;
    while let Some(part) = contents.next()? {
        for (place, batches) in part.tables.iter().enumerate() {
            for batch in batches {
                rows += batch.num_rows() as u64;
                shelf.append(place, batch, publisher)?;
            }
        }
    }
    for (file, _) in std::mem::take(&mut shelf.files).into_values() {
        publisher.seal(file)?;
    }
    Ok(rows)
}

impl Shelf {
    /// Appends rows to the files of their hours, in order of time.
    fn append(
        &mut self,
        place: usize,
        batch: &RecordBatch,
        publisher: &mut Publisher,
    ) -> Result<(), StoreError> {
        let Some(table) = TABLES.get(place) else { return Ok(()) };
        for (hour, batch, span) in by_hour(table, batch)? {
            self.uses += 1;
            let key = (place, hour);
            if !self.files.contains_key(&key) {
                self.make_place(publisher)?;
                self.files.insert(key, (publisher.stage(table, hour)?, 0));
            }
            if let Some((file, used)) = self.files.get_mut(&key) {
                *used = self.uses;
                file.append(&batch, span)?;
            }
        }
        Ok(())
    }

    fn make_place(&mut self, publisher: &mut Publisher) -> Result<(), StoreError> {
        if self.files.len() < OPEN_FILES_MAX {
            return Ok(());
        }
        let oldest = self.files.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
        match oldest.and_then(|key| self.files.remove(&key)) {
            Some((file, _)) => publisher.seal(file),
            None => Ok(()),
        }
    }
}

/// Rows of one hour, with their first and last time, µs since 1970 UTC.
type HourRows = (Hour, RecordBatch, (i64, i64));

/// Parts rows by the hour of their partition column, each part in order of it.
fn by_hour(table: &Table, batch: &RecordBatch) -> Result<Vec<HourRows>, StoreError> {
    let Some(column) = batch.column_by_name(table.partition_by) else { return Ok(Vec::new()) };
    let options = SortOptions { descending: false, nulls_first: true };
    let order = sort_to_indices(column, Some(options), None).map_err(StoreError::Columns)?;
    let times = column.as_primitive::<TimestampMicrosecondType>();
    let time = |index: u32| {
        let at = usize::try_from(index).ok().filter(|at| *at < times.len());
        at.map_or(0, |at| times.value(at))
    };
    order
        .values()
        .chunk_by(|a, b| Hour::of_micros(time(*a)) == Hour::of_micros(time(*b)))
        .map(|rows| {
            let first = rows.first().map_or(0, |row| time(*row));
            let last = rows.last().map_or(0, |row| time(*row));
            let indices = UInt32Array::from_iter_values(rows.iter().copied());
            let batch = take_record_batch(batch, &indices).map_err(StoreError::Columns)?;
            Ok((Hour::of_micros(first), batch, (first, last)))
        })
        .collect()
}
