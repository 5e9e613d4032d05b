//! From a frame to what it says: an [`Observation`], or a reason why not.
//!
//! Decoding cannot fail, it can only decline; it opens nothing, keeps nothing and reads no clock.

pub(crate) mod bytes;
mod link;
mod net;
pub mod protocol;
mod transport;
mod tunnel;

pub use link::{Link, strip};
pub use net::{Fragment, Net};

use schemas::reject::Reject;

use crate::flow::{Endpoint, Ends, FlowKey, host_pair_hash};
use crate::frame::Frame;
use crate::observation::{Observation, Sequence};

/// What a frame turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// The packet.
    pub observation: Observation,
    /// The datagram it is a piece of.
    pub fragment: Option<Fragment>,
    /// Numbers of a TCP segment.
    pub sequence: Option<Sequence>,
}

/// A tunnel that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// Word of the column `tunnel_type`.
    pub kind: &'static str,
    /// Key, VNI, TEID or session.
    pub id: Option<u32>,
    /// IP version of the outer header.
    pub version: u8,
    /// Sender of the outer packet.
    pub from: [u8; 16],
    /// Receiver of the outer packet.
    pub to: [u8; 16],
}

/// The way to the innermost IP header.
struct Walk {
    link: Link,
    net: Net,
    tunnel: Option<Tunnel>,
}

/// Tunnels within tunnels that are opened.
const DEPTH_MAX: usize = 16;

fn walk(frame: &Frame<'_>) -> Result<Walk, Reject> {
    let bytes = frame.bytes;
    let link = strip(frame)?;
    let net = net::parse(bytes, link.ip_at, frame.original)?;
    let mut walk = Walk { link, net, tunnel: None };
    for _ in 0..DEPTH_MAX {
        // A later fragment begins in the middle of whatever it carries.
        if walk.net.fragment.is_some_and(|fragment| !fragment.first) {
            break;
        }
        let Some(opened) = tunnel::open(bytes, &walk.net) else { break };
        // What does not hold a packet inside is a packet itself.
        let Ok(inner) = link::strip_inside(bytes, opened.at, opened.inside) else { break };
        let Ok(net) = net::parse(bytes, inner.ip_at, frame.original) else { break };
        let outer = &walk.net;
        walk.tunnel.get_or_insert(Tunnel {
            kind: opened.kind,
            id: opened.id,
            version: outer.version,
            from: outer.from,
            to: outer.to,
        });
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
pub fn decode(frame: &Frame<'_>) -> Result<Decoded, Reject> {
    let Walk { link, net, .. } = walk(frame)?;
    let transport = transport::parse(frame.bytes, &net);
    let (key, forward) = FlowKey::of(&Ends {
        from: Endpoint { address: net.from, port: transport.from_port },
        to: Endpoint { address: net.to, port: transport.to_port },
        ip_proto: net.protocol,
        ip_version: net.version,
    });
    let claimed = link.ip_at as u64 + u64::from(net.octets);
    let mut bits = 0;
    for (bit, set) in [
        (Observation::FORWARD, forward),
        (Observation::FRAGMENT, net.fragment.is_some()),
        (Observation::EXCEEDS_FRAME, claimed > u64::from(frame.original)),
    ] {
        bits |= if set { bit } else { 0 };
    }
    let captured = transport.payload_at < frame.bytes.len() && transport.payload_octets > 0;
    let observation = Observation {
        key,
        tcp_flags: transport.tcp_flags,
        bits,
        ts_ns: frame.ts_ns,
        ip_bytes: net.octets,
        wire_bytes: frame.original,
        payload_bytes: transport.payload_octets,
        payload_at: if captured { u16::try_from(transport.payload_at).unwrap_or(0) } else { 0 },
    };
    Ok(Decoded { observation, fragment: net.fragment, sequence: transport.sequence })
}

/// What only the first packet of a flow is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What lies before the IP header.
    pub link: Link,
    /// DSCP.
    pub dscp: u8,
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    /// Outermost tunnel; apart, for few flows are in one and the table holds many.
    pub tunnel: Option<Box<Tunnel>>,
}

/// The details of a frame that [`decode`] has accepted.
pub fn detail(frame: &Frame<'_>) -> Option<Detail> {
    let Walk { link, net, tunnel } = walk(frame).ok()?;
    let is_icmp = matches!(net.protocol, protocol::ICMP | protocol::ICMPV6);
    let icmp = if is_icmp && net.fragment.is_none_or(|fragment| fragment.first) {
        bytes::array(frame.bytes, net.payload_at).map(|[kind, code]: [u8; 2]| (kind, code))
    } else {
        None
    };
    Some(Detail { link, dscp: net.dscp, icmp, tunnel: tunnel.map(Box::new) })
}

/// Hash of the two innermost hosts of a frame; what has none goes where 0 goes.
pub fn lane_hash(frame: &Frame<'_>) -> u64 {
    walk(frame).map_or(0, |walk| host_pair_hash(&walk.net.from, &walk.net.to))
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
            link in 0..LinkType::ALL.len(),
            start in prop::sample::select(vec![
                vec![], vec![0x08, 0x00, 0x45], vec![0x86, 0xdd, 0x60], vec![0x81, 0x00],
                vec![0x88, 0x47], vec![0x88, 0x64], vec![0x08, 0x00, 0x4f],
            ]),
        ) {
            let mut bytes = bytes;
            // Steer towards headers that are walked.
            for (slot, octet) in bytes.iter_mut().skip(12).zip(start) {
                *slot = octet;
            }
            let frame = Frame { bytes: &bytes, original, ts_ns: 0, link: LinkType::ALL[link] };
            let decoded = decode(&frame);
            let _ = (detail(&frame), lane_hash(&frame));
            if let Ok(Decoded { observation, .. }) = decoded {
                prop_assert_eq!(observation.wire_bytes, original);
                prop_assert!(usize::from(observation.payload_at) <= bytes.len());
            }
        }
    }
}
