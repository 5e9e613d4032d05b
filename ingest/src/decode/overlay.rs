//! Tunnels in UDP whose header says what they hold: VXLAN, Geneve, GTP-U, Teredo, LISP, AYIYA, CAPWAP.

use crate::decode::bytes::{array, be16, be32, u8_at};
use crate::decode::layer::Kind;
use crate::decode::opened::{Inside, NSH, Opened, TRANSPARENT_ETHERNET, is_ip};

/// VXLAN (RFC 7348).
pub(crate) fn vxlan(bytes: &[u8], at: usize) -> Option<Opened> {
    let has_network = u8_at(bytes, at)? & 0x08 != 0;
    let network = be32(bytes, at + 4).map(|word| word >> 8);
    has_network.then(|| Opened::of(Kind::Vxlan, network, at + 8, Inside::Ethernet))
}

/// VXLAN with a next protocol (draft-ietf-nvo3-vxlan-gpe).
pub(crate) fn vxlan_gpe(bytes: &[u8], at: usize) -> Option<Opened> {
    let inside = match u8_at(bytes, at + 3)? {
        1 | 2 => Inside::Ip,
        3 => Inside::Ethernet,
        4 => Inside::Ethertype(NSH),
        _ => return None,
    };
    Some(Opened { inside, ..vxlan(bytes, at)? })
}

/// Geneve (RFC 8926).
pub(crate) fn geneve(bytes: &[u8], at: usize) -> Option<Opened> {
    let first = u8_at(bytes, at)?;
    if first >> 6 != 0 {
        return None;
    }
    let kind = be16(bytes, at + 2)?;
    let network = be32(bytes, at + 4).map(|word| word >> 8);
    let inside = match kind {
        TRANSPARENT_ETHERNET => Inside::Ethernet,
        _ => Inside::Ethertype(kind),
    };
    Some(Opened::of(Kind::Geneve, network, at + 8 + usize::from(first & 0x3f) * 4, inside))
}

/// GTP-U version 1, G-PDU (3GPP TS 29.281 section 5).
pub(crate) fn gtp(bytes: &[u8], start: usize) -> Option<Opened> {
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
    is_ip(bytes, at).then(|| Opened::of(Kind::Gtp, be32(bytes, start + 4), at, Inside::Ip))
}

/// Teredo (RFC 4380 section 5.1.1): IPv6, behind an authentication and an origin header where they stand.
pub(crate) fn teredo(bytes: &[u8], start: usize) -> Option<Opened> {
    let mut at = start;
    if array(bytes, at) == Some([0, 1]) {
        let [client, authentication] = array(bytes, at + 2)?;
        at += 13 + usize::from(client) + usize::from(authentication);
    }
    if array(bytes, at) == Some([0, 0]) {
        at += 8;
    }
    (u8_at(bytes, at)? >> 4 == 6).then(|| Opened::of(Kind::Teredo, None, at, Inside::Ip))
}

/// LISP (RFC 9300 section 5.1): eight octets, then IP.
pub(crate) fn lisp(bytes: &[u8], at: usize) -> Option<Opened> {
    let has_instance = u8_at(bytes, at)? & 0x08 != 0;
    let instance = be32(bytes, at + 4).filter(|_| has_instance).map(|word| word >> 8);
    Some(Opened::of(Kind::Lisp, instance, at + 8, Inside::Ip).unsure())
}

/// AYIYA (draft-massar-v6ops-ayiya section 3): identity and signature have lengths, and then follows what the fourth octet says.
pub(crate) fn ayiya(bytes: &[u8], at: usize) -> Option<Opened> {
    let [identity, signature, operation, next] = array(bytes, at)?;
    let is_forward = operation & 0x0f == 1 && matches!(next, 4 | 41);
    let header = 8 + (1_usize << (identity >> 4)) + usize::from(signature >> 4) * 4;
    is_forward.then(|| Opened::of(Kind::Ayiya, None, at + header, Inside::Ip).unsure())
}

/// CAPWAP data (RFC 5415 section 4.3): an Ethernet frame, or one of IEEE 802.11 in the clear.
pub(crate) fn capwap(bytes: &[u8], start: usize) -> Option<Opened> {
    let word = be32(bytes, start)?;
    // Version and type 0, and neither a fragment nor a keep-alive.
    if word >> 24 != 0 || word & 0x88 != 0 {
        return None;
    }
    let at = start + (word >> 19 & 0x1f) as usize * 4;
    if word & 0x100 == 0 {
        return Some(Opened::of(Kind::Capwap, None, at, Inside::Ethernet).unsure());
    }
    let [control, flags] = array(bytes, at)?;
    // Data with a body, not encrypted (IEEE 802.11 section 9.2.4.1).
    if control & 0x4f != 0x08 || flags & 0x40 != 0 {
        return None;
    }
    let fourth = if flags & 0x03 == 0x03 { 6 } else { 0 };
    let quality = if control & 0x80 == 0 { 0 } else { 2 };
    Some(Opened::of(Kind::Capwap, None, at + 24 + fourth + quality, Inside::Llc).unsure())
}
