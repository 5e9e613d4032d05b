//! Groups: combinations of the keys' values, numbered in order of appearance.
//!
//! A combination of many is one of two: that of all but the last key, and the last.

use std::mem::size_of;

use datafusion::common::{Result, internal_datafusion_err};
use hashbrown::HashMap;

/// Pairs that are looked up in a list at most: what stays close to the processor.
const NEAR_MAX: usize = 1 << 18;
/// First numbers that the list has lines for at least: one large second number must not take the room of all others.
const FIRSTS_MIN: usize = 16;
/// In that list: not met yet.
const NOT_MET: u32 = u32::MAX;

/// The groups of one part of a query.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// One for each key but the first.
    levels: Vec<Pairs>,
    /// Where there is one key: the group of each of its values that was met, and the value of each group.
    only: Vec<Option<u32>>,
    values: Vec<u32>,
    /// The combination of the rows at hand.
    rows: Vec<u32>,
}

/// Distinct pairs of numbers.
#[derive(Debug, Default)]
struct Pairs {
    all: HashMap<u64, u32>,
    list: Vec<u64>,
    /// Of small numbers, those met before: the first by lines, the second within a line.
    near: Vec<u32>,
    /// How many bits the second takes there.
    line_bits: u32,
}

impl Pairs {
    /// The place of a pair in the list of small ones.
    fn place(&self, first: u32, second: u32) -> Option<usize> {
        let place = u64::from(first) << self.line_bits | u64::from(second);
        let place = usize::try_from(place).ok()?;
        (u64::from(second) >> self.line_bits == 0 && place < NEAR_MAX).then_some(place)
    }

    /// The number of a pair of small ones that was met before.
    fn known(&self, first: u32, second: u32) -> Option<u32> {
        let near = self.place(first, second).and_then(|place| self.near.get(place));
        near.copied().filter(|number| *number != NOT_MET)
    }

    /// The number of any pair.
    fn met(&mut self, first: u32, second: u32) -> Result<u32> {
        let number = self.number(u64::from(first) << u32::BITS | u64::from(second))?;
        let bits = u32::BITS - second.leading_zeros();
        if bits > self.line_bits && FIRSTS_MIN << bits <= NEAR_MAX {
            // All others have other places now, and are met again.
            self.line_bits = bits;
            self.near.clear();
        }
        if let Some(place) = self.place(first, second) {
            if place >= self.near.len() {
                self.near.resize((place + 1).next_power_of_two(), NOT_MET);
            }
            if let Some(near) = self.near.get_mut(place) {
                *near = number;
            }
        }
        Ok(number)
    }

    fn number(&mut self, pair: u64) -> Result<u32> {
        if let Some(number) = self.all.get(&pair) {
            return Ok(*number);
        }
        let next = u32::try_from(self.list.len())
            .map_err(|_| internal_datafusion_err!("more than 2^32 groups"))?;
        self.list.push(pair);
        self.all.insert(pair, next);
        Ok(next)
    }
}

impl Groups {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.levels.last().map_or(self.values.len(), |last| last.list.len())
    }

    /// Adds a key of the rows, the `position`th; the first begins anew.
    pub(crate) fn add(&mut self, position: usize, numbers: &[u32]) -> Result<()> {
        let Some(level) = position.checked_sub(1) else {
            self.rows.clear();
            self.rows.extend(numbers);
            return Ok(());
        };
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Pairs::default);
        }
        let Some(pairs) = self.levels.get_mut(level) else { return Ok(()) };
        let mut before = None;
        for (row, number) in self.rows.iter_mut().zip(numbers) {
            let pair = (*row, *number);
            *row = match (pairs.known(pair.0, pair.1), before) {
                (Some(known), _) => known,
                (None, Some((same, number))) if same == pair => number,
                (None, _) => {
                    let number = pairs.met(pair.0, pair.1)?;
                    before = Some((pair, number));
                    number
                }
            };
        }
        Ok(())
    }

    /// Writes the group of each row, when all keys are added.
    pub(crate) fn of_rows(&mut self, groups: &mut Vec<usize>) {
        groups.clear();
        if !self.levels.is_empty() {
            groups.extend(self.rows.iter().map(|row| *row as usize));
            return;
        }
        let most = self.rows.iter().max().map_or(0, |most| *most as usize + 1);
        if self.only.len() < most {
            self.only.resize(most, None);
        }
        for row in &self.rows {
            let Some(group) = self.only.get_mut(*row as usize) else { continue };
            let group = group.get_or_insert_with(|| {
                self.values.push(*row);
                // No more than there are values, which are numbered so.
                u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
            });
            groups.push(*group as usize);
        }
    }

    /// The numbers of the `position`th key, by group.
    pub(crate) fn numbers(&self, position: usize) -> Vec<u32> {
        if self.levels.is_empty() {
            return self.values.clone();
        }
        let all = 0..u32::try_from(self.len()).unwrap_or(u32::MAX);
        let number = |group: u32| {
            let mut group = group;
            let mut last = group;
            // From the last key back to this one.
            for pairs in self.levels.iter().skip(position.saturating_sub(1)).rev() {
                let pair = pairs.list.get(group as usize).copied().unwrap_or_default();
                [group, last] = halves(pair);
            }
            if position == 0 { group } else { last }
        };
        all.map(number).collect()
    }

    /// Memory that is held, octets.
    pub(crate) fn size(&self) -> usize {
        let pairs = self.levels.iter().map(|pairs| {
            pairs.all.allocation_size()
                + pairs.list.capacity() * size_of::<u64>()
                + pairs.near.capacity() * size_of::<u32>()
        });
        let single = self.rows.capacity() + self.values.capacity() + 2 * self.only.capacity();
        pairs.sum::<usize>() + single * size_of::<u32>()
    }
}

/// The two numbers of a pair.
fn halves(pair: u64) -> [u32; 2] {
    let half = |part: u64| u32::try_from(part & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    [half(pair >> u32::BITS), half(pair)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_one_group_and_keep_their_values() {
        let mut groups = Groups::default();
        let mut of_rows = Vec::new();
        let mut group = |keys: [&[u32]; 3]| {
            for (position, numbers) in keys.into_iter().enumerate() {
                groups.add(position, numbers).unwrap();
            }
            groups.of_rows(&mut of_rows);
            (of_rows.clone(), [0, 1, 2].map(|position| groups.numbers(position)))
        };
        let (rows, keys) = group([&[7, 8, 7, 7], &[1, 1, 1, 2], &[u32::MAX, 0, u32::MAX, 1]]);
        assert_eq!(rows, [0, 1, 0, 2]);
        assert_eq!(keys, [vec![7, 8, 7], vec![1, 1, 2], vec![u32::MAX, 0, 1]]);
        let (rows, keys) = group([&[8, 9], &[1, 9], &[0, 9]]);
        assert_eq!(rows, [1, 3]);
        assert_eq!(keys.map(|numbers| numbers.len()), [4, 4, 4]);
    }

    #[test]
    fn a_pair_has_one_number_however_large_others_grow() {
        let (mut groups, mut of_rows) = (Groups::default(), Vec::new());
        let mut met = HashMap::new();
        for most in [1, 10, 300, 70_000, 10, u32::MAX, 5_000, 300] {
            let spread = |factor: u32| (0..400_u32).map(move |n| n.wrapping_mul(factor) % most);
            let (firsts, seconds): (Vec<u32>, Vec<u32>) =
                (spread(7).collect(), spread(13).collect());
            groups.add(0, &firsts).unwrap();
            groups.add(1, &seconds).unwrap();
            groups.of_rows(&mut of_rows);
            let values = [groups.numbers(0), groups.numbers(1)];
            for ((first, second), group) in firsts.iter().zip(&seconds).zip(&of_rows) {
                assert_eq!(*met.entry((*first, *second)).or_insert(*group), *group);
                assert_eq!([values[0][*group], values[1][*group]], [*first, *second]);
            }
        }
        assert_eq!(met.len(), groups.len());
    }

    #[test]
    fn of_one_key_only_values_that_were_met_are_groups() {
        let (mut groups, mut of_rows) = (Groups::default(), Vec::new());
        groups.add(0, &[7, 3, 7]).unwrap();
        groups.of_rows(&mut of_rows);
        assert_eq!((of_rows, groups.len(), groups.numbers(0)), (vec![0, 1, 0], 2, vec![7, 3]));
    }
}
