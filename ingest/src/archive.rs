//! Where finished rows go: the trait behind which the writer does not see it, and the files of a run that is published all or not at all.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hint::black_box;
use std::slice;

use schemas::column::Batch;
use schemas::devices::{DeviceBatch, DeviceRow};
use schemas::dns::{DnsBatch, DnsRow};
use schemas::flow::{FlowBatch, FlowRow};
use schemas::ledger::{LedgerBatch, LedgerRow};
use schemas::store::spool::Sums;
use schemas::store::{Hour, Publisher, RowFile, StoreError};

use crate::privacy::Released;
use crate::rows::Rows;

/// Files of a table that grow at the same time: a capture out of order by a day still makes one file an hour.
const OPEN_HOURS_MAX: usize = 24;

/// Takes finished rows that have passed privacy.
pub(crate) trait Archive {
    /// Rows of `flows`.
    fn flows(&mut self, rows: &Released<Rows<FlowRow>>) -> Result<(), StoreError>;
    /// Rows of `dns`.
    fn dns(&mut self, rows: &Released<Rows<DnsRow>>) -> Result<(), StoreError>;
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
    fn flows(&mut self, rows: &Released<Rows<FlowRow>>) -> Result<(), StoreError> {
        black_box(rows);
        Ok(())
    }
    fn dns(&mut self, rows: &Released<Rows<DnsRow>>) -> Result<(), StoreError> {
        black_box(rows);
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

/// Of a row, what says its hour.
trait Timed {
    /// µs since 1970 UTC.
    fn at(&self) -> i64;
}

macro_rules! timed {
    ($row:ty, $at:ident) => {
        impl Timed for $row {
            fn at(&self) -> i64 {
                self.$at.0
            }
        }
    };
}
timed!(FlowRow, flow_end);
timed!(DnsRow, ts);
timed!(DeviceRow, ts);
timed!(LedgerRow, ts_end);

/// One hour of a table under construction.
struct Drawer<B> {
    file: RowFile<B>,
    used: u64,
}

/// A table under construction: a drawer for each hour, few at a time.
struct Cabinet<B> {
    hours: BTreeMap<Hour, Drawer<B>>,
    uses: u64,
}

impl<B: Batch<Row: Timed>> Cabinet<B> {
    const fn new() -> Self {
        Self { hours: BTreeMap::new(), uses: 0 }
    }

    fn add(&mut self, rows: &[B::Row], publisher: &mut Publisher) -> Result<(), StoreError> {
        let hour = |row: &B::Row| Hour::of_micros(row.at());
        rows.chunk_by(|a, b| hour(a) == hour(b)).try_for_each(|rows| self.add_run(rows, publisher))
    }

    /// Adds rows of one hour.
    fn add_run(&mut self, rows: &[B::Row], publisher: &mut Publisher) -> Result<(), StoreError> {
        let Some(first) = rows.first().map(Timed::at) else { return Ok(()) };
        let join = |(from, to): (i64, i64), at: i64| (from.min(at), to.max(at));
        let span = rows.iter().map(Timed::at).fold((first, first), join);
        let drawer = self.drawer(Hour::of_micros(first), publisher)?;
        drawer.file.extend(rows, span)
    }

    fn drawer(
        &mut self,
        hour: Hour,
        publisher: &mut Publisher,
    ) -> Result<&mut Drawer<B>, StoreError> {
        if !self.hours.contains_key(&hour) && self.hours.len() >= OPEN_HOURS_MAX {
            let oldest = self.hours.iter().min_by_key(|(_, drawer)| drawer.used);
            let oldest = oldest.map(|(hour, _)| *hour);
            if let Some(drawer) = oldest.and_then(|hour| self.hours.remove(&hour)) {
                publisher.seal(drawer.file)?;
            }
        }
        self.uses += 1;
        let drawer = match self.hours.entry(hour) {
            Entry::Occupied(drawer) => drawer.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Drawer { file: publisher.stage_rows(hour)?, used: 0 })
            }
        };
        drawer.used = self.uses;
        Ok(drawer)
    }

    fn close(&mut self, publisher: &mut Publisher) -> Result<(), StoreError> {
        let mut drawers = std::mem::take(&mut self.hours).into_values();
        drawers.try_for_each(|drawer| publisher.seal(drawer.file))
    }
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
    fn flows(&mut self, rows: &Released<Rows<FlowRow>>) -> Result<(), StoreError> {
        self.flows.add(rows, &mut self.publisher)
    }
    fn dns(&mut self, rows: &Released<Rows<DnsRow>>) -> Result<(), StoreError> {
        self.dns.add(rows, &mut self.publisher)
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
