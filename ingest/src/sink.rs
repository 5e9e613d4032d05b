//! The single writer: takes what the lanes deliver, in the order of the blocks, and gives it to the archive.
//!
//! A record waits until every lane has said what it knows of names up to that block; so the number of lanes changes no row.

use std::collections::VecDeque;

use schemas::ledger::LedgerRow;
use schemas::store::StoreError;

use crate::archive::Archive;
use crate::lane::Delivery;
use crate::ledger::{Account, Exported, IntervalEnd};
use crate::resolution::Resolutions;

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
pub(crate) struct Sink<A> {
    archive: A,
    lanes: Vec<LaneBook>,
    resolutions: Resolutions,
    written: Written,
}

impl<A> std::fmt::Debug for Sink<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("lanes", &self.lanes.len()).finish_non_exhaustive()
    }
}

impl<A: Archive> Sink<A> {
    /// A writer for lanes with these accounts.
    pub(crate) fn new(archive: A, accounts: Vec<Account>, resolutions: Resolutions) -> Self {
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
        Self { archive, lanes, resolutions, written: Written::default() }
    }

    /// Takes a delivery.
    pub(crate) fn take(&mut self, mut delivery: Delivery) -> Result<(), StoreError> {
        for resolved in delivery.resolved.drain(..) {
            self.resolutions.learn(resolved);
        }
        for row in delivery.dns.drain(..) {
            self.written.dns_rows += 1;
            self.archive.dns(&row)?;
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
            self.archive.flow(&row)?;
        }
        if let Some(end) = delivery.interval {
            self.balance(lane, &end)?;
        }
        Ok(())
    }

    fn balance(&mut self, lane: usize, end: &IntervalEnd) -> Result<(), StoreError> {
        let Some(book) = self.lanes.get_mut(lane) else { return Ok(()) };
        let row = book.account.close(end, &std::mem::take(&mut book.exported));
        self.archive.ledger(&row)?;
        self.written.ledger.push(row);
        Ok(())
    }

    /// Closes the books. `nothing` is the entry of a run without frames: its books are closed too.
    pub(crate) fn close(mut self, nothing: &IntervalEnd) -> (A, Result<Written, StoreError>) {
        if self.written.ledger.is_empty()
            && let Err(error) = self.balance(0, nothing)
        {
            return (self.archive, Err(error));
        }
        self.written.answer_evictions = self.resolutions.evictions();
        (self.archive, Ok(self.written))
    }

    /// Gives the run up.
    pub(crate) fn into_archive(self) -> A {
        self.archive
    }
}
