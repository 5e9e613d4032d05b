//! Which packets belong together, and the one place where the two ends are put in order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One end: address (IPv4 in the first four octets, the rest zero) and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Endpoint {
    /// Address.
    pub address: [u8; 16],
    /// Port; 0 where the protocol has none or it is not known.
    pub port: u16,
}

impl Endpoint {
    /// The order of ends, as two numbers.
    #[inline]
    const fn rank(&self) -> (u128, u16) {
        (u128::from_be_bytes(self.address), self.port)
    }

    /// The address of an IP version.
    pub fn ip(&self, version: u8) -> IpAddr {
        let [a, b, c, d, ..] = self.address;
        if version == 4 {
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.address))
        }
    }
}

/// Key of a biflow: both directions give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FlowKey {
    /// The smaller end.
    pub low: Endpoint,
    /// The larger end.
    pub high: Endpoint,
    /// IANA protocol number.
    pub ip_proto: u8,
    /// 4 or 6.
    pub ip_version: u8,
    /// Which of several networks with the same addresses; octets, for the sake of the key's size. All 0 where they are not told apart.
    pub space: [u8; 4],
}

/// What a packet's headers say of its flow.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// Sender.
    pub from: Endpoint,
    /// Receiver.
    pub to: Endpoint,
    /// IANA protocol number.
    pub ip_proto: u8,
    /// 4 or 6.
    pub ip_version: u8,
}

impl FlowKey {
    /// The key, and whether the sender is its lower end.
    #[inline]
    pub fn of(ends: &Ends) -> (Self, bool) {
        let forward = ends.from.rank() <= ends.to.rank();
        let (low, high) = if forward { (ends.from, ends.to) } else { (ends.to, ends.from) };
        let (ip_proto, ip_version) = (ends.ip_proto, ends.ip_version);
        (Self { low, high, ip_proto, ip_version, space: [0; 4] }, forward)
    }

    /// The same key in a space of addresses.
    #[must_use]
    pub const fn within(self, space: u32) -> Self {
        Self { space: space.to_ne_bytes(), ..self }
    }

    /// 64-bit hash; a seed that nobody outside knows keeps chosen keys from colliding.
    #[inline]
    pub fn hash(&self, seed: u64) -> u64 {
        let [a, b] = words(&self.low.address);
        let [c, d] = words(&self.high.address);
        let ports = u64::from(self.low.port) << 48
            | u64::from(self.high.port) << 32
            | u64::from(self.ip_proto) << 8
            | u64::from(self.ip_version);
        let first = fold(a ^ seed ^ 0x9e37_79b9_7f4a_7c15, c ^ 0xbf58_476d_1ce4_e5b9);
        let second =
            fold(b ^ seed.rotate_left(32) ^ 0x94d0_49bb_1331_11eb, d ^ 0xd6e8_feb8_6659_fd93);
        // Ports and space on two sides, for the seed hides each of them.
        let space = u64::from(u32::from_ne_bytes(self.space)).rotate_left(16);
        let third = fold(first ^ ports, second ^ space ^ seed ^ 0xa076_1d64_78bd_642f);
        fold(third ^ 0xe703_7ed1_a0b4_28db, first ^ second ^ 0x8ebc_6af0_9c88_c6e3)
    }

    /// The same for all parts of a flow, all lanes and all runs.
    pub fn flow_id(&self, first_ts_ns: i64) -> i64 {
        let mixed = fold(self.hash(0), first_ts_ns.cast_unsigned() ^ 0x5895_89f6_5d3c_1b2d);
        // Positive, for people read and type it.
        (mixed >> 1).cast_signed()
    }
}

/// Hash of a pair of hosts, the same in both directions: all packets between two hosts, fragments too, share a lane.
pub fn host_pair_hash(from: &[u8; 16], to: &[u8; 16]) -> u64 {
    let [a, b] = words(from);
    let [c, d] = words(to);
    fold((a ^ c) ^ 0x2d35_8dcc_aa6c_78a5, (b ^ d) ^ 0x8bb8_4b93_962e_acc9)
}

fn words(address: &[u8; 16]) -> [u64; 2] {
    let value = u128::from_ne_bytes(*address);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
    [value as u64, (value >> 64) as u64]
}

/// Multiply and fold, as in wyhash (W. Yi, 2019).
#[inline]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_share_key_and_pair() {
        let a = Endpoint { address: [10; 16], port: 50_000 };
        let b = Endpoint { address: [9; 16], port: 443 };
        let there = FlowKey::of(&Ends { from: a, to: b, ip_proto: 6, ip_version: 6 });
        let back = FlowKey::of(&Ends { from: b, to: a, ip_proto: 6, ip_version: 6 });
        assert_eq!(there.0.within(7).hash(7), back.0.within(7).hash(7));
        assert_ne!(there.0.within(7).flow_id(1), there.0.flow_id(1));
        assert_eq!(there.0.within(0), there.0, "no space, no change");
        assert_eq!(there.0, back.0);
        assert_ne!(there.1, back.1);
        assert_eq!(there.0.hash(7), back.0.hash(7));
        assert_eq!(host_pair_hash(&a.address, &b.address), host_pair_hash(&b.address, &a.address));
    }

    #[test]
    fn the_seed_changes_the_hash_and_no_bit_is_stuck() {
        let mut ones = [0u32; 64];
        for port in 0..4096u16 {
            let low = Endpoint { address: [0; 16], port };
            let high = Endpoint { address: [1; 16], port: 80 };
            let key = FlowKey { low, high, ip_proto: 6, ip_version: 4, space: [0; 4] };
            assert_ne!(key.hash(1), key.hash(2));
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(key.hash(1) >> bit & 1 == 1);
            }
        }
        assert!(ones.iter().all(|count| (1700..2400).contains(count)), "{ones:?}");
    }

    /// A key of IPv4 over TCP, by number.
    fn numbered(number: u32) -> FlowKey {
        let mut address = [0; 16];
        address[..4].copy_from_slice(&number.to_be_bytes());
        let from = Endpoint { address, port: 40_000 };
        let to = Endpoint { address: [255, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], port: 80 };
        FlowKey::of(&Ends { from, to, ip_proto: 6, ip_version: 4 }).0
    }

    /// Keys in the fullest of 4096 buckets, by the low bits that choose the place and by the high ones that a table compares first.
    fn fullest(keys: &[FlowKey], seed: u64) -> u32 {
        let mut buckets = [vec![0_u32; 4096], vec![0_u32; 4096]];
        for key in keys {
            let hash = key.hash(seed);
            for (buckets, bits) in buckets.iter_mut().zip([hash & 4095, hash >> 52]) {
                buckets[usize::try_from(bits).unwrap()] += 1;
            }
        }
        buckets.into_iter().flatten().max().unwrap()
    }

    #[test]
    fn keys_chosen_to_collide_under_another_seed_are_spread_like_any_others() {
        // Who knows the code can try keys until as many as wanted share a bucket; the seed is all that is missing.
        let chosen: Vec<FlowKey> =
            (0..).map(numbered).filter(|key| key.hash(0) & 4095 == 0).take(4096).collect();
        let any: Vec<FlowKey> = (0..4096).map(numbered).collect();
        assert_eq!(fullest(&chosen, 0), 4096, "they do collide where the seed is known");
        for seed in [1, 2, 0xdead_beef, u64::MAX, 1 << 63, 0x9e37_79b9_7f4a_7c15] {
            let (chosen, any) = (fullest(&chosen, seed), fullest(&any, seed));
            // One key a bucket on average: the fullest of 4096 has 5 to 8.
            assert!(chosen <= 12 && any <= 12, "seed {seed:x}: {chosen} chosen, {any} others");
        }
    }
}
