//! Address ranges in flat sorted columns with a first-level index: one bucket, a short search.
//! The ranges of one table never overlap; where sources nest, they were painted flat before.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// A table as short as this is searched whole; an index of its own would only cost memory.
const PLAIN_ROWS_MAX: usize = 1024;

/// Values by address range; value 0 means nothing is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges<K> {
    /// Where each value begins, beside the value: found together.
    rows: Vec<(K, u32)>,
    index: Vec<u32>,
}

impl<K: Key> Ranges<K> {
    /// From the points where the value changes, in rising order.
    pub(crate) fn from_steps(steps: Vec<(K, u32)>) -> Self {
        let mut index = Vec::new();
        if steps.len() > PLAIN_ROWS_MAX {
            index.reserve_exact(K::BUCKETS + 1);
            for (position, (start, _)) in (0_u32..).zip(&steps) {
                let bucket = start.bucket();
                if index.len() <= bucket {
                    index.resize(bucket + 1, position);
                }
            }
            index.resize(K::BUCKETS + 1, u32::try_from(steps.len()).unwrap_or(u32::MAX));
        }
        Self { rows: steps, index }
    }

    /// The same ranges under those of another table, whose values are changed by `map`: where that is silent, these speak.
    fn under(&self, over: &Self, map: impl Fn(u32) -> u32) -> Self {
        let (mut below, mut above) = (self.steps().peekable(), over.steps().peekable());
        let (mut low, mut high) = (0, 0);
        let mut steps: Vec<(K, u32)> = Vec::with_capacity(self.rows.len() + over.rows.len());
        loop {
            let next = match (below.peek(), above.peek()) {
                (Some((one, _)), Some((other, _))) => *one.min(other),
                (Some((only, _)), None) | (None, Some((only, _))) => *only,
                (None, None) => return Self::from_steps(steps),
            };
            low = below.next_if(|(start, _)| *start == next).map_or(low, |(_, value)| value);
            high = above.next_if(|(start, _)| *start == next).map_or(high, |(_, value)| value);
            let value = if high == 0 { low } else { map(high) };
            if steps.last().map_or(0, |(_, before)| *before) != value {
                steps.push((next, value));
            }
        }
    }

    /// The value of the range that holds `address`; 0 when none does.
    pub(crate) fn find(&self, address: K) -> u32 {
        let (low, high) = if self.index.is_empty() {
            (0, self.rows.len())
        } else {
            let bucket = address.bucket();
            match (self.index.get(bucket), self.index.get(bucket + 1)) {
                (Some(&low), Some(&high)) => (low as usize, high as usize),
                _ => return 0,
            }
        };
        let Some(candidates) = self.rows.get(low..high) else { return 0 };
        let position = low + candidates.partition_point(|(start, _)| *start <= address);
        position.checked_sub(1).and_then(|last| self.rows.get(last)).map_or(0, |(_, value)| *value)
    }

    /// The points where the value changes, in rising order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (K, u32)> + '_ {
        self.rows.iter().copied()
    }

    /// Ranges that carry a value.
    pub(crate) fn known(&self) -> usize {
        self.rows.iter().filter(|(_, value)| *value != 0).count()
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
    /// One range with two values has no answer: its ends come back instead.
    pub(crate) fn steps(mut self) -> Result<Vec<(K, u32)>, (K, K)> {
        self.spans.sort_by_key(|(first, last, value)| {
            (std::cmp::Reverse(last.widen() - first.widen()), *first, *value)
        });
        for (one, next) in self.spans.iter().zip(self.spans.iter().skip(1)) {
            if (one.0, one.1) == (next.0, next.1) && one.2 != next.2 {
                return Err((one.0, one.1));
            }
        }
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
        Ok(steps)
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

    /// The table; the text says which range has two values.
    pub(crate) fn finish(self) -> Result<Table, String> {
        let twice = |first: IpAddr, last: IpAddr| {
            format!("the range {first} to {last} is stated twice with different values")
        };
        let v4 = self.v4.steps().map_err(|(first, last)| {
            twice(Ipv4Addr::from_bits(first).into(), Ipv4Addr::from_bits(last).into())
        })?;
        let v6 = self.v6.steps().map_err(|(first, last)| {
            twice(Ipv6Addr::from_bits(first).into(), Ipv6Addr::from_bits(last).into())
        })?;
        Ok(Table { v4: Ranges::from_steps(v4), v6: Ranges::from_steps(v6) })
    }
}

/// One table for both families.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) v4: Ranges<u32>,
    pub(crate) v6: Ranges<u128>,
}

impl Table {
    /// The same ranges under those of another table, whose values are changed by `map`.
    pub(crate) fn under(&self, over: &Self, map: impl Fn(u32) -> u32) -> Self {
        Self { v4: self.v4.under(&over.v4, &map), v6: self.v6.under(&over.v6, &map) }
    }

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
        assert_eq!(canvas.steps().unwrap(), [(0, 1), (8, 2), (10, 3), (11, 2), (16, 1)]);
    }

    #[test]
    fn one_range_with_two_values_is_refused() {
        let mut canvases = Canvases::default();
        canvases.add(Span::V4(0x0a00_0000, 0x0a00_00ff), 1);
        canvases.add(Span::V4(0x0a00_0000, 0x0a00_00ff), 2);
        let message = canvases.finish().unwrap_err();
        assert_eq!(
            message,
            "the range 10.0.0.0 to 10.0.0.255 is stated twice with different values"
        );
    }

    #[test]
    fn an_empty_table_knows_nothing() {
        assert_eq!(Table::default().find("1.2.3.4".parse().unwrap()), 0);
        let empty = Canvases::default().finish().unwrap();
        assert_eq!(empty.find("255.255.255.255".parse().unwrap()), 0);
        assert_eq!(empty.find("ffff::".parse().unwrap()), 0);
    }

    proptest! {
        #[test]
        fn a_table_under_another_speaks_where_that_is_silent(
            below in proptest::collection::btree_map(0_u32..50, 0_u32..4, 0..20),
            above in proptest::collection::btree_map(0_u32..50, 0_u32..4, 0..20),
        ) {
            let [below, above] = [below, above].map(|steps| Ranges::from_steps(steps.into_iter().collect()));
            let both = below.under(&above, |value| value + 100);
            for address in 0..60 {
                let expected = match above.find(address) {
                    0 => below.find(address),
                    value => value + 100,
                };
                prop_assert_eq!(both.find(address), expected, "{}", address);
            }
        }

        #[test]
        fn the_indexed_search_equals_a_plain_one(
            starts in proptest::collection::btree_set(any::<u32>(), 0..2_000),
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
