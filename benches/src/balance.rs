//! The ledger of a store, read from its files as a stranger would: is a figure of speed worth printing?

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::store::Store;

/// Sums over the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Frames the source handed over.
    pub packets_seen: i64,
    /// Of these, in rows.
    pub exported: i64,
    /// IP-layer octets in rows.
    pub ip_exported: i64,
    /// Frame octets seen.
    pub wire_bytes: i64,
    /// Absolute differences of packets, frame octets and IP octets.
    pub difference: i64,
}

impl Balance {
    /// Adds up the ledger of a store.
    pub fn of(store: &Store) -> Result<Self, Box<dyn std::error::Error>> {
        let sums = Sums::of(store, schemas::ledger::TABLE.name)?;
        let errors = ["balance_error", "wire_balance_error", "ip_balance_error"];
        let errors: Result<Vec<i64>, _> = errors.iter().map(|name| sums.of_column(name)).collect();
        Ok(Self {
            packets_seen: sums.of_column("packets_seen")?,
            exported: sums.of_column("exported")?,
            ip_exported: sums.of_column("ip_exported")?,
            wire_bytes: sums.of_column("wire_bytes")?,
            difference: errors?.iter().sum(),
        })
    }
}

/// Rows of `flows` with a name.
pub fn names_in(store: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let store = Store::open(store)?;
    let mut names = 0;
    for file in store.entries()?.into_iter().flat_map(|entry| entry.files) {
        if file.table == schemas::flow::TABLE.name {
            let input = File::open(store.root().join(&file.path))?;
            for batch in ParquetRecordBatchReaderBuilder::try_new(input)?.build()? {
                let batch = batch?;
                let column = batch.column_by_name("server_name").ok_or("no server_name")?;
                names += batch.num_rows() - column.null_count();
            }
        }
    }
    Ok(u64::try_from(names)?)
}

/// The sum of every 64-bit column of a table, over all rows of a store; null counts nothing, differences count without their sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<String, i128>);

impl Sums {
    /// Adds up a table.
    pub fn of(store: &Store, table: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut sums = Self::default();
        for file in store.entries()?.into_iter().flat_map(|entry| entry.files) {
            if file.table == table {
                let input = File::open(store.root().join(&file.path))?;
                for batch in ParquetRecordBatchReaderBuilder::try_new(input)?.build()? {
                    sums.add(&batch?);
                }
            }
        }
        Ok(sums)
    }

    fn add(&mut self, batch: &RecordBatch) {
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let Some(column) = column.as_primitive_opt::<Int64Type>() else { continue };
            let is_error = field.name().ends_with("_error");
            let values = column.iter().flatten();
            // Wide, for some columns are no counts and their sum means nothing.
            let values = values.map(i128::from);
            let sum: i128 = values.map(|value| if is_error { value.abs() } else { value }).sum();
            *self.0.entry(field.name().clone()).or_default() += sum;
        }
    }

    /// The sum of a column; an error where no row has such a column.
    pub fn of_column(&self, name: &str) -> Result<i64, Box<dyn std::error::Error>> {
        let sum = self.0.get(name).ok_or_else(|| format!("no row has a column {name}"))?;
        Ok(i64::try_from(*sum)?)
    }
}
