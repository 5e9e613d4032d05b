//! One flow in the table: counters since the last record, and what is known of the flow.

use schemas::Text;

use crate::decode::{Detail, protocol};
#[cfg(test)]
use crate::flow::details::DetailId;
use crate::flow::details::Details;
use crate::flow::gap::{self, Known, Seen};
use crate::flow::meter::{Marks, Meter, closed_ms};
use crate::flow::names::octets_of;
use crate::flow::profile::Profile;
use crate::flow::room::allocated;
use crate::flow::{
    Acknowledged, End, FlowKey, Heard, Initiator, NameRoom, Names, Place, Reason, State,
};
use crate::hint::Hint;
use crate::observation::{Observation, Sequence, tcp};
use crate::service::Service;

/// Counters of one direction since the last record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// Packets.
    pub packets: u64,
    /// IP-layer octets.
    pub bytes: u64,
    /// Octets of transport payload.
    pub payload_bytes: u64,
    /// OR of TCP flags.
    pub tcp_flags: u8,
}

/// A flow that is not in a table.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Flow {
    meter: Meter,
    profile: Profile,
}

#[cfg(test)]
impl Flow {
    /// A flow before its first packet.
    pub(crate) fn new(observation: &Observation, clock: i64) -> Self {
        let first = End::sender(observation.has(Observation::FORWARD));
        Self {
            meter: Meter::new(observation.key, first, clock),
            profile: Profile::new(observation.ts_ns, clock, DetailId::default()),
        }
    }

    /// A view of it.
    pub(crate) fn entry(&mut self) -> Entry<'_> {
        Entry { meter: &mut self.meter, profile: &mut self.profile, details: None }
    }
}

/// A view of a flow: what every packet touches, what few do, and what many flows share.
#[derive(Debug)]
pub struct Entry<'a> {
    pub(super) meter: &'a mut Meter,
    pub(super) profile: &'a mut Profile,
    /// Where its detail is, if it is in a table.
    pub(super) details: Option<&'a Details>,
}

impl Entry<'_> {
    /// The same view, for a while.
    pub const fn again(&mut self) -> Entry<'_> {
        Entry { meter: &mut *self.meter, profile: &mut *self.profile, details: self.details }
    }

    /// Adds a packet, with its numbers where it is TCP.
    #[inline]
    pub fn observe(
        &mut self,
        observation: &Observation,
        sequence: Option<Sequence>,
        clock: i64,
    ) -> Acknowledged {
        let meter = &mut *self.meter;
        meter.part_clock = meter.part_clock.min(clock);
        let from = End::sender(observation.has(Observation::FORWARD));
        let count = meter.counts.of_mut(from);
        count.bytes += u64::from(observation.ip_bytes);
        count.payload_bytes += u64::from(observation.payload_bytes());
        count.packets = count.packets.wrapping_add(1);
        if count.packets == 0 {
            *self.profile.rare(meter).packets_beyond.of_mut(from) += 1 << 32;
        }
        *meter.tcp_flags.of_mut(from) |= observation.tcp_flags;
        meter.wire_bytes += u64::from(observation.wire_bytes);
        if observation.has(Observation::FRAGMENT) {
            self.profile.rare(meter).fragments += 1;
        }
        if observation.ts_ns == clock {
            meter.marks.set(Marks::IN_STEP);
        } else {
            self.be_late(observation.ts_ns);
        }
        let meter = &mut *self.meter;
        meter.last_clock = meter.last_clock.max(clock);
        meter.state.observe(from, observation.tcp_flags);
        if observation.tcp_flags & (tcp::FIN | tcp::RST) != 0
            && meter.state.is_closed()
            && !meter.marks.has(Marks::CLOSED)
        {
            meter.marks.set(Marks::CLOSED);
            self.profile.closed_ms = closed_ms(clock);
        }
        if self.meter.key.ip_proto == protocol::TCP {
            self.observe_tcp(observation, sequence, from)
        } else {
            Acknowledged::default()
        }
    }

    /// Takes note of a time behind the clock.
    #[cold]
    fn be_late(&mut self, ts_ns: i64) {
        let end_ns = self.end_ns();
        self.meter.marks.clear(Marks::IN_STEP);
        let rare = self.profile.rare(self.meter);
        rare.start_ns = rare.start_ns.min(ts_ns);
        rare.end_ns = end_ns.max(ts_ns);
    }

    #[inline]
    fn observe_tcp(
        &mut self,
        observation: &Observation,
        sequence: Option<Sequence>,
        from: End,
    ) -> Acknowledged {
        if observation.tcp_flags & tcp::SYN != 0
            && let Some(sequence) = sequence
        {
            self.profile.heard.begin(from, sequence.number.wrapping_add(1));
        }
        if self.meter.go_on(from, observation, sequence) {
            return Acknowledged { compared: true, missed: 0 };
        }
        let (mut low, mut high) = (self.seen(End::Low), self.seen(End::High));
        let pair = match from {
            End::Low => [&mut low, &mut high],
            End::High => [&mut high, &mut low],
        };
        let acknowledged = gap::observe(pair, observation, sequence);
        self.see(low, high);
        if acknowledged.compared {
            self.meter.marks.set(Marks::COMPARED);
        }
        if acknowledged.missed > 0 {
            self.profile.rare(self.meter).missed_bytes += u64::from(acknowledged.missed);
        }
        acknowledged
    }

    /// How far an end's data was seen.
    #[inline]
    fn seen(&self, of: End) -> Seen {
        let meter = &*self.meter;
        let known = match meter.marks.known() >> (2 * of as u16) & 3 {
            0 => Known::Nothing,
            1 => Known::Somewhere,
            _ => Known::InStep,
        };
        let hole = if meter.marks.has(Marks::HOLES) {
            self.profile.rare.as_ref().map(|rare| *rare.holes.of(of)).unwrap_or_default()
        } else {
            gap::Hole::default()
        };
        let (next, acknowledged) = (meter.counts.of(of).next, *meter.acknowledged.of(of));
        Seen { next, acknowledged, known, hole }
    }

    #[inline]
    fn see(&mut self, low: Seen, high: Seen) {
        let meter = &mut *self.meter;
        (meter.counts.low.next, meter.counts.high.next) = (low.next, high.next);
        (meter.acknowledged.low, meter.acknowledged.high) = (low.acknowledged, high.acknowledged);
        meter.marks.set_known(low.known as u16 | (high.known as u16) << 2);
        if low.hole.missing | high.hole.missing != 0 {
            meter.marks.set(Marks::HOLES);
            let holes = &mut self.profile.rare(meter).holes;
            (holes.low, holes.high) = (low.hole, high.hole);
        } else {
            meter.marks.clear(Marks::HOLES);
        }
    }

    /// Link layer, DSCP, ICMP and tunnel of the first packet.
    pub fn detail(&self) -> Option<&Detail> {
        self.details?.get(self.profile.detail)
    }

    /// Which flow.
    pub const fn key(&self) -> &FlowKey {
        &self.meter.key
    }

    /// What the connection went through.
    pub const fn state(&self) -> State {
        self.meter.state
    }

    /// Its id, the same for all its records.
    pub fn flow_id(&self) -> i64 {
        self.meter.key.flow_id(self.born_ns())
    }

    /// Time of the flow's first packet.
    pub fn born_ns(&self) -> i64 {
        self.profile.born_ns(self.meter)
    }

    /// Records made so far.
    pub fn part(&self) -> i32 {
        self.profile.rare.as_ref().map_or(0, |rare| rare.part)
    }

    /// Earliest time since the last record.
    pub fn start_ns(&self) -> i64 {
        let late = self.profile.rare.as_ref().map_or(i64::MAX, |rare| rare.start_ns);
        self.meter.part_clock.min(late)
    }

    /// Latest time since the last record.
    pub fn end_ns(&self) -> i64 {
        if self.meter.marks.has(Marks::IN_STEP) {
            return self.meter.last_clock;
        }
        self.profile.rare.as_ref().map_or(i64::MIN, |rare| rare.end_ns)
    }

    /// Counters of an end.
    pub fn side(&self, of: End) -> Side {
        let count = self.meter.counts.of(of);
        let beyond = self.profile.rare.as_ref().map_or(0, |rare| *rare.packets_beyond.of(of));
        Side {
            packets: u64::from(count.packets) + beyond,
            bytes: count.bytes,
            payload_bytes: count.payload_bytes,
            tcp_flags: *self.meter.tcp_flags.of(of),
        }
    }

    /// Packets since the last record.
    pub fn packets(&self) -> u64 {
        packets(self.meter, self.profile)
    }

    /// IP-layer octets since the last record.
    pub const fn ip_bytes(&self) -> u64 {
        self.meter.ip_bytes()
    }

    /// Original length of the frames.
    pub const fn wire_bytes(&self) -> u64 {
        self.meter.wire_bytes
    }

    /// Octets of the tunnels around the packets.
    pub fn tunnel_bytes(&self) -> u64 {
        self.profile.rare.as_ref().map_or(0, |rare| rare.tunnel_bytes)
    }

    /// Counts octets of tunnels.
    pub(super) fn add_tunnel(&mut self, octets: u32) {
        if octets != 0 {
            self.profile.rare(self.meter).tunnel_bytes += u64::from(octets);
        }
    }

    /// Fragments.
    pub fn fragments(&self) -> u64 {
        self.profile.rare.as_ref().map_or(0, |rare| rare.fragments)
    }

    /// Octets acknowledged and not seen; `None` where no acknowledgement could be compared.
    pub fn missed_bytes(&self) -> Option<u64> {
        let missed = || self.profile.rare.as_ref().map_or(0, |rare| rare.missed_bytes);
        self.meter.marks.has(Marks::COMPARED).then(missed)
    }

    /// Before which number the other end has all that `of` has sent, as far as that is known.
    pub fn acknowledged(&self, of: End) -> Option<u32> {
        let seen = self.seen(of);
        (seen.known != Known::Nothing).then_some(seen.acknowledged)
    }

    /// Who began the flow; decided when it is first asked for.
    pub fn initiator(&mut self) -> Initiator {
        let Meter { key, state, marks, .. } = &mut *self.meter;
        marks.initiator().unwrap_or_else(|| {
            let initiator = state.initiator(key.low.port, key.high.port);
            marks.set_initiator(initiator);
            initiator
        })
    }

    /// How far its streams have been listened to.
    pub const fn heard(&self) -> Heard {
        self.profile.heard
    }

    /// The same, to be changed.
    pub const fn heard_mut(&mut self) -> &mut Heard {
        &mut self.profile.heard
    }

    /// Nothing that is still to come can name the flow.
    pub const fn finish_hearing(&mut self) {
        self.meter.marks.set(Marks::DEAF);
    }

    /// Whether nothing that is still to come can name the flow.
    pub const fn is_deaf(&self) -> bool {
        self.meter.marks.has(Marks::DEAF)
    }

    /// Whether a payload of an end that begins like nothing may go on with something; where not, it has been looked at.
    #[inline]
    pub fn awaits(&mut self, from: End) -> bool {
        let is_under_way = self.profile.heard.place(from) != Place::Anywhere;
        if !is_under_way {
            self.wants_names(from);
        }
        is_under_way
    }

    /// Whether another payload of an end is worth a look; counts the looks.
    #[inline]
    pub fn wants_names(&mut self, of: End) -> bool {
        if self.is_deaf() {
            return false;
        }
        let wants = self.profile.heard.wants(of);
        if !wants && self.profile.heard.is_spent() {
            self.finish_hearing();
        }
        wants
    }

    /// Names, once there are any.
    pub fn names(&self) -> Option<&Names> {
        self.profile.names.as_deref()
    }

    /// What the client's software calls itself, if it did.
    pub fn user_agent(&self) -> Option<&Text> {
        self.names()?.user_agent.as_ref()
    }

    /// Whether the client has named the server.
    pub fn is_named(&self) -> bool {
        self.names().is_some_and(Names::is_from_client)
    }

    /// Whether a client hello was seen to its end.
    pub fn has_hello(&self) -> bool {
        self.names().is_some_and(|names| names.ja4.is_some())
    }

    /// What it speaks, once it is known.
    pub const fn service(&self) -> Option<Service> {
        self.profile.heard.service()
    }

    /// Takes in what a payload said, if there is room: that is taken for all that may come, and what was not needed is given back.
    pub fn learn(&mut self, hint: Hint, room: &mut NameRoom) {
        let service = hint.service();
        if !matches!(&hint, Hint::Spoken(spoken) if spoken.name.is_none()) {
            let before = name_octets(self.profile);
            let names = if before == 0 { allocated(size_of::<Names>()) } else { 0 };
            let taken = octets_of(&hint) + names;
            if !room.take(taken) {
                return;
            }
            self.profile.names.get_or_insert_default().learn(hint);
            room.give_back((before + taken).saturating_sub(name_octets(self.profile)));
        }
        self.speaks(service);
    }

    /// Takes note of the protocol spoken.
    pub fn speaks(&mut self, service: Service) {
        self.profile.heard.is_of(service);
        if self.profile.heard.is_over() {
            self.meter.marks.set(Marks::DEAF);
        }
    }

    /// Starts the next record.
    pub(super) fn next_part(&mut self) {
        self.profile.next_part(self.meter);
        self.meter.next_part();
    }
}

/// Who receives a flow that is cut; called only for flows with packets.
pub trait Export {
    /// Makes a record of what the entry counted since the last one.
    fn export(&mut self, entry: &mut Entry<'_>, reason: Reason);
}

/// Packets of a flow since its last record.
pub(super) fn packets(meter: &Meter, profile: &Profile) -> u64 {
    let beyond = profile.rare.as_ref().map(|rare| rare.packets_beyond);
    meter.packets() + beyond.map_or(0, |beyond| beyond.low + beyond.high)
}

/// Octets that a flow's names take.
pub(super) fn name_octets(profile: &Profile) -> usize {
    profile.names.as_ref().map_or(0, |names| allocated(size_of::<Names>()) + names.octets())
}
