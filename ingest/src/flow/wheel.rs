//! When to look at a flow again: buckets of a second, so that a packet costs no timer.
//!
//! A flow is in one bucket at a time. When its bucket is due and the flow is not, it moves to the bucket of its real deadline.

use std::collections::BTreeMap;

/// Length of a bucket.
pub const TICK_NS: i64 = 1_000_000_000;

/// A flow in the slab, and which of the flows that ever lay there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Place in the slab.
    pub slot: u32,
    /// Use count of the place.
    pub generation: u32,
}

/// Tickets by the second in which they are due.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    buckets: BTreeMap<i64, Vec<Ticket>>,
}

impl Wheel {
    /// Files a ticket under its deadline.
    pub(super) fn file(&mut self, deadline_ns: i64, ticket: Ticket) {
        // One bucket later than the deadline's own, so that when it comes up the deadline has passed.
        let tick = (deadline_ns / TICK_NS).saturating_add(1);
        self.buckets.entry(tick).or_default().push(ticket);
    }

    /// The tickets due at a time, earliest bucket first.
    pub(super) fn due(&mut self, clock_ns: i64) -> Option<Vec<Ticket>> {
        let first = self.buckets.first_entry()?;
        (*first.key() <= clock_ns / TICK_NS).then(|| first.remove())
    }

    /// Takes up to `count` tickets from the earliest bucket.
    pub(super) fn earliest(&mut self, count: usize) -> Vec<Ticket> {
        let Some(mut first) = self.buckets.first_entry() else { return Vec::new() };
        let bucket = first.get_mut();
        let taken = bucket.split_off(bucket.len().saturating_sub(count));
        if bucket.is_empty() {
            first.remove();
        }
        taken
    }
}
