//! How many flows there may be, how long they last, and what memory that takes at most.

use crate::decode::Tunnel;
use crate::flow::Entry;
use crate::flow::queue::Links;
use crate::flow::room;
use crate::flow::wheel::{TICK_NS, Wheel};

/// Flows for which address space is taken at once, so that a usual table never moves.
const RESERVED: usize = 1 << 20;

/// Octets of memory for handshakes under way.
pub(crate) const HANDSHAKES_OCTETS: usize = 16 << 20;

/// When flows are cut, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A flow with packets gives a record at least this often.
    pub active_timeout_ns: i64,
    /// A flow without packets for so long ends.
    pub idle_timeout_ns: i64,
    /// Flows at a time.
    pub flows_max: usize,
}

impl Limits {
    /// Flows for which room is taken before they come.
    pub(super) fn reserved(&self) -> usize {
        self.flows_max.min(RESERVED)
    }

    /// From so many flows on the table is under pressure: 7/8 of the limit.
    pub(super) const fn pressure(&self) -> usize {
        self.flows_max - self.flows_max / 8
    }

    /// Octets that a lane takes at most for its flows: the table, and the handshakes that are put together.
    pub fn memory_bytes(&self) -> usize {
        self.table_bytes().saturating_add(HANDSHAKES_OCTETS)
    }

    /// Octets that a table takes at most, for `F` flows:
    ///
    /// `F × (entry + free list 4 + wheel 16 + one-sided queue 8 + tunnel + names 256) + index + buckets`
    ///
    /// The index has `F × 8/7` slots of 5 octets, rounded up to a power of two. A bucket is held for each tick of the longest time-out. Beyond 2²⁰ flows
    /// the arrays double as they grow, and old and new are there at once while one is moved: then the part of the arrays counts thrice.
    pub fn table_bytes(&self) -> usize {
        let flows = self.flows_max;
        let entry = size_of::<Option<Entry>>();
        let lists = size_of::<u32>() + Wheel::OCTETS + Links::OCTETS;
        let growth = if flows > RESERVED { 3 } else { 1 };
        let slots = flows.saturating_mul(8).div_ceil(7).checked_next_power_of_two();
        let index = slots.unwrap_or(usize::MAX).saturating_mul(size_of::<u32>() + 1);
        let arrays = flows.saturating_mul(entry + lists).saturating_add(index);
        let boxes = room::allocated(size_of::<Tunnel>()) + room::OCTETS_EACH;
        let longest_ns = self.idle_timeout_ns.max(self.active_timeout_ns);
        let ticks = usize::try_from(longest_ns / TICK_NS).unwrap_or(usize::MAX).saturating_add(2);
        let buckets = ticks.min(flows).saturating_mul(Wheel::BUCKET_OCTETS);
        arrays
            .saturating_mul(growth)
            .saturating_add(flows.saturating_mul(boxes))
            .saturating_add(buckets)
    }
}

/// Why a record is made: `flow_end_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No packet for the idle time-out.
    Idle,
    /// The active time-out; the flow goes on.
    Active,
    /// The connection closed.
    End,
    /// The probe stops.
    Forced,
    /// The table was full, or nearly and the flow half-open.
    Resources,
}

impl Reason {
    /// Word of the column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::End => "end",
            Self::Forced => "forced",
            Self::Resources => "resources",
        }
    }
}
