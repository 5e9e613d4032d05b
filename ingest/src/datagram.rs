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
        let length = piece.observation.payload_bytes as usize;
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
