//! The ledger of a store, read from its files as a stranger would: is a figure of speed worth printing?

use std::fs::File;

use arrow::array::AsArray;
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
    fn add(&mut self, batch: &RecordBatch) -> Option<()> {
        let sum = |name: &str, term: fn(i64) -> i64| -> Option<i64> {
            let column = batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
            Some(column.values().iter().copied().map(term).sum())
        };
        let plain: fn(i64) -> i64 = |value| value;
        self.packets_seen += sum("packets_seen", plain)?;
        self.exported += sum("exported", plain)?;
        self.ip_exported += sum("ip_exported", plain)?;
        self.wire_bytes += sum("wire_bytes", plain)?;
        for name in ["balance_error", "wire_balance_error", "ip_balance_error"] {
            self.difference += sum(name, i64::abs)?;
        }
        Some(())
    }

    /// Adds up the ledger of a store.
    pub fn of(store: &Store) -> Result<Self, Box<dyn std::error::Error>> {
        let mut balance = Self::default();
        for file in store.entries()?.into_iter().flat_map(|entry| entry.files) {
            if file.table != schemas::ledger::TABLE.name {
                continue;
            }
            let input = File::open(store.root().join(&file.path))?;
            for batch in ParquetRecordBatchReaderBuilder::try_new(input)?.build()? {
                balance.add(&batch?).ok_or("the ledger lacks a column")?;
            }
        }
        Ok(balance)
    }
}
