//! Lists under construction.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::FieldRef;
use arrow::error::ArrowError;
use parquet::errors::Result as Written;

use crate::build::values::{Build, take};
use crate::pages::{Dictionary, Extent, Page, Pages};

/// Lists, one behind the other; an empty one is null.
#[derive(Debug, Default)]
pub struct Lists<C> {
    /// The items of all lists.
    pub items: C,
    /// Items of each.
    lengths: Vec<u32>,
    filled: usize,
}

impl<C> Lists<C> {
    /// Ends the list to which so many items were added.
    pub fn close(&mut self, items: usize) {
        self.filled += usize::from(items > 0);
        self.lengths.push(u32::try_from(items).unwrap_or(u32::MAX));
    }

    /// Hands the column over; `item` is the field of `items`.
    pub fn finish(&mut self, item: FieldRef, items: ArrayRef) -> Result<ArrayRef, ArrowError> {
        let lengths = take(&mut self.lengths);
        self.filled = 0;
        let valid: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
        let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| *length as usize));
        let valid = Some(valid).filter(|valid| valid.null_count() > 0);
        Ok(Arc::new(ListArray::try_new(item, offsets, items, valid)?))
    }

    /// Whether all are empty.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

/// Level of an item of a list: below it lie a null item, an empty list and a null one.
const ITEM: u8 = 3;

impl<C: Build> Pages for Lists<C> {
    fn page(&mut self, rows: usize, mut page: Page<'_>) -> Written<()> {
        let nulls = rows - self.filled;
        let values = if self.filled == 0 {
            page.level(0, rows, 1);
            page.level(0, rows, 2);
            rows
        } else {
            let (mut begins, mut holds) = (Vec::new(), Vec::new());
            for length in &self.lengths {
                begins.push(0_u8);
                begins.extend((1..*length).map(|_| 1_u8));
                holds.extend((0..(*length).max(1)).map(|_| if *length == 0 { 0 } else { ITEM }));
            }
            page.levels(&begins, 1);
            page.levels(&holds, 2);
            begins.len()
        };
        self.lengths.clear();
        self.filled = 0;
        let written = self.items.encode(page.is_ranged(), page.body);
        page.end(Extent { rows, values, nulls }, written)
    }
    fn words(&self) -> usize {
        self.items.words()
    }
    fn dictionary(&mut self) -> Option<Dictionary> {
        self.items.dictionary()
    }
}
