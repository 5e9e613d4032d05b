//! DNS messages in IP fragments, put together within bounds; the flow table counts the pieces whatever becomes of the message.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::decode::Fragment;
use crate::dialogue::Seen;
use crate::flow::Datagram;
use crate::frame::Frame;
use crate::names::Pieces;
use crate::observation::Observation;

/// Datagrams in pieces at a time.
const DATAGRAMS_MAX: usize = 64;
/// Of these and of those that are whole by now, in order of arrival.
const ORDER_MAX: usize = 4_096;
/// How long the rest is waited for (RFC 8200 section 4.5 allows 60 s; what comes that late answers nobody).
const PATIENCE_NS: i64 = 30_000_000_000;
/// Octets of a UDP header.
const UDP_HEADER: usize = 8;

/// A fragment, with what is known of its flow.
pub(crate) struct Piece<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) observation: &'a Observation,
    pub(crate) fragment: Fragment,
    pub(crate) clock: i64,
}

/// A datagram of which something is missing.
#[derive(Debug, Default)]
struct Partial {
    since: i64,
    pieces: Pieces,
    /// Octets of payload, once the last piece has come.
    octets: Option<usize>,
    /// Where the first piece was seen; before that nobody knows whether it is DNS.
    seen: Option<Seen>,
}

/// What a datagram says, and where it was seen.
pub(crate) type Said = (Vec<u8>, Seen);

/// Datagrams in pieces.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    partial: HashMap<Datagram, Partial>,
    order: VecDeque<(i64, Datagram)>,
    evictions: u64,
}

impl Datagrams {
    /// Takes a piece of which the flow is not known yet, or (`seen`) is one that speaks DNS. Gives what is whole by now, and what had to go for it.
    pub(crate) fn take(&mut self, piece: &Piece<'_>, seen: Option<Seen>) -> Vec<Said> {
        let datagram = Datagram::of(piece.observation, &piece.fragment);
        let mut said = Vec::new();
        if !self.partial.contains_key(&datagram) {
            // The others were given up, or there was no room for them.
            if seen.is_some() && !piece.fragment.first {
                return said;
            }
            while self.partial.len() >= DATAGRAMS_MAX || self.order.len() >= ORDER_MAX {
                let Some((since, oldest)) = self.order.pop_front() else { break };
                if self.is_current(since, &oldest) {
                    self.evictions += 1;
                    said.extend(self.forget(&oldest));
                }
            }
            self.order.push_back((piece.clock, datagram));
        }
        let partial = self
            .partial
            .entry(datagram)
            .or_insert_with(|| Partial { since: piece.clock, ..Partial::default() });
        let fits = partial.add(piece);
        if piece.fragment.first {
            partial.seen = partial.seen.or(seen);
        }
        if partial.is_whole() {
            said.extend(self.forget(&datagram));
        } else if !fits {
            self.evictions += 1;
            said.extend(self.forget(&datagram));
        }
        said
    }

    /// It is no DNS.
    pub(crate) fn drop(&mut self, observation: &Observation, fragment: &Fragment) {
        self.partial.remove(&Datagram::of(observation, fragment));
    }

    fn is_current(&self, since: i64, datagram: &Datagram) -> bool {
        self.partial.get(datagram).is_some_and(|partial| partial.since == since)
    }

    /// What its beginning says, as far as that is there.
    fn forget(&mut self, datagram: &Datagram) -> Option<Said> {
        let Partial { pieces, seen, octets, .. } = self.partial.remove(datagram)?;
        let mut bytes = pieces.beginning().to_vec();
        bytes.truncate(octets.unwrap_or(usize::MAX));
        seen.map(|seen| (bytes, seen))
    }

    /// Gives up on what has waited too long.
    pub(crate) fn sweep(&mut self, clock: i64) -> Vec<Said> {
        let mut said = Vec::new();
        while let Some((since, datagram)) =
            self.order.pop_front_if(|(since, _)| clock.saturating_sub(*since) >= PATIENCE_NS)
        {
            if self.is_current(since, &datagram) {
                said.extend(self.forget(&datagram));
            }
        }
        said
    }

    /// Gives up on all.
    pub(crate) fn flush(&mut self) -> Vec<Said> {
        self.sweep(i64::MAX)
    }

    /// Given up early because they were too many or too long, so far.
    pub(crate) const fn evictions(&self) -> u64 {
        self.evictions
    }
}

impl Partial {
    /// Adds a piece; `false` where the message is longer than is put together.
    fn add(&mut self, piece: &Piece<'_>) -> bool {
        let Fragment { first, more, offset, at, .. } = piece.fragment;
        let header = if first { UDP_HEADER } else { 0 };
        // A later piece counts no header of its own.
        let Some(offset) = (usize::from(offset) + header).checked_sub(UDP_HEADER) else {
            return true;
        };
        let length = piece.observation.payload_bytes() as usize;
        let bytes = piece.frame.bytes.get(at + header..).unwrap_or_default();
        if !more {
            self.octets.get_or_insert(offset + length);
        }
        self.pieces.add(offset, bytes.get(..length).unwrap_or(bytes))
    }

    fn is_whole(&self) -> bool {
        self.seen.is_some()
            && self.octets.is_some_and(|octets| self.pieces.beginning().len() >= octets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::protocol;
    use crate::flow::{Endpoint, Ends, FlowKey};
    use crate::frame::LinkType;

    /// Gives a fragment with these octets of the datagram, header included.
    fn give(
        datagrams: &mut Datagrams,
        (id, clock): (u32, i64),
        (offset, more): (u16, bool),
        (bytes, is_known): (&[u8], bool),
    ) -> Vec<Said> {
        let ends =
            [([1; 16], 53), ([2; 16], 40_000)].map(|(address, port)| Endpoint { address, port });
        let [from, to] = ends;
        let (key, _) = FlowKey::of(&Ends { from, to, ip_proto: protocol::UDP, ip_version: 6 });
        let fragment = Fragment { id, first: offset == 0, more, offset, at: 0 };
        let header = if fragment.first { UDP_HEADER } else { 0 };
        let octets = u32::try_from(bytes.len() - header).unwrap();
        let observation = Observation {
            key,
            tcp_flags: 0,
            bits: Observation::FORWARD | Observation::FRAGMENT,
            ts_ns: clock,
            ip_bytes: octets,
            header_bytes: 0,
            wire_bytes: octets,
            payload_at: 0,
        };
        let frame = Frame { bytes, original: octets, ts_ns: clock, link: LinkType::RawIp };
        let seen = Seen::of(&observation, key, 7);
        let piece = Piece { frame, observation: &observation, fragment, clock };
        datagrams.take(&piece, is_known.then_some(seen))
    }

    proptest! {
        #[test]
        fn any_cuts_in_any_order_give_the_datagram(
            eighths in 3..500_usize,
            cuts in prop::collection::btree_set(1..500_usize, 1..12),
            order in any::<prop::sample::Index>(),
            is_known in any::<bool>(),
        ) {
            let bytes: Vec<u8> = (0..251).cycle().take(eighths * 8 + 3).collect();
            let mut places: Vec<usize> = cuts.into_iter().filter(|cut| *cut < eighths).collect();
            places.insert(0, 0);
            let ends: Vec<usize> =
                places.iter().skip(1).map(|cut| cut * 8).chain([bytes.len()]).collect();
            let mut pieces: Vec<(usize, usize)> =
                places.iter().map(|cut| cut * 8).zip(ends).collect();
            let turn = order.index(pieces.len());
            pieces.rotate_left(turn);
            let mut datagrams = Datagrams::default();
            let mut said = Vec::new();
            let mut has_first = false;
            for (from, to) in &pieces {
                has_first |= *from == 0;
                let place = (u16::try_from(*from).unwrap(), *to < bytes.len());
                // Pieces after the first are known to be DNS; those before may not be.
                let is_known = has_first && (is_known || *from == 0);
                said.extend(give(&mut datagrams, (1, 0), place, (&bytes[*from..*to], is_known)));
            }
            prop_assert_eq!(said.len(), 1);
            prop_assert_eq!(&said[0].0, &bytes[8..]);
            prop_assert!(datagrams.partial.is_empty() && datagrams.evictions() == 0);
        }
    }

    #[test]
    fn what_is_too_long_or_too_late_says_what_it_begins_with() {
        let mut datagrams = Datagrams::default();
        assert!(give(&mut datagrams, (1, 0), (0, true), (&[7; 800], true)).is_empty());
        let said = give(&mut datagrams, (1, 0), (8_000, true), (&[7; 800], true));
        assert_eq!((said[0].0.len(), datagrams.evictions()), (792, 1));
        assert!(
            give(&mut datagrams, (1, 0), (800, true), (&[7; 800], true)).is_empty(),
            "given up"
        );
        assert!(give(&mut datagrams, (2, 0), (0, true), (&[7; 800], true)).is_empty());
        assert!(give(&mut datagrams, (3, 0), (800, false), (&[7; 800], false)).is_empty());
        assert!(datagrams.sweep(PATIENCE_NS - 1).is_empty());
        let said = datagrams.sweep(PATIENCE_NS);
        assert_eq!((said.len(), datagrams.partial.len(), datagrams.evictions()), (1, 0, 1));
    }

    #[test]
    fn what_became_whole_takes_no_place() {
        let mut datagrams = Datagrams::default();
        for id in 0..100_000 {
            assert!(give(&mut datagrams, (id, 0), (0, true), (&[7; 16], true)).is_empty());
            assert_eq!(give(&mut datagrams, (id, 0), (16, false), (&[7; 8], true)).len(), 1);
        }
        assert!(datagrams.order.len() <= ORDER_MAX && datagrams.partial.is_empty());
        assert_eq!(datagrams.evictions(), 0);
    }
}
