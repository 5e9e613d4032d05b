//! The flow table of a lane: a hash index over a slab, with hard limits.
//!
//! Every cut of a flow is decided by the clock of the packets alone, and by the earliest deadline first, so that it makes no difference when the sweep runs.
//! A table that is full, or nearly, gives up flows of which only one end has spoken before any other: random senders cost other random senders their place.

use hashbrown::HashTable;

use crate::flow::queue::{Links, Queue};
use crate::flow::wheel::Wheel;
use crate::flow::{Acknowledged, Entry, FlowKey, Limits, NameRoom, Reason};
use crate::observation::{Observation, Sequence, tcp};

/// How long after its close a connection waits for stragglers (Zeek's `tcp_close_delay`).
const LINGER_NS: i64 = 5_000_000_000;
/// Established flows compared when one must go.
const SAMPLE: usize = 16;
/// One-sided flows passed over because they are busy, when one must go.
const SPARED: usize = 8;
/// How long a one-sided flow may be silent when the table is nearly full.
const FAST_IDLE_NS: i64 = 2_000_000_000;
/// Busy flows passed over in a sweep.
const SPARED_SWEEP: usize = 4_096;

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
    /// Its numbers, where it is TCP.
    pub sequence: Option<Sequence>,
    /// Octets of the tunnels around it.
    pub tunnel_octets: u32,
}

/// Who receives a flow that is cut; called only for flows with packets.
pub trait Export {
    /// Makes a record of what the entry counted since the last one.
    fn export(&mut self, entry: &mut Entry, reason: Reason);
}

/// What became of a packet.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Its flow.
    pub entry: &'a mut Entry,
    /// Whether the flow begins with it.
    pub is_new: bool,
    /// What its acknowledgement showed.
    pub acknowledged: Acknowledged,
    /// Room for names that the flow is given.
    pub room: &'a mut NameRoom,
}

/// The flows of a lane.
#[derive(Debug)]
pub struct FlowTable {
    index: HashTable<u32>,
    slab: Vec<Option<Entry>>,
    free: Vec<u32>,
    wheel: Wheel,
    links: Links,
    /// Flows of which one end has spoken, oldest first; one that is answered leaves when it is met.
    one_sided: Queue,
    room: NameRoom,
    limits: Limits,
    seed: u64,
    evictions: u64,
}

impl FlowTable {
    /// An empty table; `seed` keeps chosen keys from colliding and changes no result.
    pub fn new(limits: Limits, seed: u64) -> Self {
        // Address space only; memory follows as flows come.
        let flows = limits.reserved();
        Self {
            index: HashTable::with_capacity(flows),
            slab: Vec::with_capacity(flows),
            free: Vec::with_capacity(flows),
            wheel: Wheel::with_capacity(flows),
            links: Links::with_capacity(flows),
            one_sided: Queue::EMPTY,
            room: NameRoom::new(limits.flows_max),
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

    fn entry(&self, slot: u32) -> Option<&Entry> {
        self.slab.get(slot as usize)?.as_ref()
    }

    fn holds(&self, slot: u32, key: &FlowKey) -> bool {
        self.entry(slot).is_some_and(|entry| entry.key == *key)
    }

    /// Adds a packet to its flow, cutting the flow before where it is due. Gives the flow, and whether it is new.
    pub fn observe(
        &mut self,
        observation: &Observation,
        arrival: Arrival,
        out: &mut impl Export,
    ) -> Observed<'_> {
        let Arrival { hash, clock, place, sequence, tunnel_octets } = arrival;
        // Since the group was looked up the place may have been given to another flow, or the flow a place.
        let found = place
            .filter(|&slot| self.holds(slot, &observation.key))
            .or_else(|| self.find(&observation.key, hash))
            .filter(|&slot| self.continues(slot, observation, clock, out));
        let slot = match found {
            Some(slot) => slot,
            None => self.insert(observation, hash, clock, out),
        };
        let (limits, Self { slab, wheel, room, .. }) = (self.limits, self);
        let entry = occupied(slab, slot);
        let was_closed = entry.closed_clock != i64::MAX;
        let acknowledged = entry.observe(observation, sequence, clock);
        entry.tunnel_bytes += u64::from(tunnel_octets);
        if !was_closed && entry.closed_clock != i64::MAX {
            wheel.file(deadline(entry, limits).1, slot);
        }
        Observed { entry, is_new: found.is_none(), acknowledged, room }
    }

    /// Cuts a known flow where it is due; whether the packet still belongs to it.
    fn continues(
        &mut self,
        slot: u32,
        observation: &Observation,
        clock: i64,
        out: &mut impl Export,
    ) -> bool {
        let is_syn = observation.tcp_flags & (tcp::SYN | tcp::ACK) == tcp::SYN;
        let entry = occupied(&mut self.slab, slot);
        let ended = cut(entry, self.limits, clock, out);
        // The port is used again: a SYN on a closed connection opens another (RFC 9293 section 3.6.1).
        let reopened = !ended && is_syn && entry.closed_clock != i64::MAX;
        if reopened && entry.packets() > 0 {
            out.export(entry, Reason::End);
        }
        if ended || reopened {
            self.remove(slot);
        }
        !(ended || reopened)
    }

    fn insert(
        &mut self,
        observation: &Observation,
        hash: u64,
        clock: i64,
        out: &mut impl Export,
    ) -> u32 {
        if self.len() >= self.limits.flows_max {
            self.make_room(clock, out);
        }
        let entry = Entry::new(observation, hash, clock);
        let deadline =
            clock.saturating_add(self.limits.idle_timeout_ns.min(self.limits.active_timeout_ns));
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slab.push(None);
            u32::try_from(self.slab.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.slab.get_mut(slot as usize) {
            *place = Some(entry);
        }
        let slab = &self.slab;
        self.index.insert_unique(hash, slot, |&slot| {
            slab.get(slot as usize).and_then(Option::as_ref).map_or(0, |entry| entry.hash)
        });
        self.wheel.file(deadline, slot);
        self.links.push(&mut self.one_sided, slot);
        slot
    }

    fn remove(&mut self, slot: u32) {
        let Some(entry) = self.slab.get_mut(slot as usize).and_then(Option::take) else { return };
        if let Ok(found) = self.index.find_entry(entry.hash, |&other| other == slot) {
            found.remove();
        }
        self.room.give_back(entry.name_octets());
        self.wheel.leave(slot);
        self.links.leave(&mut self.one_sided, slot);
        self.free.push(slot);
    }

    /// Exports a flow before its time.
    fn evict(&mut self, slot: u32, out: &mut impl Export) {
        if let Some(Some(entry)) = self.slab.get_mut(slot as usize)
            && entry.packets() > 0
        {
            out.export(entry, Reason::Resources);
        }
        self.evictions += 1;
        self.remove(slot);
    }

    /// Makes room for one flow: the oldest one-sided one that is not busy goes, and only if there is none, another.
    fn make_room(&mut self, clock: i64, out: &mut impl Export) {
        let mut spared = 0;
        while let Some(slot) = self.oldest_one_sided() {
            if spared < SPARED && self.spare(slot, clock) {
                spared += 1;
            } else {
                return self.evict(slot, out);
            }
        }
        if let Some(slot) = self.most_silent() {
            self.evict(slot, out);
        }
    }

    /// The first of the one-sided flows; those that were answered leave the queue, each once.
    fn oldest_one_sided(&mut self) -> Option<u32> {
        while let Some(slot) = self.one_sided.first() {
            if self.entry(slot).is_some_and(|entry| entry.state.is_one_sided()) {
                return Some(slot);
            }
            self.links.leave(&mut self.one_sided, slot);
        }
        None
    }

    /// Sends a one-sided flow to the end of its queue if it is a stream of packets, and not just a knock.
    fn spare(&mut self, slot: u32, clock: i64) -> bool {
        let is_busy = self.entry(slot).is_some_and(|entry| {
            entry.packets() > 1 && clock.saturating_sub(entry.last_clock) < FAST_IDLE_NS
        });
        if is_busy {
            self.links.leave(&mut self.one_sided, slot);
            self.links.push(&mut self.one_sided, slot);
        }
        is_busy
    }

    /// Of some flows that were filed under the earliest deadline, the one silent for longest; those that are due later are filed anew.
    fn most_silent(&mut self) -> Option<u32> {
        let mut sample = [None; SAMPLE];
        for (place, slot) in sample.iter_mut().zip(self.wheel.earliest(SAMPLE)) {
            *place = Some(slot);
        }
        for &slot in sample.iter().flatten() {
            let Some(due) = self.entry(slot).map(|entry| deadline(entry, self.limits).1) else {
                continue;
            };
            if self.wheel.is_early(due, slot) {
                self.wheel.file(due, slot);
            }
        }
        let silent = |&slot: &u32| self.entry(slot).map_or(i64::MAX, |entry| entry.last_clock);
        sample.into_iter().flatten().min_by_key(silent)
    }

    /// Cuts every flow that is due; in a table that is nearly full, one-sided flows sooner.
    pub fn sweep(&mut self, clock: i64, out: &mut impl Export) {
        let limits = self.limits;
        while let Some(slot) = self.wheel.due(clock) {
            let Some(Some(entry)) = self.slab.get_mut(slot as usize) else { continue };
            if cut(entry, limits, clock, out) {
                self.remove(slot);
            } else {
                let deadline = deadline(entry, limits).1;
                self.wheel.file(deadline.max(clock), slot);
            }
        }
        let mut spared = 0;
        while self.len() > limits.pressure()
            && spared < SPARED_SWEEP
            && let Some(slot) = self.oldest_one_sided()
        {
            let last = self.entry(slot).map_or(i64::MIN, |entry| entry.last_clock);
            if clock.saturating_sub(last) >= FAST_IDLE_NS {
                self.evict(slot, out);
            } else if self.spare(slot, clock) {
                spared += 1;
            } else {
                break;
            }
        }
    }

    /// Exports everything that is left.
    pub fn flush(&mut self, out: &mut impl Export) {
        for place in &mut self.slab {
            if let Some(mut entry) = place.take()
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
        (self.wheel, self.links, self.one_sided) =
            (Wheel::default(), Links::default(), Queue::EMPTY);
        self.room.empty();
    }

    /// Adds up what is open, by walking the flows: the ledger's independent count.
    pub fn open(&self) -> Open {
        self.slab.iter().flatten().fold(Open::default(), |sum, entry| Open {
            packets: sum.packets + entry.packets(),
            wire_bytes: sum.wire_bytes + entry.wire_bytes,
            ip_bytes: sum.ip_bytes + entry.ip_bytes(),
        })
    }

    /// Flows held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no flow is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Flows exported because the table was full or nearly, so far.
    pub const fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Names not kept because there was no room for them, so far.
    pub const fn names_refused(&self) -> u64 {
        self.room.refused()
    }
}

#[expect(
    clippy::expect_used,
    reason = "the index names only occupied places: see `insert` and `remove`"
)]
fn occupied(slab: &mut [Option<Entry>], slot: u32) -> &mut Entry {
    let entry = slab.get_mut(slot as usize).and_then(Option::as_mut);
    entry.expect("the index names only occupied places")
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
