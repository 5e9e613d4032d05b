//! Tunnels: what lies inside a packet that carries another.
//!
//! What cannot be opened with certainty stays what it is: a flow of the outer addresses. Nothing is lost, and nothing guessed.

use crate::decode::bytes::{array, be16, be32, u8_at};
use crate::decode::net::Net;
use crate::decode::protocol;

/// What the inside begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// An IP header.
    Ip,
    /// An Ethernet header.
    Ethernet,
    /// A field that an `EtherType` describes.
    Ethertype(u16),
    /// PPP.
    Ppp,
}

/// A tunnel header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Word of the column `tunnel_type`.
    pub(crate) kind: &'static str,
    /// Key, VNI, TEID or session.
    pub(crate) id: Option<u32>,
    /// Where the inside begins.
    pub(crate) at: usize,
    /// What it begins with.
    pub(crate) inside: Inside,
}

mod port {
    pub(super) const GTP_U: u16 = 2152;
    pub(super) const TEREDO: u16 = 3544;
    pub(super) const GRE_IN_UDP: u16 = 4754;
    pub(super) const VXLAN: u16 = 4789;
    pub(super) const VXLAN_GPE: u16 = 4790;
    pub(super) const GENEVE: u16 = 6081;
    pub(super) const MPLS_IN_UDP: u16 = 6635;
}

/// IPv4 in IP (RFC 2003) and IPv6 in IP (RFC 4213).
const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const PIM: u8 = 103;
const TRANSPARENT_ETHERNET: u16 = 0x6558;

/// Opens the tunnel that `net` carries, if it is one.
pub(crate) fn open(bytes: &[u8], net: &Net) -> Option<Opened> {
    let at = net.payload_at;
    match net.protocol {
        IPV4_IN_IP | IPV6_IN_IP => {
            let version = if net.protocol == IPV4_IN_IP { 4 } else { 6 };
            (u8_at(bytes, at)? >> 4 == version).then_some(Opened {
                kind: "ipip",
                id: None,
                at,
                inside: Inside::Ip,
            })
        }
        GRE => gre(bytes, at),
        PIM => pim(bytes, at),
        protocol::UDP => {
            let ports = [be16(bytes, at)?, be16(bytes, at + 2)?];
            udp(bytes, at + 8, ports)
        }
        _ => None,
    }
}

fn udp(bytes: &[u8], at: usize, ports: [u16; 2]) -> Option<Opened> {
    let is = |port| ports.contains(&port);
    if is(port::VXLAN) {
        vxlan(bytes, at)
    } else if is(port::VXLAN_GPE) {
        vxlan_gpe(bytes, at)
    } else if is(port::GTP_U) {
        gtp(bytes, at)
    } else if is(port::GENEVE) {
        geneve(bytes, at)
    } else if is(port::GRE_IN_UDP) {
        gre(bytes, at)
    } else if is(port::TEREDO) {
        teredo(bytes, at)
    } else if is(port::MPLS_IN_UDP) {
        Some(Opened { kind: "mpls", id: None, at, inside: Inside::Ethertype(0x8847) })
    } else {
        None
    }
}

/// GRE (RFC 2784, 2890), its enhanced form (RFC 2637), and ERSPAN in it.
fn gre(bytes: &[u8], start: usize) -> Option<Opened> {
    let flags = be16(bytes, start)?;
    let kind = be16(bytes, start + 2)?;
    // With routing (deprecated by RFC 2784) or an unknown version the length is not known.
    if flags & 0x4000 != 0 || flags & 7 > 1 {
        return None;
    }
    let mut at = start + 4 + if flags & 0x8000 == 0 { 0 } else { 4 };
    let mut key = None;
    if flags & 0x2000 != 0 {
        key = be32(bytes, at);
        at += 4;
    }
    let has_sequence = flags & 0x1000 != 0;
    at += if has_sequence { 4 } else { 0 };
    if flags & 7 == 1 {
        at += if flags & 0x0080 == 0 { 0 } else { 4 };
        let call = key.map(|key| key & 0xffff);
        return (kind == 0x880b).then_some(Opened {
            kind: "pptp",
            id: call,
            at,
            inside: Inside::Ppp,
        });
    }
    let opened = |kind, id, at, inside| Some(Opened { kind, id, at, inside });
    match kind {
        0x88be if !has_sequence => opened("erspan", key, at, Inside::Ethernet),
        0x88be => opened("erspan", session(bytes, at), at + 8, Inside::Ethernet),
        0x22eb => {
            let has_more = u8_at(bytes, at + 11)? & 1 == 1;
            opened(
                "erspan",
                session(bytes, at),
                at + if has_more { 20 } else { 12 },
                Inside::Ethernet,
            )
        }
        TRANSPARENT_ETHERNET => opened("gre", key, at, Inside::Ethernet),
        0x880b => opened("gre", key, at, Inside::Ppp),
        _ => opened("gre", key, at, Inside::Ethertype(kind)),
    }
}

/// The session of an ERSPAN header: ten bits (draft-foschiano-erspan).
fn session(bytes: &[u8], at: usize) -> Option<u32> {
    be16(bytes, at + 2).map(|word| u32::from(word & 0x03ff))
}

/// VXLAN (RFC 7348).
fn vxlan(bytes: &[u8], at: usize) -> Option<Opened> {
    let has_network = u8_at(bytes, at)? & 0x08 != 0;
    has_network.then_some(Opened {
        kind: "vxlan",
        id: be32(bytes, at + 4).map(|word| word >> 8),
        at: at + 8,
        inside: Inside::Ethernet,
    })
}

/// VXLAN with a next protocol (draft-ietf-nvo3-vxlan-gpe).
fn vxlan_gpe(bytes: &[u8], at: usize) -> Option<Opened> {
    let inside = match u8_at(bytes, at + 3)? {
        1 | 2 => Inside::Ip,
        3 => Inside::Ethernet,
        _ => return None,
    };
    Some(Opened { inside, ..vxlan(bytes, at)? })
}

/// A PIM register message (RFC 7761 section 4.9.3): a router's copy of a multicast packet.
fn pim(bytes: &[u8], at: usize) -> Option<Opened> {
    let is_register = u8_at(bytes, at)? == 0x21;
    (is_register && is_ip(bytes, at + 8)).then_some(Opened {
        kind: "pim",
        id: None,
        at: at + 8,
        inside: Inside::Ip,
    })
}

/// Geneve (RFC 8926).
fn geneve(bytes: &[u8], at: usize) -> Option<Opened> {
    let first = u8_at(bytes, at)?;
    if first >> 6 != 0 {
        return None;
    }
    let kind = be16(bytes, at + 2)?;
    Some(Opened {
        kind: "geneve",
        id: be32(bytes, at + 4).map(|word| word >> 8),
        at: at + 8 + usize::from(first & 0x3f) * 4,
        inside: if kind == TRANSPARENT_ETHERNET {
            Inside::Ethernet
        } else {
            Inside::Ethertype(kind)
        },
    })
}

/// GTP-U version 1, G-PDU (3GPP TS 29.281 section 5).
fn gtp(bytes: &[u8], start: usize) -> Option<Opened> {
    let [flags, kind] = array(bytes, start)?;
    if flags & 0xf0 != 0x30 || kind != 255 {
        return None;
    }
    let mut at = start + 8;
    if flags & 0x07 != 0 {
        let mut next = u8_at(bytes, start + 11)?;
        at += 4;
        // Extension headers are counted in units of four octets, and say what follows in their last one.
        for _ in 0..8 {
            if flags & 0x04 == 0 || next == 0 {
                break;
            }
            let octets = usize::from(u8_at(bytes, at)?) * 4;
            next = u8_at(bytes, (at + octets).checked_sub(1)?)?;
            at += octets.max(4);
        }
    }
    is_ip(bytes, at).then_some(Opened {
        kind: "gtp",
        id: be32(bytes, start + 4),
        at,
        inside: Inside::Ip,
    })
}

/// Teredo (RFC 4380 section 5.1.1): IPv6, behind an authentication and an origin header where they stand.
fn teredo(bytes: &[u8], start: usize) -> Option<Opened> {
    let mut at = start;
    if array(bytes, at) == Some([0, 1]) {
        let [client, authentication] = array(bytes, at + 2)?;
        at += 13 + usize::from(client) + usize::from(authentication);
    }
    if array(bytes, at) == Some([0, 0]) {
        at += 8;
    }
    (u8_at(bytes, at)? >> 4 == 6).then_some(Opened {
        kind: "teredo",
        id: None,
        at,
        inside: Inside::Ip,
    })
}

fn is_ip(bytes: &[u8], at: usize) -> bool {
    u8_at(bytes, at).is_some_and(|octet| matches!(octet >> 4, 4 | 6))
}
