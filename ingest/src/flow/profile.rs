//! What few packets of a flow touch, apart from what all do.

use crate::flow::details::DetailId;
use crate::flow::gap::Hole;
use crate::flow::meter::{Meter, Pair};
use crate::flow::{Heard, Names};

/// What is known of a flow beside its counters: two to a cache line.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// What named it.
    pub(super) names: Option<Box<Names>>,
    /// What most flows do not have.
    pub(super) rare: Option<Box<Rare>>,
    /// How far its streams have been listened to.
    pub(super) heard: Heard,
    /// When the connection closed, if it did.
    pub(super) closed_ms: u16,
    /// What the first packet had beside its key.
    pub(super) detail: DetailId,
}

const _: () = assert!(size_of::<Profile>() == 32);

/// What most flows do not have.
#[derive(Debug)]
pub(super) struct Rare {
    /// Time of the flow's first packet: where there is nothing rare, the first clock since the last record.
    pub(super) born_ns: i64,
    /// Records made so far.
    pub(super) part: i32,
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

impl Rare {
    /// Nothing yet, of a flow with this first time.
    pub(super) fn new(born_ns: i64) -> Self {
        Self {
            born_ns,
            part: 0,
            tunnel_bytes: 0,
            fragments: 0,
            missed_bytes: 0,
            start_ns: i64::MAX,
            end_ns: i64::MIN,
            holes: Pair::default(),
            packets_beyond: Pair::default(),
        }
    }

    /// Starts the next record.
    fn next_part(&mut self) {
        *self = Self { part: self.part + 1, holes: self.holes, ..Self::new(self.born_ns) };
    }
}

impl Profile {
    /// Of a flow whose first packet has this time; where that is not the clock, it is rare.
    pub(super) fn new(born_ns: i64, clock: i64, detail: DetailId) -> Self {
        let rare = (born_ns != clock).then(|| Box::new(Rare::new(born_ns)));
        Self { rare, detail, ..Self::default() }
    }

    /// What most flows do not have, made when it is first needed; not before the meter knows of the first packet.
    pub(super) fn rare(&mut self, meter: &Meter) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::new(meter.part_clock)))
    }

    /// Starts the next record, before the meter does.
    pub(super) fn next_part(&mut self, meter: &Meter) {
        self.rare(meter).next_part();
    }

    /// Time of the flow's first packet.
    pub(super) fn born_ns(&self, meter: &Meter) -> i64 {
        self.rare.as_ref().map_or(meter.part_clock, |rare| rare.born_ns)
    }
}
