//! What two captures of one packet have in common, and what the way between them may change.

use crate::decode::bytes::array;
use crate::decode::link::Link;
use crate::decode::net::Net;

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

impl Print {
    #[inline]
    pub(crate) fn of(bytes: &[u8], link: &Link, net: &Net, secret: u64) -> Self {
        let key = OTHER_SEED ^ secret;
        let at = link.ip_at;
        // Length, identification and fragment of IPv4; flow label, length and next header of IPv6.
        let (fixed, hops, is_numbered) = if net.version == 4 {
            let [l0, l1, i0, i1, f0, f1, ttl, protocol] = array(bytes, at + 2).unwrap_or_default();
            ([l0, l1, i0, i1, f0, f1, protocol, 4], ttl, [i0, i1] != [0, 0])
        } else {
            let [t, f0, f1, l0, l1, next, hops] = array(bytes, at + 1).unwrap_or_default();
            ([t & 0x0f, f0, f1, l0, l1, next, 0, 6], hops, net.fragment.is_some())
        };
        let mut packet = fold(u64::from_ne_bytes(fixed) ^ SEED, key);
        for octets in [net.from, net.to] {
            packet = mix(packet, octets, key);
        }
        let from = if net.version == 4 { net.payload_at } else { at + V6_OCTETS };
        let to = net.end().min(from + COMPARED).min(bytes.len());
        for chunk in bytes.get(from..to).unwrap_or_default().chunks(16) {
            packet = mix(packet, padded(chunk), key);
        }
        // The path decides only where no number does.
        let path = if is_numbered { 0 } else { path(link, hops, key) };
        Self { packet, path, is_numbered }
    }
}

/// Sixteen octets, zeros after the last.
#[inline]
fn padded(chunk: &[u8]) -> [u8; 16] {
    chunk.first_chunk().copied().unwrap_or_else(|| {
        let mut octets = [0; 16];
        for (slot, octet) in octets.iter_mut().zip(chunk) {
            *slot = *octet;
        }
        octets
    })
}

/// Hash of TTL, MAC addresses and VLAN.
fn path(link: &Link, hops: u8, key: u64) -> u16 {
    let [s0, s1, s2, s3, s4, s5] = link.source_mac.unwrap_or_default();
    let [t0, t1, t2, t3, t4, t5] = link.target_mac.unwrap_or_default();
    let [v0, v1] = link.vlan.unwrap_or(u16::MAX).to_ne_bytes();
    let way = [s0, s1, s2, s3, s4, s5, t0, t1, t2, t3, t4, t5, v0, v1, hops, 0];
    let [high, low, ..] = mix(SEED, way, key).to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// Odd numbers without a pattern.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const OTHER_SEED: u64 = 0xd6e8_feb8_6659_fd93;

#[inline]
fn mix(hash: u64, octets: [u8; 16], key: u64) -> u64 {
    let value = u128::from_ne_bytes(octets);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
    let (low, high) = (value as u64, (value >> 64) as u64);
    fold(hash ^ low, high ^ key)
}

/// Multiply and fold, as in wyhash (W. Yi, 2019).
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}
