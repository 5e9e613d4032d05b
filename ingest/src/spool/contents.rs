//! What counts of a spool file: all of it, but of a killed run's last file only what was cut as a whole, and its provisional ledger.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::record_batch::RecordBatch;
use schemas::store::spool::{
    DEVICES, DNS, END, FINAL, FLOWS, Head, Header, LEDGER, PROVISIONAL, Sums, WHOLE,
};
use schemas::store::{SpoolFile, StoreError};

use crate::spool::backlog::{Bundle, rows};
use crate::spool::shared::Closed;

/// A spool file being read.
#[derive(Debug)]
pub(crate) struct Contents {
    file: SpoolFile,
    /// What lies behind does not count.
    until: u64,
    /// Ledger of a run that was killed.
    provisional: Vec<RecordBatch>,
}

/// Rows of one bundle.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Rows of each table, in the order of [`schemas::TABLES`].
    pub(crate) tables: [Vec<RecordBatch>; schemas::TABLES.len()],
    /// Of its `flows`.
    pub(crate) sums: Sums,
}

impl Contents {
    pub(crate) fn open(closed: &Closed) -> Result<Self, StoreError> {
        let file = SpoolFile::open(&closed.path)?;
        let mut contents = Self { file, until: u64::MAX, provisional: Vec::new() };
        if closed.is_last {
            contents.find_end(closed)?;
        }
        Ok(contents)
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.file.header
    }

    /// What was wrong with the file, once it is read.
    pub(crate) const fn damages(&self) -> u64 {
        self.file.damages
    }

    /// Finds where a killed run was whole for the last time.
    fn find_end(&mut self, closed: &Closed) -> Result<(), StoreError> {
        let mut file = SpoolFile::open(&closed.path)?;
        self.until = 0;
        while let Some(group) = file.next_group()? {
            if group.head.is(END) {
                // Another file followed, or the run closed its books.
                self.until = u64::MAX;
                self.provisional = Vec::new();
                return Ok(());
            }
            if group.head.is(WHOLE) {
                self.until = file.position();
                let unknown = group.head.lost.since(group.head.lost_known);
                self.provisional = with_lost(group.section(PROVISIONAL)?, unknown)?;
            }
        }
        Ok(())
    }

    /// The next rows; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Part>, StoreError> {
        if self.file.position() < self.until
            && let Some(group) = self.file.next_group()?
            && self.file.position() <= self.until
        {
            let [flows, dns, devices, ledger] =
                [FLOWS, DNS, DEVICES, LEDGER].map(|section| group.section(section));
            let tables = [flows?, dns?, devices?, ledger?];
            return Ok(Some(Part { tables, sums: group.head.sums }));
        }
        let last = std::mem::take(&mut self.provisional);
        self.until = 0;
        let is_there = rows(&last) > 0;
        let tables = [Vec::new(), Vec::new(), Vec::new(), last];
        Ok(is_there.then(|| Part { tables, sums: Sums::default() }))
    }
}

/// Adds losses to the ledger of the newest interval.
pub(crate) fn with_lost(
    mut ledger: Vec<RecordBatch>,
    lost: Sums,
) -> Result<Vec<RecordBatch>, StoreError> {
    let Some(newest) = ledger.last_mut().filter(|_| lost != Sums::default()) else {
        return Ok(ledger);
    };
    let losses = [
        ("rows_lost", lost.rows),
        ("rows_lost_packets", lost.packets),
        ("rows_lost_wire_bytes", lost.wire_bytes),
        ("rows_lost_ip_bytes", lost.ip_bytes),
    ];
    let schema = newest.schema();
    let columns = schema.fields().iter().zip(newest.columns()).map(|(field, column)| {
        let loss = losses.iter().find(|(name, _)| name == field.name()).map(|(_, loss)| *loss);
        let numbers = column.as_any().downcast_ref::<Int64Array>();
        let (Some(loss), Some(numbers)) = (loss, numbers) else { return Arc::clone(column) };
        let raised = numbers.iter().enumerate().map(|(row, number)| match row {
            0 => Some(number.unwrap_or(0).saturating_add_unsigned(loss)),
            _ => number,
        });
        Arc::new(raised.collect::<Int64Array>()) as ArrayRef
    });
    let columns = columns.collect();
    *newest = RecordBatch::try_new(schema, columns).map_err(StoreError::Columns)?;
    Ok(ledger)
}

/// The bytes of a bundle. What was lost after a run closed its books is added to them.
pub(crate) fn encode(header: &Header, bundle: &Bundle, lost: Sums) -> Result<Vec<u8>, StoreError> {
    let mut head = Head::new(bundle.flags & WHOLE, bundle.wall_ns);
    head.sums = bundle.sums;
    (head.lost, head.lost_known) = (lost, bundle.lost_known);
    if bundle.flags & FINAL == 0 {
        return header.group(head, &bundle.sections);
    }
    let mut sections = bundle.sections.clone();
    if let Some(ledger) = sections.get_mut(LEDGER) {
        *ledger = with_lost(std::mem::take(ledger), lost.since(bundle.lost_known))?;
    }
    header.group(head, &sections)
}
