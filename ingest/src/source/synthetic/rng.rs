//! Seeded random streams (`SplitMix64`), one stream for each entity and purpose.
//!
//! A stream depends on nothing but its seed and its two names, so adding a handset or a session
//! changes no byte of the others.

/// A deterministic stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of `entity` for `purpose` under `seed` (FNV-1a over all three).
    pub(crate) fn of(seed: u64, entity: &str, purpose: &str) -> Self {
        let words = seed.to_be_bytes();
        let bytes = words.iter().chain(entity.as_bytes()).chain(&[0]).chain(purpose.as_bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..limit`; 0 when `limit` is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(limit);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A signed number in `low..low + width`, for times.
    pub(crate) fn between(&mut self, low: i64, width: i64) -> i64 {
        let width = u64::try_from(width).unwrap_or(0);
        low.saturating_add(i64::try_from(self.below(width)).unwrap_or(0))
    }

    /// The next 16 bits, for ports, identifiers and counters.
    pub(crate) fn word(&mut self) -> u16 {
        let [high, low, ..] = self.next().to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// The next 32 bits.
    pub(crate) fn long(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.next().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// `count` opaque bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    /// `count` printable bytes, for bodies that a text protocol must carry.
    pub(crate) fn text(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = self.bytes(count);
        for byte in &mut bytes {
            *byte = b'a' + (*byte % 26);
        }
        bytes
    }

    /// One of `choices`, or `None` when there is none.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(choices.len()).unwrap_or(0));
        choices.get(usize::try_from(index).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn streams_differ_by_each_of_their_names() {
        let first = |seed, entity, purpose| Rng::of(seed, entity, purpose).next();
        assert_eq!(first(1, "a", "b"), first(1, "a", "b"));
        assert_ne!(first(1, "a", "b"), first(2, "a", "b"));
        assert_ne!(first(1, "ab", ""), first(1, "a", "b"));
    }

    #[test]
    fn bounds_hold() {
        let mut rng = Rng::of(7, "bounds", "test");
        assert!((0..1_000).all(|_| rng.below(10) < 10));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.bytes(13).len(), 13);
        assert!(rng.text(40).iter().all(u8::is_ascii_lowercase));
    }
}
