//! The plan while it is being made: packets, flows, and which names were resolved.
//!
//! Finishing it sums the truth from the packets and judges each flow's evidence.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::source::synthetic::cast::{GATEWAY_MAC, Handset, Service, Transport};
use crate::source::synthetic::drawn::Drawn;
use crate::source::synthetic::packet::{Link, Packet, Wrap};
use crate::source::synthetic::place::has_own_network;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tcp::{Path, SECOND};
use crate::source::synthetic::truth::TruthFlow;

/// A flow may begin this long after a DNS answer has expired and still count as led by it.
const DNS_GRACE_S: u32 = 300;

/// A router of the mobile core.
const CORE_MAC: [u8; 6] = [0x00, 0x00, 0x0c, 0x5f, 0x02, 0x40];

/// A name that a client has resolved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved {
    pub(crate) client: IpAddr,
    pub(crate) address: IpAddr,
    pub(crate) vendor: Option<&'static str>,
    pub(crate) at_ns: i64,
    pub(crate) ttl_s: u32,
}

/// A flow about to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) handset: &'a Handset,
    pub(crate) service: &'a Service<'a>,
    pub(crate) proto: u8,
    /// The client's port, where it is not the next free one.
    pub(crate) port: Option<u16>,
    pub(crate) trap: Option<&'static str>,
}

/// What the judgement needs to know of a flow beyond its truth.
#[derive(Debug, Clone, Copy)]
struct Grounds {
    own: Option<&'static str>,
    shared: bool,
    /// The name on the flow is that of whoever stands in front.
    veiled: bool,
}

/// The plan in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) seed: u64,
    pub(crate) drawn: Drawn,
    packets: Vec<Packet>,
    flows: Vec<TruthFlow>,
    grounds: Vec<Grounds>,
    resolved: Vec<Resolved>,
    ports: BTreeMap<&'static str, u16>,
    connections: BTreeMap<(u8, SocketAddr, SocketAddr), u32>,
}

impl Draft {
    pub(crate) fn new(seed: u64) -> Self {
        Self::of(Drawn::nothing(seed))
    }

    pub(crate) fn of(drawn: Drawn) -> Self {
        Self {
            seed: drawn.seed,
            drawn,
            packets: Vec::new(),
            flows: Vec::new(),
            grounds: Vec::new(),
            resolved: Vec::new(),
            ports: BTreeMap::new(),
            connections: BTreeMap::new(),
        }
    }

    /// Enters a flow in the truth, and answers the path its packets take.
    pub(crate) fn open(&mut self, opening: Opening<'_>) -> Path {
        let Opening { handset, service, proto, port, trap } = opening;
        let place = service.place;
        let ported = matches!(proto, 6 | 17);
        let src_port = match port {
            Some(port) => port,
            None if ported => self.next_port(handset),
            None => 0,
        };
        let client = SocketAddr::new(handset.address(place.address), src_port);
        let server = SocketAddr::new(place.address, if ported { service.port } else { 0 });
        let nth = self.connections.entry((proto, client, server)).or_insert(0);
        let connection = *nth;
        *nth += 1;
        let shown = service.shown().filter(|(name, _)| !name.is_empty());
        let name = shown.map(|(name, _)| name.trim_end_matches('.').to_ascii_lowercase());
        self.flows.push(TruthFlow {
            proto,
            src_ip: client.ip(),
            src_port: client.port(),
            dst_ip: server.ip(),
            dst_port: server.port(),
            connection,
            first_ns: i64::MAX,
            last_ns: i64::MIN,
            src_packets: 0,
            dst_packets: 0,
            src_ip_bytes: 0,
            dst_ip_bytes: 0,
            payload_bytes: 0,
            wire_bytes: 0,
            vlan: handset.vlan,
            server_name: name,
            server_name_source: shown.map(|(_, source)| source),
            dns_query: None,
            vendor: service.vendor,
            evidence: "E0",
            product: service.product,
            name_ip_mismatch: false,
            trap,
            server_country: place.country,
            operator_asn: place.asn,
            device_maker: handset.maker,
        });
        let veiled = service.transport == Transport::Tls13Ech;
        self.grounds.push(Grounds { own: place.own, shared: place.shared, veiled });
        let flow = self.flows.len() - 1;
        let dst = next_hop(place.address);
        let src = if handset.wrap == Wrap::Gtp { CORE_MAC } else { handset.mac };
        let up_link = Link { src, dst, vlan: Some(handset.vlan), wrap: handset.wrap };
        Path { flow, up_link, client, server, server_ttl: 52 }
    }

    fn next_port(&mut self, handset: &Handset) -> u16 {
        let first = 33_000 + Rng::of(self.seed, handset.id, "ports").word() % 8_000;
        let port = self.ports.entry(handset.id).or_insert(first);
        *port = port.wrapping_add(3).max(33_000);
        *port
    }

    /// Marks the flow on `path` as the lookup of `name`.
    pub(crate) fn asked(&mut self, path: &Path, name: &str) {
        if let Some(flow) = self.flows.get_mut(path.flow) {
            flow.dns_query = Some(name.trim_end_matches('.').to_ascii_lowercase());
        }
    }

    /// Marks the flow on `path` as one of which the name is not seen.
    pub(crate) fn unnamed(&mut self, path: &Path) {
        if let Some(flow) = self.flows.get_mut(path.flow) {
            (flow.server_name, flow.server_name_source) = (None, None);
        }
    }

    /// Marks the flow on `path` as one that shows `name`, there.
    pub(crate) fn named(&mut self, path: &Path, name: &str, source: &'static str) {
        if let Some(flow) = self.flows.get_mut(path.flow) {
            flow.server_name = Some(name.trim_end_matches('.').to_ascii_lowercase());
            flow.server_name_source = Some(source);
        }
    }

    pub(crate) fn resolved(&mut self, resolved: Resolved) {
        self.resolved.push(resolved);
    }

    pub(crate) fn push(&mut self, packet: Packet) {
        self.packets.push(packet);
    }

    pub(crate) fn extend(&mut self, packets: Vec<Packet>) {
        self.packets.extend(packets);
    }

    /// The packets in order of time, and the truth summed from them.
    pub(crate) fn finish(mut self) -> (Vec<Packet>, Vec<TruthFlow>) {
        self.packets.sort_by_key(|packet| packet.ts_ns);
        for packet in &self.packets {
            if let Some(flow) = packet.flow.and_then(|index| self.flows.get_mut(index)) {
                count(flow, packet);
            }
        }
        for (flow, grounds) in self.flows.iter_mut().zip(&self.grounds) {
            judge(flow, *grounds, &self.resolved);
        }
        (self.packets, self.flows)
    }
}

/// The MAC a client sends to: the gateway's, or that of the multicast group (RFC 2464).
fn next_hop(server: IpAddr) -> [u8; 6] {
    match server {
        IpAddr::V6(group) if group.is_multicast() => {
            let [.., a, b, c, d] = group.octets();
            [0x33, 0x33, a, b, c, d]
        }
        _ => GATEWAY_MAC,
    }
}

fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn count(flow: &mut TruthFlow, packet: &Packet) {
    let bytes = octets(packet.ip_bytes());
    if packet.up {
        flow.src_packets += 1;
        flow.src_ip_bytes += bytes;
    } else {
        flow.dst_packets += 1;
        flow.dst_ip_bytes += bytes;
    }
    flow.payload_bytes += octets(packet.payload_length());
    flow.wire_bytes += octets(packet.original_length());
    flow.first_ns = flow.first_ns.min(packet.ts_ns);
    flow.last_ns = flow.last_ns.max(packet.ts_ns);
}

fn judge(flow: &mut TruthFlow, grounds: Grounds, resolved: &[Resolved]) {
    let Some(vendor) = flow.vendor else { return };
    let mut told = resolved.iter().filter(|known| {
        let until = known.at_ns + i64::from(known.ttl_s + DNS_GRACE_S) * SECOND;
        known.address == flow.dst_ip
            && known.vendor == Some(vendor)
            && (known.at_ns..=until).contains(&flow.first_ns)
    });
    let own = grounds.own == Some(vendor);
    let by_others = told.clone().next().is_some() && !grounds.shared;
    let led_by_dns = told.any(|known| known.client == flow.src_ip);
    let certified = flow.server_name_source == Some("tls_cert");
    let named = flow.server_name.is_some() && !grounds.veiled && !certified;
    flow.evidence = match (named, led_by_dns, own) {
        (true, true, _) | (true, _, true) => "E5",
        (true, false, false) if by_others => "E5",
        (true, false, false) => "E4",
        (false, true, _) => "E3",
        (false, false, _) if certified => "E2",
        (false, false, true) => "E1",
        (false, false, false) if by_others => "E2",
        (false, false, false) => "E0",
    };
    flow.name_ip_mismatch = flow.evidence == "E4" && !grounds.shared && has_own_network(vendor);
}
