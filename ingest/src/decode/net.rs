//! IPv4 (RFC 791) and IPv6 (RFC 8200): addresses, length, protocol, fragment.

use schemas::reject::Reject;

use crate::decode::bytes::{array, be16, be32, u8_at};
use crate::decode::protocol;

const NO_NEXT_HEADER: u8 = 59;
/// The smallest MTU of IPv6 (RFC 8200 section 5): what needs no segmentation is shorter.
const MTU_MIN: u32 = 1280;
/// Extension headers walked at most.
const EXTENSIONS_MAX: usize = 16;

/// What the IP header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    /// 4 or 6.
    pub version: u8,
    /// Sender.
    pub from: [u8; 16],
    /// Receiver.
    pub to: [u8; 16],
    /// Protocol of what follows the last header that was walked.
    pub protocol: u8,
    /// DSCP (RFC 2474).
    pub dscp: u8,
    /// Octets of the packet, as its header says; as the frame says where the header says 0.
    pub octets: u32,
    /// Where the payload begins in the frame.
    pub payload_at: usize,
    /// Octets of header before the payload.
    pub header_octets: u32,
    /// Fragment, if it is one.
    pub fragment: Option<Fragment>,
}

impl Net {
    /// Where the packet ends, as its header says; the frame may have been cut before.
    pub(crate) fn end(&self) -> usize {
        self.payload_at + self.octets.saturating_sub(self.header_octets) as usize
    }
}

/// A piece of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Identification.
    pub id: u32,
    /// Whether it is the first piece, the one with the ports.
    pub first: bool,
    /// Whether others follow.
    pub more: bool,
    /// Octets of the datagram before it.
    pub offset: u16,
    /// Where it begins in the frame.
    pub at: usize,
}

/// Reads the header at `at`; `original` is the length of the frame on the wire.
pub(crate) fn parse(bytes: &[u8], at: usize, original: u32) -> Result<Net, Reject> {
    let on_wire = original.saturating_sub(u32::try_from(at).unwrap_or(u32::MAX));
    match u8_at(bytes, at).ok_or(Reject::Truncated)? >> 4 {
        4 => v4(bytes, at, on_wire),
        6 => v6(bytes, at, on_wire),
        _ => Err(Reject::Malformed),
    }
}

fn v4(bytes: &[u8], at: usize, on_wire: u32) -> Result<Net, Reject> {
    let header: [u8; 20] = array(bytes, at).ok_or(Reject::Truncated)?;
    let [first, tos, l0, l1, i0, i1, f0, f1, _, protocol, _, _, addresses @ ..] = header;
    let header_octets = u32::from(first & 0x0f) * 4;
    let total = u32::from(u16::from_be_bytes([l0, l1]));
    if header_octets < 20 || (total != 0 && total < header_octets) {
        return Err(Reject::Malformed);
    }
    // Segmentation offload leaves the length to be filled in later: then the frame is the only witness.
    let octets = if total == 0 { on_wire } else { total };
    let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
    let offset = u16::from_be_bytes([f0, f1]);
    let fragment = (offset & 0x3fff != 0).then(|| Fragment {
        id: u32::from(u16::from_be_bytes([i0, i1])),
        first: offset & 0x1fff == 0,
        more: offset & 0x2000 != 0,
        offset: offset << 3,
        at: at + header_octets as usize,
    });
    let net = Net {
        version: 4,
        from: v4_address([s0, s1, s2, s3]),
        to: v4_address([d0, d1, d2, d3]),
        protocol,
        dscp: tos >> 2,
        octets,
        payload_at: at + header_octets as usize,
        header_octets,
        fragment,
    };
    // The authentication header is walked for what it protects, where that is readable; else it is the protocol.
    let inside =
        if fragment.is_none_or(|f| f.first) { extensions(bytes, net, Skip::Ah) } else { net };
    Ok(if protocol::is_readable(inside.protocol) { inside } else { net })
}

/// An IPv4 address as an endpoint keeps it.
pub(crate) const fn v4_address([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// The fixed header of IPv6, if it was captured.
#[inline]
pub(crate) fn v6_header(bytes: &[u8], at: usize) -> Option<Net> {
    let header: &[u8; 40] = bytes.get(at..)?.first_chunk()?;
    let [v, t, _, _, l0, l1, protocol, ..] = *header;
    Some(Net {
        version: 6,
        from: array(header, 8)?,
        to: array(header, 24)?,
        protocol,
        dscp: (v & 0x0f) << 2 | t >> 6,
        octets: 40 + u32::from(u16::from_be_bytes([l0, l1])),
        payload_at: at + 40,
        header_octets: 40,
        fragment: None,
    })
}

fn v6(bytes: &[u8], at: usize, on_wire: u32) -> Result<Net, Reject> {
    let net = v6_header(bytes, at).ok_or(Reject::Truncated)?;
    let (protocol, payload) = (net.protocol, net.octets - 40);
    let mut net = extensions(bytes, net, Skip::All);
    // Nothing follows the last extension header: then that is what the packet is.
    if net.protocol == NO_NEXT_HEADER && protocol != NO_NEXT_HEADER {
        net.protocol = last_extension(bytes, at + 40, protocol);
    }
    // Offload again, which only TCP and UDP know; and it makes long frames, while short ones have padding behind the packet.
    let is_offloaded = matches!(net.protocol, protocol::TCP | protocol::UDP) && on_wire > MTU_MIN;
    if payload == 0 && net.octets == 40 && is_offloaded {
        net.octets = on_wire;
    }
    Ok(net)
}

/// Which extension headers are walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Skip {
    /// IPv4 knows the authentication header only.
    Ah,
    /// IPv6 knows all of them.
    All,
}

/// Walks extension headers as far as they were captured; what is beyond keeps the last known protocol.
fn extensions(bytes: &[u8], mut net: Net, skip: Skip) -> Net {
    for _ in 0..EXTENSIONS_MAX {
        let at = net.payload_at;
        let Some([following, length]) = array(bytes, at) else { break };
        let octets = match (net.protocol, skip) {
            (51, _) => (u32::from(length) + 2) * 4,
            (0, Skip::All) => {
                jumbo(bytes, at, &mut net);
                (u32::from(length) + 1) * 8
            }
            (43 | 60 | 135 | 139 | 140, Skip::All) => (u32::from(length) + 1) * 8,
            (44, Skip::All) => {
                let (Some(offset), Some(id)) = (be16(bytes, at + 2), be32(bytes, at + 4)) else {
                    break;
                };
                // An atomic fragment (RFC 6946) is a whole packet.
                if offset & 0xfff9 != 0 {
                    net.fragment = Some(Fragment {
                        id,
                        first: offset & 0xfff8 == 0,
                        more: offset & 1 != 0,
                        offset: offset & 0xfff8,
                        at: at + 8,
                    });
                }
                8
            }
            _ => break,
        };
        net.protocol = following;
        net.payload_at = at + octets as usize;
        net.header_octets += octets;
        if net.fragment.is_some_and(|fragment| !fragment.first) {
            break;
        }
    }
    net
}

/// The type of the last header of a chain that ends in nothing. The chain was walked before.
fn last_extension(bytes: &[u8], mut at: usize, mut kind: u8) -> u8 {
    for _ in 0..EXTENSIONS_MAX {
        let Some([following, length]) = array(bytes, at) else { break };
        if following == NO_NEXT_HEADER {
            break;
        }
        at += match kind {
            44 => 8,
            51 => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        kind = following;
    }
    kind
}

/// The jumbo payload option (RFC 2675) as the first of a hop-by-hop header.
fn jumbo(bytes: &[u8], at: usize, net: &mut Net) {
    if array(bytes, at + 2) == Some([0xc2, 4])
        && let Some(length) = be32(bytes, at + 4)
    {
        net.octets = length.saturating_add(40);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4_header(total: u16, flags: u16, protocol: u8) -> Vec<u8> {
        let mut bytes = vec![
            0x45, 0xb8, 0, 0, 0x12, 0x34, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2,
        ];
        bytes[2..4].copy_from_slice(&total.to_be_bytes());
        bytes[6..8].copy_from_slice(&flags.to_be_bytes());
        bytes
    }

    #[test]
    fn rfc791_length_is_the_headers_and_zero_is_the_frames() {
        assert_eq!(parse(&v4_header(1500, 0, 6), 0, 64).unwrap().octets, 1500);
        assert_eq!(parse(&v4_header(0, 0, 6), 0, 3040).unwrap().octets, 3040);
        assert_eq!(parse(&v4_header(40, 0x4000, 6), 0, 46).unwrap().fragment, None);
        assert_eq!(parse(&v4_header(19, 0, 6), 0, 46), Err(Reject::Malformed));
        assert_eq!(parse(&v4_header(40, 0, 6)[..19], 0, 46), Err(Reject::Truncated));
    }

    #[test]
    fn rfc791_fragments() {
        let of = |flags| parse(&v4_header(1500, flags, 17), 0, 1500).unwrap().fragment.unwrap();
        let any = Fragment { id: 0x1234, first: false, more: true, offset: 800, at: 20 };
        assert_eq!(of(0x2000), Fragment { first: true, offset: 0, ..any });
        assert_eq!(of(0x2064), any);
        assert_eq!(of(0x0064), Fragment { more: false, ..any });
    }

    fn v6_header(payload: u16, next: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x6b, 0x80, 0, 0, 0, 0, next, 64];
        bytes[4..6].copy_from_slice(&payload.to_be_bytes());
        bytes.extend([0x20; 16]);
        bytes.extend([0x30; 16]);
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn rfc8200_extension_headers_are_walked() {
        // Hop-by-hop, destination options, then UDP.
        let rest = [60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, 0, 53];
        let net = parse(&v6_header(24, 0, &rest), 0, 64).unwrap();
        assert_eq!((net.protocol, net.payload_at, net.octets, net.dscp), (17, 56, 64, 46));
        // A later fragment says what it is, and is walked no further.
        let rest = [6, 0, 0x05, 0xa8, 0, 0, 0, 9, 0, 0];
        let net = parse(&v6_header(16, 44, &rest), 0, 56).unwrap();
        let piece = Fragment { id: 9, first: false, more: false, offset: 0x05a8, at: 48 };
        assert_eq!((net.protocol, net.fragment), (6, Some(piece)));
        // RFC 6946: an atomic fragment is none.
        let net = parse(&v6_header(16, 44, &[17, 0, 0, 0, 0, 0, 0, 9, 0, 0]), 0, 56).unwrap();
        assert_eq!((net.protocol, net.fragment), (17, None));
    }

    #[test]
    fn rfc2675_jumbo_and_offload_lengths() {
        let rest = [6, 0, 0xc2, 4, 0, 1, 0x11, 0x70];
        assert_eq!(parse(&v6_header(0, 0, &rest), 0, 70_104).unwrap().octets, 70_040);
        assert_eq!(parse(&v6_header(0, 6, &[]), 0, 4040).unwrap().octets, 4040);
        assert_eq!(parse(&v6_header(0, 59, &[]), 0, 46).unwrap().octets, 40);
        assert_eq!(parse(&v6_header(0, 6, &[]), 0, 46).unwrap().octets, 40, "padding");
    }
}
