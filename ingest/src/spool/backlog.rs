//! Finished rows that wait for the disk: bounded, the oldest dropped and counted. Rows of the ledger are kept.

use std::collections::VecDeque;

use arrow::record_batch::RecordBatch;
use schemas::store::spool::{DEVICES, DNS, FINAL, LEDGER, Sections, Sums};

/// Memory of all that waits, bytes.
pub(crate) const BACKLOG_BYTES_MAX: usize = 64 << 20;
/// Rows of the ledger kept when the rows they count are dropped: hours of them.
const LEDGER_ROWS_MAX: usize = 4_096;

/// Finished rows that were dropped because the disk did not take them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Of `flows`.
    pub flows: Sums,
    /// Rows of `dns` and `devices`.
    pub other_rows: u64,
    /// Rows of `ledger`.
    pub ledger_rows: u64,
}

impl Lost {
    /// What came since an earlier state.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            flows: self.flows.since(earlier.flows),
            other_rows: self.other_rows - earlier.other_rows,
            ledger_rows: self.ledger_rows - earlier.ledger_rows,
        }
    }
}

/// Rows that go to disk in one piece.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bundle {
    /// As in the file.
    pub(crate) flags: u32,
    /// When it was cut, ns since 1970 UTC.
    pub(crate) wall_ns: i64,
    /// Columns of each section.
    pub(crate) sections: Sections,
    /// Of its `flows`.
    pub(crate) sums: Sums,
    /// Losses its ledger knows of.
    pub(crate) lost_known: Sums,
    /// The file ends behind it.
    pub(crate) is_rotation: bool,
}

pub(crate) fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Rows of `dns` and `devices`.
fn others(sections: &Sections) -> u64 {
    [DNS, DEVICES].iter().filter_map(|at| sections.get(*at)).map(|part| rows(part) as u64).sum()
}

impl Bundle {
    /// Whether no row of another table than the ledger is in it.
    pub(crate) fn is_ledger_only(&self) -> bool {
        let [flows, ..] = &self.sections;
        rows(flows) as u64 + others(&self.sections) == 0
    }

    fn bytes(&self) -> usize {
        self.sections.iter().flatten().map(RecordBatch::get_array_memory_size).sum()
    }
}

/// What waits, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bundles: VecDeque<Bundle>,
    bytes: usize,
    /// Taken out, not yet on disk.
    bytes_in_hand: usize,
    /// Rows of the ledger whose bundle or file was dropped.
    orphans: Vec<RecordBatch>,
    is_rotation_due: bool,
    lost: Lost,
}

impl Backlog {
    /// Adds the newest.
    pub(crate) fn push(&mut self, bundle: Bundle) {
        self.bytes += bundle.bytes();
        self.bundles.push_back(bundle);
        self.keep_bound();
        self.tell_last();
    }

    /// What was dropped after a run closed its books is told in the newest row of the ledger: that has to go with the run's last bundle then.
    fn tell_last(&mut self) {
        let Some(last) = self.bundles.pop_back_if(|last| last.flags & FINAL != 0) else { return };
        let [flows, dns, mut ledger, provisional, devices] = last.sections;
        if rows(&ledger) == 0 && self.lost.flows != last.lost_known {
            let waiting = self.bundles.iter_mut().rev().map(|bundle| {
                let [_, _, ledger, ..] = &mut bundle.sections;
                ledger
            });
            let newest = waiting.chain([&mut self.orphans]).find(|ledger| rows(ledger) > 0);
            ledger = newest.map(std::mem::take).unwrap_or_default();
        }
        let sections = [flows, dns, ledger, provisional, devices];
        self.bundles.push_back(Bundle { sections, ..last });
        self.bytes = self.bundles.iter().map(Bundle::bytes).sum();
    }

    /// The oldest, with orphaned rows of the ledger.
    pub(crate) fn take(&mut self) -> Option<Bundle> {
        let mut bundle = self.bundles.pop_front()?;
        self.bytes -= bundle.bytes();
        let [_, _, ledger, ..] = &mut bundle.sections;
        ledger.splice(..0, std::mem::take(&mut self.orphans));
        bundle.is_rotation |= std::mem::take(&mut self.is_rotation_due);
        self.bytes_in_hand += bundle.bytes();
        Some(bundle)
    }

    /// The disk has what was taken.
    pub(crate) const fn done(&mut self) {
        self.bytes_in_hand = 0;
    }

    /// The disk does not have what was taken.
    pub(crate) fn give_back(&mut self, bundles: Vec<Bundle>) {
        self.bytes_in_hand = 0;
        for bundle in bundles.into_iter().rev() {
            self.bytes += bundle.bytes();
            self.bundles.push_front(bundle);
        }
        self.keep_bound();
    }

    /// Counts rows that were dropped elsewhere, and keeps their ledger.
    pub(crate) fn lose(&mut self, flows: Sums, other_rows: u64, ledger: Vec<RecordBatch>) {
        self.lost.flows += flows;
        self.lost.other_rows += other_rows;
        self.orphans.extend(ledger);
        while rows(&self.orphans) > LEDGER_ROWS_MAX {
            self.lost.ledger_rows += self.orphans.remove(0).num_rows() as u64;
        }
    }

    /// Drops all rows but the ledger's, which go with the newest bundle.
    pub(crate) fn keep_ledger_only(&mut self) {
        let mut newest = None;
        for bundle in std::mem::take(&mut self.bundles) {
            let other_rows = others(&bundle.sections);
            let [_, _, ledger, ..] = bundle.sections;
            self.lose(bundle.sums, other_rows, ledger);
            let (sections, sums) = Default::default();
            newest = Some(Bundle { sections, sums, ..bundle });
        }
        self.bundles.extend(newest);
        self.bytes = 0;
    }

    /// Drops all that is left.
    pub(crate) fn lose_all(&mut self) {
        while let Some(mut bundle) = self.take() {
            self.bytes_in_hand = 0;
            let other_rows = others(&bundle.sections);
            let [_, _, ledger, ..] = &mut bundle.sections;
            self.lost.ledger_rows += rows(ledger) as u64;
            self.lose(bundle.sums, other_rows, Vec::new());
        }
        self.lost.ledger_rows += rows(&std::mem::take(&mut self.orphans)) as u64;
    }

    /// Lost so far.
    pub(crate) const fn lost(&self) -> Lost {
        self.lost
    }

    /// Whether half of the room is taken.
    pub(crate) const fn is_half_full(&self) -> bool {
        self.bytes + self.bytes_in_hand > BACKLOG_BYTES_MAX / 2
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.bundles.is_empty()
    }

    fn keep_bound(&mut self) {
        while self.bundles.len() > 1 && self.bytes + self.bytes_in_hand > BACKLOG_BYTES_MAX {
            let Some(mut oldest) = self.bundles.pop_front() else { return };
            self.bytes -= oldest.bytes();
            self.is_rotation_due |= oldest.is_rotation;
            let other_rows = others(&oldest.sections);
            let ledger = oldest.sections.get_mut(LEDGER).map(std::mem::take).unwrap_or_default();
            self.lose(oldest.sums, other_rows, ledger);
        }
    }
}
