//! Acknowledged but never seen: what TCP says of loss before this probe (the idea of Zeek's `capture-loss` script).
//!
//! An end acknowledges what it has received, so octets that are acknowledged and were not seen from the other end passed elsewhere or were lost on the way
//! to the probe. Kept for each end: how far its data was seen, and one hole in that, into which later ones are merged. What comes late fills it.

use crate::observation::{Observation, Sequence, tcp};

/// The largest distance believed, the largest window there is (RFC 7323 section 2.3); what is further off is another connection or a forgery.
const DISTANCE_MAX: u32 = 1 << 30;
/// How far a repeated SYN may lie behind what was seen, data after it included; else it begins another connection.
const SYN_DISTANCE_MAX: u32 = 1 << 16;

/// What an acknowledgement showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// It could be compared with what was seen from the other end.
    pub compared: bool,
    /// Octets of sequence that it covers and nobody saw.
    pub missed: u32,
}

/// How much is known of an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// Some data, but perhaps not the latest.
    Somewhere,
    /// Its beginning, or data and an acknowledgement: from here on a gap is a gap.
    InStep,
}

/// What was not seen of an end's data, though later data was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hole {
    /// Its first number.
    first: u32,
    /// The number after its last.
    end: u32,
    /// Octets missing in it; 0 where there is none.
    pub(super) missing: u32,
}

/// What was seen from one end; numbers wrap (RFC 9293 section 3.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The number after the highest octet.
    pub(super) next: u32,
    /// The number before which the other end has everything.
    pub(super) acknowledged: u32,
    pub(super) known: Known,
    pub(super) hole: Hole,
}

/// How far `number` lies ahead of `from`, if it does.
const fn ahead(number: u32, from: u32) -> Option<u32> {
    let distance = number.wrapping_sub(from);
    if distance != 0 && distance <= DISTANCE_MAX { Some(distance) } else { None }
}

impl Seen {
    const fn at(next: u32, known: Known) -> Self {
        let hole = Hole { first: 0, end: 0, missing: 0 };
        Self { next, acknowledged: next, known, hole }
    }

    /// Takes note of the octets from `first` to before `next`.
    fn observe(&mut self, first: u32, next: u32) {
        if let Some(skipped) = ahead(first, self.next) {
            if self.hole.missing == 0 {
                self.hole.first = self.next;
            }
            self.hole.missing = self.hole.missing.saturating_add(skipped);
            self.hole.end = first;
        } else if self.hole.missing > 0 {
            self.fill(first, next);
        }
        if ahead(next, self.next).is_some() {
            self.next = next;
        }
    }

    /// Octets that came late. In a hole of several parts, those that come a second time count as filling it: rather too few gaps than too many.
    fn fill(&mut self, first: u32, next: u32) {
        let from = ahead(first, self.hole.first).unwrap_or(0);
        let length = self.hole.end.wrapping_sub(self.hole.first);
        let to = ahead(next, self.hole.first).unwrap_or(0).min(length);
        self.hole.missing = self.hole.missing.saturating_sub(to.saturating_sub(from));
        // What is filled at an edge is no part of the hole any more.
        if from == 0 {
            self.hole.first = self.hole.first.wrapping_add(to);
        } else if to == length && from < to {
            self.hole.end = self.hole.first.wrapping_add(from);
        }
        self.hole.missing = self.hole.missing.min(self.hole.end.wrapping_sub(self.hole.first));
    }

    /// The other end has everything before `number`; gives how much of it was not seen.
    fn acknowledge(&mut self, number: u32) -> u32 {
        if ahead(number, self.acknowledged).is_some() {
            self.acknowledged = number;
        }
        let mut missed = 0;
        if self.hole.missing > 0
            && let Some(covered) = ahead(number, self.hole.first)
        {
            let length = self.hole.end.wrapping_sub(self.hole.first);
            missed =
                if covered < length { covered.min(self.hole.missing) } else { self.hole.missing };
            self.hole.missing -= missed;
            self.hole.first = self.hole.first.wrapping_add(covered.min(length));
        }
        if let Some(distance) = ahead(number, self.next) {
            missed = missed.saturating_add(distance);
            self.next = number;
        }
        let known = std::mem::replace(&mut self.known, Known::InStep);
        if known == Known::InStep { missed } else { 0 }
    }
}

/// Takes note of a segment as [`observe`] would, where that would find nothing: of two ends in step, of which nothing is missing, the one goes on where it was
/// and says of the other what is known. So do most. `false` where [`observe`] has to look.
#[inline]
pub(super) fn go_on(
    sender_next: &mut u32,
    (receiver_next, receiver_acknowledged): (u32, &mut u32),
    observation: &Observation,
    sequence: Option<Sequence>,
) -> bool {
    let Some(Sequence { number, acknowledged }) = sequence else { return false };
    let is_plain = observation.tcp_flags & (tcp::SYN | tcp::FIN | tcp::RST | tcp::ACK) == tcp::ACK
        && !observation.has(Observation::FRAGMENT);
    let is_seen = receiver_next.wrapping_sub(acknowledged) <= DISTANCE_MAX;
    let octets = observation.payload_bytes();
    if !(is_plain && is_seen && number == *sender_next && octets <= DISTANCE_MAX) {
        return false;
    }
    *sender_next = number.wrapping_add(octets);
    if ahead(acknowledged, *receiver_acknowledged).is_some() {
        *receiver_acknowledged = acknowledged;
    }
    true
}

/// Takes note of a segment; without its numbers nothing is known of its sender any more.
pub(super) fn observe(
    [sender, receiver]: [&mut Seen; 2],
    observation: &Observation,
    sequence: Option<Sequence>,
) -> Acknowledged {
    let flags = observation.tcp_flags;
    let Some(Sequence { number, acknowledged }) =
        sequence.filter(|_| !observation.has(Observation::FRAGMENT))
    else {
        *sender = Seen::default();
        return Acknowledged::default();
    };
    // A reset need not carry numbers of the connection, and ends it anyway.
    if flags & tcp::RST != 0 {
        return Acknowledged::default();
    }
    // SYN and FIN take a number each.
    let is_syn = flags & tcp::SYN != 0;
    let octets = u32::from(is_syn) + u32::from(flags & tcp::FIN != 0);
    let next = number.wrapping_add(octets).wrapping_add(observation.payload_bytes());
    let begins = is_syn && sender.next.wrapping_sub(next) > SYN_DISTANCE_MAX;
    if sender.known == Known::Nothing || begins {
        if begins && flags & tcp::ACK == 0 {
            *receiver = Seen::default();
        }
        *sender = Seen::at(next, if is_syn { Known::InStep } else { Known::Somewhere });
    } else {
        sender.observe(number, next);
    }
    if flags & tcp::ACK == 0 || receiver.known == Known::Nothing {
        return Acknowledged::default();
    }
    Acknowledged { compared: true, missed: receiver.acknowledge(acknowledged) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(next: u32, back: u32) -> Seen {
        Seen { acknowledged: next.wrapping_sub(back), ..Seen::at(next, Known::InStep) }
    }

    proptest! {
        /// Numbers about where they wrap, and as far off as is believed.
        #[test]
        fn the_straight_way_does_what_the_long_one_does(
            (sender_next, receiver_next) in (-3_i32..3, any::<u32>()),
            (back, other_back) in (0_u32..4, 0_u32..4),
            (number, behind) in (
                prop_oneof![Just(0_i32), -2..3_i32],
                prop_oneof![0..4_u32, any::<u32>(), DISTANCE_MAX - 2..DISTANCE_MAX + 3],
            ),
            (tcp_flags, ip_bytes) in (
                prop_oneof![Just(tcp::ACK), any::<u8>()],
                prop_oneof![40_u32..44, any::<u32>()],
            ),
        ) {
            let sender_next = sender_next.cast_unsigned();
            let observation =
                Observation { tcp_flags, ip_bytes, header_bytes: 40, ..Observation::default() };
            let number = sender_next.wrapping_add_signed(number);
            let acknowledged = receiver_next.wrapping_sub(behind);
            let sequence = Some(Sequence { number, acknowledged });
            let (mut sender, mut receiver) = (seen(sender_next, back), seen(receiver_next, other_back));
            let before = (sender, receiver);
            let (mut next, mut last) = (sender.next, receiver.acknowledged);
            if go_on(&mut next, (receiver_next, &mut last), &observation, sequence) {
                let found = observe([&mut sender, &mut receiver], &observation, sequence);
                prop_assert_eq!(found, Acknowledged { compared: true, missed: 0 });
                prop_assert_eq!(sender, Seen { next, ..before.0 });
                prop_assert_eq!(receiver, Seen { acknowledged: last, ..before.1 });
            } else {
                prop_assert_eq!((next, last), (before.0.next, before.1.acknowledged));
            }
        }
    }
}
