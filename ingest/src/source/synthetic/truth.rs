//! What a right answer to the scenario is: one row a connection, and the tables summed from them.
//!
//! Counts come from the plan. Evidence follows from the plan's own DNS and from who owns the
//! address, by the ladder: E5 two independent supports, E4 a name on the flow, E3 DNS of that
//! client, E1 the vendor's own network, E0 nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use crate::source::synthetic::place::Expected;

/// Networks of the scenario's clients: the inside.
pub const INSIDE: [&str; 4] = ["10.0.0.0/8", "100.64.0.0/10", "2001:db8::/32", "fe80::/10"];

/// Midnight of the national day in Taipei: 2014-09-22T00:00:00+08:00.
pub const DAY_START_NS: i64 = 1_411_315_200_000_000_000;

/// What must come out of one planned connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthFlow {
    /// IP protocol number.
    pub proto: u8,
    /// The client, who began.
    pub src_ip: IpAddr,
    /// Its port; 0 for ICMP.
    pub src_port: u16,
    /// The server.
    pub dst_ip: IpAddr,
    /// Its port; 0 for ICMP.
    pub dst_port: u16,
    /// The how-manieth connection this is on the same addresses and ports, from 0.
    pub connection: u32,
    /// Time of the first packet.
    pub first_ns: i64,
    /// Time of the last packet.
    pub last_ns: i64,
    /// Packets sent by the client.
    pub src_packets: u64,
    /// Packets sent by the server.
    pub dst_packets: u64,
    /// IP-layer octets sent by the client.
    pub src_ip_bytes: u64,
    /// IP-layer octets sent by the server.
    pub dst_ip_bytes: u64,
    /// Transport payload octets of both: the signature volume.
    pub payload_bytes: u64,
    /// Whole frames as they were on the wire, of both.
    pub wire_bytes: u64,
    /// VLAN of the access network.
    pub vlan: u16,
    /// The name on the flow, in lower case and without a trailing dot.
    pub server_name: Option<String>,
    /// Where that name stood: `tls_sni`, `quic_sni`, `http_host`, `http_connect` or `tls_cert`.
    pub server_name_source: Option<&'static str>,
    /// The name asked for, where the flow is a DNS lookup.
    pub dns_query: Option<String>,
    /// Catalog key of the vendor whose service it is; none = unattributed.
    pub vendor: Option<&'static str>,
    /// The rung of the ladder that supports the vendor.
    pub evidence: &'static str,
    /// Catalog key of the product; none = none is asserted.
    pub product: Option<&'static str>,
    /// The address contradicts the name, and nothing supports it.
    pub name_ip_mismatch: bool,
    /// The trap this flow is part of.
    pub trap: Option<&'static str>,
    /// Country of the server.
    pub server_country: Expected,
    /// AS that announces the server's address; none = none is asserted.
    pub operator_asn: Option<u32>,
    /// Maker of the client, by its MAC; none for a random MAC.
    pub device_maker: Option<&'static str>,
}

/// Writes a row for each flow.
pub(crate) fn write_flows(flows: &[TruthFlow], mut out: impl Write) -> io::Result<()> {
    writeln!(
        out,
        "proto,src_ip,src_port,dst_ip,dst_port,connection,first_ns,last_ns,src_packets,dst_packets,\
         src_ip_bytes,dst_ip_bytes,payload_bytes,wire_bytes,vlan,server_name,server_name_source,\
         dns_query,vendor,evidence,product,name_ip_mismatch,trap,server_country,operator_asn,\
         device_maker"
    )?;
    for f in flows {
        let address = [f.src_ip.to_string(), f.src_port.to_string(), f.dst_ip.to_string()];
        let counts = [f.src_packets, f.dst_packets, f.src_ip_bytes, f.dst_ip_bytes];
        let volumes = [f.payload_bytes, f.wire_bytes, u64::from(f.vlan)];
        let counts = counts.iter().chain(&volumes).map(u64::to_string).collect::<Vec<_>>();
        write!(out, "{},{},{},{}", f.proto, address.join(","), f.dst_port, f.connection)?;
        write!(out, ",{},{},{}", f.first_ns, f.last_ns, counts.join(","))?;
        let name = f.server_name.as_deref().unwrap_or("");
        let query = f.dns_query.as_deref().unwrap_or("");
        write!(out, ",{name},{},{query}", f.server_name_source.unwrap_or(""))?;
        write!(out, ",{},{},{}", f.vendor.unwrap_or(""), f.evidence, f.product.unwrap_or(""))?;
        let asn = f.operator_asn.map(|asn| asn.to_string()).unwrap_or_default();
        let country = f.server_country.label();
        write!(out, ",{},{},{country},{asn}", f.name_ip_mismatch, f.trap.unwrap_or(""))?;
        writeln!(out, ",{}", f.device_maker.unwrap_or(""))?;
    }
    Ok(())
}

/// Flows, packets and bytes of one cell of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Connections.
    pub flows: u64,
    /// Packets from clients.
    pub src_packets: u64,
    /// Packets from servers.
    pub dst_packets: u64,
    /// IP-layer octets from clients.
    pub src_ip_bytes: u64,
    /// IP-layer octets from servers.
    pub dst_ip_bytes: u64,
    /// Transport payload octets of both.
    pub payload_bytes: u64,
}

impl Volume {
    fn add(&mut self, flow: &TruthFlow) {
        self.flows += 1;
        self.src_packets += flow.src_packets;
        self.dst_packets += flow.dst_packets;
        self.src_ip_bytes += flow.src_ip_bytes;
        self.dst_ip_bytes += flow.dst_ip_bytes;
        self.payload_bytes += flow.payload_bytes;
    }
}

/// The cell a flow belongs to; empty text where nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Catalog key of the vendor.
    pub vendor: &'static str,
    /// Country of the server, `anycast` or `special`.
    pub server_country: &'static str,
    /// Maker of the client.
    pub device_maker: &'static str,
    /// VLAN of the access network.
    pub vlan: u16,
    /// Hour of the day in Taipei when the flow began.
    pub hour: i64,
}

/// Volume by vendor, country, maker, network and hour, in the order of the cells.
pub fn vendor_country(flows: &[TruthFlow]) -> BTreeMap<Cell, Volume> {
    let mut table: BTreeMap<Cell, Volume> = BTreeMap::new();
    for flow in flows {
        let cell = Cell {
            vendor: flow.vendor.unwrap_or(""),
            server_country: flow.server_country.label(),
            device_maker: flow.device_maker.unwrap_or(""),
            vlan: flow.vlan,
            hour: (flow.first_ns - DAY_START_NS).div_euclid(3_600_000_000_000),
        };
        table.entry(cell).or_default().add(flow);
    }
    table
}

/// Writes [`vendor_country`].
pub(crate) fn write_vendor_country(flows: &[TruthFlow], mut out: impl Write) -> io::Result<()> {
    writeln!(
        out,
        "vendor,server_country,device_maker,vlan,hour,flows,src_packets,dst_packets,src_ip_bytes,\
         dst_ip_bytes"
    )?;
    for (cell, v) in vendor_country(flows) {
        let Cell { vendor, server_country, device_maker, vlan, hour } = cell;
        write!(out, "{vendor},{server_country},{device_maker},{vlan},{hour},{}", v.flows)?;
        write!(out, ",{},{}", v.src_packets, v.dst_packets)?;
        writeln!(out, ",{},{}", v.src_ip_bytes, v.dst_ip_bytes)?;
    }
    Ok(())
}

/// A trap's rule: what must come out, and what must not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) trap: &'static str,
    pub(crate) must: &'static str,
    pub(crate) must_not: &'static str,
}

/// Writes a row for each trap: its flows, their IP-layer octets, and its rule.
pub(crate) fn write_rules(
    rules: &[Rule],
    flows: &[TruthFlow],
    mut out: impl Write,
) -> io::Result<()> {
    writeln!(out, "trap,flows,bytes,must,must_not")?;
    for rule in rules {
        let mut volume = Volume::default();
        for flow in flows.iter().filter(|flow| flow.trap == Some(rule.trap)) {
            volume.add(flow);
        }
        let bytes = volume.src_ip_bytes + volume.dst_ip_bytes;
        let Rule { trap, must, must_not } = rule;
        writeln!(out, "{trap},{},{bytes},{must},{must_not}", volume.flows)?;
    }
    Ok(())
}
