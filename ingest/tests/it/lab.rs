//! Ingest something into a store of its own and read the rows back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ingest::{IngestArgs, Outcome};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::store::Store;
use tempfile::TempDir;

/// A row as text by column; null is absent.
pub(crate) type Row = BTreeMap<String, String>;

/// A folder with captures and a store.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn args(&self, read: &[PathBuf]) -> IngestArgs {
        let mut args = IngestArgs::of(read.to_vec(), self.path("store"));
        args.sensor = Some("lab".to_owned());
        args.lanes = Some(1);
        args
    }

    pub(crate) fn rows(&self, table: &str) -> Vec<Row> {
        rows_of(&self.path("store"), table)
    }
}

/// Ingests captures with arguments changed by `change`; gives the outcome and the flows.
pub(crate) fn flows_of(read: &[PathBuf], change: impl Fn(&mut IngestArgs)) -> (Outcome, Vec<Row>) {
    let lab = Lab::new();
    let mut args = lab.args(read);
    change(&mut args);
    let outcome = ingest::run(&args).unwrap();
    (outcome, lab.rows("flows"))
}

/// The rows of a table, by the manifest.
pub(crate) fn rows_of(store: &Path, table: &str) -> Vec<Row> {
    let store = Store::open(store).unwrap();
    let mut rows = Vec::new();
    for file in store.entries().unwrap().into_iter().flat_map(|entry| entry.files) {
        if file.table != table {
            continue;
        }
        let before = rows.len();
        rows.extend(rows_in(&store.root().join(&file.path)));
        assert_eq!((rows.len() - before) as u64, file.rows, "{}", file.path);
    }
    rows
}

/// The rows of a file.
pub(crate) fn rows_in(path: &Path) -> Vec<Row> {
    let input = File::open(path).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(input).unwrap().build().unwrap();
    batches.flat_map(|batch| rows_of_batch(&batch.unwrap())).collect()
}

/// The rows of a batch.
pub(crate) fn rows_of_batch(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let cells = |row: usize| {
        let known =
            schema.fields().iter().zip(batch.columns()).filter(move |(_, c)| c.is_valid(row));
        known.map(|(field, column)| (field.name().clone(), text(column, row))).collect()
    };
    (0..batch.num_rows()).map(cells).collect()
}

/// Times as µs, everything else as arrow prints it.
fn text(column: &ArrayRef, row: usize) -> String {
    if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return times.value(row).to_string();
    }
    let options = FormatOptions::default();
    ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string()
}

/// A number of a row.
pub(crate) fn number(row: &Row, column: &str) -> i64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {}", row[column]))
}

/// A count as the columns hold it.
pub(crate) fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap()
}

/// The sum of a column.
pub(crate) fn sum(rows: &[Row], column: &str) -> i64 {
    rows.iter().map(|row| number(row, column)).sum()
}

/// The books of a run are closed.
pub(crate) fn assert_closed(outcome: &Outcome) {
    assert_eq!(outcome.difference(), 0, "{outcome}");
}

/// Says that a test cannot be done here; fails where all tools are required.
pub(crate) fn skip(test: &str, why: &str) {
    let required = std::env::var_os("OUTFLOW_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "{test} cannot be skipped here: {why}");
    // Past the harness, which would keep a passing test's words to itself.
    std::io::stderr().write_all(format!("SKIPPED {test}: {why}\n").as_bytes()).unwrap();
}
