//! One conversation of mixed traffic: what it is, what it says next, and how it ends.

use std::collections::VecDeque;

use crate::source::synthetic::envelope::Ends;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tls::Version;
use crate::source::synthetic::wire::length16;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// What a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Lookup,
    Tls(Version),
    Quic,
    Http,
    /// TCP that names nothing.
    Stream,
    /// UDP that names nothing.
    Datagrams,
}

impl Kind {
    /// What happens how often, in a hundred.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        match rng.below(100) {
            0..26 => Self::Tls(Version::Tls13),
            26..34 => Self::Tls(Version::Tls12),
            34..42 => Self::Quic,
            42..48 => Self::Http,
            48..68 => Self::Stream,
            _ => Self::Datagrams,
        }
    }

    pub(crate) const fn is_tcp(self) -> bool {
        matches!(self, Self::Tls(_) | Self::Http | Self::Stream)
    }

    pub(crate) const fn is_named(self) -> bool {
        matches!(self, Self::Tls(_) | Self::Http | Self::Quic)
    }

    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Lookup => 53,
            Self::Tls(_) | Self::Quic => 443,
            Self::Http => 80,
            Self::Stream => 8_333,
            Self::Datagrams => 27_015,
        }
    }

    /// Packets before it may end.
    pub(crate) const fn packets_min(self) -> u64 {
        match self {
            Self::Tls(_) | Self::Http => 8,
            Self::Quic => 5,
            Self::Lookup | Self::Stream | Self::Datagrams => 1,
        }
    }
}

/// A conversation that goes on.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) kind: Kind,
    pub(crate) ends: Ends,
    /// What is said first, and by whom.
    pub(crate) opening: VecDeque<(bool, Vec<u8>)>,
    pub(crate) step: u64,
    pub(crate) left: u64,
    pub(crate) seqs: [u32; 2],
    pub(crate) gap_ns: i64,
    pub(crate) rng: Rng,
}

/// A packet about to be written.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Octets that mean something.
    Real(Vec<u8>),
    /// So many that do not.
    Opaque(u16),
}

impl Talk {
    /// The next packet: who sends it, with which flags, what.
    pub(crate) fn next(&mut self) -> (bool, u8, Said) {
        let step = self.step;
        self.step += 1;
        self.left -= 1;
        if self.kind.is_tcp() && step < 3 {
            let refused = self.kind == Kind::Stream && self.left == 0;
            let flags = match step {
                0 => SYN,
                1 if refused => RST | ACK,
                1 => SYN | ACK,
                _ => ACK,
            };
            return (step != 1, flags, Said::Opaque(0));
        }
        if let Some((up, bytes)) = self.opening.pop_front() {
            return (up, PSH | ACK, Said::Real(bytes));
        }
        match self.left {
            0 if self.closes() => (true, ACK, Said::Opaque(0)),
            1 if self.closes() => (false, FIN | ACK, Said::Opaque(0)),
            2 if self.closes() => (true, FIN | ACK, Said::Opaque(0)),
            _ => self.content(),
        }
    }

    /// Whether its last three packets close it.
    fn closes(&self) -> bool {
        self.kind.is_tcp() && self.step + self.left >= 8
    }

    fn content(&mut self) -> (bool, u8, Said) {
        let random = self.rng.next();
        let some = |from: u64, width: u64| {
            Said::Opaque(length16(usize::try_from(from + (random >> 8) % width).unwrap_or(0)))
        };
        let full = if self.ends.is_v6 { 1_428 } else { 1_448 };
        if self.kind.is_tcp() {
            return match random & 31 {
                0..=8 => (false, ACK, Said::Opaque(full)),
                9..=18 => (true, ACK, Said::Opaque(0)),
                19..=23 => (false, ACK, Said::Opaque(0)),
                24..=27 => (true, PSH | ACK, some(40, 460)),
                _ => (false, PSH | ACK, some(100, 1_300)),
            };
        }
        let bulk = self.kind == Kind::Quic;
        match random & 31 {
            0..=9 if bulk => (false, 0, Said::Opaque(1_250)),
            0..=15 => (true, 0, some(30, 40)),
            16..=23 => (random & 32 == 0, 0, some(60, 300)),
            _ => (random & 32 == 0, 0, some(100, 1_000)),
        }
    }
}
