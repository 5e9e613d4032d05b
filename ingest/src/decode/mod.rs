//! From a frame to what it says: an [`Observation`], or a reason why not.
//!
//! Decoding cannot fail, it can only decline; it opens nothing, keeps nothing and reads no clock.

pub(crate) mod bytes;
mod decoded;
mod gre;
mod l2tp;
mod layer;
mod link;
mod net;
mod opened;
mod overlay;
mod plain;
mod plausible;
mod print;
pub mod protocol;
mod transport;
mod tunnel;

pub use decoded::Decoded;
pub use layer::{FlowSpace, Kind, Layer, Tunnel, TunnelEnds, Tunnels};
pub use link::{Link, strip};
pub use net::{Fragment, Net};
pub use print::Print;

use schemas::reject::Reject;

use crate::decode::layer::{Space, Witness};
use crate::flow::{Endpoint, Ends, FlowKey, host_pair_hash};
use crate::frame::Frame;
use crate::observation::Observation;

/// What only the first packet of a flow is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Detail {
    /// What lies before the IP header.
    pub link: Link,
    /// DSCP.
    pub dscp: u8,
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    /// What it was wrapped in; apart, for few flows are in a tunnel and the table holds many.
    pub tunnel: Option<Box<Tunnel>>,
}

/// The way to the innermost IP header.
struct Walk {
    link: Link,
    net: Net,
    /// Octets of the outermost IP packet.
    outermost: u32,
}

/// Tunnels within tunnels that are opened.
const DEPTH_MAX: usize = 16;

/// How frames are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decoder {
    /// Which tunnels are opened.
    pub tunnels: Tunnels,
    /// What keeps flows apart beside their ends.
    pub space: FlowSpace,
    /// What makes the hashes of flows, and the prints of packets, by which copies are known.
    pub secret: u64,
}

impl Decoder {
    /// The way to the innermost header, straight where it is a plain one.
    fn find(self, frame: &Frame<'_>, witness: &mut impl Witness) -> Result<Walk, Reject> {
        if let Some((link, net)) = plain::headers(frame)
            && (net.protocol == protocol::TCP || !tunnel::may_be(frame.bytes, &net, self.tunnels))
        {
            return Ok(Walk { link, net, outermost: net.octets });
        }
        self.walk(frame, witness)
    }

    fn walk(self, frame: &Frame<'_>, witness: &mut impl Witness) -> Result<Walk, Reject> {
        let bytes = frame.bytes;
        let link = strip(frame)?;
        let net = net::parse(bytes, link.ip_at, frame.original)?;
        if let Some(layer) = link.carrier {
            witness.opened(layer, None);
        }
        let mut walk = Walk { link, net, outermost: net.octets };
        for _ in 0..DEPTH_MAX {
            // A later fragment begins in the middle of whatever it carries.
            if walk.net.fragment.is_some_and(|fragment| !fragment.first) {
                break;
            }
            let Some(opened) = tunnel::open(bytes, &walk.net, self.tunnels) else { break };
            // What does not hold a packet inside is a packet itself.
            let Ok(inner) = link::strip_inside(bytes, opened.at, opened.inside) else { break };
            let Ok(net) = net::parse(bytes, inner.ip_at, frame.original) else { break };
            let room = walk.net.end().saturating_sub(inner.ip_at);
            if !opened.is_sure && !plausible::packet(bytes, inner.ip_at, room) {
                break;
            }
            witness.opened(opened.layer, Some(&walk.net));
            if let Some(layer) = inner.carrier {
                witness.opened(layer, None);
            }
            // The inner MAC addresses are nearer to the hosts, the outer tags to the tap.
            walk.link = Link {
                ip_at: inner.ip_at,
                source_mac: inner.source_mac.or(walk.link.source_mac),
                target_mac: inner.target_mac.or(walk.link.target_mac),
                ..walk.link
            };
            walk.net = net;
        }
        Ok(walk)
    }

    /// Says what a frame is.
    pub fn decode(self, frame: &Frame<'_>) -> Result<Decoded, Reject> {
        let mut decoded = Decoded::default();
        self.decode_into(frame, &mut decoded).map(|()| decoded)
    }

    /// The same, where it is to lie: what was just written in pieces is slow to move. Of a frame that is declined, nothing there means anything.
    #[inline]
    pub fn decode_into(self, frame: &Frame<'_>, decoded: &mut Decoded) -> Result<(), Reject> {
        let Some(tags) = plain::packet(frame, self.tunnels, self.secret, decoded) else {
            *decoded = self.decode_any(frame)?;
            return Ok(());
        };
        if self.space.has_vlan() {
            let mut space = Space::default();
            space.vlan(tags);
            decoded.observation.key = decoded.observation.key.within(space.0);
            decoded.hash = decoded.observation.key.hash(self.secret);
        }
        Ok(())
    }

    /// The long way.
    fn decode_any(self, frame: &Frame<'_>) -> Result<Decoded, Reject> {
        let mut space = Space::default();
        let walk = if self.space.has_tunnel() {
            self.walk(frame, &mut space)
        } else {
            self.walk(frame, &mut ())
        }?;
        Ok(self.conclude(frame, &walk, space))
    }

    /// What the innermost headers say.
    fn conclude(self, frame: &Frame<'_>, walk: &Walk, mut space: Space) -> Decoded {
        let Walk { link, net, outermost } = walk;
        if self.space.has_vlan() {
            space.vlan([link.vlan, link.inner_vlan]);
        }
        let transport = transport::parse(frame.bytes, net);
        let (key, forward) = FlowKey::of(&Ends {
            from: Endpoint { address: net.from, port: transport.from_port },
            to: Endpoint { address: net.to, port: transport.to_port },
            ip_proto: net.protocol,
            ip_version: net.version,
        });
        let claimed = link.ip_at as u64 + u64::from(net.octets);
        let bit = |bit, set| if set { bit } else { 0 };
        let bits = bit(Observation::FORWARD, forward)
            | bit(Observation::FRAGMENT, net.fragment.is_some())
            | bit(Observation::EXCEEDS_FRAME, claimed > u64::from(frame.original));
        let captured = transport.payload_at < frame.bytes.len() && transport.payload_octets > 0;
        let headers = net.octets - transport.payload_octets;
        let observation = Observation {
            key: key.within(space.0),
            tcp_flags: transport.tcp_flags,
            bits,
            ts_ns: frame.ts_ns,
            ip_bytes: net.octets,
            wire_bytes: frame.original,
            header_bytes: u16::try_from(headers).unwrap_or(u16::MAX),
            payload_at: if captured { u16::try_from(transport.payload_at).unwrap_or(0) } else { 0 },
        };
        Decoded {
            observation,
            fragment: net.fragment,
            sequence: transport.sequence,
            tunnel_octets: outermost.saturating_sub(net.octets),
            hash: observation.key.hash(self.secret),
            print: Print::of(frame.bytes, link, net, self.secret),
        }
    }

    /// The details of a frame that [`Self::decode`] has accepted.
    pub fn detail(self, frame: &Frame<'_>) -> Option<Detail> {
        let mut tunnel = Tunnel::default();
        let Walk { link, net, .. } = self.find(frame, &mut tunnel).ok()?;
        let is_icmp = matches!(net.protocol, protocol::ICMP | protocol::ICMPV6);
        let icmp = if is_icmp && net.fragment.is_none_or(|fragment| fragment.first) {
            bytes::array(frame.bytes, net.payload_at).map(|[kind, code]: [u8; 2]| (kind, code))
        } else {
            None
        };
        let tunnel = tunnel.outermost().map(|_| Box::new(tunnel));
        Some(Detail { link, dscp: net.dscp, icmp, tunnel })
    }

    /// Hash of the two innermost hosts of a frame; what has none goes where 0 goes.
    pub fn lane_hash(self, frame: &Frame<'_>) -> u64 {
        if let Some([from, to]) = plain::hosts(frame, self.tunnels) {
            return host_pair_hash(&from, &to);
        }
        self.walk(frame, &mut ()).map_or(0, |walk| host_pair_hash(&walk.net.from, &walk.net.to))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::LinkType;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            original in any::<u32>(),
            (link, space) in (
                0..LinkType::ALL.len(),
                prop::sample::select(vec![FlowSpace::Tunnel, FlowSpace::Both]),
            ),
            start in prop::sample::select(vec![
                vec![], vec![0x08, 0x00, 0x45], vec![0x86, 0xdd, 0x60], vec![0x81, 0x00],
                vec![0x88, 0x47], vec![0x88, 0x64], vec![0x08, 0x00, 0x4f],
                vec![0x08, 0x00, 0x45, 0, 0, 90, 1, 2, 0x40, 0, 64, 6],
                vec![0x08, 0x00, 0x45, 0, 0, 90, 1, 2, 0x40, 0, 64, 17],
                vec![0x86, 0xdd, 0x6b, 0x70, 0, 0, 0, 60, 6, 64],
                vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, 17, 64],
                vec![0x81, 0, 0x20, 7, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, 6, 64],
                vec![0x88, 0xa8, 0x20, 7, 0x81, 0, 0, 9, 8, 0, 0x45, 0, 0, 90, 0, 0, 0, 0, 64, 17],
            ]),
        ) {
            let mut bytes = bytes;
            // Steer towards headers that are walked.
            for (slot, octet) in bytes.iter_mut().skip(12).zip(start) {
                *slot = octet;
            }
            let frame = Frame { bytes: &bytes, original, ts_ns: 0, link: LinkType::ALL[link] };
            let decoder = Decoder { space, ..Decoder::default() };
            let decoded = decoder.decode(&frame);
            let _ = (decoder.detail(&frame), decoder.lane_hash(&frame));
            // The straight way says what the long one does.
            prop_assert_eq!(&decoded, &decoder.decode_any(&frame));
            if let Some((link, net)) = plain::headers(&frame)
                && let Ok(walk) = decoder.walk(&frame, &mut Tunnel::default())
                && walk.outermost == walk.net.octets
            {
                prop_assert_eq!((link, net), (walk.link, walk.net));
            }
            if let Some(hosts) = plain::hosts(&frame, decoder.tunnels) {
                let found = decoder.walk(&frame, &mut ()).map(|walk| [walk.net.from, walk.net.to]);
                prop_assert_eq!(found, Ok(hosts));
            }
            if let Ok(Decoded { observation, .. }) = decoded {
                prop_assert_eq!(observation.wire_bytes, original);
                prop_assert!(usize::from(observation.payload_at) <= bytes.len());
            }
        }
    }
}
