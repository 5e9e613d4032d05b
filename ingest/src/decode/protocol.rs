//! IANA protocol numbers that are looked into.
//!
//! All others are flows by their number alone.

/// ICMP.
pub const ICMP: u8 = 1;
/// TCP.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;
/// DCCP.
pub const DCCP: u8 = 33;
/// ICMP for IPv6.
pub const ICMPV6: u8 = 58;
/// SCTP.
pub const SCTP: u8 = 132;
/// UDP-Lite.
pub const UDP_LITE: u8 = 136;

/// Whether more than the number is understood here.
pub const fn is_readable(number: u8) -> bool {
    has_ports(number) || matches!(number, ICMP | ICMPV6 | 4 | 41 | 47 | 115)
}

/// Whether the protocol has ports.
pub const fn has_ports(number: u8) -> bool {
    matches!(number, TCP | UDP | DCCP | SCTP | UDP_LITE)
}
