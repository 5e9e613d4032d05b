//! Groups: combinations of the keys' values, numbered in order of appearance.
//!
//! A combination of many is one of two: that of all but the last key, and the last.

use std::mem::size_of;

use datafusion::common::{Result, internal_datafusion_err};
use hashbrown::HashMap;

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
    known: HashMap<u64, u32>,
    list: Vec<u64>,
}

impl Pairs {
    fn number(&mut self, pair: u64) -> Result<u32> {
        if let Some(number) = self.known.get(&pair) {
            return Ok(*number);
        }
        let next = u32::try_from(self.list.len())
            .map_err(|_| internal_datafusion_err!("more than 2^32 groups"))?;
        self.list.push(pair);
        self.known.insert(pair, next);
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
        let mut before: Option<(u64, u32)> = None;
        for (row, number) in self.rows.iter_mut().zip(numbers) {
            let pair = u64::from(*row) << u32::BITS | u64::from(*number);
            *row = match before {
                Some((same, number)) if same == pair => number,
                _ => pairs.number(pair)?,
            };
            before = Some((pair, *row));
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
        let pairs = self
            .levels
            .iter()
            .map(|pairs| pairs.known.allocation_size() + pairs.list.capacity() * size_of::<u64>());
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
    fn of_one_key_only_values_that_were_met_are_groups() {
        let (mut groups, mut of_rows) = (Groups::default(), Vec::new());
        groups.add(0, &[7, 3, 7]).unwrap();
        groups.of_rows(&mut of_rows);
        assert_eq!((of_rows, groups.len(), groups.numbers(0)), (vec![0, 1, 0], 2, vec![7, 3]));
    }
}
