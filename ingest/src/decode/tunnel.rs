//! Tunnels: what lies inside a packet that carries another.
//!
//! What cannot be opened with certainty stays what it is: a flow of the outer addresses. Nothing is lost, and nothing guessed.

use crate::decode::bytes::{array, be16, be32, u8_at};
use crate::decode::gre::gre;
use crate::decode::layer::{Kind, Tunnels};
use crate::decode::net::Net;
use crate::decode::opened::{Inside, Opened, TRANSPARENT_ETHERNET, is_ip};
use crate::decode::{l2tp, overlay, protocol};

mod port {
    pub(super) const L2TP: u16 = 1701;
    pub(super) const GTP_U: u16 = 2152;
    pub(super) const TEREDO: u16 = 3544;
    pub(super) const LISP: u16 = 4341;
    pub(super) const GRE_IN_UDP: u16 = 4754;
    pub(super) const VXLAN: u16 = 4789;
    pub(super) const VXLAN_GPE: u16 = 4790;
    pub(super) const AYIYA: u16 = 5072;
    pub(super) const CAPWAP: u16 = 5247;
    pub(super) const GENEVE: u16 = 6081;
    pub(super) const MPLS_IN_UDP: u16 = 6635;
}

/// Whether it is one of them.
const fn is_ours(port: u16) -> bool {
    matches!(
        port,
        port::L2TP
            | port::GTP_U
            | port::TEREDO
            | port::LISP
            | port::GRE_IN_UDP
            | port::VXLAN
            | port::VXLAN_GPE
            | port::AYIYA
            | port::CAPWAP
            | port::GENEVE
            | port::MPLS_IN_UDP
    )
}

/// IPv4 in IP (RFC 2003) and IPv6 in IP (RFC 4213).
const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const PIM: u8 = 103;
const L2TP: u8 = 115;

/// Opens the tunnel that `net` carries, if it is one.
pub(crate) fn open(bytes: &[u8], net: &Net, tunnels: Tunnels) -> Option<Opened> {
    let at = net.payload_at;
    match net.protocol {
        IPV4_IN_IP | IPV6_IN_IP => {
            let version = if net.protocol == IPV4_IN_IP { 4 } else { 6 };
            let is_stated = u8_at(bytes, at)? >> 4 == version;
            is_stated.then(|| Opened::of(Kind::Ipip, None, at, Inside::Ip))
        }
        GRE => gre(bytes, at),
        PIM => pim(bytes, at),
        L2TP if tunnels == Tunnels::All => l2tp::over_ip(bytes, at, net.end()),
        protocol::UDP => udp(bytes, net, tunnels),
        _ => None,
    }
}

/// Whether a UDP datagram is worth a closer look. Most are not: no port of a tunnel, and a payload that begins like none.
pub(crate) fn may_be(bytes: &[u8], net: &Net, tunnels: Tunnels) -> bool {
    array(bytes, net.payload_at).is_none_or(|[f0, f1, t0, t1, _, _, _, _]: [u8; 8]| {
        let ports = [u16::from_be_bytes([f0, f1]), u16::from_be_bytes([t0, t1])];
        may_be_udp(bytes, (net.payload_at, net.end()), ports, tunnels)
    })
}

/// The same of a datagram between two places in the frame, its ports known.
#[inline]
pub(crate) fn may_be_udp(
    bytes: &[u8],
    (at, end): (usize, usize),
    [from, to]: [u16; 2],
    tunnels: Tunnels,
) -> bool {
    if is_ours(from) || is_ours(to) {
        return true;
    }
    let at = at + 8;
    let head = || array(bytes, at).zip(end.checked_sub(at));
    tunnels == Tunnels::All
        && head().is_some_and(|(head, octets)| looks_like(head, octets).is_some())
}

fn udp(bytes: &[u8], net: &Net, tunnels: Tunnels) -> Option<Opened> {
    let at = net.payload_at + 8;
    let ports = [be16(bytes, at - 8)?, be16(bytes, at - 6)?];
    let is = |port| ports.contains(&port);
    if is(port::VXLAN) {
        overlay::vxlan(bytes, at)
    } else if is(port::VXLAN_GPE) {
        overlay::vxlan_gpe(bytes, at)
    } else if is(port::GTP_U) {
        overlay::gtp(bytes, at)
    } else if is(port::GENEVE) {
        overlay::geneve(bytes, at)
    } else if is(port::GRE_IN_UDP) {
        gre(bytes, at)
    } else if is(port::TEREDO) {
        overlay::teredo(bytes, at)
    } else if is(port::MPLS_IN_UDP) {
        Some(Opened::of(Kind::Mpls, None, at, Inside::Ethertype(0x8847)))
    } else if tunnels == Tunnels::Common {
        None
    } else if is(port::L2TP) {
        l2tp::over_udp(bytes, at, net.end())
    } else if is(port::LISP) {
        overlay::lisp(bytes, at)
    } else if is(port::AYIYA) {
        overlay::ayiya(bytes, at)
    } else if is(port::CAPWAP) {
        overlay::capwap(bytes, at)
    } else {
        on_any_port(bytes, at, net.end())
    }
}

/// Headers that stand out on any port: every reserved bit as it must be, every length as the datagram's, which has so many octets behind its header.
#[inline]
fn looks_like(head: [u8; 8], octets: usize) -> Option<Kind> {
    let [first, second, high, low, length_high, length_low, _, last] = head;
    let stated = |high, low| usize::from(u16::from_be_bytes([high, low]));
    match (first, second) {
        (0x08, 0) if [high, low, last] == [0; 3] => Some(Kind::Vxlan),
        (0x30..=0x37, 255) if stated(high, low) + 8 == octets => Some(Kind::Gtp),
        // Version 6, as long as the datagram.
        (0x60..=0x6f, _) if stated(length_high, length_low) + 40 == octets => Some(Kind::Teredo),
        // Version 0, no control message, nothing reserved (RFC 8926 section 3.4).
        (0x00..=0x3f, 0 | 0x40) if last == 0 => {
            let kind = u16::from_be_bytes([high, low]);
            matches!(kind, TRANSPARENT_ETHERNET | 0x0800 | 0x86dd).then_some(Kind::Geneve)
        }
        _ => None,
    }
}

fn on_any_port(bytes: &[u8], at: usize, end: usize) -> Option<Opened> {
    let opened = match looks_like(array(bytes, at)?, end.checked_sub(at)?)? {
        Kind::Vxlan => overlay::vxlan(bytes, at),
        Kind::Gtp => overlay::gtp(bytes, at),
        Kind::Geneve => overlay::geneve(bytes, at),
        // One of its ends is a client's (RFC 4380 section 2.7).
        _ => {
            let is_client = |end| be32(bytes, at + end) == Some(0x2001_0000);
            (is_client(8) || is_client(24)).then(|| overlay::teredo(bytes, at))?
        }
    };
    opened.map(Opened::unsure)
}

/// A PIM register message (RFC 7761 section 4.9.3): a router's copy of a multicast packet.
fn pim(bytes: &[u8], at: usize) -> Option<Opened> {
    let is_register = u8_at(bytes, at)? == 0x21;
    (is_register && is_ip(bytes, at + 8)).then(|| Opened::of(Kind::Pim, None, at + 8, Inside::Ip))
}
