//! Queues of places in the slab, as links beside it: a flow enters, leaves from anywhere and never lies in one twice, all in constant time and memory.

/// No place.
const NONE: u32 = u32::MAX;
/// The place is in no queue.
const OUT: u32 = u32::MAX - 1;

/// The neighbours of a place.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

/// First and last place of a queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    first: u32,
    last: u32,
}

impl Queue {
    /// A queue of nobody.
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };

    /// Who is first.
    pub(super) fn first(self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }
}

/// The links of all places, for queues of which a place is in one at most.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: Vec<Link>,
}

impl Links {
    /// Octets for each place.
    pub(super) const OCTETS: usize = size_of::<Link>();

    /// Room for as many places without a move.
    pub(super) fn with_capacity(places: usize) -> Self {
        Self { links: Vec::with_capacity(places) }
    }

    fn link(&mut self, place: u32) -> Option<&mut Link> {
        self.links.get_mut(place as usize)
    }

    fn is_in(&self, place: u32) -> bool {
        self.links.get(place as usize).is_some_and(|link| link.before != OUT)
    }

    /// Puts a place that is in no queue at the end of one.
    pub(super) fn push(&mut self, queue: &mut Queue, place: u32) {
        if place as usize >= self.links.len() {
            self.links.resize(place as usize + 1, Link { before: OUT, after: OUT });
        }
        if self.is_in(place) {
            return;
        }
        let before = std::mem::replace(&mut queue.last, place);
        if let Some(link) = self.link(place) {
            *link = Link { before, after: NONE };
        }
        match self.link(before) {
            Some(link) => link.after = place,
            None => queue.first = place,
        }
    }

    /// Takes a place out of its queue, if it is in one.
    pub(super) fn leave(&mut self, queue: &mut Queue, place: u32) {
        if !self.is_in(place) {
            return;
        }
        let Some(link) = self.link(place) else { return };
        let Link { before, after } = std::mem::replace(link, Link { before: OUT, after: OUT });
        match self.link(before) {
            Some(link) => link.after = after,
            None => queue.first = after,
        }
        match self.link(after) {
            Some(link) => link.before = before,
            None => queue.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_queue_keeps_the_order_of_arrival(
            steps in prop::collection::vec((0..3_u8, 0..12_u32), 0..200),
        ) {
            let (mut links, mut queue) = (Links::default(), Queue::EMPTY);
            let mut model = VecDeque::new();
            for (step, place) in steps {
                let place = match step {
                    0 if !model.contains(&place) => {
                        model.push_back(place);
                        links.push(&mut queue, place);
                        continue;
                    }
                    0 => {
                        // Where it is already, it stays.
                        links.push(&mut queue, place);
                        continue;
                    }
                    1 => place,
                    _ => queue.first().unwrap_or(place),
                };
                links.leave(&mut queue, place);
                model.retain(|&other| other != place);
                prop_assert_eq!(queue.first(), model.front().copied());
            }
            for place in model {
                prop_assert_eq!(queue.first(), Some(place));
                links.leave(&mut queue, place);
            }
            prop_assert_eq!((queue.first(), queue.last), (None, NONE));
        }
    }
}
