//! The single writer: takes what the lanes deliver, in the order of the blocks, and gives it to the archive.
//!
//! A record waits until every lane has said what it knows of names up to that block; so the number of lanes changes no row.

use std::collections::VecDeque;

use schemas::devices::DeviceRow;
use schemas::ledger::LedgerRow;
use schemas::store::StoreError;

use crate::archive::Archive;
use crate::delivery::Delivery;
use crate::ledger::{Account, Exported, IntervalEnd, Tally};
use crate::metrics::Metrics;
use crate::privacy::Privacy;
use crate::record::count;
use crate::register::{Register, facts};
use crate::resolution::Resolutions;
use crate::strays::{Strays, is_one_way};
use crate::total::{absorb, difference};
use crate::watch::{Note, Watch};

/// Records that wait for another lane at most: one that stands still must not fill the memory with what the others make.
const WAITING_ROWS_MAX: usize = 262_144;

/// What was written, for the operator.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Rows of `flows`.
    pub flow_rows: u64,
    /// Flows: rows with part 0.
    pub flows: u64,
    /// Rows of `dns`.
    pub dns_rows: u64,
    /// Rows of `devices`.
    pub device_rows: u64,
    /// The ledger.
    pub ledger: Vec<LedgerRow>,
    /// Answers forgotten early.
    pub answer_evictions: u64,
    /// Devices forgotten early, so that they tell the same again.
    pub device_evictions: u64,
}

/// What is known of a lane.
struct LaneBook {
    account: Account,
    exported: Exported,
    /// Blocks of which all names have been heard, so far.
    heard: Option<u64>,
    clock: i64,
    waiting: VecDeque<Delivery>,
    /// The row of the interval so far, if the probe died now.
    provisional: Option<LedgerRow>,
    /// Whether it has come since the last cut.
    beaten: bool,
    /// Rows of `flows` made so far.
    rows: u64,
    /// Whether the lane has ended an interval after which rows are published.
    rotates: bool,
}

/// The writer.
pub(crate) struct Sink<A> {
    archive: A,
    lanes: Vec<LaneBook>,
    resolutions: Resolutions,
    privacy: Privacy,
    register: Register,
    strays: Strays,
    waiting_rows: usize,
    live: bool,
    balance_error: i64,
    gaps: u64,
    written: Written,
}

impl<A> std::fmt::Debug for Sink<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("lanes", &self.lanes.len()).finish_non_exhaustive()
    }
}

impl<A: Archive> Sink<A> {
    /// A writer for lanes with these accounts, from which rows pass `privacy`.
    pub(crate) fn new(
        archive: A,
        accounts: Vec<Account>,
        (resolutions, privacy): (Resolutions, Privacy),
    ) -> Self {
        let lanes = accounts
            .into_iter()
            .map(|account| LaneBook {
                account,
                exported: Exported::default(),
                heard: None,
                clock: i64::MIN,
                waiting: VecDeque::new(),
                rows: 0,
                provisional: None,
                beaten: false,
                rotates: false,
            })
            .collect();
        Self {
            archive,
            lanes,
            resolutions,
            privacy,
            register: Register::new(),
            strays: Strays::default(),
            waiting_rows: 0,
            live: false,
            balance_error: 0,
            gaps: 0,
            written: Written::default(),
        }
    }

    /// A writer that goes on for ever: it adds its ledger up, and cuts what it has every second.
    pub(crate) fn live(archive: A, accounts: Vec<Account>, names: (Resolutions, Privacy)) -> Self {
        Self { live: true, ..Self::new(archive, accounts, names) }
    }

    /// Takes a delivery.
    pub(crate) fn take(&mut self, mut delivery: Delivery) -> Result<(), StoreError> {
        if let Some(note) = delivery.note.take() {
            return self.enter(&note);
        }
        for resolved in std::mem::take(&mut delivery.resolved).iter() {
            self.resolutions.learn(resolved);
        }
        let lookups = std::mem::take(&mut delivery.dns);
        self.written.dns_rows += lookups.len() as u64;
        self.archive.dns(&self.privacy.lookups(lookups))?;
        let Some(book) = self.lanes.get_mut(delivery.lane) else { return Ok(()) };
        if delivery.complete {
            book.heard = Some(delivery.sequence);
            // A live clock can be set back.
            book.clock = if self.live { delivery.clock } else { book.clock.max(delivery.clock) };
        }
        self.waiting_rows += delivery.rows.len() + delivery.devices.len();
        book.waiting.push_back(delivery);
        self.settle()
    }

    /// Writes what need wait no longer.
    fn settle(&mut self) -> Result<(), StoreError> {
        let heard = if self.waiting_rows > WAITING_ROWS_MAX {
            // Names that the lane behind would still give are missed.
            self.lanes.iter().filter_map(|book| book.heard).max()
        } else {
            self.lanes.iter().map(|book| book.heard).min().flatten()
        };
        let Some(heard) = heard else { return Ok(()) };
        let mut said = Vec::new();
        for lane in 0..self.lanes.len() {
            while let Some(mut delivery) = self.lanes.get_mut(lane).and_then(|book| {
                let is_ready = book.waiting.front().is_some_and(|first| first.sequence <= heard);
                if is_ready { book.waiting.pop_front() } else { None }
            }) {
                said.extend(delivery.devices.drain(..).map(|row| (delivery.sequence, row)));
                self.write(lane, delivery)?;
            }
        }
        self.enrol(said)?;
        let clock = self.lanes.iter().map(|book| book.clock).min().unwrap_or(i64::MIN);
        self.resolutions.expire(clock);
        Ok(())
    }

    /// Writes what is news of devices: in an order that no lane decides, for it decides what is news.
    fn enrol(&mut self, mut said: Vec<(u64, DeviceRow)>) -> Result<(), StoreError> {
        self.waiting_rows -= said.len();
        said.sort_by_cached_key(|(sequence, row)| (*sequence, row.ts, facts(row)));
        for (_, row) in said {
            if self.register.is_news(&row) {
                self.written.device_rows += 1;
                let row = self.privacy.device(row);
                self.archive.device(&row)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, lane: usize, mut delivery: Delivery) -> Result<(), StoreError> {
        let is_shared = self.lanes.len() > 1;
        let Some(book) = self.lanes.get_mut(lane) else { return Ok(()) };
        self.waiting_rows -= delivery.rows.len();
        for row in delivery.rows.iter_mut() {
            self.resolutions.name(row);
            book.exported.rows += 1;
            book.rows += 1;
            if is_one_way(row) {
                book.exported.one_way += 1;
                let is_stray = is_shared && self.strays.is_stray(row, lane);
                book.exported.wrong_lane += u64::from(is_stray);
            }
            book.exported.sums.packets += row.packets.unsigned_abs();
            book.exported.sums.wire_bytes += row.wire_bytes.unsigned_abs();
            book.exported.sums.ip_bytes += row.bytes.unsigned_abs();
            self.written.flow_rows += 1;
            self.written.flows += u64::from(row.flow_part == 0);
        }
        // Last: names and strays are found by true addresses.
        self.archive.flows(&self.privacy.flows(delivery.rows))?;
        if let Some(end) = delivery.interval {
            self.balance(lane, &end)?;
        }
        match delivery.beat {
            Some(beat) => self.beat(lane, &beat),
            None => Ok(()),
        }
    }

    /// An interval so far. When all lanes have told theirs, or one of them twice, what there is goes to the disk.
    fn beat(&mut self, lane: usize, beat: &IntervalEnd) -> Result<(), StoreError> {
        let Some(book) = self.lanes.get_mut(lane) else { return Ok(()) };
        book.provisional = Some(book.account.peek(beat, &book.exported));
        let is_due = std::mem::replace(&mut book.beaten, true);
        if is_due || self.lanes.iter().all(|book| book.beaten) {
            return beat.watch.map_or(Ok(()), |watch| self.cut(&watch, false));
        }
        Ok(())
    }

    /// Hands everything over to be kept; with it the rows that the ledger would have if nothing came after.
    fn cut(&mut self, watch: &Watch, rotate: bool) -> Result<(), StoreError> {
        let mut provisional = Vec::new();
        for book in &mut self.lanes {
            book.beaten = false;
            book.rotates &= !rotate;
            provisional.extend(book.provisional.clone());
        }
        self.archive.cut(watch.to_ns, &provisional, rotate)
    }

    /// Writes a row for something that happened.
    fn enter(&mut self, note: &Note) -> Result<(), StoreError> {
        let Some(book) = self.lanes.first() else { return Ok(()) };
        self.gaps += u64::from(note.kind == "gap");
        self.archive.ledger(&book.account.note(note))
    }

    fn balance(&mut self, lane: usize, end: &IntervalEnd) -> Result<(), StoreError> {
        let Some(book) = self.lanes.get_mut(lane) else { return Ok(()) };
        let mut row = book.account.close(end, &std::mem::take(&mut book.exported));
        if lane == 0 && self.live {
            let lost = self.archive.lost();
            row.rows_lost = Some(count(lost.rows));
            row.rows_lost_packets = Some(count(lost.packets));
            row.rows_lost_wire_bytes = Some(count(lost.wire_bytes));
            row.rows_lost_ip_bytes = Some(count(lost.ip_bytes));
        }
        self.archive.ledger(&row)?;
        self.remember(row);
        end.watch.map_or(Ok(()), |watch| self.begin_interval(lane, end, &watch))
    }

    /// What a lane would leave if the probe died before it says more; and when all lanes have come to where rows are published, they are.
    fn begin_interval(
        &mut self,
        lane: usize,
        end: &IntervalEnd,
        watch: &Watch,
    ) -> Result<(), StoreError> {
        let Some(book) = self.lanes.get_mut(lane) else { return Ok(()) };
        // Of no length, for the time was told already.
        let of_no_length =
            Watch { from_ns: watch.to_ns, covered_ns: 0, clock_step_ns: 0, ..*watch };
        let nothing =
            IntervalEnd { tally: Tally::default(), watch: Some(of_no_length), ..end.clone() };
        book.provisional = Some(book.account.peek(&nothing, &Exported::default()));
        book.rotates |= watch.rotates;
        if self.lanes.iter().all(|book| book.rotates) {
            self.cut(watch, true)?;
            self.cut(watch, false)?;
        }
        Ok(())
    }

    fn remember(&mut self, row: LedgerRow) {
        self.balance_error += difference(&row);
        match self.written.ledger.iter_mut().find(|total| self.live && total.queue == row.queue) {
            Some(total) => absorb(total, &row),
            None => self.written.ledger.push(row),
        }
    }

    /// Where the rows go.
    pub(crate) const fn archive(&self) -> &A {
        &self.archive
    }

    /// Raises the counters that others read.
    pub(crate) fn tell(&self, metrics: &Metrics) {
        for (book, lane) in self.lanes.iter().zip(&metrics.lanes) {
            lane.counters.rows_exported.set(book.rows);
        }
        metrics.balance_error.set(self.balance_error);
        metrics.gaps.set(self.gaps);
    }

    /// The archive, and what was written: all lanes have ended.
    pub(crate) fn end(mut self) -> (A, Written) {
        self.written.answer_evictions = self.resolutions.evictions();
        self.written.device_evictions = self.register.evictions();
        (self.archive, self.written)
    }

    /// Closes the books. `nothing` is the entry of a run without frames: its books are closed too.
    pub(crate) fn close(mut self, nothing: &IntervalEnd) -> (A, Result<Written, StoreError>) {
        if self.written.ledger.is_empty()
            && let Err(error) = self.balance(0, nothing)
        {
            return (self.archive, Err(error));
        }
        let (archive, written) = self.end();
        (archive, Ok(written))
    }

    /// Gives the run up.
    pub(crate) fn into_archive(self) -> A {
        self.archive
    }
}
