//! The way most packets go, in one straight line: Ethernet, up to two tags, IP without options or extensions, whole, TCP or UDP and no tunnel in it.
//!
//! Whatever it takes the long way takes too, and says the same; a test holds them together.

use crate::decode::bytes::{array, be16, part};
use crate::decode::decoded::Decoded;
use crate::decode::layer::Tunnels;
use crate::decode::link::Link;
use crate::decode::net::{Net, v4_address, v6_header};
use crate::decode::print::{Print, Way, carried};
use crate::decode::protocol;
use crate::decode::tunnel::may_be_udp;
use crate::flow::{Endpoint, Ends, FlowKey};
use crate::frame::{Frame, LinkType};
use crate::observation::{Observation, Sequence};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const V4_OCTETS: usize = 20;
const V6_OCTETS: usize = 40;

/// Link and IP header of a plain frame; `None` where the long way has to look.
pub(crate) fn headers(frame: &Frame<'_>) -> Option<(Link, Net)> {
    let start = Start::of(frame)?;
    let bytes = frame.bytes;
    let [t0, t1, t2, t3, t4, t5, s0, s1, s2, s3, s4, s5] = array(bytes, 0)?;
    let [vlan, inner_vlan] = start.tags;
    let link = Link {
        ip_at: start.ip_at,
        target_mac: Some([t0, t1, t2, t3, t4, t5]),
        source_mac: Some([s0, s1, s2, s3, s4, s5]),
        vlan,
        inner_vlan,
        ..Link::default()
    };
    let net = match start.kind {
        IPV4 => v4_net(*v4_header(bytes, start.ip_at)?, start.ip_at),
        IPV6 => {
            v6_start(bytes, start.ip_at)?;
            v6_header(bytes, start.ip_at).filter(|net| net.octets > 40)
        }
        _ => None,
    }?;
    is_plain(net.protocol).then_some((link, net))
}

/// Writes what a plain frame says, and gives its VLANs, the outer first; `None` where the long way has to look.
#[inline]
pub(crate) fn packet(
    frame: &Frame<'_>,
    tunnels: Tunnels,
    secret: u64,
    to: &mut Decoded,
) -> Option<[Option<u16>; 2]> {
    let start = Start::of(frame)?;
    *to = match start.kind {
        IPV4 => v4(frame, &start, tunnels, secret),
        IPV6 => v6(frame, &start, tunnels, secret),
        _ => None,
    }?;
    Some(start.tags)
}

/// The two hosts of a plain packet; `None` where the long way has to look.
#[inline]
pub(crate) fn hosts(frame: &Frame<'_>, tunnels: Tunnels) -> Option<[[u8; 16]; 2]> {
    let (bytes, start) = (frame.bytes, Start::of(frame)?);
    let at = start.ip_at;
    match start.kind {
        IPV4 => {
            let ip = v4_header(bytes, at)?;
            let end = at + usize::from(u16::from_be_bytes(part(ip, 2)));
            let [ip_proto] = part(ip, 9);
            transport(frame, ip_proto, (at + V4_OCTETS, end), tunnels)?;
            Some([v4_address(part(ip, 12)), v4_address(part(ip, 16))])
        }
        IPV6 => {
            let [_, _, _, _, l0, l1, ip_proto, _] = v6_start(bytes, at)?;
            let end = at + V6_OCTETS + usize::from(u16::from_be_bytes([l0, l1]));
            transport(frame, ip_proto, (at + V6_OCTETS, end), tunnels)?;
            Some([array(bytes, at + 8)?, array(bytes, at + 24)?])
        }
        _ => None,
    }
}

/// What lies before the IP header.
struct Start {
    ip_at: usize,
    kind: u16,
    tags: [Option<u16>; 2],
}

impl Start {
    #[inline]
    fn of(frame: &Frame<'_>) -> Option<Self> {
        if frame.link != LinkType::Ethernet {
            return None;
        }
        let kind = be16(frame.bytes, 12)?;
        if is_tag(kind) {
            return Self::tagged(frame.bytes);
        }
        Some(Self { ip_at: 14, kind, tags: [None; 2] })
    }

    fn tagged(bytes: &[u8]) -> Option<Self> {
        let tag = |at| Some((be16(bytes, at)? & 0x0fff, be16(bytes, at + 2)?));
        let (outer, kind) = tag(14)?;
        if is_tag(kind) {
            let (inner, kind) = tag(18)?;
            return Some(Self { ip_at: 22, kind, tags: [Some(outer), Some(inner)] });
        }
        Some(Self { ip_at: 18, kind, tags: [Some(outer), None] })
    }

    #[inline]
    fn way(&self, bytes: &[u8]) -> Way {
        Way { macs: array(bytes, 0).unwrap_or_default(), vlan: self.tags[0] }
    }
}

/// What a transport header says.
#[derive(Clone, Copy)]
struct Transport {
    /// Ports of sender and receiver.
    ports: [u16; 2],
    sequence: Option<Sequence>,
    tcp_flags: u8,
    /// Length of the header, as it claims.
    octets: usize,
}

/// A packet with its key and print.
struct Whole {
    key: FlowKey,
    /// Made where the key's parts are still numbers, for to read them back from memory would have to wait for it.
    hash: u64,
    forward: bool,
    print: Print,
    /// As the IP header says.
    octets: u32,
    header_octets: usize,
    at: usize,
    transport: Transport,
}

#[inline]
fn v4(frame: &Frame<'_>, start: &Start, tunnels: Tunnels, secret: u64) -> Option<Decoded> {
    let (bytes, at) = (frame.bytes, start.ip_at);
    let ip = v4_header(bytes, at)?;
    let octets = u32::from(u16::from_be_bytes(part(ip, 2)));
    let ends_at = at + octets as usize;
    let [ip_proto] = part(ip, 9);
    let transport = transport(frame, ip_proto, (at + V4_OCTETS, ends_at), tunnels)?;
    // An end as a number, by which ends are ordered.
    let number = |host, port| u64::from(u32::from_be_bytes(part(ip, host))) << 16 | u64::from(port);
    let [from_port, to_port] = transport.ports;
    let (from, to) = (number(12, from_port), number(16, to_port));
    let forward = from <= to;
    #[expect(clippy::cast_possible_truncation, reason = "address and port are taken apart")]
    let end = |number: u64| Endpoint {
        address: v4_address(((number >> 16) as u32).to_be_bytes()),
        port: number as u16,
    };
    let (low, high) = (end(from.min(to)), end(from.max(to)));
    let carried = carried(bytes, at + V4_OCTETS, ends_at);
    let print = Print::v4(ip, carried, || start.way(bytes), secret);
    let key = FlowKey { low, high, ip_proto, ip_version: 4, space: [0; 4] };
    let (hash, header_octets) = (key.hash(secret), V4_OCTETS);
    Some(decoded(frame, &Whole { key, hash, forward, print, octets, header_octets, at, transport }))
}

#[inline]
fn v6(frame: &Frame<'_>, start: &Start, tunnels: Tunnels, secret: u64) -> Option<Decoded> {
    let (bytes, at) = (frame.bytes, start.ip_at);
    let start_octets = v6_start(bytes, at)?;
    let octets = 40 + u32::from(u16::from_be_bytes(part(&start_octets, 4)));
    let end = at + octets as usize;
    let [ip_proto] = part(&start_octets, 6);
    let transport = transport(frame, ip_proto, (at + V6_OCTETS, end), tunnels)?;
    let hosts: [u8; 32] = array(bytes, at + 8)?;
    let [from, to] = [part(&hosts, 0), part(&hosts, 16)];
    let carried = carried(bytes, at + V6_OCTETS, end);
    let print = Print::v6((start_octets, [from, to]), carried, || start.way(bytes), secret);
    let [from_port, to_port] = transport.ports;
    let (key, forward) = FlowKey::of(&Ends {
        from: Endpoint { address: from, port: from_port },
        to: Endpoint { address: to, port: to_port },
        ip_proto,
        ip_version: 6,
    });
    let (hash, header_octets) = (key.hash(secret), V6_OCTETS);
    Some(decoded(frame, &Whole { key, hash, forward, print, octets, header_octets, at, transport }))
}

/// A whole transport header between two places in the frame; of a packet that carries no tunnel.
#[expect(clippy::inline_always, reason = "it gives so much that a call costs more than the work")]
#[inline(always)]
fn transport(
    frame: &Frame<'_>,
    ip_proto: u8,
    (at, end): (usize, usize),
    tunnels: Tunnels,
) -> Option<Transport> {
    if ip_proto == protocol::TCP {
        let header: [u8; 20] = array(frame.bytes, at).filter(|_| end >= at + 20)?;
        let [offset, tcp_flags] = part(&header, 12);
        let sequence = Sequence {
            number: u32::from_be_bytes(part(&header, 4)),
            acknowledged: u32::from_be_bytes(part(&header, 8)),
        };
        return Some(Transport {
            ports: ports(part(&header, 0)),
            sequence: Some(sequence),
            tcp_flags,
            octets: usize::from((offset >> 4).max(5)) * 4,
        });
    }
    if ip_proto != protocol::UDP || end < at + 8 {
        return None;
    }
    let header: [u8; 8] = array(frame.bytes, at)?;
    let ports = ports(part(&header, 0));
    let is_tunnel = may_be_udp(frame.bytes, (at, end), ports, tunnels);
    (!is_tunnel).then_some(Transport { ports, sequence: None, tcp_flags: 0, octets: 8 })
}

#[inline]
const fn ports([f0, f1, t0, t1]: [u8; 4]) -> [u16; 2] {
    [u16::from_be_bytes([f0, f1]), u16::from_be_bytes([t0, t1])]
}

#[inline]
fn decoded(frame: &Frame<'_>, whole: &Whole) -> Decoded {
    let Whole { key, hash, forward, print, octets, header_octets, at, transport } = *whole;
    let Transport { sequence, tcp_flags, octets: transport_octets, .. } = transport;
    // A header may claim more octets than the packet has.
    let headers = (header_octets + transport_octets).min(octets as usize);
    let payload_at = at + header_octets + transport_octets;
    let captured = payload_at < frame.bytes.len() && (octets as usize) > headers;
    let claimed = at as u64 + u64::from(octets);
    let bit = |bit, set| if set { bit } else { 0 };
    let observation = Observation {
        key,
        tcp_flags,
        bits: bit(Observation::FORWARD, forward)
            | bit(Observation::EXCEEDS_FRAME, claimed > u64::from(frame.original)),
        ts_ns: frame.ts_ns,
        ip_bytes: octets,
        wire_bytes: frame.original,
        header_bytes: u16::try_from(headers).unwrap_or(u16::MAX),
        payload_at: if captured { u16::try_from(payload_at).unwrap_or(0) } else { 0 },
    };
    Decoded { observation, fragment: None, sequence, tunnel_octets: 0, hash, print }
}

/// An IPv4 header without options, of a packet that is whole.
#[inline]
fn v4_header(bytes: &[u8], at: usize) -> Option<&[u8; V4_OCTETS]> {
    let header: &[u8; V4_OCTETS] = bytes.get(at..)?.first_chunk()?;
    let is_whole = u16::from_be_bytes(part(header, 6)) & 0x3fff == 0;
    (part(header, 0) == [0x45] && is_whole).then_some(header)
}

/// What lies before the addresses of an IPv6 header.
#[inline]
fn v6_start(bytes: &[u8], at: usize) -> Option<[u8; 8]> {
    array(bytes, at).filter(|[first, ..]: &[u8; 8]| first >> 4 == 6)
}

fn v4_net(header: [u8; V4_OCTETS], at: usize) -> Option<Net> {
    let [_, tos, l0, l1, _, _, _, _, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let octets = u32::from(u16::from_be_bytes([l0, l1]));
    (octets >= 20).then_some(Net {
        version: 4,
        from: v4_address([s0, s1, s2, s3]),
        to: v4_address([d0, d1, d2, d3]),
        protocol,
        dscp: tos >> 2,
        octets,
        payload_at: at + V4_OCTETS,
        header_octets: 20,
        fragment: None,
    })
}

const fn is_tag(kind: u16) -> bool {
    matches!(kind, 0x8100 | 0x88a8)
}

const fn is_plain(protocol: u8) -> bool {
    matches!(protocol, protocol::TCP | protocol::UDP)
}
