//! Lengths that came in a segment of their own, before the DNS message they belong to (RFC 1035 section 4.2.2): some servers write them apart.

use std::collections::VecDeque;
use std::net::IpAddr;

use hashbrown::HashMap;

use crate::flow::FlowKey;

/// Lengths kept at a time.
const PREFIXES_MAX: usize = 4_096;
/// How long the message may take.
const PATIENCE_NS: i64 = 10_000_000_000;

/// A direction of a connection.
type Way = (FlowKey, IpAddr);

/// Lengths whose messages have not come yet.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    /// The length, and when it came.
    lengths: HashMap<Way, (u16, i64)>,
    order: VecDeque<(i64, Way)>,
    evictions: u64,
}

impl Prefixes {
    /// Keeps the length that came last, and its time.
    pub(crate) fn keep(&mut self, key: &FlowKey, from: IpAddr, (length, clock): (u16, i64)) {
        while self.order.len() >= PREFIXES_MAX {
            let Some((since, oldest)) = self.order.pop_front() else { break };
            self.evictions += u64::from(self.forget(since, &oldest));
        }
        self.order.push_back((clock, (*key, from)));
        self.lengths.insert((*key, from), (length, clock));
    }

    /// The length that came before this.
    pub(crate) fn take(&mut self, key: &FlowKey, from: IpAddr) -> Option<u16> {
        self.lengths.remove(&(*key, from)).map(|(length, _)| length)
    }

    fn forget(&mut self, since: i64, way: &Way) -> bool {
        let is_current = self.lengths.get(way).is_some_and(|(_, clock)| *clock == since);
        is_current && self.lengths.remove(way).is_some()
    }

    /// Forgets lengths that have waited too long.
    pub(crate) fn sweep(&mut self, clock: i64) {
        while let Some((since, way)) =
            self.order.pop_front_if(|(since, _)| clock.saturating_sub(*since) >= PATIENCE_NS)
        {
            self.forget(since, &way);
        }
    }

    /// Forgotten early because there were too many, so far.
    pub(crate) const fn evictions(&self) -> u64 {
        self.evictions
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::flow::{Endpoint, Ends};

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn key(port: u16) -> FlowKey {
        let from = Endpoint { address: [1; 16], port };
        let to = Endpoint { address: [2; 16], port: 53 };
        FlowKey::of(&Ends { from, to, ip_proto: 6, ip_version: 4 }).0
    }

    #[test]
    fn lengths_are_bounded_and_those_given_up_early_counted() {
        let mut prefixes = Prefixes::default();
        let ports = u16::try_from(PREFIXES_MAX).unwrap() + 10;
        for port in 0..ports {
            prefixes.keep(&key(port), FROM, (port, 1));
        }
        assert_eq!((prefixes.lengths.len(), prefixes.evictions()), (PREFIXES_MAX, 10));
        assert_eq!(prefixes.take(&key(9), FROM), None);
        assert_eq!(prefixes.take(&key(10), FROM), Some(10));
        assert_eq!(prefixes.take(&key(10), FROM), None);
        prefixes.sweep(PATIENCE_NS);
        assert_eq!(prefixes.take(&key(11), FROM), Some(11));
        prefixes.sweep(PATIENCE_NS + 1);
        assert_eq!((prefixes.lengths.len(), prefixes.order.len()), (0, 0));
        assert_eq!(prefixes.evictions(), 10);
    }
}
