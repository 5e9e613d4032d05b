//! Finds copies: a mirror with two sides shows a packet as it comes in and, some µs later, as it goes out.
//!
//! Judged strictly, for a copy that is taken for a packet is a wrong figure, and so is a packet that is taken for a copy. A copy agrees in all that no
//! router touches, within [`WINDOW_NS`] of packet time. Where no identification tells a packet from the sender's next one (IPv6, or 0 in IPv4), it must also
//! have come another way: by TTL, MAC or VLAN; a repeated acknowledgement, keep-alive or echo comes the same way. So a mirror that changes nothing is
//! found in IPv4 only, where senders number their packets. A retransmission has a number of its own.

use crate::decode::Print;
use crate::source::sys::memory::prefetch;

/// Between a packet and its copy at most: a switch takes µs, a loaded analyser port a few ms.
const WINDOW_NS: u64 = 10_000_000;
/// Places for packets, each a cache line; a packet's hash, which nobody outside can foresee, gives it one.
const PLACES: usize = 8_192;
/// Packets that a place remembers.
const WAYS: usize = 4;
/// A packet's hash but for its last bits, where its path is kept.
const PACKET: u64 = !0xffff;

#[derive(Debug, Clone, Copy)]
struct Slot {
    packet_and_path: u64,
    ts_ns: i64,
}

/// Newest first.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Place([Slot; WAYS]);

/// The packets of the last moments. As long as none is forgotten within the window, what is a copy depends on nothing but the packets.
#[derive(Debug)]
pub(crate) struct Duplicates {
    places: Box<[Place]>,
    forgotten: u64,
    /// Whether copies are left out.
    pub(crate) are_dropped: bool,
}

impl Duplicates {
    /// Nothing seen.
    pub(crate) fn new(are_dropped: bool) -> Self {
        let places = vec![Place([Slot { packet_and_path: 0, ts_ns: i64::MIN }; WAYS]); PLACES];
        Self { places: places.into(), forgotten: 0, are_dropped }
    }

    /// Asks for the memory that [`Self::saw`] looks into.
    #[inline]
    pub(crate) fn expect(&self, print: &Print) {
        self.places.get(place(print)).map(prefetch);
    }

    /// Whether a packet was seen a moment before; it is remembered in any case.
    #[inline]
    pub(crate) fn saw(&mut self, print: &Print, ts_ns: i64) -> bool {
        let Some(Place(slots)) = self.places.get_mut(place(print)) else { return false };
        let packet_and_path = print.packet & PACKET | u64::from(print.path);
        let new = Slot { packet_and_path, ts_ns };
        let is_recent = |slot: &Slot| ts_ns.abs_diff(slot.ts_ns) <= WINDOW_NS;
        let differs = |slot: &Slot| slot.packet_and_path ^ packet_and_path;
        let is_same = |slot: &Slot| differs(slot) & PACKET == 0 && is_recent(slot);
        let seen = slots.iter().position(is_same);
        let [newest, second, third, oldest] = *slots;
        let Some(at) = seen else {
            self.forgotten += u64::from(is_recent(&oldest));
            *slots = [new, newest, second, third];
            return false;
        };
        if let Some(newer) = slots.get_mut(..=at) {
            newer.rotate_right(1);
        }
        let [first, ..] = slots;
        let before = std::mem::replace(first, new);
        print.is_numbered || differs(&before) != 0
    }

    /// Packets forgotten early because too many came at a time, so far: a copy of one was not found.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// Which place a packet has.
#[inline]
fn place(print: &Print) -> usize {
    usize::try_from(print.packet >> 51).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERED: Print = Print { packet: 0xdead_beef_0000_0000, path: 1, is_numbered: true };
    const NAMELESS: Print = Print { is_numbered: false, ..NUMBERED };

    #[test]
    fn a_numbered_copy_within_the_window() {
        let mut seen = Duplicates::new(false);
        assert!(!seen.saw(&NUMBERED, 1_000_000_000));
        assert!(seen.saw(&NUMBERED, 1_000_020_000));
        assert!(seen.saw(&Print { path: 2, ..NUMBERED }, 1_000_000_000), "a little back");
        assert!(!seen.saw(&NUMBERED, 1_010_000_001), "too late");
        assert!(!seen.saw(&Print { packet: 0xdead_beef_0001_0000, ..NUMBERED }, 1_010_000_001));
    }

    #[test]
    fn without_a_number_a_copy_comes_another_way() {
        let mut seen = Duplicates::new(false);
        assert!(!seen.saw(&NAMELESS, 0));
        assert!(!seen.saw(&NAMELESS, 20_000), "an acknowledgement said twice");
        assert!(seen.saw(&Print { path: 2, ..NAMELESS }, 40_000));
    }

    #[test]
    fn packets_of_the_window_are_remembered_and_those_forgotten_counted() {
        let print = |number: u64| Print { packet: 7 << 51 | number << 16, ..NUMBERED };
        let mut seen = Duplicates::new(false);
        for number in 0..WAYS as u64 {
            assert!(!seen.saw(&print(number), 1_000));
        }
        assert!(
            (0..WAYS as u64).all(|number| seen.saw(&print(number), 2_000 + number.cast_signed()))
        );
        assert_eq!(seen.forgotten(), 0);
        assert!(!seen.saw(&print(99), 3_000));
        assert_eq!(seen.forgotten(), 1, "the first");
        assert!(!seen.saw(&print(0), 3_000) && seen.saw(&print(99), 3_000));
        assert!(!seen.saw(&print(98), 20_000_000));
        assert_eq!(seen.forgotten(), 2, "what is past the window is no loss");
    }

    #[test]
    fn every_hash_has_a_place() {
        let mut seen = Duplicates::new(false);
        for packet in [0, 1 << 16, u64::MAX, 1 << 63] {
            let print = Print { packet, ..NUMBERED };
            assert_eq!((seen.saw(&print, 5), seen.saw(&print, 5)), (false, true), "{packet:x}");
        }
    }
}
