//! When to look at a flow again: buckets of a quarter of a second, so that a packet costs no timer.
//!
//! A bucket is a plain list of places, and nothing is ever taken out of its middle: who files a place remembers that it is filed, and looks when it comes up
//! whether the flow that is there then is due.

use std::collections::BTreeMap;

/// Length of a bucket: a flow is cut at most so long after its deadline, and a tick.
pub const TICK_NS: i64 = 250_000_000;
/// Emptied lists that are kept for the next buckets.
const SPARE_MAX: usize = 8;

/// Places in the slab by the tick in which they are due.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    buckets: BTreeMap<i64, Vec<u32>>,
    spare: Vec<Vec<u32>>,
}

impl Wheel {
    /// Octets for each filing: a list may be twice as long as what is in it.
    pub(super) const OCTETS: usize = 2 * size_of::<u32>();
    /// Octets for each bucket: key and list, in nodes that may be half empty.
    pub(super) const BUCKET_OCTETS: usize = 4 * (size_of::<i64>() + size_of::<Vec<u32>>());

    /// One bucket later than the deadline's own, so that when it comes up the deadline has passed.
    fn tick(deadline_ns: i64) -> i64 {
        deadline_ns.div_euclid(TICK_NS).saturating_add(1)
    }

    /// Files a place under a deadline.
    pub(super) fn file(&mut self, deadline_ns: i64, place: u32) {
        let spare = &mut self.spare;
        let bucket = self.buckets.entry(Self::tick(deadline_ns));
        bucket.or_insert_with(|| spare.pop().unwrap_or_default()).push(place);
    }

    /// Takes out a place that is due at a time, of the earliest bucket.
    pub(super) fn due(&mut self, clock_ns: i64) -> Option<u32> {
        let earliest = self.buckets.first_entry()?;
        if *earliest.key() > clock_ns.div_euclid(TICK_NS) {
            return None;
        }
        self.take()
    }

    /// The place that comes out after so many others, if they are of one bucket.
    pub(super) fn coming(&self, after: usize) -> Option<u32> {
        let (_, places) = self.buckets.first_key_value()?;
        places.len().checked_sub(after + 1).and_then(|at| places.get(at).copied())
    }

    /// Takes out a place of the earliest bucket.
    pub(super) fn take(&mut self) -> Option<u32> {
        let mut earliest = self.buckets.first_entry()?;
        let place = earliest.get_mut().pop();
        if earliest.get().is_empty() {
            let list = earliest.remove();
            if self.spare.len() < SPARE_MAX {
                self.spare.push(list);
            }
        }
        place
    }
}
