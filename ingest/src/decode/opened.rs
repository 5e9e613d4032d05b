//! A tunnel header that was read: what it is, and where its inside begins.

use crate::decode::bytes::u8_at;
use crate::decode::layer::{Kind, Layer};

/// `EtherType` of an Ethernet frame in a tunnel (RFC 1701).
pub(crate) const TRANSPARENT_ETHERNET: u16 = 0x6558;
/// `EtherType` of a network service header (RFC 8300 section 9.1).
pub(crate) const NSH: u16 = 0x894f;

/// What the inside begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// An IP header.
    Ip,
    /// An Ethernet header.
    Ethernet,
    /// A field that an `EtherType` describes.
    Ethertype(u16),
    /// LLC (IEEE 802.2).
    Llc,
    /// PPP.
    Ppp,
}

/// A tunnel header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// What it is.
    pub(crate) layer: Layer,
    /// Where the inside begins.
    pub(crate) at: usize,
    /// What it begins with.
    pub(crate) inside: Inside,
    /// Whether the header leaves no doubt; else the inside must show that it is a packet.
    pub(crate) is_sure: bool,
}

impl Opened {
    /// A header that leaves no doubt.
    pub(crate) const fn of(kind: Kind, id: Option<u32>, at: usize, inside: Inside) -> Self {
        Self { layer: Layer { kind, id }, at, inside, is_sure: true }
    }

    /// The same, but the inside must show it.
    pub(crate) const fn unsure(self) -> Self {
        Self { is_sure: false, ..self }
    }
}

/// Whether an IP version begins here.
pub(crate) fn is_ip(bytes: &[u8], at: usize) -> bool {
    u8_at(bytes, at).is_some_and(|octet| matches!(octet >> 4, 4 | 6))
}
