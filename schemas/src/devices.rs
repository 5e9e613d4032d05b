//! The table `devices`: what hosts of a network say of themselves. Facts about a device, not about a flow; whose make it is, is judged when asked.

use std::net::IpAddr;

use crate::column::table;
use crate::kinds::{Mac, Micros, Text};

table! {"devices": DeviceRow, DeviceBatch, "ts",
    "One row for each time a device said something of itself: in DHCP and mDNS once an hour, in HTTP once a day, as long as it says the same." {
    ts: Micros, "UTC", "", "Time of the packet.";
    mac: Option<Mac>, "", "Zeek dhcp.mac", "MAC address of the device: chaddr in DHCP, the DUID's in DHCPv6, else the packet's sender.";
    ip: Option<IpAddr>, "RFC 5952 text", "Zeek dhcp.requested_addr, dhcp.assigned_addr", "Address the device has, asks for or was given; null where the packet says none.";
    dhcp_hostname: Option<Text>, "", "Zeek dhcp.host_name", "DHCP option 12 or DHCPv6 option 39, bytes outside printable ASCII as \\ddd.";
    dhcp_vendor_class: Option<Text>, "", "", "DHCP option 60 or DHCPv6 option 16, escaped likewise.";
    dhcp_parameters: Option<Text>, "1,3,6,…", "", "Options asked for, in order: DHCP option 55 or DHCPv6 option 6.";
    mdns_name: Option<Text>, "lower case, no last dot", "", "Name under which the device announced its own address in mDNS.";
    http_user_agent: Option<Text>, "", "Zeek http.user_agent", "User-Agent of a request the device sent.";
    source: &'static str, "dhcp, dhcpv6, http, mdns", "", "Protocol in which it was said.";
    sensor_id: Text, "", "", "Name of the sensor.";
}}
