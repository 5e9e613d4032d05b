//! What two captures of one packet have in common, and what the way between them may change.

use crate::decode::bytes::{array, part};
use crate::decode::link::Link;
use crate::decode::net::Net;
use crate::flow::fold;

/// Octets behind the IP header that are compared: ports, numbers, length, and a check sum over all the rest; of IPv6 with its extension headers.
const COMPARED: usize = 32;
const V6_OCTETS: usize = 40;

/// A packet by what no router touches, and apart from it by what each of them does. Made with a secret, so that nobody can make two packets alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Print {
    /// Hash of addresses, identification, lengths and what the packet carries; TTL, DSCP, ECN and check sum of the IP header left out.
    pub packet: u64,
    /// Hash of TTL, MAC addresses and VLAN; 0 where the packet is numbered.
    pub path: u16,
    /// Whether an identification tells this packet from the sender's next one (RFC 6864: 0 does not, and IPv6 has none).
    pub is_numbered: bool,
}

/// What changes from one network to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// MAC of the receiver, then of the sender, as they lie in a frame.
    pub(crate) macs: [u8; 12],
    pub(crate) vlan: Option<u16>,
}

impl Print {
    pub(crate) fn of(bytes: &[u8], link: &Link, net: &Net, secret: u64) -> Self {
        let at = link.ip_at;
        let way = || {
            let [t0, t1, t2, t3, t4, t5] = link.target_mac.unwrap_or_default();
            let [s0, s1, s2, s3, s4, s5] = link.source_mac.unwrap_or_default();
            let macs = [t0, t1, t2, t3, t4, t5, s0, s1, s2, s3, s4, s5];
            Way { macs, vlan: link.vlan }
        };
        if net.version == 4 {
            let head: [u8; 20] = array(bytes, at).unwrap_or_default();
            let carried = carried(bytes, net.payload_at, net.end());
            return Self::v4(&head, carried, way, secret);
        }
        let head: [u8; 8] = array(bytes, at).unwrap_or_default();
        let carried = carried(bytes, at + V6_OCTETS, net.end());
        let print = Self::v6((head, [net.from, net.to]), carried, way, secret);
        if net.fragment.is_some() { Self { path: 0, is_numbered: true, ..print } } else { print }
    }

    /// Of IPv4, by its header without options.
    #[inline]
    pub(crate) fn v4(
        head: &[u8; 20],
        carried: &[u8],
        way: impl FnOnce() -> Way,
        secret: u64,
    ) -> Self {
        let is_numbered = part(head, 4) != [0, 0];
        // Length, identification, fragment and protocol; the version in the place of the TTL.
        let fixed = u64::from_le_bytes(part(head, 2)) & !(0xff << 48) | 4 << 48;
        let begun = fold(fixed ^ SEED, u64::from_ne_bytes(part(head, 12)) ^ key(secret));
        let [hops] = part(head, 8);
        // The path decides only where no number does.
        let path = if is_numbered { 0 } else { path(&way(), hops, secret) };
        Self { packet: carry(begun, carried, secret), path, is_numbered }
    }

    /// Of IPv6 without a number, by the octets before its addresses.
    #[inline]
    pub(crate) fn v6(
        (head, [from, to]): ([u8; 8], [[u8; 16]; 2]),
        carried: &[u8],
        way: impl FnOnce() -> Way,
        secret: u64,
    ) -> Self {
        // Flow label, length and protocol; the version in the place of the hop limit.
        let fixed = u64::from_le_bytes(head) & 0x00ff_ffff_ffff_0f00 | 6 << 56;
        let [.., hops] = head;
        let begun = fold(fixed ^ SEED, key(secret));
        let hosts = mix(mix(begun, from, secret), to, secret);
        let packet = carry(hosts, carried, secret);
        Self { packet, path: path(&way(), hops, secret), is_numbered: false }
    }
}

/// What is compared of that which lies behind the IP header.
#[inline]
pub(crate) fn carried(bytes: &[u8], from: usize, end: usize) -> &[u8] {
    let to = end.min(from + COMPARED).min(bytes.len());
    bytes.get(from..to).unwrap_or_default()
}

#[inline]
fn carry(packet: u64, carried: &[u8], secret: u64) -> u64 {
    match (carried.first_chunk(), carried.last_chunk()) {
        // Of less than all of it the two overlap.
        (Some(first), Some(last)) => mix(mix(packet, *first, secret), *last, secret),
        _ => mix(packet, padded(carried), secret),
    }
}

/// Sixteen octets, zeros after the last.
#[cold]
fn padded(few: &[u8]) -> [u8; 16] {
    let mut octets = [0; 16];
    for (slot, octet) in octets.iter_mut().zip(few) {
        *slot = *octet;
    }
    octets
}

/// Hash of TTL, MAC addresses and VLAN.
#[inline]
fn path(way: &Way, hops: u8, secret: u64) -> u16 {
    let begin = u64::from_le_bytes(part(&way.macs, 0));
    let vlan = u64::from(way.vlan.unwrap_or(u16::MAX));
    let rest = u64::from(u32::from_le_bytes(part(&way.macs, 8))) | vlan << 32;
    (fold(SEED ^ begin, (rest | u64::from(hops) << 48) ^ key(secret)) >> 48) as u16
}

/// Odd numbers without a pattern.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const OTHER_SEED: u64 = 0xd6e8_feb8_6659_fd93;

#[inline]
const fn key(secret: u64) -> u64 {
    OTHER_SEED ^ secret
}

#[inline]
fn mix(hash: u64, octets: [u8; 16], secret: u64) -> u64 {
    let value = u128::from_ne_bytes(octets);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
    let (low, high) = (value as u64, (value >> 64) as u64);
    fold(hash ^ low, high ^ key(secret))
}
