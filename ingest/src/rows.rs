//! Finished records on their way, in rooms that go round: a row is large, and fresh memory for each costs more than making it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

/// Rooms that wait to be used again at most.
const ROOMS_MAX: usize = 32;

/// Finished records; when they are dropped, their room goes back to where it came from.
#[derive(Debug)]
pub struct Rows<R> {
    rows: Vec<R>,
    home: Option<Rooms<R>>,
}

impl<R> Rows<R> {
    /// Puts a row at the end; the first one takes a room.
    #[inline]
    pub(crate) fn push(&mut self, row: R) {
        if self.rows.capacity() == 0
            && let Some(home) = &self.home
        {
            self.rows = home.room();
        }
        self.rows.push(row);
    }

    /// The same for waiting: few rows in a room of their own size, for room that is not used is memory that waits, too.
    pub(crate) fn fitted(mut self) -> Self {
        if self.rows.len() >= self.rows.capacity() / 4 {
            return self;
        }
        let mut rows = Vec::with_capacity(self.rows.len());
        rows.append(&mut self.rows);
        rows.into()
    }

    /// Changes one after the other, in the room they lie in.
    pub(crate) fn map(mut self, change: impl FnMut(R) -> R) -> Self {
        self.rows = std::mem::take(&mut self.rows).into_iter().map(change).collect();
        self
    }
}

impl<R> From<Vec<R>> for Rows<R> {
    fn from(rows: Vec<R>) -> Self {
        Self { rows, home: None }
    }
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<R> Extend<R> for Rows<R> {
    fn extend<I: IntoIterator<Item = R>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

impl<R> Deref for Rows<R> {
    type Target = [R];
    fn deref(&self) -> &[R] {
        &self.rows
    }
}

impl<R> DerefMut for Rows<R> {
    fn deref_mut(&mut self) -> &mut [R] {
        &mut self.rows
    }
}

impl<R> Drop for Rows<R> {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        // One that had to grow would wait with more than anybody needs.
        if (1..=home.rows).contains(&rows.capacity()) {
            // A full shelf means there are enough.
            let _ = home.free.push(rows);
        }
    }
}

/// Rooms of one lane.
#[derive(Debug)]
pub(crate) struct Rooms<R> {
    free: Arc<ArrayQueue<Vec<R>>>,
    rows: usize,
}

impl<R> Clone for Rooms<R> {
    fn clone(&self) -> Self {
        Self { free: Arc::clone(&self.free), rows: self.rows }
    }
}

impl<R> Rooms<R> {
    /// None yet; each will have room for so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        Self { free: Arc::new(ArrayQueue::new(ROOMS_MAX)), rows }
    }

    /// No rows; they take a room when the first comes.
    pub(crate) fn empty(&self) -> Rows<R> {
        Rows { rows: Vec::new(), home: Some(self.clone()) }
    }

    fn room(&self) -> Vec<R> {
        self.free.pop().unwrap_or_else(|| Vec::with_capacity(self.rows))
    }
}

#[cfg(test)]
mod tests {
    use schemas::flow::FlowRow;

    use super::*;
    use crate::direction::Inside;
    use crate::flow::{Endpoint, Flow, FlowKey, Reason};
    use crate::observation::Observation;
    use crate::record::RowStyle;

    fn row() -> FlowRow {
        let end = Endpoint::default();
        let observation = Observation {
            key: FlowKey { low: end, high: end, ip_proto: 17, ip_version: 4, space: [0; 4] },
            tcp_flags: 0,
            bits: 0,
            ts_ns: 5,
            ip_bytes: 40,
            header_bytes: 28,
            wire_bytes: 54,
            payload_at: 42,
        };
        let style = RowStyle { sensor: "s".into(), inside: Inside::default(), interface: None };
        let mut flow = Flow::new(&observation, 0);
        flow.entry().observe(&observation, None, 5);
        style.row(&mut flow.entry(), Reason::Idle)
    }

    #[test]
    fn rooms_go_round_and_few_rows_wait_in_little() {
        let rooms = Rooms::new(8);
        let filled = |count: usize| {
            let mut rows = rooms.empty();
            (0..count).for_each(|_| rows.push(row()));
            rows.fitted()
        };
        drop(filled(8));
        assert_eq!(rooms.free.len(), 1, "a room comes home");
        let one = filled(1);
        assert_eq!((one.len(), one.rows.capacity(), rooms.free.len()), (1, 1, 1));
        let full = filled(8).map(|row| FlowRow { flow_id: 7, ..row });
        assert_eq!((full.rows.capacity(), rooms.free.len()), (8, 0));
        assert!(full.iter().all(|row| row.flow_id == 7));
        drop(full);
        assert_eq!(rooms.free.len(), 1, "after a change, too");
        let grown = filled(9);
        assert_eq!((grown.len(), rooms.free.len()), (9, 0));
        drop(grown);
        assert_eq!(rooms.free.len(), 0, "one that grew does not wait");
    }
}
