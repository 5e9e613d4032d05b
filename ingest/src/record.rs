//! From a flow to the row that is kept of it: ends become `src` and `dst`, numbers become words.

use std::net::IpAddr;

use schemas::flow::FlowRow;
use schemas::{Mac, Micros, Text};

use crate::decode::{Tunnel, protocol};
use crate::direction::Inside;
use crate::flow::{End, Endpoint, Entry, Reason, Side};
use crate::service::Service;

/// What all rows of a run have in common.
#[derive(Debug, Clone)]
pub struct RowStyle {
    /// Name of the sensor.
    pub sensor: Text,
    /// Inside networks.
    pub inside: Inside,
    /// The interface packets come from, if it is one.
    pub interface: Option<Text>,
}

impl RowStyle {
    #[expect(
        clippy::too_many_lines,
        reason = "one line for each column, in the order of the contract"
    )]
    /// The row of what `entry` counted since its last record. Decides the initiator at the first one.
    pub fn row(&self, entry: &mut Entry<'_>, reason: Reason) -> FlowRow {
        let initiator = entry.initiator();
        let (key, state) = (entry.key(), entry.state());
        let (low, high) = (entry.side(End::Low), entry.side(End::High));
        let ((src, sent), (dst, received)) = match initiator.end {
            End::Low => ((key.low, low), (key.high, high)),
            End::High => ((key.high, high), (key.low, low)),
        };
        let (src_ip, dst_ip) = (src.ip(key.ip_version), dst.ip(key.ip_version));
        let has_ports = protocol::has_ports(key.ip_proto) && (src.port, dst.port) != (0, 0);
        let port = |port: u16| has_ports.then_some(i32::from(port));
        let is_tcp = key.ip_proto == protocol::TCP;
        let flags = |side: &Side| is_tcp.then_some(i32::from(side.tcp_flags));
        let names = entry.names().cloned().unwrap_or_default();
        let (flow_start, flow_end) = (micros(entry.start_ns()), micros(entry.end_ns()));
        let first = FirstPacket::of(entry, initiator.end == state.first());
        FlowRow {
            flow_start,
            flow_end,
            flow_first_seen: micros(entry.born_ns()),
            flow_part: entry.part(),
            duration_us: flow_end.0 - flow_start.0,
            flow_id: entry.flow_id(),
            sensor_id: self.sensor.clone(),
            interface: self.interface.clone(),
            ip_version: i32::from(key.ip_version),
            ip_proto: i32::from(key.ip_proto),
            proto: proto_name(key.ip_proto),
            src_ip,
            dst_ip,
            src_port: port(src.port),
            dst_port: port(dst.port),
            icmp_type: first.icmp.map(|(kind, _)| i32::from(kind)),
            icmp_code: first.icmp.map(|(_, code)| i32::from(code)),
            vlan_id: first.vlan,
            inner_vlan_id: first.inner_vlan,
            mpls_label: first.mpls,
            tunnel_type: first.tunnel_type,
            tunnel_id: first.tunnel_id,
            tunnel_src_ip: first.tunnel_src_ip,
            tunnel_dst_ip: first.tunnel_dst_ip,
            tunnel_bytes: (first.tunnel_type.is_some() || entry.tunnel_bytes() > 0)
                .then(|| count(entry.tunnel_bytes())),
            tunnel_stack: first.tunnel_stack,
            src_mac: first.src_mac,
            dst_mac: first.dst_mac,
            src_packets: count(sent.packets),
            dst_packets: count(received.packets),
            src_bytes: count(sent.bytes),
            dst_bytes: count(received.bytes),
            src_payload_bytes: count(sent.payload_bytes),
            dst_payload_bytes: count(received.payload_bytes),
            packets: count(sent.packets + received.packets),
            bytes: count(entry.ip_bytes()),
            wire_bytes: count(entry.wire_bytes()),
            src_tcp_flags: flags(&sent),
            dst_tcp_flags: flags(&received),
            conn_state: match key.ip_proto {
                protocol::TCP => state.tcp_word(initiator.end),
                protocol::UDP | protocol::UDP_LITE => state.udp_word(initiator.end),
                _ => "OTH",
            },
            initiator_evidence: initiator.evidence.word(),
            flow_end_reason: reason.word(),
            service: entry.service().map(Service::word),
            server_name: names.server_name,
            server_name_source: names.source,
            server_names: names.further,
            dns_names: Vec::new(),
            dns_names_at: None,
            alpn: names.alpn,
            tls_version: names.tls_version,
            tls_ja4: names.ja4.map(|ja4| ja4.text()),
            ech_offered: names.ech_offered,
            http_user_agent: names.user_agent,
            site: None,
            direction: self.inside.direction(src_ip, dst_ip),
            dscp: first.dscp,
            fragments: count(entry.fragments()),
            missed_bytes: entry.missed_bytes().map(count),
            sampling_rate: 1,
        }
    }
}

/// Columns that the first packet of the flow decides.
#[derive(Default)]
struct FirstPacket {
    icmp: Option<(u8, u8)>,
    vlan: Option<i32>,
    inner_vlan: Option<i32>,
    mpls: Option<i32>,
    src_mac: Option<Mac>,
    dst_mac: Option<Mac>,
    dscp: Option<i32>,
    tunnel_type: Option<&'static str>,
    tunnel_id: Option<i64>,
    tunnel_src_ip: Option<IpAddr>,
    tunnel_dst_ip: Option<IpAddr>,
    tunnel_stack: Option<Text>,
}

impl FirstPacket {
    fn of(entry: &Entry<'_>, src_is_first: bool) -> Self {
        let Some(detail) = entry.detail() else { return Self::default() };
        let (link, tunnel) = (&detail.link, detail.tunnel.as_deref());
        let (outermost, ends) =
            (tunnel.and_then(Tunnel::outermost), tunnel.and_then(|tunnel| tunnel.ends));
        let (sender, receiver) = (link.source_mac.map(Mac), link.target_mac.map(Mac));
        let (src_mac, dst_mac) = if src_is_first { (sender, receiver) } else { (receiver, sender) };
        Self {
            icmp: detail.icmp,
            vlan: link.vlan.map(i32::from),
            inner_vlan: link.inner_vlan.map(i32::from),
            mpls: link.mpls.and_then(|label| i32::try_from(label).ok()),
            src_mac,
            dst_mac,
            dscp: Some(i32::from(detail.dscp)),
            tunnel_type: outermost.map(|layer| layer.kind.word()),
            tunnel_id: outermost.and_then(|layer| layer.id).map(i64::from),
            tunnel_src_ip: ends.map(|ends| address(ends.from, ends.version)),
            tunnel_dst_ip: ends.map(|ends| address(ends.to, ends.version)),
            tunnel_stack: tunnel.map(|tunnel| tunnel.to_string().into()),
        }
    }
}

fn address(octets: [u8; 16], version: u8) -> IpAddr {
    Endpoint { address: octets, port: 0 }.ip(version)
}

/// Nanoseconds as the µs of the columns.
pub fn micros(ns: i64) -> Micros {
    Micros(ns.div_euclid(1_000))
}

/// A counter as a column holds it; 2⁶³ octets are out of reach.
pub fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Transport by name; protocols without a common one are `ip-N`.
fn proto_name(number: u8) -> &'static str {
    match number {
        protocol::ICMP => "icmp",
        2 => "igmp",
        4 => "ipip",
        protocol::TCP => "tcp",
        protocol::UDP => "udp",
        protocol::DCCP => "dccp",
        41 => "ipv6",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        protocol::ICMPV6 => "icmpv6",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        protocol::SCTP => "sctp",
        protocol::UDP_LITE => "udplite",
        _ => "other",
    }
}
