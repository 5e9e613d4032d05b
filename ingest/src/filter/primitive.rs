//! What a filter can ask of a frame: one answer, yes or no, each.

/// VLAN tags and MPLS labels that are looked at, from the outside inwards.
pub(crate) const TAGS_MAX: usize = 4;
/// Extension headers of IPv6 that are walked.
pub(crate) const EXTENSIONS_MAX: usize = 4;

/// One end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Target,
}

/// Which ends of a packet are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Source,
    Target,
    Either,
    Both,
}

impl Ends {
    /// Whether what is asked holds for these ends.
    pub(crate) fn hold(self, asked: impl Fn(Side) -> bool) -> bool {
        match self {
            Self::Source => asked(Side::Source),
            Self::Target => asked(Side::Target),
            Self::Either => asked(Side::Source) || asked(Side::Target),
            Self::Both => asked(Side::Source) && asked(Side::Target),
        }
    }
}

/// Addresses that have their first bits in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    V4 { bits: u32, mask: u32 },
    V6 { bits: u128, mask: u128 },
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primitive {
    /// The version of IP.
    Version(u8),
    /// ARP or RARP.
    Arp,
    /// The protocol inside IP of this version, or of any.
    Protocol { version: Option<u8>, number: u8 },
    /// Addresses of IP.
    Address { ends: Ends, network: Network },
    /// Ports `first` to `last` of this protocol, or of any that has ports here.
    Port { ends: Ends, protocol: Option<u8>, first: u16, last: u16 },
    /// Addresses of Ethernet.
    Mac { ends: Ends, mac: [u8; 6] },
    /// A VLAN tag, with this id.
    Vlan(Option<u16>),
    /// An MPLS label, this one.
    Label(Option<u32>),
    /// Octets of the frame at most.
    AtMost(u32),
    /// Octets of the frame at least.
    AtLeast(u32),
}

/// Numbers in `EtherType`s and protocol fields that filters know.
pub(crate) mod number {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const IPV6: u16 = 0x86dd;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const RARP: u16 = 0x8035;
    pub(crate) const VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
    pub(crate) const MPLS: [u16; 2] = [0x8847, 0x8848];
    /// Protocols whose first four octets are their ports.
    pub(crate) const WITH_PORTS: [u8; 3] = [6, 17, 132];
    /// Extension headers with a length: hop-by-hop, routing, destination options (RFC 8200 section 4).
    pub(crate) const OPTIONS: [u8; 3] = [0, 43, 60];
    /// The fragment header (RFC 8200 section 4.5).
    pub(crate) const FRAGMENT: u8 = 44;
}
