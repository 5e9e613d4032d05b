//! Where the flow of a hash lies: an open table of small slots, apart from the flows, so that a look-up waits for one line here and one there.
//!
//! A slot holds the upper half of the hash, which decides where it belongs, and the place; so slots can be moved without asking the flows for their keys.
//! It never grows: room for all flows is taken at the beginning, and a packet never waits for it.

use crate::source::sys::memory::ask_for_huge_pages;

/// An empty slot: nothing, so that a new table is memory nobody has touched.
const EMPTY: Slot = Slot(0);

/// The upper half of a hash above a place; to the place one is added, for an empty slot is 0. A place has 31 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot(u64);

impl Slot {
    const fn new(upper: u32, place: u32) -> Self {
        Self((upper as u64) << 32 | (place as u64 + 1))
    }

    const fn upper(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
    const fn place(self) -> u32 {
        (self.0 as u32).wrapping_sub(1)
    }
}

/// Places by hash.
#[derive(Debug)]
pub(super) struct Index {
    slots: Vec<u64>,
    used: usize,
}

impl Index {
    /// Octets for each flow there may be: a third more slots than flows.
    pub(super) const OCTETS: usize = size_of::<u64>() * 4 / 3 + 1;

    /// Room for as many flows.
    pub(super) fn new(flows: usize) -> Self {
        Self::of_slots((flows + flows / 3).saturating_add(8))
    }

    fn of_slots(count: usize) -> Self {
        let mut slots = vec![EMPTY.0; count];
        ask_for_huge_pages(&mut slots);
        Self { slots, used: 0 }
    }

    /// Flows in it.
    pub(super) const fn len(&self) -> usize {
        self.used
    }

    fn home(&self, upper: u32) -> usize {
        ((u64::from(upper) * self.slots.len() as u64) >> 32) as usize
    }

    const fn upper(hash: u64) -> u32 {
        (hash >> 32) as u32
    }

    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    fn slot(&self, at: usize) -> Slot {
        self.slots.get(at).map_or(EMPTY, |&slot| Slot(slot))
    }

    fn put(&mut self, at: usize, slot: Slot) {
        if let Some(there) = self.slots.get_mut(at) {
            *there = slot.0;
        }
    }

    /// The slot where a search begins.
    pub(super) fn first(&self, hash: u64) -> Option<&impl Sized> {
        self.slots.get(self.home(Self::upper(hash)))
    }

    /// The first place of a hash that may be it, without a look at the flows.
    pub(super) fn candidate(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// The place of a hash of which `is_it` is true.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let upper = Self::upper(hash);
        let mut at = self.home(upper);
        // There is always an empty slot.
        loop {
            let slot = self.slot(at);
            if slot == EMPTY {
                return None;
            }
            if slot.upper() == upper && is_it(slot.place()) {
                return Some(slot.place());
            }
            at = self.after(at);
        }
    }

    /// Enters a place; not more than there is room for.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        let upper = Self::upper(hash);
        let mut at = self.home(upper);
        while self.slot(at) != EMPTY {
            at = self.after(at);
        }
        self.put(at, Slot::new(upper, place));
        self.used += 1;
    }

    /// Takes a place out; those behind it that would not be found any more move up.
    pub(super) fn remove(&mut self, hash: u64, place: u32) {
        let wanted = Slot::new(Self::upper(hash), place);
        let mut hole = self.home(wanted.upper());
        loop {
            let slot = self.slot(hole);
            if slot == EMPTY {
                return;
            }
            if slot == wanted {
                break;
            }
            hole = self.after(hole);
        }
        self.used -= 1;
        let mut at = hole;
        loop {
            at = self.after(at);
            let slot = self.slot(at);
            if slot == EMPTY {
                break;
            }
            // It may fill the hole unless its home lies behind it, on the way round from hole to slot.
            let home = self.home(slot.upper());
            let is_behind =
                if hole <= at { hole < home && home <= at } else { hole < home || home <= at };
            if !is_behind {
                self.put(hole, slot);
                hole = at;
            }
        }
        self.put(hole, EMPTY);
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) {
        if self.used > 0 {
            *self = Self::of_slots(self.slots.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few homes and few slots: runs are long, and go round the end.
        #[test]
        fn it_is_a_map_from_hash_to_place(
            steps in prop::collection::vec((0_u64..8, 0_u32..24), 0..200),
        ) {
            let mut index = Index::new(24);
            let mut model = BTreeMap::new();
            for (home, place) in steps {
                let hash = (home * 0x2000_0000 + u64::from(u32::MAX >> 4)) << 32 | 7;
                if let Some(hash) = model.remove(&place) {
                    index.remove(hash, place);
                } else {
                    index.insert(hash, place);
                    model.insert(place, hash);
                }
                prop_assert_eq!(index.len(), model.len());
                for place in 0..24 {
                    let found = model
                        .get(&place)
                        .and_then(|&hash| index.find(hash, |other| other == place));
                    prop_assert_eq!(found, model.contains_key(&place).then_some(place));
                }
            }
        }
    }

    #[test]
    fn what_was_never_entered_is_not_found_nor_removed() {
        let mut index = Index::new(4);
        assert_eq!(index.candidate(5 << 32), None);
        index.insert(5 << 32, 1);
        index.remove(5 << 32, 2);
        assert_eq!((index.candidate(5 << 32), index.candidate(6 << 32)), (Some(1), None));
        index.clear();
        assert_eq!((index.candidate(5 << 32), index.len()), (None, 0));
    }
}
