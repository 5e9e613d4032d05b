//! Room for names: their octets come from the wire, so all flows together have a limit too.

/// Octets of names there may be for each flow the table holds; a named flow takes about as much, and not all have names.
pub(super) const OCTETS_EACH: usize = 256;
/// What an allocation takes beside what was asked for, in the allocators met.
const ALLOCATION: usize = 16;

/// Octets that an allocation takes.
pub(super) const fn allocated(octets: usize) -> usize {
    octets.next_multiple_of(ALLOCATION) + ALLOCATION
}

/// How much of the room for names is taken.
#[derive(Debug)]
pub struct NameRoom {
    taken: usize,
    max: usize,
    refused: u64,
}

impl NameRoom {
    /// Room for the names of as many flows.
    pub(crate) const fn new(flows: usize) -> Self {
        Self { taken: 0, max: flows.saturating_mul(OCTETS_EACH), refused: 0 }
    }

    /// Takes room; `false`, and counted, where there is not enough.
    pub(super) const fn take(&mut self, octets: usize) -> bool {
        let fits = octets <= self.max - self.taken;
        if fits {
            self.taken += octets;
        } else {
            self.refused += 1;
        }
        fits
    }

    /// Gives room back.
    pub(super) const fn give_back(&mut self, octets: usize) {
        self.taken = self.taken.saturating_sub(octets);
    }

    /// Gives all room back.
    pub(super) const fn empty(&mut self) {
        self.taken = 0;
    }

    /// Names not kept because there was no room, so far.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}
