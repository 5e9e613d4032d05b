//! A planned packet: everything about it is decided, and its lengths follow from the plan.
//!
//! Truth is summed from these lengths, never from rendered bytes; a test holds both together.

use std::net::IpAddr;

/// What an access network puts around a packet, behind the VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wrap {
    #[default]
    None,
    /// A service tag before the VLAN's (IEEE 802.1ad).
    QinQ,
    /// Two labels.
    Mpls,
    Pppoe,
    /// The user plane of a mobile core; no handset's MAC address is seen there.
    Gtp,
    /// A mirror's; the handset's frame is inside.
    Vxlan,
    Gre,
}

impl Wrap {
    /// Octets it adds before the IP header.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::None => 0,
            Self::QinQ => 4,
            Self::Mpls | Self::Pppoe => 8,
            Self::Gre => 20 + 4,
            Self::Gtp => 20 + 8 + 8,
            Self::Vxlan => 20 + 8 + 8 + 14,
        }
    }
}

/// The link header of a planned frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) src: [u8; 6],
    pub(crate) dst: [u8; 6],
    pub(crate) vlan: Option<u16>,
    pub(crate) wrap: Wrap,
}

impl Link {
    /// Ethernet header, the 802.1Q tag where there is one, and what is wrapped around the packet.
    pub(crate) fn length(self) -> usize {
        self.wrap.length() + if self.vlan.is_some() { 18 } else { 14 }
    }
}

/// A TCP segment, options already padded to words.
#[derive(Debug, Clone)]
pub(crate) struct TcpSegment {
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// An ICMP or `ICMPv6` echo.
#[derive(Debug, Clone)]
pub(crate) struct Echo {
    pub(crate) reply: bool,
    pub(crate) ident: u16,
    pub(crate) sequence: u16,
    pub(crate) payload: Vec<u8>,
}

/// What an IP datagram carries.
#[derive(Debug, Clone)]
pub(crate) enum Segment {
    Tcp(TcpSegment),
    Udp { src_port: u16, dst_port: u16, payload: Vec<u8> },
    Echo(Echo),
}

impl Segment {
    /// Header and payload, as the IP header must say.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Tcp(tcp) => 20 + tcp.options.len() + tcp.payload.len(),
            Self::Udp { payload, .. } => 8 + payload.len(),
            Self::Echo(echo) => 8 + echo.payload.len(),
        }
    }

    pub(crate) fn payload_length(&self) -> usize {
        match self {
            Self::Tcp(tcp) => tcp.payload.len(),
            Self::Udp { payload, .. } => payload.len(),
            Self::Echo(echo) => echo.payload.len(),
        }
    }
}

/// An IP datagram on its link.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub(crate) link: Link,
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) ident: u16,
    pub(crate) segment: Segment,
}

impl Datagram {
    /// IP-layer octets: the IP header and all it carries.
    pub(crate) fn ip_bytes(&self) -> usize {
        let header = if self.src.is_ipv4() { 20 } else { 40 };
        header + self.segment.length()
    }
}

/// How a frame was captured, where that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Quirk {
    /// Whole, as on the wire.
    #[default]
    None,
    /// Only the first bytes were kept.
    Cut(usize),
    /// IPv4 total length 0: the card was to cut the segment up later.
    ZeroLength,
    /// The four bytes of the frame check sequence were kept.
    Fcs,
}

/// What a frame holds.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Ip(Datagram),
    /// A whole frame without IP.
    Bare(Vec<u8>),
}

/// The shortest Ethernet frame, check sequence left out; shorter ones are padded.
const FRAME_MIN: usize = 60;

/// One planned packet.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) ts_ns: i64,
    /// Index of its flow in the truth; none for frames without IP.
    pub(crate) flow: Option<usize>,
    /// Sent by the initiator.
    pub(crate) up: bool,
    pub(crate) body: Body,
    pub(crate) quirk: Quirk,
}

impl Packet {
    /// The packet with `ident` as its IPv4 identification.
    pub(crate) fn ident(mut self, ident: u16) -> Self {
        if let Body::Ip(datagram) = &mut self.body {
            datagram.ident = ident;
        }
        self
    }

    pub(crate) fn ip_bytes(&self) -> usize {
        match &self.body {
            Body::Ip(datagram) => datagram.ip_bytes(),
            Body::Bare(_) => 0,
        }
    }

    pub(crate) fn payload_length(&self) -> usize {
        match &self.body {
            Body::Ip(datagram) => datagram.segment.payload_length(),
            Body::Bare(_) => 0,
        }
    }

    /// The frame's length on the wire.
    pub(crate) fn original_length(&self) -> usize {
        let content = match &self.body {
            Body::Ip(datagram) => datagram.link.length() + datagram.ip_bytes(),
            Body::Bare(bytes) => bytes.len(),
        };
        content.max(FRAME_MIN) + if self.quirk == Quirk::Fcs { 4 } else { 0 }
    }
}
