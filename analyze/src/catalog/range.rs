//! Address ranges in flat sorted columns with a first-level index: one bucket, a short search.
//! The ranges of one table never overlap; where sources nest, they were painted flat before.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// An address as a number, with the bucket of the first-level index it falls in.
pub(crate) trait Key: Copy + Ord {
    /// Buckets of the first-level index.
    const BUCKETS: usize;
    /// The bucket of this address; never falls as the address rises.
    fn bucket(self) -> usize;
    /// The next address, if there is one.
    fn successor(self) -> Option<Self>;
    /// The address as the widest number.
    fn widen(self) -> u128;
    /// The address from the widest number, if it fits.
    fn narrow(wide: u128) -> Option<Self>;
}

impl Key for u32 {
    const BUCKETS: usize = 1 << 16;

    fn bucket(self) -> usize {
        (self >> 16) as usize
    }

    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn widen(self) -> u128 {
        u128::from(self)
    }

    fn narrow(wide: u128) -> Option<Self> {
        Self::try_from(wide).ok()
    }
}

impl Key for u128 {
    // All routed IPv6 lies in 2000::/3, so the index spends its bits behind those three.
    const BUCKETS: usize = (1 << 20) + 2;

    #[expect(clippy::cast_possible_truncation, reason = "20 bits fit every usize")]
    fn bucket(self) -> usize {
        match self >> 125 {
            0 => 0,
            1 => 1 + ((self >> 105) & 0xf_ffff) as usize,
            _ => Self::BUCKETS - 1,
        }
    }

    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn widen(self) -> u128 {
        self
    }

    fn narrow(wide: u128) -> Option<Self> {
        Some(wide)
    }
}

/// Values by address range; value 0 means nothing is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges<K> {
    starts: Vec<K>,
    values: Vec<u32>,
    index: Vec<u32>,
}

impl<K: Key> Ranges<K> {
    /// From the points where the value changes, in rising order.
    pub(crate) fn from_steps(steps: Vec<(K, u32)>) -> Self {
        let (starts, values): (Vec<K>, Vec<u32>) = steps.into_iter().unzip();
        let mut index = Vec::with_capacity(K::BUCKETS + 1);
        for (position, start) in (0_u32..).zip(&starts) {
            let bucket = start.bucket();
            while index.len() <= bucket {
                index.push(position);
            }
        }
        index.resize(K::BUCKETS + 1, u32::try_from(starts.len()).unwrap_or(u32::MAX));
        Self { starts, values, index }
    }

    /// The value of the range that holds `address`; 0 when none does.
    pub(crate) fn find(&self, address: K) -> u32 {
        let bucket = address.bucket();
        let (Some(&low), Some(&high)) = (self.index.get(bucket), self.index.get(bucket + 1)) else {
            return 0;
        };
        let (low, high) = (low as usize, high as usize);
        let Some(candidates) = self.starts.get(low..high) else { return 0 };
        let position = low + candidates.partition_point(|start| *start <= address);
        position.checked_sub(1).and_then(|last| self.values.get(last)).copied().unwrap_or(0)
    }

    /// The points where the value changes, in rising order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (K, u32)> + '_ {
        self.starts.iter().copied().zip(self.values.iter().copied())
    }

    /// Ranges that carry a value.
    pub(crate) fn known(&self) -> usize {
        self.values.iter().filter(|value| **value != 0).count()
    }
}

/// A range of addresses of one family, first and last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// IPv4.
    V4(u32, u32),
    /// IPv6.
    V6(u128, u128),
}

impl Span {
    /// From first to last; the text says why not.
    pub(crate) fn between(first: IpAddr, last: IpAddr) -> Result<Self, String> {
        match (first, last) {
            _ if last < first && first.is_ipv4() == last.is_ipv4() => {
                Err(format!("the range ends ({last}) before it starts ({first})"))
            }
            (IpAddr::V4(a), IpAddr::V4(b)) => Ok(Self::V4(a.to_bits(), b.to_bits())),
            (IpAddr::V6(a), IpAddr::V6(b)) => Ok(Self::V6(a.to_bits(), b.to_bits())),
            _ => Err(format!("{first} and {last} are of different IP versions")),
        }
    }
}

/// Ranges of one family on their way into a table: the narrowest wins, whatever the order.
#[derive(Debug)]
pub(crate) struct Canvas<K> {
    spans: Vec<(K, K, u32)>,
}

impl<K: Key> Default for Canvas<K> {
    fn default() -> Self {
        Self { spans: Vec::new() }
    }
}

impl<K: Key> Canvas<K> {
    pub(crate) fn add(&mut self, first: K, last: K, value: u32) {
        self.spans.push((first, last, value));
    }

    /// Lays wide spans first and narrow ones over them, and keeps the points of change.
    pub(crate) fn steps(mut self) -> Vec<(K, u32)> {
        self.spans.sort_by_key(|(first, last, value)| {
            (std::cmp::Reverse(last.widen() - first.widen()), *first, *value)
        });
        let mut painted: BTreeMap<K, u32> = BTreeMap::new();
        for (first, last, value) in self.spans {
            let after = painted.range(..=last).next_back().map_or(0, |(_, value)| *value);
            let covered: Vec<K> = painted.range(first..=last).map(|(start, _)| *start).collect();
            for start in covered {
                painted.remove(&start);
            }
            painted.insert(first, value);
            if let Some(next) = last.successor() {
                painted.entry(next).or_insert(after);
            }
        }
        let mut steps: Vec<(K, u32)> = Vec::with_capacity(painted.len());
        for (start, value) in painted {
            if steps.last().map_or(0, |(_, before)| *before) != value {
                steps.push((start, value));
            }
        }
        steps
    }
}

/// Both families of a table on their way.
#[derive(Debug, Default)]
pub(crate) struct Canvases {
    pub(crate) v4: Canvas<u32>,
    pub(crate) v6: Canvas<u128>,
}

impl Canvases {
    pub(crate) fn add(&mut self, span: Span, value: u32) {
        match span {
            Span::V4(first, last) => self.v4.add(first, last, value),
            Span::V6(first, last) => self.v6.add(first, last, value),
        }
    }

    pub(crate) fn finish(self) -> Table {
        Table {
            v4: Ranges::from_steps(self.v4.steps()),
            v6: Ranges::from_steps(self.v6.steps()),
        }
    }
}

/// One table for both families.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) v4: Ranges<u32>,
    pub(crate) v6: Ranges<u128>,
}

impl Table {
    /// The value for `ip`; 0 when nothing is known.
    pub(crate) fn find(&self, ip: IpAddr) -> u32 {
        match ip {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn narrow_spans_win_in_any_order() {
        let mut canvas = Canvas::<u32>::default();
        canvas.add(10, 10, 3);
        canvas.add(0, u32::MAX, 1);
        canvas.add(8, 15, 2);
        assert_eq!(canvas.steps(), [(0, 1), (8, 2), (10, 3), (11, 2), (16, 1)]);
    }

    #[test]
    fn an_empty_table_knows_nothing() {
        assert_eq!(Table::default().find("1.2.3.4".parse().unwrap()), 0);
        let empty = Canvases::default().finish();
        assert_eq!(empty.find("255.255.255.255".parse().unwrap()), 0);
        assert_eq!(empty.find("ffff::".parse().unwrap()), 0);
    }

    proptest! {
        #[test]
        fn the_indexed_search_equals_a_plain_one(
            starts in proptest::collection::btree_set(any::<u32>(), 0..200),
            asked in proptest::collection::vec(any::<u32>(), 50),
        ) {
            let steps: Vec<(u32, u32)> = starts.iter().copied().zip(1..).collect();
            let ranges = Ranges::from_steps(steps.clone());
            let wide: Vec<(u128, u32)> =
                steps.iter().map(|(start, value)| (u128::from(*start) << 93, *value)).collect();
            let ranges_wide = Ranges::from_steps(wide.clone());
            for address in asked.into_iter().chain(starts.iter().copied()).chain([0, u32::MAX]) {
                let plain = steps.iter().rev().find(|(start, _)| *start <= address);
                prop_assert_eq!(ranges.find(address), plain.map_or(0, |(_, value)| *value));
                let broad = u128::from(address) << 93;
                let plain = wide.iter().rev().find(|(start, _)| *start <= broad);
                prop_assert_eq!(ranges_wide.find(broad), plain.map_or(0, |(_, value)| *value));
            }
        }
    }
}
