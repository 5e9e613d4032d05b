//! Renders a planned packet as the bytes a tap would have captured.
//!
//! Checksums are right on every frame, also on those whose capture is not.

use std::net::IpAddr;

use pnet::packet::ethernet::EtherTypes;
use pnet::packet::icmp::{IcmpPacket, checksum as icmp_checksum};
use pnet::packet::icmpv6::{Icmpv6Packet, checksum as icmpv6_checksum};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::{Ipv4Flags, MutableIpv4Packet, checksum as ipv4_checksum};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{MutableTcpPacket, ipv4_checksum as tcp4, ipv6_checksum as tcp6};
use pnet::packet::udp::{MutableUdpPacket, ipv4_checksum as udp4, ipv6_checksum as udp6};

use crate::source::synthetic::packet::{Body, Datagram, Echo, Packet, Quirk, Segment, TcpSegment};
use crate::source::synthetic::wire::{Wire, length16};
use crate::source::synthetic::wrapped::headers;

/// The bytes captured of `packet`; its original length is the packet's own.
pub(crate) fn render(packet: &Packet) -> Vec<u8> {
    let mut frame = match &packet.body {
        Body::Ip(datagram) => ip_frame(datagram, packet.quirk == Quirk::ZeroLength),
        Body::Bare(bytes) => bytes.clone(),
    };
    let fcs = if packet.quirk == Quirk::Fcs { 4 } else { 0 };
    frame.resize(packet.original_length() - fcs, 0);
    match packet.quirk {
        Quirk::Cut(kept) => frame.truncate(kept),
        Quirk::Fcs => frame.extend_from_slice(&crc32(&frame).to_le_bytes()),
        Quirk::None | Quirk::ZeroLength => {}
    }
    frame
}

fn ip_frame(datagram: &Datagram, zero_length: bool) -> Vec<u8> {
    let mut segment = segment_bytes(&datagram.segment);
    let protocol = seal(&mut segment, datagram);
    let (ethertype, header) = match (datagram.src, datagram.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut header = vec![0; 20];
            if let Some(mut ip) = MutableIpv4Packet::new(&mut header) {
                ip.set_version(4);
                ip.set_header_length(5);
                ip.set_total_length(if zero_length { 0 } else { length16(datagram.ip_bytes()) });
                ip.set_identification(datagram.ident);
                ip.set_flags(Ipv4Flags::DontFragment);
                ip.set_ttl(datagram.ttl);
                ip.set_next_level_protocol(protocol);
                ip.set_source(src);
                ip.set_destination(dst);
                ip.set_checksum(ipv4_checksum(&ip.to_immutable()));
            }
            (EtherTypes::Ipv4, header)
        }
        (src, dst) => {
            let mut header = vec![0; 40];
            if let Some(mut ip) = MutableIpv6Packet::new(&mut header) {
                ip.set_version(6);
                ip.set_payload_length(length16(segment.len()));
                ip.set_next_header(protocol);
                ip.set_hop_limit(datagram.ttl);
                ip.set_source(v6(src));
                ip.set_destination(v6(dst));
            }
            (EtherTypes::Ipv6, header)
        }
    };
    let mut frame = headers(datagram.link, ethertype, datagram.ip_bytes());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(&segment);
    frame
}

/// An address as IPv6; a plan never mixes families in one datagram.
fn v6(address: IpAddr) -> std::net::Ipv6Addr {
    match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(address) => address.to_ipv6_mapped(),
    }
}

/// Transport header and payload, checksum still 0.
fn segment_bytes(segment: &Segment) -> Vec<u8> {
    let mut bytes = vec![0; segment.length() - segment.payload_length()];
    match segment {
        Segment::Tcp(tcp) => {
            tcp_header(&mut bytes, tcp);
            bytes.extend_from_slice(&tcp.payload);
        }
        Segment::Udp { src_port, dst_port, payload } => {
            if let Some(mut udp) = MutableUdpPacket::new(&mut bytes) {
                udp.set_source(*src_port);
                udp.set_destination(*dst_port);
                udp.set_length(length16(segment.length()));
            }
            bytes.extend_from_slice(payload);
        }
        // The type is the address family's, so it is set when the segment is sealed.
        Segment::Echo(Echo { ident, sequence, payload, .. }) => {
            bytes = Wire::of(|w| {
                w.u32(0).u16(*ident).u16(*sequence).bytes(payload);
            });
        }
    }
    bytes
}

fn tcp_header(bytes: &mut [u8], tcp: &TcpSegment) {
    if let Some(place) = bytes.get_mut(20..) {
        place.copy_from_slice(&tcp.options);
    }
    let words = u8::try_from(bytes.len() / 4).unwrap_or(15);
    if let Some(mut view) = MutableTcpPacket::new(bytes) {
        view.set_source(tcp.src_port);
        view.set_destination(tcp.dst_port);
        view.set_sequence(tcp.seq);
        view.set_acknowledgement(tcp.ack);
        view.set_data_offset(words);
        view.set_flags(tcp.flags);
        view.set_window(if tcp.flags & 0x04 == 0 { 0xfa00 } else { 0 });
    }
}

/// Sets the checksum over the pseudo header; answers the protocol number.
fn seal(bytes: &mut [u8], datagram: &Datagram) -> IpNextHeaderProtocol {
    let (src, dst) = (datagram.src, datagram.dst);
    match &datagram.segment {
        Segment::Tcp(_) => {
            if let Some(mut tcp) = MutableTcpPacket::new(bytes) {
                let sum = match (src, dst) {
                    (IpAddr::V4(src), IpAddr::V4(dst)) => tcp4(&tcp.to_immutable(), &src, &dst),
                    (src, dst) => tcp6(&tcp.to_immutable(), &v6(src), &v6(dst)),
                };
                tcp.set_checksum(sum);
            }
            IpNextHeaderProtocols::Tcp
        }
        Segment::Udp { .. } => {
            if let Some(mut udp) = MutableUdpPacket::new(bytes) {
                let sum = match (src, dst) {
                    (IpAddr::V4(src), IpAddr::V4(dst)) => udp4(&udp.to_immutable(), &src, &dst),
                    (src, dst) => udp6(&udp.to_immutable(), &v6(src), &v6(dst)),
                };
                // RFC 768: a sum of 0 is sent as all ones, for 0 means "none".
                udp.set_checksum(if sum == 0 { 0xffff } else { sum });
            }
            IpNextHeaderProtocols::Udp
        }
        Segment::Echo(echo) => {
            let v4 = src.is_ipv4();
            let kind = match (v4, echo.reply) {
                (true, false) => 8,
                (true, true) => 0,
                (false, false) => 128,
                (false, true) => 129,
            };
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            let sum = if v4 {
                IcmpPacket::new(bytes).map(|icmp| icmp_checksum(&icmp))
            } else {
                Icmpv6Packet::new(bytes).map(|icmp| icmpv6_checksum(&icmp, &v6(src), &v6(dst)))
            };
            if let (Some(place), Some(sum)) = (bytes.get_mut(2..4), sum) {
                place.copy_from_slice(&sum.to_be_bytes());
            }
            if v4 { IpNextHeaderProtocols::Icmp } else { IpNextHeaderProtocols::Icmpv6 }
        }
    }
}

/// The Ethernet frame check sequence (IEEE 802.3, reflected 0x04c11db7).
fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
        })
    });
    !sum
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_check_sequence_is_ieee_802_3() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
