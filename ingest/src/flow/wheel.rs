//! When to look at a flow again: buckets of a quarter of a second, so that a packet costs no timer.
//!
//! A flow is in one bucket at a time. When its bucket is due and the flow is not, it moves to the bucket of its real deadline.

use std::collections::BTreeMap;

use crate::flow::queue::{Links, Queue};

/// Length of a bucket: a flow is cut at most so long after its deadline, and a tick.
pub const TICK_NS: i64 = 250_000_000;

/// Places in the slab by the tick in which they are due.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    buckets: BTreeMap<i64, Queue>,
    links: Links,
    ticks: Vec<i64>,
}

impl Wheel {
    /// Octets for each place.
    pub(super) const OCTETS: usize = Links::OCTETS + size_of::<i64>();
    /// Octets for each bucket: key and queue, in nodes that may be half empty.
    pub(super) const BUCKET_OCTETS: usize = 4 * (size_of::<i64>() + size_of::<Queue>());

    /// Room for as many places without a move.
    pub(super) fn with_capacity(places: usize) -> Self {
        Self {
            buckets: BTreeMap::new(),
            links: Links::with_capacity(places),
            ticks: Vec::with_capacity(places),
        }
    }

    /// One bucket later than the deadline's own, so that when it comes up the deadline has passed.
    fn tick(deadline_ns: i64) -> i64 {
        deadline_ns.div_euclid(TICK_NS).saturating_add(1)
    }

    /// Files a place under its deadline, wherever it was before.
    pub(super) fn file(&mut self, deadline_ns: i64, place: u32) {
        self.leave(place);
        let tick = Self::tick(deadline_ns);
        if place as usize >= self.ticks.len() {
            self.ticks.resize(place as usize + 1, tick);
        }
        if let Some(filed) = self.ticks.get_mut(place as usize) {
            *filed = tick;
        }
        self.links.push(self.buckets.entry(tick).or_insert(Queue::EMPTY), place);
    }

    /// Takes a place out.
    pub(super) fn leave(&mut self, place: u32) {
        let Some(tick) = self.ticks.get(place as usize) else { return };
        let Some(bucket) = self.buckets.get_mut(tick) else { return };
        self.links.leave(bucket, place);
        if bucket.first().is_none() {
            self.buckets.remove(tick);
        }
    }

    /// Takes out a place that is due at a time, of the earliest bucket.
    pub(super) fn due(&mut self, clock_ns: i64) -> Option<u32> {
        let mut earliest = self.buckets.first_entry()?;
        if *earliest.key() > clock_ns.div_euclid(TICK_NS) {
            return None;
        }
        let place = self.links.pop(earliest.get_mut());
        if earliest.get().first().is_none() {
            earliest.remove();
        }
        place
    }

    /// Up to `count` places of the earliest bucket; they stay in it.
    pub(super) fn earliest(&self, count: usize) -> impl Iterator<Item = u32> {
        let first = self.buckets.first_key_value().and_then(|(_, bucket)| bucket.first());
        std::iter::successors(first, |&place| self.links.after(place)).take(count)
    }

    /// Whether a deadline belongs in a later bucket than the one a place lies in.
    pub(super) fn is_early(&self, deadline_ns: i64, place: u32) -> bool {
        self.ticks.get(place as usize).is_some_and(|&tick| tick < Self::tick(deadline_ns))
    }
}
