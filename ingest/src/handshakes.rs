//! What is still to be put together of handshakes: bounded in number, octets and time, the oldest goes first.
//!
//! Of any protocol: the pool knows of what it holds only what it weighs. A handshake that lies in one packet never comes here.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::flow::{End, Entry, FlowKey, HANDSHAKES_OCTETS};

/// Messages held at a time by a lane.
const HELD_MAX: usize = 4_096;
/// Octets held at a time: a lane has two pools, for streams and for datagrams.
const OCTETS_MAX: usize = HANDSHAKES_OCTETS / 2;
/// How long a message is waited for, by the clock of the packets.
const WAIT_NS: i64 = 30_000_000_000;

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Whose {
    key: FlowKey,
    born_ns: i64,
    from: End,
}

impl Whose {
    /// A message of one end of a flow.
    pub(crate) fn of(entry: &Entry<'_>, from: End) -> Self {
        Self { key: *entry.key(), born_ns: entry.born_ns(), from }
    }
}

/// Something held.
#[derive(Debug)]
pub(crate) struct Held<S> {
    /// What it is.
    pub(crate) state: S,
    /// When it came, and which it was of all.
    age: (i64, u64),
    octets: usize,
}

/// What a lane holds.
#[derive(Debug)]
pub(crate) struct Handshakes<S> {
    held: HashMap<Whose, Held<S>>,
    by_age: BTreeMap<(i64, u64), Whose>,
    weigh: fn(&S) -> usize,
    octets: usize,
    octets_max: usize,
    count: u64,
    refused: u64,
}

impl<S> Handshakes<S> {
    /// An empty pool; `weigh` gives the octets of memory that hang on a state.
    pub(crate) fn new(weigh: fn(&S) -> usize) -> Self {
        Self {
            held: HashMap::new(),
            by_age: BTreeMap::new(),
            weigh,
            octets: 0,
            octets_max: OCTETS_MAX,
            count: 0,
            refused: 0,
        }
    }

    /// Something that begins now.
    pub(crate) const fn begin(&mut self, state: S, clock: i64) -> Held<S> {
        self.count += 1;
        Held { state, age: (clock, self.count), octets: 0 }
    }

    /// Takes out what was held, unless it has been given up.
    pub(crate) fn take(&mut self, whose: &Whose, clock: i64) -> Option<Held<S>> {
        let held = self.held.remove(whose)?;
        self.by_age.remove(&held.age);
        self.octets -= held.octets;
        // Whether or not it was swept before.
        (clock.saturating_sub(held.age.0) < WAIT_NS).then_some(held)
    }

    /// Holds something, and gives up what is too much.
    pub(crate) fn hold(&mut self, whose: Whose, mut held: Held<S>) {
        held.octets = size_of::<Held<S>>() + (self.weigh)(&held.state);
        self.octets += held.octets;
        self.by_age.insert(held.age, whose);
        self.held.insert(whose, held);
        while self.held.len() > HELD_MAX || self.octets > self.octets_max {
            self.refused += 1;
            self.drop_oldest();
        }
    }

    /// Forgets what was held.
    pub(crate) fn forget(&mut self, whose: &Whose) {
        self.take(whose, i64::MIN);
    }

    /// Forgets what has waited too long.
    pub(crate) fn sweep(&mut self, clock: i64) {
        while self
            .by_age
            .first_key_value()
            .is_some_and(|((since, _), _)| clock.saturating_sub(*since) >= WAIT_NS)
        {
            self.drop_oldest();
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
        self.by_age.clear();
        self.octets = 0;
    }

    fn drop_oldest(&mut self) {
        if let Some((_, whose)) = self.by_age.pop_first()
            && let Some(held) = self.held.remove(&whose)
        {
            self.octets -= held.octets;
        }
    }

    /// A message was longer than what is held of one.
    pub(crate) const fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Messages that met a limit, so far.
    pub(crate) const fn refused(&self) -> u64 {
        self.refused
    }

    /// Messages begun, so far.
    #[cfg(test)]
    pub(crate) const fn begun(&self) -> u64 {
        self.count
    }

    /// Messages held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.held.len(), self.by_age.len());
        assert_eq!(self.octets, self.held.values().map(|held| held.octets).sum::<usize>());
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Endpoint;

    fn whose(port: u16) -> Whose {
        let (low, high) = (Endpoint::default(), Endpoint { address: [9; 16], port });
        let key = FlowKey { low, high, ip_proto: 6, ip_version: 4, space: [0; 4] };
        Whose { key, born_ns: 5, from: End::Low }
    }

    fn put(pool: &mut Handshakes<Vec<u8>>, port: u16, octets: usize, clock: i64) {
        let held = pool.begin(vec![0; octets], clock);
        pool.hold(whose(port), held);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many_or_too_large_ones() {
        let mut pool = Handshakes::new(Vec::capacity);
        for port in 0..5_000 {
            put(&mut pool, port, 10, i64::from(port));
        }
        assert_eq!((pool.len(), pool.refused()), (HELD_MAX, 904));
        assert!(pool.take(&whose(903), 5_000).is_none());
        let mut held = pool.take(&whose(904), 5_000).unwrap();
        held.state = vec![0; OCTETS_MAX / 2];
        pool.hold(whose(904), held);
        put(&mut pool, 1, OCTETS_MAX / 2, 5_000);
        assert!(pool.take(&whose(904), 5_000).is_none(), "what grows is no younger for it");
        assert!(pool.len() > 4_000);
    }

    #[test]
    fn nothing_is_waited_for_longer_than_the_limit() {
        let mut pool = Handshakes::new(Vec::capacity);
        put(&mut pool, 1, 10, 0);
        put(&mut pool, 2, 10, 1);
        assert!(pool.take(&whose(1), WAIT_NS).is_none(), "swept or not");
        pool.sweep(WAIT_NS);
        assert_eq!(pool.len(), 1);
        pool.sweep(WAIT_NS + 1);
        assert_eq!((pool.len(), pool.refused()), (0, 0));
    }
}
