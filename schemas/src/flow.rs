//! The table `flows`: one row for each export interval of a biflow (RFC 5103).
//!
//! `src` is the initiator, `dst` the responder. Octets are counted at the IP layer as the IP header states them; null means not observed, never zero.

use std::net::IpAddr;

use crate::column::table;
use crate::kinds::{Fingerprint, Mac, Micros, Text};

table! {"flows": FlowRow, FlowBatch, "flow_end",
    "One row for each export interval of a biflow; the number of flows is the number of rows with flow_part 0." {
    flow_start: Micros, "UTC", "IPFIX 154 flowStartMicroseconds", "Time of the first packet of this record.";
    flow_end: Micros, "UTC", "IPFIX 155 flowEndMicroseconds", "Time of the last packet of this record.";
    flow_first_seen: Micros, "UTC", "Zeek conn.ts", "Time of the first packet of the whole flow.";
    flow_part: i32, "0 = first", "", "Number of this record within its flow.";
    duration_us: i64, "µs", "IPFIX 162 flowDurationMicroseconds", "flow_end less flow_start, never negative.";
    flow_id: i64, "", "IPFIX 148 flowId", "Hash of key and first time with a fixed seed: the same for all parts of a flow and for any number of lanes.";
    sensor_id: Text, "", "IPFIX 149 observationDomainId", "Name of the sensor.";
    interface: Option<Text>, "", "IPFIX 82 interfaceName", "Interface the first packet came from, where the source names one.";
    ip_version: i32, "4, 6", "IPFIX 60 ipVersion", "Version of the IP header.";
    ip_proto: i32, "IANA number", "IPFIX 4 protocolIdentifier", "Transport protocol.";
    proto: &'static str, "tcp, udp, icmp, icmpv6, sctp, …", "Zeek conn.proto", "Transport protocol by name; other where it has none here.";
    src_ip: IpAddr, "RFC 5952 text", "IPFIX 8, 27 sourceIPv4Address, sourceIPv6Address", "Address of the initiator.";
    dst_ip: IpAddr, "RFC 5952 text", "IPFIX 12, 28 destinationIPv4Address, destinationIPv6Address", "Address of the responder.";
    src_port: Option<i32>, "", "IPFIX 7 sourceTransportPort", "Port of the initiator; null where the protocol has none or it was not captured.";
    dst_port: Option<i32>, "", "IPFIX 11 destinationTransportPort", "Port of the responder.";
    icmp_type: Option<i32>, "", "IPFIX 176, 178 icmpTypeIPv4, icmpTypeIPv6", "Type of the first ICMP message.";
    icmp_code: Option<i32>, "", "IPFIX 177, 179 icmpCodeIPv4, icmpCodeIPv6", "Code of the first ICMP message.";
    vlan_id: Option<i32>, "", "IPFIX 58 vlanId", "Outermost VLAN of the first packet.";
    inner_vlan_id: Option<i32>, "", "IPFIX 245 dot1qCustomerVlanId", "Next VLAN inwards of the first packet.";
    mpls_label: Option<i32>, "", "IPFIX 70 mplsTopLabelStackSection", "Top label of the first packet.";
    tunnel_type: Option<&'static str>, "", "", "Outermost tunnel that was opened to find this flow.";
    tunnel_id: Option<i64>, "", "IPFIX 351 layer2SegmentId", "Identifier of that tunnel: key, VNI, TEID, or of L2TPv2 tunnel × 65536 + session.";
    tunnel_src_ip: Option<IpAddr>, "RFC 5952 text", "", "Source of the outermost tunnel over IP of the first packet.";
    tunnel_dst_ip: Option<IpAddr>, "RFC 5952 text", "", "Destination of that tunnel.";
    tunnel_bytes: Option<i64>, "octets, IP layer", "", "Octets of the outermost IP packets beyond bytes: what the tunnels cost. Null without a tunnel.";
    tunnel_stack: Option<Text>, "vxlan:42/gre:7", "", "All tunnels of the first packet, outermost first, each with its identifier; beyond 8 their number.";
    src_mac: Option<Mac>, "", "IPFIX 56 sourceMacAddress", "MAC address that sent the initiator's first packet.";
    dst_mac: Option<Mac>, "", "IPFIX 80 destinationMacAddress", "MAC address on the responder's side.";
    src_packets: i64, "packets", "IPFIX 2 packetDeltaCount", "Packets sent by src.";
    dst_packets: i64, "packets", "IPFIX 29305/2 reverse packetDeltaCount", "Packets sent by dst.";
    src_bytes: i64, "octets, IP layer", "IPFIX 1 octetDeltaCount", "Octets sent by src, as the IP header says.";
    dst_bytes: i64, "octets, IP layer", "IPFIX 29305/1 reverse octetDeltaCount", "Octets sent by dst, as the IP header says.";
    src_payload_bytes: i64, "octets", "IPFIX 231 initiatorOctets", "Transport payload sent by src, from header lengths.";
    dst_payload_bytes: i64, "octets", "IPFIX 232 responderOctets", "Transport payload sent by dst, from header lengths.";
    packets: i64, "packets", "", "src_packets + dst_packets.";
    bytes: i64, "octets, IP layer", "", "src_bytes + dst_bytes.";
    wire_bytes: i64, "octets, frame", "IPFIX 352 layer2OctetDeltaCount", "Original length of all frames of this record.";
    src_tcp_flags: Option<i32>, "bit set", "IPFIX 6 tcpControlBits", "OR of the flags src sent.";
    dst_tcp_flags: Option<i32>, "bit set", "", "OR of the flags dst sent.";
    conn_state: &'static str, "S0, S1, SF, REJ, …", "Zeek conn.conn_state", "State of the connection when this record was made.";
    initiator_evidence: &'static str, "syn, syn_ack, port, first_seen", "", "What decided which side is src.";
    flow_end_reason: &'static str, "idle, active, end, forced, resources", "IPFIX 136 flowEndReason", "Why this record was made.";
    service: Option<&'static str>, "tls, http, dns, …", "Zeek conn.service", "Protocol that was seen in the packets, never guessed from a port.";
    server_name: Option<Text>, "lower case", "Zeek ssl.server_name", "The name the client gave for the server; the certificate's where it gave none.";
    server_name_source: Option<&'static str>, "tls_sni, http_host, …", "", "Where that name stood.";
    server_names: Vec<Text>, "at most 8", "", "Further names on the same flow, in order.";
    dns_names: Vec<Text>, "at most 4", "", "Names for which this client was given dst_ip as an answer, valid when the flow began; newest first.";
    dns_names_at: Option<Micros>, "UTC", "", "Time of the newest of those answers; of the first, where one was repeated within its minute.";
    alpn: Option<Text>, "", "IPFIX -; Zeek ssl.next_protocol", "First protocol the client offered by ALPN.";
    tls_version: Option<&'static str>, "", "Zeek ssl.version", "Highest TLS version the client offered.";
    tls_ja4: Option<Fingerprint>, "", "", "JA4 of the client hello.";
    ech_offered: Option<bool>, "", "", "Whether the client hello carried an encrypted_client_hello extension, real or GREASE.";
    http_user_agent: Option<Text>, "", "Zeek http.user_agent", "User-Agent of the first request.";
    site: Option<Text>, "", "", "Site of the inside end.";
    direction: &'static str, "inbound, outbound, internal, transit, unknown", "ECS network.direction", "Direction as seen from the inside networks; unknown where none are configured.";
    dscp: Option<i32>, "", "IPFIX 195 ipDiffServCodePoint", "DSCP of the first packet.";
    fragments: i64, "packets", "", "Packets that were IP fragments.";
    missed_bytes: Option<i64>, "octets", "Zeek conn.missed_bytes", "Payload that TCP sequence numbers show to be missing.";
    sampling_rate: i64, "1 = all", "IPFIX 34 samplingInterval", "One packet in so many was seen.";
}}
