//! Long headers (RFC 9000 section 17.2), and the packets of a datagram, one after the other (section 12.2).

use crate::decode::bytes::be32;
use crate::names::cursor::Cursor;
use crate::names::quic::dialect::{Dialect, dialect};

/// Longest connection id of the versions that are read.
pub(crate) const ID_MAX: usize = 20;
/// Shortest id that a client may make up for the server in its first Initial (RFC 9000 section 7.2).
pub(crate) const FIRST_ID_MIN: usize = 8;
/// Long header, and the bit that is always set.
const LONG: u8 = 0xc0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its packet number, which is hidden, begins there.
    Initial {
        number_at: usize,
    },
    Retry,
    Other,
}

/// A packet with a long header.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) version: u32,
    pub(crate) dialect: &'static Dialect,
    pub(crate) kind: Kind,
    /// Connection ids of its receiver and its sender.
    pub(crate) to: &'a [u8],
    pub(crate) from: &'a [u8],
    pub(crate) bytes: &'a [u8],
}

/// Whether a datagram begins with a long header of a known version.
pub(crate) fn has_version(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & LONG == LONG)
        && be32(datagram, 1).and_then(dialect).is_some()
}

/// Whether a datagram begins like the first of a client.
pub(crate) fn begins(datagram: &[u8]) -> bool {
    first(datagram).is_some_and(|(packet, _)| {
        matches!(packet.kind, Kind::Initial { .. }) && packet.to.len() >= FIRST_ID_MIN
    })
}

/// The first packet of what is left of a datagram, and the rest.
pub(crate) fn first(datagram: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let mut reader = Cursor(datagram);
    let form = reader.u8()?;
    if form & LONG != LONG {
        return None;
    }
    let version = u32::try_from(reader.number(4)?).ok()?;
    let dialect = dialect(version)?;
    let (to, from) = (reader.vector8()?, reader.vector8()?);
    if to.len() > ID_MAX || from.len() > ID_MAX {
        return None;
    }
    let kind = form >> 4 & 3;
    if kind == dialect.retry {
        // Neither length nor number: nothing can follow.
        let packet = Packet { version, dialect, kind: Kind::Retry, to, from, bytes: datagram };
        return Some((packet, &[]));
    }
    if kind == dialect.initial {
        let token_octets = reader.varint()?;
        reader.take(token_octets)?;
    }
    let octets = reader.varint()?;
    let number_at = datagram.len() - reader.0.len();
    reader.take(octets)?;
    let bytes = datagram.get(..number_at + octets)?;
    let kind = if kind == dialect.initial { Kind::Initial { number_at } } else { Kind::Other };
    Some((Packet { version, dialect, kind, to, from, bytes }, reader.0))
}
