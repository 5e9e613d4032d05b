//! What the first packets of flows have beside their keys: the same for many of them, so each is kept once.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::decode::Detail;

/// Which detail; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DetailId(u32);

impl Default for DetailId {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

#[derive(Debug)]
struct Kept {
    detail: Detail,
    hash: u64,
    flows: u32,
}

/// Details by number, each as long as a flow has it.
#[derive(Debug, Default)]
pub(super) struct Details {
    kept: Vec<Option<Kept>>,
    numbers: HashTable<u32>,
    free: Vec<u32>,
    hasher: DefaultHashBuilder,
    /// The last one taken: flows that follow one another often came the same way.
    last: DetailId,
}

impl Details {
    /// Octets that a detail of its own takes for each flow, at most.
    pub(super) const OCTETS: usize = size_of::<Option<Kept>>() + 4 * size_of::<u32>();

    fn kept(&self, DetailId(number): DetailId) -> Option<&Kept> {
        self.kept.get(number as usize)?.as_ref()
    }

    /// The detail of a number.
    pub(super) fn get(&self, id: DetailId) -> Option<&Detail> {
        self.kept(id).map(|kept| &kept.detail)
    }

    /// The number of a detail, for one flow more.
    pub(super) fn take(&mut self, detail: Option<Detail>) -> DetailId {
        let Some(detail) = detail else { return DetailId::default() };
        if self.get(self.last) != Some(&detail) {
            self.last = self.find(detail);
        }
        if let Some(Some(kept)) = self.kept.get_mut(self.last.0 as usize) {
            kept.flows += 1;
        }
        self.last
    }

    fn find(&mut self, detail: Detail) -> DetailId {
        let hash = self.hasher.hash_one(&detail);
        let found = self.numbers.find(hash, |&number| {
            self.kept(DetailId(number)).is_some_and(|kept| kept.detail == detail)
        });
        if let Some(&number) = found {
            return DetailId(number);
        }
        let kept = Some(Kept { detail, hash, flows: 0 });
        let number = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            u32::try_from(self.kept.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.kept.get_mut(number as usize) {
            *place = kept;
        }
        let of = |&number: &u32| self.kept.get(number as usize).and_then(Option::as_ref);
        self.numbers.insert_unique(hash, number, |number| of(number).map_or(0, |kept| kept.hash));
        DetailId(number)
    }

    /// One flow less has it.
    pub(super) fn give_back(&mut self, DetailId(number): DetailId) {
        let Some(place) = self.kept.get_mut(number as usize) else { return };
        let Some(kept) = place else { return };
        kept.flows -= 1;
        if kept.flows == 0 {
            let hash = kept.hash;
            *place = None;
            if let Ok(found) = self.numbers.find_entry(hash, |&other| other == number) {
                found.remove();
            }
            self.free.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(dscp: u8) -> Detail {
        Detail { link: crate::decode::Link::default(), dscp, icmp: None, tunnel: None }
    }

    #[test]
    fn a_detail_is_kept_once_and_as_long_as_a_flow_has_it() {
        let mut details = Details::default();
        let ids = [1, 2, 1, 1, 2].map(|dscp| details.take(Some(detail(dscp))));
        assert_eq!([ids[2], ids[3], ids[4]], [ids[0], ids[0], ids[1]]);
        assert_eq!(details.get(ids[1]), Some(&detail(2)));
        for id in [ids[0], ids[1], ids[4]] {
            details.give_back(id);
        }
        assert_eq!((details.get(ids[0]), details.get(ids[1])), (Some(&detail(1)), None));
        assert_eq!(details.take(Some(detail(3))), ids[1], "the place is used again");
        assert_eq!(details.get(ids[1]), Some(&detail(3)));
        details.give_back(details.last);
        assert_eq!(details.take(Some(detail(3))), ids[1], "though it was the last one taken");
        let none = details.take(None);
        assert_eq!((none, details.get(none)), (DetailId::default(), None));
        details.give_back(none);
    }
}
