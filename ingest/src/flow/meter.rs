//! What every packet of a flow touches: two cache lines and no more, for the table is larger than the cache.

use crate::flow::gap;
use crate::flow::{End, Evidence, FlowKey, Initiator, State};
use crate::observation::{Observation, Sequence};

/// Milliseconds in which the close of a connection is kept, rounded up.
const MS: i64 = 1_000_000;

/// Yes or no, of a flow or its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks(u16);

impl Marks {
    /// A flow is there.
    pub(super) const OCCUPIED: u16 = 1;
    /// The connection closed.
    pub(super) const CLOSED: u16 = 1 << 1;
    /// The place is filed for its next deadline, whichever flow it had then.
    pub(super) const FILED: u16 = 1 << 2;
    /// The same for the end of a closed connection.
    pub(super) const FILED_END: u16 = 1 << 3;
    /// An acknowledgement could be compared.
    pub(super) const COMPARED: u16 = 1 << 4;
    /// Nothing that is still to come can name the flow.
    pub(super) const DEAF: u16 = 1 << 5;
    /// The latest packet time is the clock at the last packet.
    pub(super) const IN_STEP: u16 = 1 << 6;
    /// Some of an end's data was not seen, and may still come.
    pub(super) const HOLES: u16 = 1 << 7;
    /// What is known of the lower end's data: two bits; the higher end's follow.
    const KNOWN: u32 = 8;
    /// Who began the flow: 0 before that is decided, else one more than evidence and end.
    const INITIATOR: u32 = 12;

    pub(super) const fn has(self, mark: u16) -> bool {
        self.0 & mark != 0
    }

    pub(super) const fn set(&mut self, mark: u16) {
        self.0 |= mark;
    }

    pub(super) const fn clear(&mut self, mark: u16) {
        self.0 &= !mark;
    }

    /// What stays when the flow goes.
    pub(super) const fn of_place(self) -> Self {
        Self(self.0 & (Self::FILED | Self::FILED_END))
    }

    /// How much is known of both ends' data, two bits each.
    pub(super) const fn known(self) -> u16 {
        self.0 >> Self::KNOWN & 15
    }

    /// Whether both ends are in step ([`crate::flow::gap`]'s `Known::InStep`), and nothing of their data is missing.
    pub(super) const fn are_in_step(self) -> bool {
        const BOTH: u16 = 0b1010 << Marks::KNOWN;
        self.0 & (15 << Self::KNOWN | Self::HOLES) == BOTH
    }

    pub(super) const fn set_known(&mut self, known: u16) {
        self.0 = self.0 & !(15 << Self::KNOWN) | (known & 15) << Self::KNOWN;
    }

    pub(super) const fn initiator(self) -> Option<Initiator> {
        let number = self.0 >> Self::INITIATOR & 15;
        if number == 0 {
            return None;
        }
        let evidence = match (number - 1) >> 1 {
            0 => Evidence::Syn,
            1 => Evidence::SynAck,
            2 => Evidence::Port,
            _ => Evidence::FirstSeen,
        };
        Some(Initiator { end: End::sender((number - 1) & 1 == 0), evidence })
    }

    pub(super) const fn set_initiator(&mut self, initiator: Initiator) {
        let Initiator { end, evidence } = initiator;
        let number = 1 + ((evidence as u16) << 1 | end as u16);
        self.0 |= number << Self::INITIATOR;
    }
}

/// One direction since the last record, and where its data has come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) bytes: u64,
    pub(super) payload_bytes: u64,
    /// 2³² and more are kept with the rare things.
    pub(super) packets: u32,
    /// The TCP number after the highest octet seen.
    pub(super) next: u32,
}

/// A pair of things, one for each end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair<T> {
    pub(super) low: T,
    pub(super) high: T,
}

impl<T> Pair<T> {
    pub(super) const fn of(&self, end: End) -> &T {
        match end {
            End::Low => &self.low,
            End::High => &self.high,
        }
    }

    pub(super) const fn of_mut(&mut self, end: End) -> &mut T {
        match end {
            End::Low => &mut self.low,
            End::High => &mut self.high,
        }
    }
}

/// Key, clocks and counters of a flow, or an empty place.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Meter {
    pub(super) key: FlowKey,
    pub(super) state: State,
    pub(super) marks: Marks,
    pub(super) tcp_flags: Pair<u8>,
    /// Clock at the first packet since the last record; `i64::MAX` before it.
    pub(super) part_clock: i64,
    /// Clock at the last packet.
    pub(super) last_clock: i64,
    pub(super) counts: Pair<Count>,
    /// Original length of the frames.
    pub(super) wire_bytes: u64,
    /// TCP numbers before which the other end has everything.
    pub(super) acknowledged: Pair<u32>,
}

const _: () = assert!(size_of::<Meter>() == 128);

impl Meter {
    /// A flow before its first packet.
    pub(super) fn new(key: FlowKey, first: End, clock: i64) -> Self {
        Self {
            key,
            state: State::new(first),
            marks: Marks(Marks::OCCUPIED),
            tcp_flags: Pair::default(),
            part_clock: i64::MAX,
            last_clock: clock,
            counts: Pair::default(),
            wire_bytes: 0,
            acknowledged: Pair::default(),
        }
    }

    /// The same at a place with these marks.
    pub(super) const fn at_place(mut self, place: Marks) -> Self {
        self.marks.0 |= place.of_place().0;
        self
    }

    /// Whether the place holds this flow.
    pub(super) fn holds(&self, key: &FlowKey) -> bool {
        self.key == *key && self.marks.has(Marks::OCCUPIED)
    }

    /// Whether there are packets since the last record.
    pub(super) const fn has_packets(&self) -> bool {
        // A count of 2³² goes back to 0, but not the clock.
        self.part_clock != i64::MAX
    }

    /// Packets since the last record, but for multiples of 2³² of each end.
    pub(super) const fn packets(&self) -> u64 {
        self.counts.low.packets as u64 + self.counts.high.packets as u64
    }

    /// IP-layer octets since the last record.
    pub(super) const fn ip_bytes(&self) -> u64 {
        self.counts.low.bytes + self.counts.high.bytes
    }

    /// Clock when the connection closed, to the next ms; `i64::MAX` before. `closed_ms` is what [`closed_ms`] gave then.
    pub(super) const fn closed_clock(&self, closed_ms: u16) -> i64 {
        if !self.marks.has(Marks::CLOSED) {
            return i64::MAX;
        }
        let last_ms = self.last_clock.div_euclid(MS);
        let since = low(last_ms).wrapping_sub(closed_ms).cast_signed();
        last_ms.saturating_sub(since as i64).saturating_mul(MS)
    }

    /// Takes note of a segment where [`gap::go_on`] is all there is to it; `false` where it is not.
    #[inline]
    pub(super) fn go_on(
        &mut self,
        from: End,
        observation: &Observation,
        sequence: Option<Sequence>,
    ) -> bool {
        let other = from.other();
        let receiver = (self.counts.of(other).next, self.acknowledged.of_mut(other));
        let sender_next = &mut self.counts.of_mut(from).next;
        let goes_on =
            self.marks.are_in_step() && gap::go_on(sender_next, receiver, observation, sequence);
        if goes_on {
            self.marks.set(Marks::COMPARED);
        }
        goes_on
    }

    /// Starts the next record.
    pub(super) const fn next_part(&mut self) {
        self.tcp_flags = Pair { low: 0, high: 0 };
        let (low, high) = (self.counts.low.next, self.counts.high.next);
        self.counts.low = Count { bytes: 0, payload_bytes: 0, packets: 0, next: low };
        self.counts.high = Count { bytes: 0, payload_bytes: 0, packets: 0, next: high };
        self.wire_bytes = 0;
        self.part_clock = i64::MAX;
        self.marks.clear(Marks::IN_STEP);
    }
}

/// A clock's milliseconds, rounded up, modulo a minute: enough, for a closed connection stays no longer than it waits for stragglers.
pub(super) const fn closed_ms(clock: i64) -> u16 {
    low(clock.saturating_add(MS - 1).div_euclid(MS))
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
const fn low(number: i64) -> u16 {
    number.cast_unsigned() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_is_known_to_the_next_millisecond() {
        let key = FlowKey {
            low: crate::flow::Endpoint::default(),
            high: crate::flow::Endpoint::default(),
            ip_proto: 6,
            ip_version: 4,
            space: [0; 4],
        };
        for clock in [0, 1, MS, MS + 1, 1_411_430_400_123_456_789, (1 << 32) * MS - 1, -5] {
            for after in [0, 1, MS - 1, MS, 4_999_999_999] {
                let mut meter = Meter::new(key, End::Low, clock + after);
                assert_eq!(meter.closed_clock(closed_ms(clock)), i64::MAX);
                meter.marks.set(Marks::CLOSED);
                let closed = meter.closed_clock(closed_ms(clock));
                assert!((clock..clock + MS).contains(&closed), "{clock} {after} {closed}");
            }
        }
    }

    #[test]
    fn marks_keep_apart() {
        for end in [End::Low, End::High] {
            for evidence in [Evidence::Syn, Evidence::SynAck, Evidence::Port, Evidence::FirstSeen] {
                let mut marks = Marks(Marks::OCCUPIED | Marks::FILED);
                assert_eq!(marks.initiator(), None);
                marks.set_known(0b1001);
                marks.set_initiator(Initiator { end, evidence });
                marks.set_known(0b0110);
                assert_eq!(marks.initiator(), Some(Initiator { end, evidence }));
                assert_eq!(marks.known(), 0b0110);
                assert_eq!(marks.of_place(), Marks(Marks::FILED));
                assert!(marks.has(Marks::OCCUPIED) && !marks.has(Marks::IN_STEP));
            }
        }
    }
}
