//! L2TP: version 2 with PPP inside (RFC 2661), version 3 with whatever both ends agreed on (RFC 3931).

use crate::decode::bytes::{be16, be32};
use crate::decode::layer::Kind;
use crate::decode::opened::{Inside, Opened};
use crate::decode::plausible;

/// Octets between the session of version 3 and its frame: a cookie of 0, 4 or 8, and a sublayer of 0 or 4 (RFC 3931 sections 4.1 and 4.6).
const BEFORE_FRAME: [usize; 4] = [0, 4, 8, 12];

/// Over UDP, of either version; `end` is where the datagram ends.
pub(crate) fn over_udp(bytes: &[u8], start: usize, end: usize) -> Option<Opened> {
    let flags = be16(bytes, start)?;
    match flags & 0x800f {
        2 if flags & 0x34f0 == 0 => v2(bytes, start, end),
        3 if flags == 3 && be16(bytes, start + 2)? == 0 => over_ip(bytes, start + 4, end),
        _ => None,
    }
}

/// RFC 2661 section 3.1: what the flags name is there, in this order.
fn v2(bytes: &[u8], start: usize, end: usize) -> Option<Opened> {
    let flags = be16(bytes, start)?;
    let mut at = start + 2;
    if flags & 0x4000 != 0 {
        if usize::from(be16(bytes, at)?) != end.checked_sub(start)? {
            return None;
        }
        at += 2;
    }
    let session = be32(bytes, at);
    at += 4 + if flags & 0x0800 == 0 { 0 } else { 4 };
    if flags & 0x0200 != 0 {
        at += 2 + usize::from(be16(bytes, at)?);
    }
    Some(Opened::of(Kind::L2tp, session, at, Inside::Ppp).unsure())
}

/// RFC 3931 section 4.1.1: a session, none of which is 0, and a frame somewhere behind it: how far is known to the ends alone, so it must show itself.
pub(crate) fn over_ip(bytes: &[u8], start: usize, end: usize) -> Option<Opened> {
    let session = be32(bytes, start).filter(|&session| session != 0)?;
    let opened = |at, inside| Opened::of(Kind::L2tpV3, Some(session), at, inside);
    BEFORE_FRAME.iter().map(|before| start + 4 + before).find_map(|at| {
        let room = end.checked_sub(at)?;
        if plausible::ethernet(bytes, at, room) {
            Some(opened(at, Inside::Ethernet))
        } else {
            plausible::packet(bytes, at, room).then(|| opened(at, Inside::Ip))
        }
    })
}
