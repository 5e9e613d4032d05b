//! Finished records on their way, in rooms that go round: a row is large, and fresh memory for each costs more than making it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use schemas::flow::FlowRow;

/// Rooms that wait to be used again at most.
const ROOMS_MAX: usize = 32;

/// Finished records; when they are dropped, their room goes back to where it came from.
#[derive(Debug, Default)]
pub struct Rows {
    rows: Vec<FlowRow>,
    home: Option<Arc<ArrayQueue<Vec<FlowRow>>>>,
}

impl Rows {
    /// Puts a row at the end.
    pub(crate) fn push(&mut self, row: FlowRow) {
        self.rows.push(row);
    }

    /// Changes one after the other, in the room they lie in.
    pub(crate) fn map(mut self, change: impl FnMut(FlowRow) -> FlowRow) -> Self {
        self.rows = std::mem::take(&mut self.rows).into_iter().map(change).collect();
        self
    }
}

impl From<Vec<FlowRow>> for Rows {
    fn from(rows: Vec<FlowRow>) -> Self {
        Self { rows, home: None }
    }
}

impl Deref for Rows {
    type Target = [FlowRow];
    fn deref(&self) -> &[FlowRow] {
        &self.rows
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut [FlowRow] {
        &mut self.rows
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        self.rows.clear();
        // A full shelf means there are enough.
        let _ = home.push(std::mem::take(&mut self.rows));
    }
}

/// Rooms of one lane.
#[derive(Debug)]
pub(crate) struct Rooms {
    free: Arc<ArrayQueue<Vec<FlowRow>>>,
    rows: usize,
}

impl Rooms {
    /// None yet; each will have room for so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        Self { free: Arc::new(ArrayQueue::new(ROOMS_MAX)), rows }
    }

    /// An empty one.
    pub(crate) fn empty(&self) -> Rows {
        let rows = self.free.pop().unwrap_or_else(|| Vec::with_capacity(self.rows));
        Rows { rows, home: Some(Arc::clone(&self.free)) }
    }
}
