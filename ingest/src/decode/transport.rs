//! Ports, flags and payload of TCP, UDP, UDP-Lite, SCTP, DCCP and ICMP.

use crate::decode::bytes::{array, be16, be32, u8_at};
use crate::decode::net::Net;
use crate::decode::protocol;
use crate::observation::Sequence;

/// What the transport header says, as far as it was captured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transport {
    /// Port of the sender.
    pub(crate) from_port: u16,
    /// Port of the receiver.
    pub(crate) to_port: u16,
    /// TCP flags.
    pub(crate) tcp_flags: u8,
    /// TCP numbers, where flags and length of the header were captured too.
    pub(crate) sequence: Option<Sequence>,
    /// Octets after the transport header, as the headers say.
    pub(crate) payload_octets: u32,
    /// Where they begin in the frame.
    pub(crate) payload_at: usize,
}

/// Reads the header that follows `net`. Nothing here fails: what was not captured stays 0.
pub(crate) fn parse(bytes: &[u8], net: &Net) -> Transport {
    let at = net.payload_at;
    let ip_payload = net.octets.saturating_sub(net.header_octets);
    let is_first = net.fragment.is_none_or(|fragment| fragment.first);
    // A whole TCP header, in one look.
    if net.protocol == protocol::TCP
        && is_first
        && ip_payload >= 4
        && let Some(header) = array::<20>(bytes, at)
    {
        return tcp(at, ip_payload, header);
    }
    rest(bytes, net, ip_payload)
}

#[inline]
fn tcp(at: usize, ip_payload: u32, header: [u8; 20]) -> Transport {
    let [f0, f1, t0, t1, n0, n1, n2, n3, a0, a1, a2, a3, length, tcp_flags, ..] = header;
    let octets = u32::from((length >> 4).max(5)) * 4;
    Transport {
        from_port: u16::from_be_bytes([f0, f1]),
        to_port: u16::from_be_bytes([t0, t1]),
        tcp_flags,
        sequence: Some(Sequence {
            number: u32::from_be_bytes([n0, n1, n2, n3]),
            acknowledged: u32::from_be_bytes([a0, a1, a2, a3]),
        }),
        payload_octets: ip_payload.saturating_sub(octets),
        payload_at: at + octets as usize,
    }
}

/// What is not TCP, or cut off.
fn rest(bytes: &[u8], net: &Net, ip_payload: u32) -> Transport {
    let at = net.payload_at;
    let none = Transport { payload_octets: ip_payload, ..Transport::default() };
    if net.fragment.is_some_and(|fragment| !fragment.first) || !protocol::has_ports(net.protocol) {
        return none;
    }
    let (Some(from_port), Some(to_port)) = (be16(bytes, at), be16(bytes, at + 2)) else {
        return none;
    };
    if ip_payload < 4 {
        return none;
    }
    let (mut tcp_flags, mut sequence) = (0, None);
    let header = match net.protocol {
        protocol::TCP => {
            if let Some(flags) = u8_at(bytes, at + 13) {
                tcp_flags = flags;
                sequence = be32(bytes, at + 4)
                    .zip(be32(bytes, at + 8))
                    .map(|(number, acknowledged)| Sequence { number, acknowledged });
            }
            u32::from(u8_at(bytes, at + 12).map_or(5, |octet| octet >> 4).max(5)) * 4
        }
        protocol::UDP | protocol::UDP_LITE => 8,
        protocol::SCTP => 12,
        _ => u32::from(u8_at(bytes, at + 4).map_or(3, |octet| octet.max(3))) * 4,
    };
    Transport {
        from_port,
        to_port,
        tcp_flags,
        sequence,
        payload_octets: ip_payload.saturating_sub(header),
        payload_at: at + header as usize,
    }
}
