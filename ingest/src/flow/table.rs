//! The flow table of a lane: an index over places that are taken once, with hard limits.
//!
//! Every cut of a flow is decided by the clock of the packets alone, and by the earliest deadline first, so that it makes no difference when the sweep runs.
//! A table that is full, or nearly, gives up flows of which only one end has spoken before any other: random senders cost other random senders their place.

use crate::decode::Detail;
use crate::flow::details::Details;
use crate::flow::entry::{self, Entry, Export};
use crate::flow::expiry::{AT_END, cut, deadline, file_end, open_deadline};
use crate::flow::index::Index;
use crate::flow::meter::{Marks, Meter};
use crate::flow::profile::Profile;
use crate::flow::queue::{Links, Queue};
use crate::flow::wheel::Wheel;
use crate::flow::{Acknowledged, End, FlowKey, Limits, NameRoom, Reason};
use crate::observation::{Observation, Sequence, tcp};
use crate::source::sys::memory::{ask_for_huge_pages, prefetch, prefetch_if};

/// How many places before their turn the memory of a place is asked for, and then that of what hangs on it.
const FAR: usize = 8;
const NEAR: usize = 4;

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
    /// Where [`FlowTable::approach`] found that its flow may lie, if it was asked.
    pub place: Option<u32>,
    /// Its numbers, where it is TCP.
    pub sequence: Option<Sequence>,
    /// Octets of the tunnels around it.
    pub tunnel_octets: u32,
}

/// What became of a packet.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Its flow.
    pub entry: Entry<'a>,
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
    index: Index,
    pub(super) meters: Vec<Meter>,
    pub(super) profiles: Vec<Profile>,
    pub(super) details: Details,
    /// Places that were left.
    free: Vec<u32>,
    pub(super) wheel: Wheel,
    pub(super) links: Links,
    /// Flows of which one end has spoken, oldest first; one that is answered leaves when it is met.
    pub(super) one_sided: Queue,
    room: NameRoom,
    pub(super) limits: Limits,
    seed: u64,
    pub(super) evictions: u64,
}

impl FlowTable {
    /// An empty table; `seed` keeps chosen keys from colliding and changes no result.
    pub fn new(limits: Limits, seed: u64) -> Self {
        // Address space only; memory follows as flows come.
        let flows = limits.flows_max;
        let (mut meters, mut profiles) = (Vec::with_capacity(flows), Vec::with_capacity(flows));
        ask_for_huge_pages(&mut meters);
        ask_for_huge_pages(&mut profiles);
        Self {
            index: Index::new(flows),
            meters,
            profiles,
            details: Details::default(),
            free: Vec::new(),
            wheel: Wheel::default(),
            links: Links::with_capacity(flows),
            one_sided: Queue::EMPTY,
            room: NameRoom::new(flows),
            limits,
            seed,
            evictions: 0,
        }
    }

    /// The hash to observe with.
    pub fn hash(&self, key: &FlowKey) -> u64 {
        key.hash(self.seed)
    }

    /// A packet with this hash will come: asks for the memory where its flow is looked up.
    pub fn expect(&self, hash: u64) {
        self.index.first(hash).map(prefetch);
    }

    /// Where the flow of a hash may lie; asks for the memory of what a packet changes there.
    pub fn approach(&self, hash: u64) -> Option<u32> {
        let place = self.index.candidate(hash)?;
        if let Some(meter) = self.meters.get(place as usize) {
            prefetch(&meter.key);
            prefetch(&meter.counts);
        }
        Some(place)
    }

    /// Asks for the memory of what is known of the flow that lies where it was approached, where its packet may be heard.
    #[inline]
    pub fn listen(&self, place: u32, has_payload: bool) {
        let at = place as usize;
        if let (Some(meter), Some(profile)) = (self.meters.get(at), self.profiles.get(at)) {
            prefetch_if(has_payload & !meter.marks.has(Marks::DEAF), profile, meter);
        }
    }

    /// Asks for the memory of places that will be due soon.
    #[inline]
    fn expect_due(&self) {
        if let Some(filed) = self.wheel.coming(FAR) {
            let at = (filed & !AT_END) as usize;
            if let (Some(meter), Some(profile)) = (self.meters.get(at), self.profiles.get(at)) {
                prefetch(&meter.key);
                prefetch(&meter.counts);
                prefetch(profile);
            }
        }
        // By now these have come.
        if let Some(filed) = self.wheel.coming(NEAR) {
            self.expect_names((filed & !AT_END) as usize);
        }
    }

    /// A flow will be exported: asks for the memory of its names.
    #[inline]
    fn expect_names(&self, at: usize) {
        if let Some(names) = self.profiles.get(at).and_then(|profile| profile.names.as_deref()) {
            prefetch(names);
        }
    }

    /// Where a flow lies now, if it is there.
    fn find(&self, key: &FlowKey, hash: u64) -> Option<u32> {
        self.index.find(hash, |place| self.holds(place, key))
    }

    #[inline]
    fn holds(&self, place: u32, key: &FlowKey) -> bool {
        self.meters.get(place as usize).is_some_and(|meter| meter.holds(key))
    }

    /// The meter of a flow, if there is one.
    pub(super) fn meter(&self, place: u32) -> Option<&Meter> {
        self.meters.get(place as usize).filter(|meter| meter.marks.has(Marks::OCCUPIED))
    }

    /// Adds a packet to its flow, cutting the flow before where it is due. A flow that begins with it is asked for its detail.
    #[inline]
    pub fn observe(
        &mut self,
        observation: &Observation,
        arrival: Arrival,
        detail: impl FnOnce() -> Option<Detail>,
        out: &mut impl Export,
    ) -> Observed<'_> {
        let Arrival { hash, clock, place, sequence, tunnel_octets } = arrival;
        // Since it was approached the place may have been given to another flow, or the flow a place.
        let found = place
            .filter(|&place| self.holds(place, &observation.key))
            .or_else(|| self.find(&observation.key, hash))
            .filter(|&place| self.continues(place, observation, clock, out));
        let place = match found {
            Some(place) => place,
            None => self.insert(observation, (hash, clock), detail(), out),
        };
        let (limits, Self { meters, profiles, details, wheel, room, .. }) = (self.limits, self);
        let mut entry = view(meters, profiles, details, place);
        let was_closed = entry.meter.marks.has(Marks::CLOSED);
        let acknowledged = entry.observe(observation, sequence, clock);
        entry.add_tunnel(tunnel_octets);
        if !was_closed && entry.meter.marks.has(Marks::CLOSED) {
            file_end(&mut entry, place, limits, wheel);
        }
        Observed { entry, is_new: found.is_none(), acknowledged, room }
    }

    /// Cuts a known flow where it is due; whether the packet still belongs to it.
    #[inline]
    fn continues(
        &mut self,
        place: u32,
        observation: &Observation,
        clock: i64,
        out: &mut impl Export,
    ) -> bool {
        let limits = self.limits;
        let mut entry = view(&mut self.meters, &mut self.profiles, &self.details, place);
        // Most packets: nothing is due, and nothing beside the meter is looked at.
        if !entry.meter.marks.has(Marks::CLOSED) && clock < open_deadline(entry.meter, limits) {
            return true;
        }
        let is_syn = observation.tcp_flags & (tcp::SYN | tcp::ACK) == tcp::SYN;
        let ended = cut(&mut entry, limits, clock, out);
        // The port is used again: a SYN on a closed connection opens another (RFC 9293 section 3.6.1).
        let reopened = !ended && is_syn && entry.meter.marks.has(Marks::CLOSED);
        if reopened && entry.meter.has_packets() {
            out.export(&mut entry, Reason::End);
        }
        if ended || reopened {
            self.remove(place);
        }
        !(ended || reopened)
    }

    fn insert(
        &mut self,
        observation: &Observation,
        (hash, clock): (u64, i64),
        detail: Option<Detail>,
        out: &mut impl Export,
    ) -> u32 {
        if self.len() >= self.limits.flows_max {
            self.make_room(clock, out);
        }
        let first = End::sender(observation.has(Observation::FORWARD));
        let meter = Meter::new(observation.key, first, clock);
        let detail = self.details.take(detail);
        let profile = Profile::new(observation.ts_ns, clock, detail);
        let place = if let Some(place) = self.free.pop() {
            let at = place as usize;
            if let Some(slot) = self.meters.get_mut(at) {
                *slot = meter.at_place(slot.marks);
            }
            if let Some(slot) = self.profiles.get_mut(at) {
                *slot = profile;
            }
            place
        } else {
            self.meters.push(meter);
            self.profiles.push(profile);
            u32::try_from(self.meters.len() - 1).unwrap_or(u32::MAX)
        };
        self.index.insert(hash, place);
        self.file(place, i64::MAX, clock);
        self.links.push(&mut self.one_sided, place);
        place
    }

    /// Files a place for a deadline, at the latest for the first that a flow beginning now could have: so it serves whichever flow is there next.
    fn file(&mut self, place: u32, deadline_ns: i64, clock: i64) {
        let Some(meter) = self.meters.get_mut(place as usize) else { return };
        if !meter.marks.has(Marks::FILED) {
            meter.marks.set(Marks::FILED);
            let latest = clock.saturating_add(self.limits.shortest_ns());
            self.wheel.file(deadline_ns.max(clock).min(latest), place);
        }
    }

    pub(super) fn remove(&mut self, place: u32) {
        let at = place as usize;
        let (Some(meter), Some(profile)) = (self.meters.get_mut(at), self.profiles.get_mut(at))
        else {
            return;
        };
        if !meter.marks.has(Marks::OCCUPIED) {
            return;
        }
        self.index.remove(meter.key.hash(self.seed), place);
        meter.marks = meter.marks.of_place();
        self.room.give_back(entry::name_octets(profile));
        self.details.give_back(profile.detail);
        (profile.names, profile.rare) = (None, None);
        self.links.leave(&mut self.one_sided, place);
        self.free.push(place);
    }

    /// Files a place anew that has come up, if there is a flow; gives the clock at its last packet.
    pub(super) fn refile(&mut self, filed: u32, clock: i64) -> Option<i64> {
        let place = filed & !AT_END;
        let meter = self.meters.get_mut(place as usize)?;
        let mark = if filed == place { Marks::FILED } else { Marks::FILED_END };
        meter.marks.clear(mark);
        if !meter.marks.has(Marks::OCCUPIED) {
            return None;
        }
        let mut entry = view(&mut self.meters, &mut self.profiles, &self.details, place);
        let (last_clock, deadline) = (entry.meter.last_clock, deadline(&entry, self.limits).1);
        if mark == Marks::FILED_END {
            file_end(&mut entry, place, self.limits, &mut self.wheel);
        } else {
            self.file(place, deadline, clock);
        }
        Some(last_clock)
    }

    /// Cuts every flow that is due; in a table that is nearly full, one-sided flows sooner.
    pub fn sweep(&mut self, clock: i64, out: &mut impl Export) {
        let limits = self.limits;
        while let Some(filed) = self.wheel.due(clock) {
            self.expect_due();
            let place = filed & !AT_END;
            if self.meter(place).is_some() {
                let mut entry = view(&mut self.meters, &mut self.profiles, &self.details, place);
                if cut(&mut entry, limits, clock, out) {
                    self.remove(place);
                }
            }
            self.refile(filed, clock);
        }
        self.relieve(clock, out);
    }

    /// Exports everything that is left; what is due by `clock` first, as the next sweep would have, for not all of it was looked at yet.
    pub fn flush(&mut self, clock: i64, out: &mut impl Export) {
        for place in 0..self.meters.len() {
            self.expect_names(place + FAR);
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let Some(_) = self.meter(place) else { continue };
            let mut entry = view(&mut self.meters, &mut self.profiles, &self.details, place);
            if !cut(&mut entry, self.limits, clock, out) && entry.meter.has_packets() {
                let is_closed = entry.meter.marks.has(Marks::CLOSED);
                out.export(&mut entry, if is_closed { Reason::End } else { Reason::Forced });
            }
        }
        self.meters.clear();
        self.profiles.clear();
        self.details = Details::default();
        self.index.clear();
        self.free.clear();
        (self.wheel, self.links, self.one_sided) =
            (Wheel::default(), Links::default(), Queue::EMPTY);
        self.room.empty();
    }

    /// Adds up what is open, by walking the flows: the ledger's independent count.
    pub fn open(&self) -> Open {
        let flows = self.meters.iter().zip(&self.profiles);
        let flows = flows.filter(|(meter, _)| meter.marks.has(Marks::OCCUPIED));
        flows.fold(Open::default(), |sum, (meter, profile)| Open {
            packets: sum.packets + entry::packets(meter, profile),
            wire_bytes: sum.wire_bytes + meter.wire_bytes,
            ip_bytes: sum.ip_bytes + meter.ip_bytes(),
        })
    }

    /// Flows held.
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no flow is held.
    pub const fn is_empty(&self) -> bool {
        self.index.len() == 0
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

/// A flow at its place.
#[expect(
    clippy::expect_used,
    reason = "the index names only places that were made: see `insert` and `remove`"
)]
#[inline]
pub(super) fn view<'a>(
    meters: &'a mut [Meter],
    profiles: &'a mut [Profile],
    details: &'a Details,
    place: u32,
) -> Entry<'a> {
    let meter = meters.get_mut(place as usize).expect("the index names only places there are");
    let profile = profiles.get_mut(place as usize).expect("each place has both parts");
    Entry { meter, profile, details: Some(details) }
}
