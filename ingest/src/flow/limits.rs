//! How many flows there may be, how long they last, and what memory that takes at most.

use crate::decode::Tunnel;
use crate::flow::details::Details;
use crate::flow::index::Index;
use crate::flow::meter::Meter;
use crate::flow::profile::{Profile, Rare};
use crate::flow::queue::Links;
use crate::flow::room;
use crate::flow::wheel::{TICK_NS, Wheel};

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
    /// The shorter time-out: no flow is due before.
    pub(super) fn shortest_ns(&self) -> i64 {
        self.idle_timeout_ns.min(self.active_timeout_ns)
    }

    /// From so many flows on the table is under pressure: 7/8 of the limit.
    pub(super) const fn pressure(&self) -> usize {
        self.flows_max - self.flows_max / 8
    }

    /// Octets of a flow in the table: meter, profile, index, queue and wheel; what few flows have, and names, apart.
    pub const FLOW_OCTETS: usize =
        size_of::<Meter>() + size_of::<Profile>() + Index::OCTETS + Links::OCTETS + Wheel::OCTETS;

    /// Octets that a lane takes at most for its flows: the table, and the handshakes that are put together.
    pub fn memory_bytes(&self) -> usize {
        self.table_bytes().saturating_add(HANDSHAKES_OCTETS)
    }

    /// Octets that a table takes at most, for `F` flows:
    ///
    /// `F × (flow + free list 8 + second filing + detail + tunnel + rare things + names 256) + buckets`
    ///
    /// A bucket is held for each tick of the longest time-out.
    pub fn table_bytes(&self) -> usize {
        let flows = self.flows_max;
        let lists = 2 * size_of::<u32>() + Wheel::OCTETS;
        let boxes = room::allocated(size_of::<Tunnel>())
            + room::allocated(size_of::<Rare>())
            + 2 * Details::OCTETS
            + room::OCTETS_EACH;
        let longest_ns = self.idle_timeout_ns.max(self.active_timeout_ns);
        let ticks = usize::try_from(longest_ns / TICK_NS).unwrap_or(usize::MAX).saturating_add(2);
        let buckets = ticks.min(flows).saturating_mul(Wheel::BUCKET_OCTETS);
        flows.saturating_mul(Self::FLOW_OCTETS + lists + boxes).saturating_add(buckets)
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
