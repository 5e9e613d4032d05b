//! The flow table of a lane: a hash index over a slab, with hard limits.
//!
//! Every cut of a flow is decided by the clock of the packets alone, and by the earliest deadline first, so that it makes no difference when the sweep runs.

use hashbrown::HashTable;

use crate::flow::wheel::{Ticket, Wheel};
use crate::flow::{Entry, FlowKey};
use crate::observation::{Observation, tcp};

/// How long after its close a connection waits for stragglers (Zeek's `tcp_close_delay`).
const LINGER_NS: i64 = 5_000_000_000;
/// Flows for which address space is taken at once, so that a usual table never moves.
const RESERVED: usize = 1 << 20;
/// Flows compared when one must go.
const EVICTION_SAMPLE: usize = 16;

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
    /// The table was full.
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

/// Packets and octets in flows that have not been exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// Packets.
    pub packets: u64,
    /// Original length of their frames.
    pub wire_bytes: u64,
    /// IP-layer octets.
    pub ip_bytes: u64,
}

/// A packet's arrival at the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Hash of its key.
    pub hash: u64,
    /// Clock of the packets.
    pub clock: i64,
    /// Where [`FlowTable::find`] found its flow, if it was asked.
    pub place: Option<u32>,
}

/// Who receives a flow that is cut; called only for flows with packets.
pub trait Export {
    /// Makes a record of what the entry counted since the last one.
    fn export(&mut self, entry: &mut Entry, reason: Reason);
}

#[derive(Debug)]
struct Place {
    entry: Option<Entry>,
    generation: u32,
}

/// The flows of a lane.
#[derive(Debug)]
pub struct FlowTable {
    index: HashTable<u32>,
    slab: Vec<Place>,
    free: Vec<u32>,
    wheel: Wheel,
    limits: Limits,
    seed: u64,
    evictions: u64,
}

impl FlowTable {
    /// An empty table; `seed` keeps chosen keys from colliding and changes no result.
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            index: HashTable::with_capacity(limits.flows_max.min(RESERVED)),
            // Address space only; memory follows as flows come.
            slab: Vec::with_capacity(limits.flows_max.min(RESERVED)),
            free: Vec::new(),
            wheel: Wheel::default(),
            limits,
            seed,
            evictions: 0,
        }
    }

    /// The hash to observe with.
    pub fn hash(&self, key: &FlowKey) -> u64 {
        key.hash(self.seed)
    }

    /// Where a flow lies now, if it is there.
    pub fn find(&self, key: &FlowKey, hash: u64) -> Option<u32> {
        self.index.find(hash, |&slot| self.holds(slot, key)).copied()
    }

    fn holds(&self, slot: u32, key: &FlowKey) -> bool {
        let entry = self.slab.get(slot as usize).and_then(|place| place.entry.as_ref());
        entry.is_some_and(|entry| entry.key == *key)
    }

    /// Adds a packet to its flow, cutting the flow before where it is due. Gives the flow, and whether it is new.
    pub fn observe(
        &mut self,
        observation: &Observation,
        arrival: Arrival,
        out: &mut impl Export,
    ) -> (&mut Entry, bool) {
        let Arrival { hash, clock, place } = arrival;
        // Since the group was looked up the place may have been given to another flow, or the flow a place.
        let found = place
            .filter(|&slot| self.holds(slot, &observation.key))
            .or_else(|| self.find(&observation.key, hash));
        let (slot, is_new) = match found {
            Some(slot) => (slot, self.renew(slot, observation, clock, out)),
            None => (self.insert(observation, hash, clock, out), true),
        };
        let entry = self.entry_mut(slot);
        entry.observe(observation, clock);
        (entry, is_new)
    }

    #[expect(
        clippy::expect_used,
        reason = "the index names only occupied places: see `insert` and `remove`"
    )]
    fn entry_mut(&mut self, slot: u32) -> &mut Entry {
        self.slab
            .get_mut(slot as usize)
            .and_then(|place| place.entry.as_mut())
            .expect("the index names only occupied places")
    }

    /// Cuts a known flow where it is due; whether another begins in its place.
    fn renew(
        &mut self,
        slot: u32,
        observation: &Observation,
        clock: i64,
        out: &mut impl Export,
    ) -> bool {
        let limits = self.limits;
        let is_syn = observation.tcp_flags & (tcp::SYN | tcp::ACK) == tcp::SYN;
        let entry = self.entry_mut(slot);
        let ended = cut(entry, limits, clock, out);
        // The port is used again: a SYN on a closed connection opens another (RFC 9293 section 3.6.1).
        let reopened = !ended && is_syn && entry.closed_clock != i64::MAX;
        if reopened && entry.packets() > 0 {
            out.export(entry, Reason::End);
        }
        if ended || reopened {
            *entry = Entry::new(observation, entry.hash, clock);
        }
        ended || reopened
    }

    fn insert(
        &mut self,
        observation: &Observation,
        hash: u64,
        clock: i64,
        out: &mut impl Export,
    ) -> u32 {
        if self.len() >= self.limits.flows_max {
            self.evict(out);
        }
        let entry = Entry::new(observation, hash, clock);
        let deadline =
            clock.saturating_add(self.limits.idle_timeout_ns.min(self.limits.active_timeout_ns));
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slab.push(Place { entry: None, generation: 0 });
            u32::try_from(self.slab.len() - 1).unwrap_or(u32::MAX)
        });
        let mut generation = 0;
        if let Some(place) = self.slab.get_mut(slot as usize) {
            place.entry = Some(entry);
            generation = place.generation;
        }
        let slab = &self.slab;
        self.index.insert_unique(hash, slot, |&slot| {
            slab.get(slot as usize)
                .and_then(|place| place.entry.as_ref())
                .map_or(0, |entry| entry.hash)
        });
        self.wheel.file(deadline, Ticket { slot, generation });
        slot
    }

    /// The flow of a ticket, if it is still the same.
    fn holder(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        let place = self.slab.get_mut(ticket.slot as usize)?;
        (place.generation == ticket.generation).then_some(place.entry.as_mut()).flatten()
    }

    fn remove(&mut self, slot: u32) {
        let Some(place) = self.slab.get_mut(slot as usize) else { return };
        place.generation = place.generation.wrapping_add(1);
        let Some(entry) = place.entry.take() else { return };
        if let Ok(found) = self.index.find_entry(entry.hash, |&other| other == slot) {
            found.remove();
        }
        self.free.push(slot);
    }

    /// Makes room: of the flows due next, one-sided ones go first, then the one silent for longest.
    fn evict(&mut self, out: &mut impl Export) {
        let mut victim: Option<(bool, i64, Ticket)> = None;
        while victim.is_none() {
            let sample = self.wheel.earliest(EVICTION_SAMPLE);
            if sample.is_empty() {
                return;
            }
            for ticket in sample {
                let Some(entry) = self.holder(ticket) else { continue };
                let rank = (!entry.state.is_one_sided(), entry.last_clock, ticket);
                let loser = match victim {
                    Some(best) if (best.0, best.1) <= (rank.0, rank.1) => rank,
                    Some(best) => {
                        victim = Some(rank);
                        best
                    }
                    None => {
                        victim = Some(rank);
                        continue;
                    }
                };
                self.wheel.file(loser.1, loser.2);
            }
        }
        if let Some((_, _, ticket)) = victim {
            if let Some(entry) = self.holder(ticket)
                && entry.packets() > 0
            {
                out.export(entry, Reason::Resources);
            }
            self.evictions += 1;
            self.remove(ticket.slot);
        }
    }

    /// Cuts every flow that is due.
    pub fn sweep(&mut self, clock: i64, out: &mut impl Export) {
        let limits = self.limits;
        while let Some(tickets) = self.wheel.due(clock) {
            for ticket in tickets {
                let Some(entry) = self.holder(ticket) else { continue };
                if cut(entry, limits, clock, out) {
                    self.remove(ticket.slot);
                } else {
                    let deadline = deadline(entry, limits).1;
                    self.wheel.file(deadline.max(clock), ticket);
                }
            }
        }
    }

    /// Exports everything that is left.
    pub fn flush(&mut self, out: &mut impl Export) {
        for place in &mut self.slab {
            if let Some(mut entry) = place.entry.take()
                && entry.packets() > 0
            {
                let reason =
                    if entry.closed_clock == i64::MAX { Reason::Forced } else { Reason::End };
                out.export(&mut entry, reason);
            }
        }
        self.slab.clear();
        self.index.clear();
        self.free.clear();
        self.wheel = Wheel::default();
    }

    /// Adds up what is open, by walking the flows: the ledger's independent count.
    pub fn open(&self) -> Open {
        self.slab.iter().filter_map(|place| place.entry.as_ref()).fold(
            Open::default(),
            |sum, entry| Open {
                packets: sum.packets + entry.packets(),
                wire_bytes: sum.wire_bytes + entry.wire_bytes,
                ip_bytes: sum.ip_bytes + entry.ip_bytes(),
            },
        )
    }

    /// Flows held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no flow is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Flows exported because the table was full, so far.
    pub const fn evictions(&self) -> u64 {
        self.evictions
    }
}

/// The earliest deadline of a flow and what it means. The active time-out wins a tie.
fn deadline(entry: &Entry, limits: Limits) -> (Reason, i64) {
    let active = entry.part_clock.saturating_add(limits.active_timeout_ns);
    let end = entry.closed_clock.saturating_add(LINGER_NS);
    let idle = entry.last_clock.saturating_add(limits.idle_timeout_ns);
    let (reason, last) = if end <= idle { (Reason::End, end) } else { (Reason::Idle, idle) };
    if active <= last { (Reason::Active, active) } else { (reason, last) }
}

/// Makes the records that are due, in the order of their deadlines; whether the flow has ended.
fn cut(entry: &mut Entry, limits: Limits, clock: i64, out: &mut impl Export) -> bool {
    loop {
        let (reason, at) = deadline(entry, limits);
        if clock < at {
            return false;
        }
        if entry.packets() > 0 {
            out.export(entry, reason);
            entry.next_part();
        }
        if reason != Reason::Active {
            return true;
        }
    }
}
