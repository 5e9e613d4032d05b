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

    /// Who follows.
    pub(super) fn after(&self, place: u32) -> Option<u32> {
        self.links.get(place as usize).map(|link| link.after).filter(|&after| after < OUT)
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

    /// Takes out who is first.
    pub(super) fn pop(&mut self, queue: &mut Queue) -> Option<u32> {
        let first = queue.first()?;
        self.leave(queue, first);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
           #[test]
           fn two_queues_keep_the_order_of_arrival(steps in prop::collection::vec((0..3u8, 0..2usize, 0..12u32), 0..200)) {
               let (mut links, mut queues) = (Links::default(), [Queue::EMPTY; 2]);
               let mut model = [VecDeque::new(), VecDeque::new()];
               for (step, at, place) in steps {
                   let home = model.iter().position(|queue| queue.contains(&place));
                   match step {
                       0 => {
                           links.push(&mut queues[at], place);
                           if home.is_none() {
                               model[at].push_back(place);
                           }
                       }
                       1 => {
                           links.leave(&mut queues[home.unwrap_or(at)], place);
                           for queue in &mut model {
    queue.retain(|&other| other != place);
    }
                       }
                       _ => prop_assert_eq!(links.pop(&mut queues[at]), model[at].pop_front()),
                   }
                   for (queue, model) in queues.iter().zip(&model) {
                       let mut at = queue.first();
                       for place in model {
                           prop_assert_eq!(at, Some(*place));
                           at = links.after(*place);
                       }
                       prop_assert_eq!(at, None);
                   }
               }
           }
       }
}
