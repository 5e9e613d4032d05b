//! What a filter sees of a frame: tags, labels, the outermost IP header and its ports.
//!
//! The program for the kernel (`kernel/walk.rs`) takes the same way with the same bounds; whoever changes one changes the other.

use schemas::reject::Reject;

use crate::decode::bytes::{array, be16, be32};
use crate::decode::strip;
use crate::filter::primitive::{EXTENSIONS_MAX, Network, Primitive, Side, TAGS_MAX, number};
use crate::frame::{Frame, LinkType};

/// Room where no tag or label was found.
const NO_VLAN: u16 = u16::MAX;
const NO_LABEL: u32 = u32::MAX;

/// Octets of an IPv6 header.
const V6_OCTETS: usize = 40;

/// A frame, walked.
pub(crate) struct View<'a> {
    bytes: &'a [u8],
    original: u32,
    is_ethernet: bool,
    is_arp: bool,
    vlans: [u16; TAGS_MAX],
    labels: [u32; TAGS_MAX],
    /// 4 or 6; 0 where there is no IP header.
    version: u8,
    ip_at: usize,
    protocol: u8,
    ports: Option<(u16, u16)>,
}

impl<'a> View<'a> {
    /// Walks a frame.
    pub(crate) fn of(frame: &Frame<'a>) -> Self {
        let mut view = Self {
            bytes: frame.bytes,
            original: frame.original,
            is_ethernet: false,
            is_arp: false,
            vlans: [NO_VLAN; TAGS_MAX],
            labels: [NO_LABEL; TAGS_MAX],
            version: 0,
            ip_at: 0,
            protocol: 0,
            ports: None,
        };
        match frame.link {
            LinkType::Ethernet => view.ethernet(),
            LinkType::RawIp => view.ip(0),
            // These come from files only; no program for the kernel has to agree.
            _ => view.stripped(frame),
        }
        view
    }

    fn ethernet(&mut self) {
        let Some(mut kind) = be16(self.bytes, 12) else { return };
        self.is_ethernet = true;
        let mut at = 14;
        for slot in &mut self.vlans {
            if !number::VLAN.contains(&kind) {
                break;
            }
            let (Some(control), Some(next)) = (be16(self.bytes, at), be16(self.bytes, at + 2))
            else {
                return;
            };
            *slot = control & 0x0fff;
            kind = next;
            at += 4;
        }
        match kind {
            number::ARP | number::RARP => self.is_arp = true,
            number::IPV4 | number::IPV6 => self.ip(at),
            _ if number::MPLS.contains(&kind) => self.mpls(at),
            _ => {}
        }
    }

    fn mpls(&mut self, mut at: usize) {
        for slot in &mut self.labels {
            let Some(entry) = be32(self.bytes, at) else { return };
            *slot = entry >> 12;
            at += 4;
            if entry & 0x100 != 0 {
                return self.ip(at);
            }
        }
    }

    fn stripped(&mut self, frame: &Frame<'_>) {
        match strip(frame) {
            Ok(link) => {
                let [outer, inner, ..] = &mut self.vlans;
                *outer = link.vlan.unwrap_or(NO_VLAN);
                *inner = link.inner_vlan.unwrap_or(NO_VLAN);
                let [label, ..] = &mut self.labels;
                *label = link.mpls.unwrap_or(NO_LABEL);
                self.ip(link.ip_at);
            }
            Err(reason) => self.is_arp = reason == Reject::Arp,
        }
    }

    fn ip(&mut self, at: usize) {
        let Some([first, _, _, _, _, _, f0, f1, _, protocol]) = array::<10>(self.bytes, at) else {
            return;
        };
        let behind = self.bytes.len() - at;
        self.ip_at = at;
        match first >> 4 {
            4 if behind >= 20 => {
                self.version = 4;
                self.protocol = protocol;
                let header = usize::from(first & 0x0f) * 4;
                if u16::from_be_bytes([f0, f1]) & 0x1fff == 0 && header >= 20 {
                    self.find_ports(at + header);
                }
            }
            6 if behind >= V6_OCTETS => {
                self.version = 6;
                // The next header stands where IPv4 has its fragment bits.
                self.protocol = f0;
                self.extensions(at + V6_OCTETS);
            }
            _ => {}
        }
    }

    /// Walks the extension headers of IPv6 up to the protocol they lead to.
    fn extensions(&mut self, mut at: usize) {
        for _ in 0..EXTENSIONS_MAX {
            let is_fragment = self.protocol == number::FRAGMENT;
            if !is_fragment && !number::OPTIONS.contains(&self.protocol) {
                break;
            }
            let Some([next, length, o0, o1, ..]) = array::<8>(self.bytes, at) else { return };
            self.protocol = next;
            if is_fragment {
                if u16::from_be_bytes([o0, o1]) & 0xfff8 != 0 {
                    return;
                }
                at += 8;
            } else {
                at += usize::from(length) * 8 + 8;
            }
        }
        self.find_ports(at);
    }

    fn find_ports(&mut self, at: usize) {
        if number::WITH_PORTS.contains(&self.protocol)
            && let Some([s0, s1, t0, t1]) = array(self.bytes, at)
        {
            self.ports = Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([t0, t1])));
        }
    }

    /// The answer to a question.
    pub(crate) fn answers(&self, asked: &Primitive) -> bool {
        match *asked {
            Primitive::Version(version) => self.version == version,
            Primitive::Arp => self.is_arp,
            Primitive::Protocol { version, number } => {
                let is_version = version.map_or(self.version != 0, |v| self.version == v);
                is_version && self.protocol == number
            }
            Primitive::Address { ends, network } => ends.hold(|side| self.is_within(side, network)),
            Primitive::Port { ends, protocol, first, last } => {
                let Some((source, target)) = self.ports else { return false };
                protocol.is_none_or(|protocol| protocol == self.protocol)
                    && ends.hold(|side| {
                        let port = if side == Side::Source { source } else { target };
                        (first..=last).contains(&port)
                    })
            }
            Primitive::Mac { ends, mac } => {
                self.is_ethernet
                    && ends.hold(|side| {
                        array(self.bytes, if side == Side::Source { 6 } else { 0 }) == Some(mac)
                    })
            }
            Primitive::Vlan(None) => self.vlans.first() != Some(&NO_VLAN),
            Primitive::Vlan(Some(id)) => self.vlans.contains(&id),
            Primitive::Label(None) => self.labels.first() != Some(&NO_LABEL),
            Primitive::Label(Some(label)) => self.labels.contains(&label),
            Primitive::AtMost(octets) => self.original <= octets,
            Primitive::AtLeast(octets) => self.original >= octets,
        }
    }

    fn is_within(&self, side: Side, network: Network) -> bool {
        match (network, self.version) {
            (Network::V4 { bits, mask }, 4) => {
                let at = self.ip_at + if side == Side::Source { 12 } else { 16 };
                be32(self.bytes, at).is_some_and(|address| address & mask == bits)
            }
            (Network::V6 { bits, mask }, 6) => {
                let at = self.ip_at + if side == Side::Source { 8 } else { 24 };
                array(self.bytes, at)
                    .is_some_and(|address| u128::from_be_bytes(address) & mask == bits)
            }
            _ => false,
        }
    }
}
