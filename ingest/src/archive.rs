//! Where finished rows go: the trait behind which the writer does not see it, and the files of a run that is published all or not at all.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::slice;

use arrow::record_batch::RecordBatch;
use schemas::column::Table;
use schemas::devices::{DeviceBatch, DeviceRow};
use schemas::dns::{DnsBatch, DnsRow};
use schemas::flow::{FlowBatch, FlowRow};
use schemas::ledger::{LedgerBatch, LedgerRow};
use schemas::store::spool::Sums;
use schemas::store::{Hour, Publisher, StagedFile, StoreError};

use crate::privacy::Released;
use crate::rows::Rows;

/// Rows turned into columns at a time: as many as a processor's cache holds.
const BATCH_ROWS: usize = 4_096;
/// Files of a table that grow at the same time: a capture out of order by a day still makes one file an hour.
const OPEN_HOURS_MAX: usize = 24;

/// Takes finished rows that have passed privacy.
pub(crate) trait Archive {
    /// Rows of `flows`.
    fn flows(&mut self, rows: &Released<Rows>) -> Result<(), StoreError>;
    /// A row of `dns`.
    fn dns(&mut self, row: &Released<DnsRow>) -> Result<(), StoreError>;
    /// A row of `devices`.
    fn device(&mut self, row: &Released<DeviceRow>) -> Result<(), StoreError>;
    /// A row of `ledger`, which tells of nobody.
    fn ledger(&mut self, row: &LedgerRow) -> Result<(), StoreError>;
    /// Live: what came so far is to be safe soon, and after `rotate` to be published. `provisional` are the ledger's rows if nothing came after.
    fn cut(
        &mut self,
        _wall_ns: i64,
        _provisional: &[LedgerRow],
        _rotate: bool,
    ) -> Result<(), StoreError> {
        Ok(())
    }
    /// Live: what could not be kept since this was last asked.
    fn lost(&mut self) -> Sums {
        Sums::default()
    }
    /// Gives the run up.
    fn abandon(self)
    where
        Self: Sized,
    {
    }
}

/// Takes rows and keeps none: for measuring what is before the writer.
pub(crate) struct Nowhere;

impl Archive for Nowhere {
    fn flows(&mut self, rows: &Released<Rows>) -> Result<(), StoreError> {
        black_box(rows);
        Ok(())
    }
    fn dns(&mut self, row: &Released<DnsRow>) -> Result<(), StoreError> {
        black_box(row);
        Ok(())
    }
    fn device(&mut self, row: &Released<DeviceRow>) -> Result<(), StoreError> {
        black_box(row);
        Ok(())
    }
    fn ledger(&mut self, _: &LedgerRow) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A builder of one table's batches.
trait Columns: Default {
    type Row;
    const TABLE: Table;
    fn extend(&mut self, rows: &[Self::Row]) -> usize;
    fn finish(&mut self) -> Result<RecordBatch, arrow::error::ArrowError>;
    fn at(row: &Self::Row) -> i64;
}

macro_rules! columns {
    ($batch:ty, $row:ty, $table:expr, $at:ident) => {
        impl Columns for $batch {
            type Row = $row;
            const TABLE: Table = $table;
            fn extend(&mut self, rows: &[$row]) -> usize {
                self.extend(rows);
                self.len()
            }
            fn finish(&mut self) -> Result<RecordBatch, arrow::error::ArrowError> {
                self.finish()
            }
            fn at(row: &$row) -> i64 {
                row.$at.0
            }
        }
    };
}
columns!(FlowBatch, FlowRow, schemas::flow::TABLE, flow_end);
columns!(DnsBatch, DnsRow, schemas::dns::TABLE, ts);
columns!(DeviceBatch, DeviceRow, schemas::devices::TABLE, ts);
columns!(LedgerBatch, LedgerRow, schemas::ledger::TABLE, ts_end);

/// One hour of a table under construction.
struct Drawer<C> {
    batch: C,
    span: (i64, i64),
    file: Option<StagedFile>,
    used: u64,
}

/// A table under construction: a drawer for each hour, few at a time.
struct Cabinet<C> {
    hours: BTreeMap<Hour, Drawer<C>>,
    uses: u64,
}

impl<C: Columns> Cabinet<C> {
    const fn new() -> Self {
        Self { hours: BTreeMap::new(), uses: 0 }
    }

    fn add(&mut self, rows: &[C::Row], publisher: &mut Publisher) -> Result<(), StoreError> {
        let hour = |row: &C::Row| Hour::of_micros(C::at(row));
        rows.chunk_by(|a, b| hour(a) == hour(b)).try_for_each(|rows| self.add_run(rows, publisher))
    }

    /// Adds rows of one hour.
    fn add_run(&mut self, rows: &[C::Row], publisher: &mut Publisher) -> Result<(), StoreError> {
        let Some(hour) = rows.first().map(|row| Hour::of_micros(C::at(row))) else { return Ok(()) };
        if !self.hours.contains_key(&hour) && self.hours.len() >= OPEN_HOURS_MAX {
            let oldest =
                self.hours.iter().min_by_key(|(_, drawer)| drawer.used).map(|(hour, _)| *hour);
            if let Some(drawer) = oldest.and_then(|hour| self.hours.remove_entry(&hour)) {
                seal(drawer.0, drawer.1, publisher)?;
            }
        }
        self.uses += 1;
        let drawer = self.hours.entry(hour).or_insert_with(|| Drawer {
            batch: C::default(),
            span: (i64::MAX, i64::MIN),
            file: None,
            used: 0,
        });
        drawer.used = self.uses;
        let join = |(from, to): (i64, i64), at: i64| (from.min(at), to.max(at));
        drawer.span = rows.iter().map(C::at).fold(drawer.span, join);
        if drawer.batch.extend(rows) >= BATCH_ROWS {
            pour(hour, drawer, publisher)?;
        }
        Ok(())
    }

    fn close(&mut self, publisher: &mut Publisher) -> Result<(), StoreError> {
        for (hour, drawer) in std::mem::take(&mut self.hours) {
            seal(hour, drawer, publisher)?;
        }
        Ok(())
    }
}

fn pour<C: Columns>(
    hour: Hour,
    drawer: &mut Drawer<C>,
    publisher: &mut Publisher,
) -> Result<(), StoreError> {
    let batch = drawer.batch.finish().map_err(StoreError::Columns)?;
    if batch.num_rows() == 0 {
        return Ok(());
    }
    let mut file = match drawer.file.take() {
        Some(file) => file,
        None => publisher.stage(&C::TABLE, hour)?,
    };
    file.append(&batch, drawer.span)?;
    drawer.file = Some(file);
    Ok(())
}

fn seal<C: Columns>(
    hour: Hour,
    mut drawer: Drawer<C>,
    publisher: &mut Publisher,
) -> Result<(), StoreError> {
    pour(hour, &mut drawer, publisher)?;
    drawer.file.map_or(Ok(()), |file| publisher.seal(file))
}

/// The files of one run, invisible until its publisher commits.
pub(crate) struct Files {
    publisher: Publisher,
    flows: Cabinet<FlowBatch>,
    dns: Cabinet<DnsBatch>,
    devices: Cabinet<DeviceBatch>,
    ledger: Cabinet<LedgerBatch>,
}

impl Files {
    /// An archive without rows.
    pub(crate) const fn new(publisher: Publisher) -> Self {
        Self {
            publisher,
            flows: Cabinet::new(),
            dns: Cabinet::new(),
            devices: Cabinet::new(),
            ledger: Cabinet::new(),
        }
    }

    /// Finishes the files; they stay invisible until the publisher commits.
    pub(crate) fn seal(mut self) -> Result<Publisher, StoreError> {
        match self.close() {
            Ok(()) => Ok(self.publisher),
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.flows.close(&mut self.publisher)?;
        self.dns.close(&mut self.publisher)?;
        self.devices.close(&mut self.publisher)?;
        self.ledger.close(&mut self.publisher)
    }
}

impl Archive for Files {
    fn flows(&mut self, rows: &Released<Rows>) -> Result<(), StoreError> {
        self.flows.add(rows, &mut self.publisher)
    }
    fn dns(&mut self, row: &Released<DnsRow>) -> Result<(), StoreError> {
        self.dns.add(slice::from_ref(row), &mut self.publisher)
    }
    fn device(&mut self, row: &Released<DeviceRow>) -> Result<(), StoreError> {
        self.devices.add(slice::from_ref(row), &mut self.publisher)
    }
    fn ledger(&mut self, row: &LedgerRow) -> Result<(), StoreError> {
        self.ledger.add(slice::from_ref(row), &mut self.publisher)
    }
    fn abandon(self) {
        self.publisher.abandon();
    }
}
