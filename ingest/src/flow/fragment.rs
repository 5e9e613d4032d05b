//! Later fragments have no ports: they wait here, within bounds, for the first piece of their datagram, whatever the order of arrival.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::decode::{Detail, Fragment};
use crate::flow::{FlowKey, Open};
use crate::observation::Observation;

/// Datagrams remembered.
const DATAGRAMS_MAX: usize = 16_384;
/// Fragments waiting.
const HELD_MAX: usize = 16_384;
/// How long a datagram is remembered (RFC 791 suggests 15 s at least, RFC 8200 60 s for reassembly).
const REMEMBER_NS: i64 = 30_000_000_000;

/// A packet that waits, with what its frame said.
#[derive(Debug, Clone)]
pub struct Held {
    /// The packet; its key has no ports.
    pub observation: Observation,
    /// Details for a flow that it may begin.
    pub detail: Option<Detail>,
    /// Octets of the tunnels around it.
    pub tunnel_octets: u32,
}

/// Which datagram a fragment is a piece of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Datagram {
    key: FlowKey,
    from_low: bool,
    id: u32,
}

impl Datagram {
    /// That of a fragment, the first or a later one.
    pub fn of(observation: &Observation, fragment: &Fragment) -> Self {
        Self {
            key: without_ports(observation.key),
            from_low: sender_is_low(observation),
            id: fragment.id,
        }
    }
}

#[derive(Debug)]
struct Known {
    since_clock: i64,
    ports: Option<(u16, u16)>,
    held: Vec<Held>,
}

/// What became of a fragment.
#[derive(Debug)]
pub enum Matched {
    /// Count these now, in this order.
    Now(Vec<Held>),
    /// It waits for the first piece.
    Later,
}

/// Datagrams of which a piece was seen.
#[derive(Debug, Default)]
pub struct FragmentTable {
    datagrams: HashMap<Datagram, Known>,
    // In order of arrival; an entry is stale when its time no longer matches.
    order: VecDeque<(i64, Datagram)>,
    held: usize,
    unmatched: u64,
}

impl FragmentTable {
    /// Takes a fragment. `released` receives what can wait no longer because the table is full.
    pub fn take(
        &mut self,
        held: Held,
        fragment: Fragment,
        clock: i64,
        released: &mut Vec<Held>,
    ) -> Matched {
        let observation = &held.observation;
        let datagram = Datagram::of(observation, &fragment);
        if fragment.first {
            let ports = (observation.key.low.port, observation.key.high.port);
            let known = self.known(datagram, clock, released);
            // A new datagram with an old number.
            known.ports = Some(ports);
            let waiting = std::mem::take(&mut known.held);
            self.held -= waiting.len();
            let mut now = vec![held];
            now.extend(waiting.into_iter().map(|held| with_ports(held, ports)));
            return Matched::Now(now);
        }
        let full = self.held >= HELD_MAX;
        let known = self.known(datagram, clock, released);
        if let Some(ports) = known.ports {
            return Matched::Now(vec![with_ports(held, ports)]);
        }
        if full {
            self.unmatched += 1;
            return Matched::Now(vec![held]);
        }
        known.held.push(held);
        self.held += 1;
        Matched::Later
    }

    fn known(&mut self, datagram: Datagram, clock: i64, released: &mut Vec<Held>) -> &mut Known {
        if !self.datagrams.contains_key(&datagram) {
            while self.datagrams.len() >= DATAGRAMS_MAX {
                let Some((since, oldest)) = self.order.pop_front() else { break };
                self.forget(since, &oldest, released);
            }
            self.order.push_back((clock, datagram));
        }
        self.datagrams.entry(datagram).or_insert_with(|| Known {
            since_clock: clock,
            ports: None,
            held: Vec::new(),
        })
    }

    fn forget(&mut self, since: i64, datagram: &Datagram, released: &mut Vec<Held>) {
        if self.datagrams.get(datagram).is_some_and(|known| known.since_clock == since)
            && let Some(known) = self.datagrams.remove(datagram)
        {
            self.held -= known.held.len();
            self.unmatched += known.held.len() as u64;
            released.extend(known.held);
        }
    }

    /// Releases what has waited too long.
    pub fn sweep(&mut self, clock: i64, released: &mut Vec<Held>) {
        while let Some(&(since, datagram)) = self.order.front() {
            if clock - since < REMEMBER_NS {
                break;
            }
            self.order.pop_front();
            self.forget(since, &datagram, released);
        }
    }

    /// Releases everything.
    pub fn flush(&mut self, released: &mut Vec<Held>) {
        while let Some((since, datagram)) = self.order.pop_front() {
            self.forget(since, &datagram, released);
        }
    }

    /// What waits, for the ledger.
    pub fn open(&self) -> Open {
        self.datagrams.values().flat_map(|known| &known.held).fold(Open::default(), |sum, held| {
            Open {
                packets: sum.packets + 1,
                wire_bytes: sum.wire_bytes + u64::from(held.observation.wire_bytes),
                ip_bytes: sum.ip_bytes + u64::from(held.observation.ip_bytes),
            }
        })
    }

    /// Fragments counted without ports, so far.
    pub const fn unmatched(&self) -> u64 {
        self.unmatched
    }
}

/// The addresses alone order the ends of a key, so taking the ports away swaps nothing.
fn without_ports(mut key: FlowKey) -> FlowKey {
    key.low.port = 0;
    key.high.port = 0;
    key
}

/// Whether the sender has the smaller address; of equal ones nobody can tell.
fn sender_is_low(observation: &Observation) -> bool {
    observation.has(Observation::FORWARD)
        || observation.key.low.address == observation.key.high.address
}

fn with_ports(mut held: Held, (low, high): (u16, u16)) -> Held {
    held.observation.key.low.port = low;
    held.observation.key.high.port = high;
    held
}
