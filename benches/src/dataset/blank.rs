//! A row of `flows` in which nothing was observed.

use std::net::IpAddr;
use std::sync::Arc;

use schemas::Micros;
use schemas::flow::FlowRow;

/// A row of nothing: what no flow here has stays as it is.
pub(crate) fn blank(sensor_id: Arc<str>) -> FlowRow {
    let zero = IpAddr::from([0, 0, 0, 0]);
    FlowRow {
        flow_start: Micros(0),
        flow_end: Micros(0),
        flow_first_seen: Micros(0),
        flow_part: 0,
        duration_us: 0,
        flow_id: 0,
        sensor_id,
        interface: None,
        ip_version: 4,
        ip_proto: 0,
        proto: "",
        src_ip: zero,
        dst_ip: zero,
        src_port: None,
        dst_port: None,
        icmp_type: None,
        icmp_code: None,
        vlan_id: None,
        inner_vlan_id: None,
        mpls_label: None,
        tunnel_type: None,
        tunnel_id: None,
        tunnel_src_ip: None,
        tunnel_dst_ip: None,
        tunnel_bytes: None,
        tunnel_stack: None,
        src_mac: None,
        dst_mac: None,
        src_packets: 0,
        dst_packets: 0,
        src_bytes: 0,
        dst_bytes: 0,
        src_payload_bytes: 0,
        dst_payload_bytes: 0,
        packets: 0,
        bytes: 0,
        wire_bytes: 0,
        src_tcp_flags: None,
        dst_tcp_flags: None,
        conn_state: "",
        initiator_evidence: "",
        flow_end_reason: "",
        service: None,
        server_name: None,
        server_name_source: None,
        server_names: Vec::new(),
        dns_names: Vec::new(),
        dns_names_at: None,
        alpn: None,
        tls_version: None,
        tls_ja4: None,
        ech_offered: None,
        http_user_agent: None,
        site: None,
        direction: "",
        dscp: None,
        fragments: 0,
        missed_bytes: None,
        sampling_rate: 1,
    }
}
