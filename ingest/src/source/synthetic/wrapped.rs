//! What stands before the IP header of a planned packet: link header, tag, and what the access network wraps around it.
//!
//! Tunnels run between two documentation addresses (RFC 5737), with right lengths and check sums.

use std::net::Ipv4Addr;

use pnet::packet::ethernet::{EtherType, EtherTypes, MutableEthernetPacket};
use pnet::packet::ipv4::{MutableIpv4Packet, checksum};
use pnet::packet::vlan::MutableVlanPacket;
use pnet::util::MacAddr;

use crate::source::synthetic::packet::{Link, Wrap};
use crate::source::synthetic::wire::{Wire, length16};

const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 33);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
/// The service tag's network.
const SERVICE_VLAN: u16 = 300;
const VXLAN_ID: u32 = 5_014;

/// What is wrapped around an IP packet of this kind and length.
type Around = fn(Link, EtherType, usize) -> Vec<u8>;

/// All before an IP packet of this many octets.
pub(crate) fn headers(link: Link, ethertype: EtherType, octets: usize) -> Vec<u8> {
    let (outer, around): (EtherType, Around) = match link.wrap {
        Wrap::None => return link_header(link, ethertype),
        Wrap::QinQ => return service_tagged(link, ethertype),
        Wrap::Mpls => (EtherTypes::Mpls, |_, _, _| {
            Wire::of(|w| {
                // Labels 24,017 and 16; the second is the last (RFC 3032).
                w.u32(24_017 << 12 | 63).u32(16 << 12 | 0x0100 | 63);
            })
        }),
        Wrap::Pppoe => (EtherTypes::PppoeSession, |_, ethertype, octets| {
            let protocol = if ethertype == EtherTypes::Ipv4 { 0x0021 } else { 0x0057 };
            Wire::of(|w| {
                w.words(&[0x1100, 0x0b5d, length16(2 + octets), protocol]);
            })
        }),
        Wrap::Gre => (EtherTypes::Ipv4, |_, ethertype, octets| {
            let header = Wire::of(|w| {
                w.u16(0).u16(ethertype.0);
            });
            over_ip(47, header, octets)
        }),
        Wrap::Gtp => (EtherTypes::Ipv4, |_, _, octets| {
            let header = Wire::of(|w| {
                w.words(&[0x30ff, length16(octets)]).u32(0x0051_7e1d);
            });
            over_udp(2_152, header, octets)
        }),
        Wrap::Vxlan => (EtherTypes::Ipv4, |link, ethertype, octets| {
            let mut header = Wire::of(|w| {
                w.u32(0x0800_0000).u32(VXLAN_ID << 8);
            });
            header.extend(link_header(Link { vlan: None, ..link }, ethertype));
            over_udp(4_789, header, octets)
        }),
    };
    let mut frame = link_header(link, outer);
    frame.extend(around(link, ethertype, octets));
    frame
}

/// An IPv4 header between the ends of a tunnel, and what is behind it.
fn over_ip(protocol: u8, header: Vec<u8>, octets: usize) -> Vec<u8> {
    let mut outer = vec![0; 20];
    if let Some(mut ip) = MutableIpv4Packet::new(&mut outer) {
        ip.set_version(4);
        ip.set_header_length(5);
        ip.set_total_length(length16(20 + header.len() + octets));
        ip.set_ttl(61);
        ip.set_next_level_protocol(pnet::packet::ip::IpNextHeaderProtocol(protocol));
        ip.set_source(NEAR);
        ip.set_destination(FAR);
        ip.set_checksum(checksum(&ip.to_immutable()));
    }
    outer.extend(header);
    outer
}

/// The same over UDP, whose check sum may be left out (RFC 768).
fn over_udp(port: u16, header: Vec<u8>, octets: usize) -> Vec<u8> {
    let mut datagram = Wire::of(|w| {
        w.words(&[49_731, port, length16(8 + header.len() + octets), 0]);
    });
    datagram.extend(header);
    over_ip(17, datagram, octets)
}

/// Two tags, the service's first.
fn service_tagged(link: Link, ethertype: EtherType) -> Vec<u8> {
    let mut frame = link_header(Link { vlan: Some(SERVICE_VLAN), ..link }, EtherTypes::Vlan);
    if let Some(kind) = frame.get_mut(12..14) {
        kind.copy_from_slice(&EtherTypes::PBridge.0.to_be_bytes());
    }
    frame.extend(Wire::of(|w| {
        w.words(&[link.vlan.unwrap_or_default(), ethertype.0]);
    }));
    frame
}

/// The Ethernet header, with its 802.1Q tag where planned.
pub(crate) fn link_header(link: Link, ethertype: EtherType) -> Vec<u8> {
    let mut bytes = vec![0; if link.vlan.is_some() { 18 } else { 14 }];
    let outer = if link.vlan.is_some() { EtherTypes::Vlan } else { ethertype };
    if let Some(mut ethernet) = MutableEthernetPacket::new(&mut bytes) {
        ethernet.set_source(MacAddr::from(link.src));
        ethernet.set_destination(MacAddr::from(link.dst));
        ethernet.set_ethertype(outer);
    }
    if let (Some(id), Some(tag)) = (link.vlan, bytes.get_mut(14..))
        && let Some(mut vlan) = MutableVlanPacket::new(tag)
    {
        vlan.set_vlan_identifier(id);
        vlan.set_ethertype(ethertype);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{EtherTypes, Link, Wrap, headers};

    #[test]
    fn every_wrapper_is_as_long_as_it_says() {
        let all =
            [Wrap::None, Wrap::QinQ, Wrap::Mpls, Wrap::Pppoe, Wrap::Gtp, Wrap::Vxlan, Wrap::Gre];
        for wrap in all {
            let link = Link { src: [2; 6], dst: [4; 6], vlan: Some(10), wrap };
            for ethertype in [EtherTypes::Ipv4, EtherTypes::Ipv6] {
                assert_eq!(headers(link, ethertype, 100).len(), link.length(), "{wrap:?}");
            }
        }
    }
}
