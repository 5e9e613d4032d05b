//! Acknowledged but never seen: what TCP says of loss before this probe (the idea of Zeek's `capture-loss` script).
//!
//! An end acknowledges what it has received, so octets that are acknowledged and were not seen from the other end passed elsewhere or were lost on the way
//! to the probe. Kept for each end: how far its data was seen, and one hole in that, into which later ones are merged. What comes late fills it.

use crate::flow::End;
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

/// How far each end's data was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    low: Seen,
    high: Seen,
    compared: bool,
}

/// How much is known of an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// Some data, but perhaps not the latest.
    Somewhere,
    /// Its beginning, or data and an acknowledgement: from here on a gap is a gap.
    InStep,
}

/// What was seen from one end; numbers wrap (RFC 9293 section 3.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    /// The number after the highest octet.
    next: u32,
    /// First number of the hole.
    hole: u32,
    /// The number after its last.
    hole_end: u32,
    /// Octets missing in it; 0 where there is none.
    missing: u32,
    /// The number before which the other end has everything.
    acknowledged: u32,
    known: Known,
}

/// How far `number` lies ahead of `from`, if it does.
const fn ahead(number: u32, from: u32) -> Option<u32> {
    let distance = number.wrapping_sub(from);
    if distance != 0 && distance <= DISTANCE_MAX { Some(distance) } else { None }
}

impl Seen {
    const fn at(next: u32, known: Known) -> Self {
        Self { next, hole: 0, hole_end: 0, missing: 0, acknowledged: next, known }
    }

    /// Takes note of the octets from `first` to before `next`.
    fn observe(&mut self, first: u32, next: u32) {
        if let Some(skipped) = ahead(first, self.next) {
            if self.missing == 0 {
                self.hole = self.next;
            }
            self.missing = self.missing.saturating_add(skipped);
            self.hole_end = first;
        } else if self.missing > 0 {
            self.fill(first, next);
        }
        if ahead(next, self.next).is_some() {
            self.next = next;
        }
    }

    /// Octets that came late. In a hole of several parts, those that come a second time count as filling it: rather too few gaps than too many.
    fn fill(&mut self, first: u32, next: u32) {
        let from = ahead(first, self.hole).unwrap_or(0);
        let length = self.hole_end.wrapping_sub(self.hole);
        let to = ahead(next, self.hole).unwrap_or(0).min(length);
        self.missing = self.missing.saturating_sub(to.saturating_sub(from));
        // What is filled at an edge is no part of the hole any more.
        if from == 0 {
            self.hole = self.hole.wrapping_add(to);
        } else if to == length && from < to {
            self.hole_end = self.hole.wrapping_add(from);
        }
        self.missing = self.missing.min(self.hole_end.wrapping_sub(self.hole));
    }

    /// The other end has everything before `number`; gives how much of it was not seen.
    fn acknowledge(&mut self, number: u32) -> u32 {
        if ahead(number, self.acknowledged).is_some() {
            self.acknowledged = number;
        }
        let mut missed = 0;
        if self.missing > 0
            && let Some(covered) = ahead(number, self.hole)
        {
            let length = self.hole_end.wrapping_sub(self.hole);
            missed = if covered < length { covered.min(self.missing) } else { self.missing };
            self.missing -= missed;
            self.hole = self.hole.wrapping_add(covered.min(length));
        }
        if let Some(distance) = ahead(number, self.next) {
            missed = missed.saturating_add(distance);
            self.next = number;
        }
        let known = std::mem::replace(&mut self.known, Known::InStep);
        if known == Known::InStep { missed } else { 0 }
    }
}

impl Gaps {
    /// Whether any acknowledgement could be compared so far.
    pub const fn has_compared(&self) -> bool {
        self.compared
    }

    /// Before which number the other end has all that `of` has sent, as far as that is known.
    pub fn acknowledged(&self, of: End) -> Option<u32> {
        let seen = match of {
            End::Low => &self.low,
            End::High => &self.high,
        };
        (seen.known != Known::Nothing).then_some(seen.acknowledged)
    }

    /// Takes note of a segment; without its numbers nothing is known of its sender any more.
    pub fn observe(
        &mut self,
        observation: &Observation,
        sequence: Option<Sequence>,
    ) -> Acknowledged {
        let (sender, receiver) = match End::sender(observation.has(Observation::FORWARD)) {
            End::Low => (&mut self.low, &mut self.high),
            End::High => (&mut self.high, &mut self.low),
        };
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
        self.compared = true;
        Acknowledged { compared: true, missed: receiver.acknowledge(acknowledged) }
    }
}
