//! The way most packets go, in one straight line: Ethernet, up to two tags, IP without options or extensions, whole, TCP or UDP and no tunnel in it.
//!
//! Whatever it takes the long way takes too, and says the same; a test holds them together.

use crate::decode::bytes::{array, be16, u8_at};
use crate::decode::link::Link;
use crate::decode::net::{Net, v4_address, v6_header};
use crate::decode::protocol;
use crate::frame::{Frame, LinkType};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Link and IP header of a plain frame; `None` where the long way has to look.
#[inline]
pub(crate) fn headers(frame: &Frame<'_>) -> Option<(Link, Net)> {
    if frame.link != LinkType::Ethernet {
        return None;
    }
    let bytes = frame.bytes;
    let [t0, t1, t2, t3, t4, t5, s0, s1, s2, s3, s4, s5, k0, k1] = array(bytes, 0)?;
    let mut link = Link {
        ip_at: 14,
        target_mac: Some([t0, t1, t2, t3, t4, t5]),
        source_mac: Some([s0, s1, s2, s3, s4, s5]),
        ..Link::default()
    };
    let mut kind = u16::from_be_bytes([k0, k1]);
    if is_tag(kind) {
        link.vlan = Some(be16(bytes, 14)? & 0x0fff);
        kind = be16(bytes, 16)?;
        link.ip_at = 18;
        if is_tag(kind) {
            link.inner_vlan = Some(be16(bytes, 18)? & 0x0fff);
            kind = be16(bytes, 20)?;
            link.ip_at = 22;
        }
    }
    let net = match kind {
        IPV4 => v4(bytes, link.ip_at),
        IPV6 => v6(bytes, link.ip_at),
        _ => None,
    }?;
    Some((link, net))
}

#[inline]
fn v4(bytes: &[u8], at: usize) -> Option<Net> {
    let header: [u8; 20] = array(bytes, at)?;
    let [first, tos, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        header;
    let octets = u32::from(u16::from_be_bytes([l0, l1]));
    let is_whole = u16::from_be_bytes([f0, f1]) & 0x3fff == 0;
    if first != 0x45 || octets < 20 || !is_whole || !is_plain(protocol) {
        return None;
    }
    Some(Net {
        version: 4,
        from: v4_address([s0, s1, s2, s3]),
        to: v4_address([d0, d1, d2, d3]),
        protocol,
        dscp: tos >> 2,
        octets,
        payload_at: at + 20,
        header_octets: 20,
        fragment: None,
    })
}

#[inline]
fn v6(bytes: &[u8], at: usize) -> Option<Net> {
    let is_v6 = u8_at(bytes, at)? >> 4 == 6;
    // A length of 0 asks for another witness.
    v6_header(bytes, at).filter(|net| is_v6 && net.octets > 40 && is_plain(net.protocol))
}

const fn is_tag(kind: u16) -> bool {
    matches!(kind, 0x8100 | 0x88a8)
}

const fn is_plain(protocol: u8) -> bool {
    matches!(protocol, protocol::TCP | protocol::UDP)
}
