//! GRE and what is made of it: PPTP, NVGRE, ERSPAN.

use crate::decode::bytes::{be16, be32, u8_at};
use crate::decode::layer::Kind;
use crate::decode::opened::{Inside, Opened, TRANSPARENT_ETHERNET};

/// The smallest key that begins with a virtual subnet: those up to 0xfff are reserved (RFC 7637 section 3.2). A smaller one is a key as any other.
const SUBNET_MIN: u32 = 0x1000 << 8;

/// GRE (RFC 2784, 2890), its enhanced form (RFC 2637), and ERSPAN in it.
pub(crate) fn gre(bytes: &[u8], start: usize) -> Option<Opened> {
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
        return (kind == 0x880b).then(|| Opened::of(Kind::Pptp, call, at, Inside::Ppp));
    }
    let opened = |kind, id, at, inside| Some(Opened::of(kind, id, at, inside));
    match kind {
        0x88be if !has_sequence => opened(Kind::Erspan, key, at, Inside::Ethernet),
        0x88be => opened(Kind::Erspan, session(bytes, at), at + 8, Inside::Ethernet),
        0x22eb => {
            let has_more = u8_at(bytes, at + 11)? & 1 == 1;
            opened(
                Kind::Erspan,
                session(bytes, at),
                at + if has_more { 20 } else { 12 },
                Inside::Ethernet,
            )
        }
        TRANSPARENT_ETHERNET => match key.filter(|&key| flags == 0x2000 && key >= SUBNET_MIN) {
            // The last octet of the key differs from flow to flow.
            Some(key) => opened(Kind::Nvgre, Some(key >> 8), at, Inside::Ethernet),
            None => opened(Kind::Gre, key, at, Inside::Ethernet),
        },
        0x880b => opened(Kind::Gre, key, at, Inside::Ppp),
        _ => opened(Kind::Gre, key, at, Inside::Ethertype(kind)),
    }
}

/// The session of an ERSPAN header: ten bits (draft-foschiano-erspan).
fn session(bytes: &[u8], at: usize) -> Option<u32> {
    be16(bytes, at + 2).map(|word| u32::from(word & 0x03ff))
}
