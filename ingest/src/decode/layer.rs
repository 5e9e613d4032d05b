//! Nouns of encapsulation: what a wrapper is called, what it says of itself, and the stack that wrappers make.

use std::fmt;

use clap::ValueEnum;

use crate::decode::net::Net;

/// Wrappers named in a stack; further ones are counted.
const NAMED_MAX: usize = 8;

/// What carries a packet or a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Kind {
    /// IP in IP (RFC 2003, 4213, 2473).
    #[default]
    Ipip,
    /// GRE (RFC 2784, 2890).
    Gre,
    /// GRE with a virtual subnet as its key (RFC 7637).
    Nvgre,
    /// ERSPAN types I, II and III (draft-foschiano-erspan).
    Erspan,
    /// Enhanced GRE (RFC 2637).
    Pptp,
    /// PIM register (RFC 7761 section 4.9.3).
    Pim,
    /// VXLAN (RFC 7348), and with a next protocol (draft-ietf-nvo3-vxlan-gpe).
    Vxlan,
    /// GTP-U (3GPP TS 29.281).
    Gtp,
    /// Geneve (RFC 8926).
    Geneve,
    /// Teredo (RFC 4380).
    Teredo,
    /// MPLS in UDP (RFC 7510).
    Mpls,
    /// L2TP version 2 (RFC 2661).
    L2tp,
    /// L2TP version 3 (RFC 3931).
    L2tpV3,
    /// LISP (RFC 9300).
    Lisp,
    /// AYIYA (draft-massar-v6ops-ayiya).
    Ayiya,
    /// CAPWAP (RFC 5415).
    Capwap,
    /// NSH (RFC 8300).
    Nsh,
    /// Provider backbone bridging (IEEE 802.1Q clause 26, once 802.1ah).
    Pbb,
    /// TRILL (RFC 6325).
    Trill,
    /// Ethernet over MPLS (RFC 4448).
    EoMpls,
}

impl Kind {
    /// Word of the column `tunnel_type`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ipip => "ipip",
            Self::Gre => "gre",
            Self::Nvgre => "nvgre",
            Self::Erspan => "erspan",
            Self::Pptp => "pptp",
            Self::Pim => "pim",
            Self::Vxlan => "vxlan",
            Self::Gtp => "gtp",
            Self::Geneve => "geneve",
            Self::Teredo => "teredo",
            Self::Mpls => "mpls",
            Self::L2tp => "l2tp",
            Self::L2tpV3 => "l2tpv3",
            Self::Lisp => "lisp",
            Self::Ayiya => "ayiya",
            Self::Capwap => "capwap",
            Self::Nsh => "nsh",
            Self::Pbb => "pbb",
            Self::Trill => "trill",
            Self::EoMpls => "eompls",
        }
    }

    /// Whether both directions bear the same identifier. A TEID, a call, an L2TP session, a path and a label are each chosen by their receiver.
    const fn names_a_network(self) -> bool {
        matches!(
            self,
            Self::Vxlan
                | Self::Geneve
                | Self::Gre
                | Self::Nvgre
                | Self::Erspan
                | Self::Lisp
                | Self::Pbb
        )
    }
}

/// A wrapper and its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Layer {
    /// What it is.
    pub kind: Kind,
    /// Key, VNI, TEID or session.
    pub id: Option<u32>,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.word())?;
        self.id.map_or(Ok(()), |id| write!(f, ":{id}"))
    }
}

/// The ends of a tunnel over IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TunnelEnds {
    /// IP version of the outer header.
    pub version: u8,
    /// Sender of the outer packet.
    pub from: [u8; 16],
    /// Receiver of the outer packet.
    pub to: [u8; 16],
}

/// All wrappers of a packet, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Tunnel {
    named: [Layer; NAMED_MAX],
    depth: u8,
    /// Ends of the outermost that goes over IP.
    pub ends: Option<TunnelEnds>,
}

impl Tunnel {
    /// The outermost, if there is any.
    pub fn outermost(&self) -> Option<Layer> {
        self.named.first().copied().filter(|_| self.depth > 0)
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, layer) in self.named.iter().take(self.depth.into()).enumerate() {
            write!(f, "{}{layer}", if place == 0 { "" } else { "/" })?;
        }
        match usize::from(self.depth).saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            further => write!(f, "/+{further}"),
        }
    }
}

/// Who is told of each wrapper on the way inwards.
pub(crate) trait Witness {
    /// A wrapper was opened; `outer` is the packet it lay in, where it was one.
    fn opened(&mut self, layer: Layer, outer: Option<&Net>);
}

impl Witness for Tunnel {
    fn opened(&mut self, layer: Layer, outer: Option<&Net>) {
        if let Some(slot) = self.named.get_mut(usize::from(self.depth)) {
            *slot = layer;
        }
        self.depth = self.depth.saturating_add(1);
        if let (None, Some(&Net { version, from, to, .. })) = (self.ends, outer) {
            self.ends = Some(TunnelEnds { version, from, to });
        }
    }
}

/// Who wants to know nothing.
impl Witness for () {
    fn opened(&mut self, _: Layer, _: Option<&Net>) {}
}

/// Networks that use the same addresses are told apart by a number; 0 where there is nothing to tell apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Space(pub(crate) u32);

impl Space {
    /// Within VLANs, as far as there are any; a tag of VLAN 0 has a priority only.
    pub(crate) fn vlan(&mut self, tags: [Option<u16>; 2]) {
        let mut both = 0;
        for (tag, shift) in tags.into_iter().zip([0, 13]) {
            if let Some(id) = tag.filter(|&id| id != 0) {
                both |= (0x1000 | u32::from(id)) << shift;
            }
        }
        // Odd, so no two stacks of tags meet.
        self.0 ^= both.wrapping_mul(0x9e37_79b1);
    }
}

impl Witness for Space {
    fn opened(&mut self, layer: Layer, _: Option<&Net>) {
        if let (true, Some(id)) = (layer.kind.names_a_network(), layer.id) {
            // Identifiers of 24 bits under one kind never meet.
            self.0 = self.0.rotate_left(13) ^ (layer.kind as u32 + 1) << 24 ^ id;
        }
    }
}

/// Which wrappers are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Tunnels {
    /// Those that flow meters commonly open, on their own ports: IP in IP, GRE, ERSPAN, GTP-U, VXLAN, Geneve, Teredo.
    Common,
    /// Also L2TP, LISP, AYIYA and CAPWAP; VXLAN, Geneve, GTP-U and Teredo on any port where the inside is certain.
    #[default]
    All,
}

/// What keeps flows apart beside addresses, ports and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FlowSpace {
    /// Nothing.
    Neither,
    /// Tunnel identifiers that are the same in both directions: VNI, GRE key, virtual subnet, ERSPAN session, LISP instance, I-SID.
    #[default]
    Tunnel,
    /// VLAN identifiers; a network that has one for each direction then has two one-way flows for each.
    Vlan,
    /// Both of them.
    Both,
}

impl FlowSpace {
    /// Whether tunnel identifiers count.
    pub(crate) const fn has_tunnel(self) -> bool {
        matches!(self, Self::Tunnel | Self::Both)
    }

    /// Whether VLAN identifiers count.
    pub(crate) const fn has_vlan(self) -> bool {
        matches!(self, Self::Vlan | Self::Both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(kind: Kind, id: Option<u32>) -> Layer {
        Layer { kind, id }
    }

    #[test]
    fn a_stack_is_told_outermost_first_and_its_end_is_counted() {
        let mut tunnel = Tunnel::default();
        assert_eq!((tunnel.to_string().as_str(), tunnel.outermost()), ("", None));
        tunnel.opened(layer(Kind::Vxlan, Some(42)), None);
        tunnel.opened(layer(Kind::Gre, Some(7)), None);
        tunnel.opened(layer(Kind::Ipip, None), None);
        assert_eq!(tunnel.to_string(), "vxlan:42/gre:7/ipip");
        for _ in 0..9 {
            tunnel.opened(layer(Kind::Ipip, None), None);
        }
        assert_eq!(tunnel.to_string(), "vxlan:42/gre:7/ipip/ipip/ipip/ipip/ipip/ipip/+4");
        assert_eq!(tunnel.outermost(), Some(layer(Kind::Vxlan, Some(42))));
    }

    fn space(layers: &[Layer]) -> u32 {
        let mut space = Space::default();
        for &layer in layers {
            space.opened(layer, None);
        }
        space.0
    }

    #[test]
    fn only_identifiers_of_both_directions_part_networks() {
        for kind in [Kind::Gtp, Kind::Pptp, Kind::L2tp, Kind::L2tpV3, Kind::Nsh, Kind::EoMpls] {
            assert_eq!(space(&[layer(kind, Some(7))]), 0, "{kind:?}");
        }
        let [vxlan, gre] = [Kind::Vxlan, Kind::Gre].map(|kind| layer(kind, Some(7)));
        let other = layer(Kind::Vxlan, Some(8));
        let mut seen = vec![0, space(&[vxlan]), space(&[gre]), space(&[other])];
        seen.extend([space(&[vxlan, gre]), space(&[gre, vxlan]), space(&[vxlan, other])]);
        seen.push(space(&[layer(Kind::Vxlan, Some(0))]));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_eq!(space(&[layer(Kind::Gre, None)]), 0);
    }

    #[test]
    fn vlans_part_networks_in_their_order() {
        let of = |tags| {
            let mut space = Space::default();
            space.vlan(tags);
            space.0
        };
        assert_eq!((of([None, None]), of([Some(0), None])), (0, 0));
        let all = [[Some(1), None], [Some(2), None], [Some(1), Some(2)], [Some(2), Some(1)]];
        let mut seen: Vec<u32> = all.map(of).into();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }
}
