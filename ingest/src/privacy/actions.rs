//! What is done to each column under each profile, declared once: rows and the statement about them are made from it, and a column without an action is a
//! row that does not compile.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemas::devices::DeviceRow;
use schemas::dns::DnsRow;
use schemas::flow::FlowRow;
use schemas::{Mac, Text};

use crate::privacy::addresses::Veil;
use crate::privacy::profile::Profile;

/// An action: its technique in the terms of RFC 6235 section 4, when truncating and when pseudonymising.
trait Action {
    const TECHNIQUES: [&str; 2];
}

/// An action on a type of columns.
trait Apply<T> {
    fn apply(veil: &Veil, value: T) -> T;
}

macro_rules! action {
    ($(#[$doc:meta])* $name:ident = $truncate:literal, $pseudonymise:literal; $($column:ty: $apply:expr;)*) => {
        $(#[$doc])*
        struct $name;
        impl Action for $name {
            const TECHNIQUES: [&str; 2] = [$truncate, $pseudonymise];
        }
        $(impl Apply<$column> for $name {
            fn apply(veil: &Veil, value: $column) -> $column {
                let apply: fn(&Veil, $column) -> $column = $apply;
                apply(veil, value)
            }
        })*
    };
}

/// Tells nothing of who or which device; or is the operator's own word.
struct Keep;

impl Action for Keep {
    const TECHNIQUES: [&str; 2] = ["none", "none"];
}

impl<T> Apply<T> for Keep {
    fn apply(_: &Veil, value: T) -> T {
        value
    }
}

action! {
    /// An IP address, if it is of somebody inside.
    Address = "truncation of inside addresses to /24 and /48",
        "prefix-preserving pseudonymization of inside addresses (Crypto-PAn)";
    IpAddr: |veil, address| veil.address(address);
    Option<IpAddr>: |veil, address| address.map(|address| veil.address(address));
}
action! {
    /// A MAC address, of either end, for a gateway is a device of the inside too.
    Device = "truncation to the OUI, black-marker where none was assigned",
        "structured pseudonymization, black-marker where no OUI was assigned";
    Option<Mac>: |veil, mac| mac.and_then(|mac| veil.mac(mac));
}
action! {
    /// A hash of addresses, ports and time.
    FlowId = "permutation", "permutation";
    i64: |veil, id| veil.flow_id(id);
}
action! {
    /// May be one subscriber's.
    TunnelId = "black-marker", "permutation";
    Option<i64>: |veil, id| id.and_then(|id| veil.tunnel_id(id));
}
action! {
    /// The same of several, as text.
    TunnelStack = "black-marker for ids", "permutation of ids";
    Option<Text>: |veil, stack| stack.map(|stack| veil.tunnel_stack(&stack));
}
action! {
    /// A name, or an address as text.
    Name = "truncation of inside addresses in it, black-marker for names of local devices and of inside hosts",
        "prefix-preserving pseudonymization of inside addresses in it, black-marker for names of local devices and of inside hosts";
    Text: |veil, name| veil.name(name);
    Option<Text>: |veil, name| name.map(|name| veil.name(name));
    Vec<Text>: |veil, names| names.into_iter().map(|name| veil.name(name)).collect();
}
action! {
    /// Software and device as they call themselves, sometimes with a number of their own.
    Agent = "black-marker", "black-marker for digits";
    Option<Text>: |veil, agent| match veil.profile {
        Profile::Pseudonymise => agent.map(|agent| Veil::agent(&agent)),
        _ => None,
    };
}

action! {
    /// A kind of devices, as they call it.
    Class = "black-marker where a name or a number of its own is in it", "black-marker where a name or a number of its own is in it";
    Option<Text>: |veil, class| class.and_then(|class| veil.class(class));
}

action! {
    /// The inner tag of a stack, which an access network gives to one line.
    Line = "black-marker", "black-marker";
    Option<i32>: |_, _| None;
}

action! {
    /// A device as its owner calls it.
    Called = "black-marker", "black-marker";
    Option<Text>: |_, _| None;
}

macro_rules! actions {
    ($row:ident as $release:ident, $techniques:ident: $($column:ident $action:ident,)*) => {
        impl Veil {
            /// The row as it may be kept.
            pub(crate) fn $release(&self, row: $row) -> $row {
                $row { $($column: $action::apply(self, row.$column),)* }
            }
        }

        const $techniques: &[(&str, [&str; 2])] =
            &[$((stringify!($column), $action::TECHNIQUES),)*];
    };
}

actions! { FlowRow as flow, FLOWS:
    flow_start Keep,
    flow_end Keep,
    flow_first_seen Keep,
    flow_part Keep,
    duration_us Keep,
    flow_id FlowId,
    sensor_id Keep,
    interface Keep,
    ip_version Keep,
    ip_proto Keep,
    proto Keep,
    src_ip Address,
    dst_ip Address,
    src_port Keep,
    dst_port Keep,
    icmp_type Keep,
    icmp_code Keep,
    vlan_id Keep,
    inner_vlan_id Line,
    mpls_label Keep,
    tunnel_type Keep,
    tunnel_id TunnelId,
    tunnel_stack TunnelStack,
    tunnel_bytes Keep,
    tunnel_src_ip Address,
    tunnel_dst_ip Address,
    src_mac Device,
    dst_mac Device,
    src_packets Keep,
    dst_packets Keep,
    src_bytes Keep,
    dst_bytes Keep,
    src_payload_bytes Keep,
    dst_payload_bytes Keep,
    packets Keep,
    bytes Keep,
    wire_bytes Keep,
    src_tcp_flags Keep,
    dst_tcp_flags Keep,
    conn_state Keep,
    initiator_evidence Keep,
    flow_end_reason Keep,
    service Keep,
    server_name Name,
    server_name_source Keep,
    server_names Name,
    dns_names Name,
    dns_names_at Keep,
    alpn Keep,
    tls_version Keep,
    tls_ja4 Keep,
    ech_offered Keep,
    http_user_agent Agent,
    site Keep,
    direction Keep,
    dscp Keep,
    fragments Keep,
    missed_bytes Keep,
    sampling_rate Keep,
}

actions! { DnsRow as dns, DNS:
    ts Keep,
    client_ip Address,
    resolver_ip Address,
    query Name,
    query_type Keep,
    rcode Keep,
    answers Name,
    answer_ttls Keep,
    answer_ech Keep,
    rtt_us Keep,
    sensor_id Keep,
    flow_id FlowId,
}

actions! { DeviceRow as device_row, DEVICES:
    ts Keep,
    mac Device,
    ip Address,
    dhcp_hostname Called,
    dhcp_vendor_class Class,
    dhcp_parameters Keep,
    mdns_name Called,
    http_user_agent Agent,
    source Keep,
    sensor_id Keep,
}

/// What a profile does, by table and column, where it does anything.
pub(crate) fn techniques(profile: Profile) -> BTreeMap<String, BTreeMap<String, String>> {
    let tables = [
        (schemas::flow::TABLE.name, FLOWS),
        (schemas::dns::TABLE.name, DNS),
        (schemas::devices::TABLE.name, DEVICES),
    ];
    let tables = tables.into_iter().map(|(table, columns)| {
        let done = columns.iter().map(|(column, [truncate, pseudonymise])| match profile {
            Profile::None => (column, &Keep::TECHNIQUES[0]),
            Profile::Truncate => (column, truncate),
            Profile::Pseudonymise => (column, pseudonymise),
        });
        let done = done.filter(|(_, technique)| **technique != Keep::TECHNIQUES[0]);
        (table.to_owned(), done.map(|(column, done)| ((*column).into(), (*done).into())).collect())
    });
    tables.collect()
}
