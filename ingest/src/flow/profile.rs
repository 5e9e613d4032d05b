//! What few packets of a flow touch, apart from what all do.

use crate::flow::details::DetailId;
use crate::flow::gap::Hole;
use crate::flow::meter::Pair;
use crate::flow::{Heard, Names};

/// What is known of a flow beside its counters.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// Time of the flow's first packet.
    pub(super) born_ns: i64,
    /// What named it.
    pub(super) names: Option<Box<Names>>,
    /// What most flows do not have.
    pub(super) rare: Option<Box<Rare>>,
    /// How far its streams have been listened to.
    pub(super) heard: Heard,
    /// What the first packet had beside its key.
    pub(super) detail: DetailId,
    /// Records made so far.
    pub(super) part: i32,
    /// When the connection closed, if it did.
    pub(super) closed_ms: u32,
}

const _: () = assert!(size_of::<Profile>() == 48);

/// What most flows do not have.
#[derive(Debug)]
pub(super) struct Rare {
    /// Octets of the tunnels around the packets.
    pub(super) tunnel_bytes: u64,
    /// Fragments.
    pub(super) fragments: u64,
    /// Octets acknowledged and not seen.
    pub(super) missed_bytes: u64,
    /// Earliest and latest time of packets that came behind the clock.
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
    pub(super) holes: Pair<Hole>,
    /// Packets beyond what the counters hold.
    pub(super) packets_beyond: Pair<u64>,
}

impl Default for Rare {
    fn default() -> Self {
        Self {
            tunnel_bytes: 0,
            fragments: 0,
            missed_bytes: 0,
            start_ns: i64::MAX,
            end_ns: i64::MIN,
            holes: Pair::default(),
            packets_beyond: Pair::default(),
        }
    }
}

impl Rare {
    /// Starts the next record.
    pub(super) fn next_part(&mut self) {
        *self = Self { holes: self.holes, ..Self::default() };
    }
}

impl Profile {
    /// What most flows do not have, made when it is first needed.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}
