//! The single writer: takes what the lanes deliver, in the order of the blocks, and turns it into columns and files.
//!
//! A record waits until every lane has said what it knows of names up to that block; so the number of lanes changes no row.

use std::collections::{BTreeMap, VecDeque};

use schemas::column::Table;
use schemas::dns::DnsBatch;
use schemas::flow::{FlowBatch, FlowRow};
use schemas::ledger::{LedgerBatch, LedgerRow};
use schemas::store::publish::StagedFile;
use schemas::store::{Hour, Publisher, StoreError};

use arrow::record_batch::RecordBatch;

use crate::lane::Delivery;
use crate::ledger::{Account, Exported, IntervalEnd};
use crate::resolution::Resolutions;

/// Rows turned into columns at a time.
const BATCH_ROWS: usize = 16_384;
/// Files of a table that grow at the same time: a capture out of order by a day still makes one file an hour.
const OPEN_HOURS_MAX: usize = 24;

/// What was written, for the operator.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Rows of `flows`.
    pub flow_rows: u64,
    /// Flows: rows with part 0.
    pub flows: u64,
    /// Rows of `dns`.
    pub dns_rows: u64,
    /// The ledger.
    pub ledger: Vec<LedgerRow>,
    /// Answers forgotten early.
    pub answer_evictions: u64,
}

/// A builder of one table's batches.
trait Columns: Default {
    type Row;
    const TABLE: Table;
    fn append(&mut self, row: &Self::Row) -> usize;
    fn finish(&mut self) -> Result<RecordBatch, arrow::error::ArrowError>;
    fn at(row: &Self::Row) -> i64;
}

macro_rules! columns {
    ($batch:ty, $row:ty, $table:expr, $at:ident) => {
        impl Columns for $batch {
            type Row = $row;
            const TABLE: Table = $table;
            fn append(&mut self, row: &$row) -> usize {
                self.append(row);
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
columns!(DnsBatch, schemas::dns::DnsRow, schemas::dns::TABLE, ts);
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

    fn add(&mut self, row: &C::Row, publisher: &mut Publisher) -> Result<(), StoreError> {
        let at = C::at(row);
        let hour = Hour::of_micros(at);
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
        drawer.span = (drawer.span.0.min(at), drawer.span.1.max(at));
        if drawer.batch.append(row) >= BATCH_ROWS {
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

/// What is known of a lane.
struct LaneBook {
    account: Account,
    exported: Exported,
    /// Blocks of which all names have been heard, so far.
    heard: Option<u64>,
    clock: i64,
    waiting: VecDeque<Delivery>,
}

/// The writer.
pub(crate) struct Sink {
    publisher: Publisher,
    lanes: Vec<LaneBook>,
    resolutions: Resolutions,
    flows: Cabinet<FlowBatch>,
    dns: Cabinet<DnsBatch>,
    ledger: Cabinet<LedgerBatch>,
    written: Written,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("lanes", &self.lanes.len()).finish_non_exhaustive()
    }
}

impl Sink {
    /// A writer for lanes with these accounts.
    pub(crate) fn new(
        publisher: Publisher,
        accounts: Vec<Account>,
        resolutions: Resolutions,
    ) -> Self {
        let lanes = accounts
            .into_iter()
            .map(|account| LaneBook {
                account,
                exported: Exported::default(),
                heard: None,
                clock: i64::MIN,
                waiting: VecDeque::new(),
            })
            .collect();
        Self {
            publisher,
            lanes,
            resolutions,
            flows: Cabinet::new(),
            dns: Cabinet::new(),
            ledger: Cabinet::new(),
            written: Written::default(),
        }
    }

    /// Takes a delivery.
    pub(crate) fn take(&mut self, mut delivery: Delivery) -> Result<(), StoreError> {
        for resolved in delivery.resolved.drain(..) {
            self.resolutions.learn(resolved);
        }
        for row in delivery.dns.drain(..) {
            self.written.dns_rows += 1;
            self.dns.add(&row, &mut self.publisher)?;
        }
        let Some(book) = self.lanes.get_mut(delivery.lane) else { return Ok(()) };
        if delivery.complete {
            book.heard = Some(delivery.sequence);
            book.clock = book.clock.max(delivery.clock);
        }
        book.waiting.push_back(delivery);
        self.settle()
    }

    /// Writes what need wait no longer.
    fn settle(&mut self) -> Result<(), StoreError> {
        let Some(heard) = self.lanes.iter().map(|book| book.heard).min().flatten() else {
            return Ok(());
        };
        for lane in 0..self.lanes.len() {
            while let Some(delivery) = self.lanes.get_mut(lane).and_then(|book| {
                let is_ready = book.waiting.front().is_some_and(|first| first.sequence <= heard);
                if is_ready { book.waiting.pop_front() } else { None }
            }) {
                self.write(lane, delivery)?;
            }
        }
        let clock = self.lanes.iter().map(|book| book.clock).min().unwrap_or(i64::MIN);
        self.resolutions.expire(clock);
        Ok(())
    }

    fn write(&mut self, lane: usize, delivery: Delivery) -> Result<(), StoreError> {
        let Some(book) = self.lanes.get_mut(lane) else { return Ok(()) };
        for mut row in delivery.rows {
            self.resolutions.name(&mut row);
            book.exported.rows += 1;
            book.exported.sums.packets += row.packets.unsigned_abs();
            book.exported.sums.wire_bytes += row.wire_bytes.unsigned_abs();
            book.exported.sums.ip_bytes += row.bytes.unsigned_abs();
            self.written.flow_rows += 1;
            self.written.flows += u64::from(row.flow_part == 0);
            self.flows.add(&row, &mut self.publisher)?;
        }
        if let Some(end) = delivery.interval {
            self.balance(lane, &end)?;
        }
        Ok(())
    }

    fn balance(&mut self, lane: usize, end: &IntervalEnd) -> Result<(), StoreError> {
        let Some(book) = self.lanes.get_mut(lane) else { return Ok(()) };
        let row = book.account.close(end, &std::mem::take(&mut book.exported));
        self.ledger.add(&row, &mut self.publisher)?;
        self.written.ledger.push(row);
        Ok(())
    }

    /// Finishes the files; they stay invisible until the publisher commits. `nothing` is the entry of a run without frames: its books are closed too.
    pub(crate) fn close(
        mut self,
        nothing: &IntervalEnd,
    ) -> Result<(Publisher, Written), StoreError> {
        if let Err(error) = self.seal_all(nothing) {
            self.abandon();
            return Err(error);
        }
        self.written.answer_evictions = self.resolutions.evictions();
        Ok((self.publisher, self.written))
    }

    fn seal_all(&mut self, nothing: &IntervalEnd) -> Result<(), StoreError> {
        if self.written.ledger.is_empty() {
            self.balance(0, nothing)?;
        }
        self.flows.close(&mut self.publisher)?;
        self.dns.close(&mut self.publisher)?;
        self.ledger.close(&mut self.publisher)
    }

    /// Gives the run up.
    pub(crate) fn abandon(self) {
        self.publisher.abandon();
    }
}
