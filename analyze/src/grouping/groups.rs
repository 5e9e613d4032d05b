//! Groups: combinations of the keys' values, numbered in order of appearance.

use std::mem::size_of;

use hashbrown::HashMap;

/// Keys that fit beside each other.
pub(crate) const KEYS_MAX: usize = 4;

const KEY_BITS: usize = 32;

/// The groups of one part of a query.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    numbers: HashMap<u128, usize>,
    /// Numbers of the keys' values beside each other, by group.
    list: Vec<u128>,
    /// The same of the rows at hand.
    rows: Vec<u128>,
}

impl Groups {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Begins with rows that have no key yet.
    pub(crate) fn begin(&mut self, rows: usize) {
        self.rows.clear();
        self.rows.resize(rows, 0);
    }

    /// Adds a key, the `position`th, to the rows.
    pub(crate) fn add(&mut self, position: usize, numbers: &[u32]) {
        for (row, number) in self.rows.iter_mut().zip(numbers) {
            *row |= u128::from(*number) << (KEY_BITS * position);
        }
    }

    /// Writes the group of each row.
    pub(crate) fn group(&mut self, groups: &mut Vec<usize>) {
        groups.clear();
        let mut before: Option<(u128, usize)> = None;
        for row in &self.rows {
            let group = match before {
                Some((same, group)) if same == *row => group,
                _ => *self.numbers.entry(*row).or_insert_with(|| {
                    self.list.push(*row);
                    self.list.len() - 1
                }),
            };
            before = Some((*row, group));
            groups.push(group);
        }
    }

    /// The numbers of the `position`th key, by group.
    pub(crate) fn numbers(&self, position: usize) -> Vec<u32> {
        let of = |group: &u128| (group >> (KEY_BITS * position)) & u128::from(u32::MAX);
        self.list.iter().map(|group| u32::try_from(of(group)).unwrap_or(u32::MAX)).collect()
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Memory that is held, octets.
    pub(crate) fn size(&self) -> usize {
        self.numbers.allocation_size()
            + (self.list.capacity() + self.rows.capacity()) * size_of::<u128>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_one_group_and_keep_their_values() {
        let mut groups = Groups::default();
        let mut of_rows = Vec::new();
        groups.begin(4);
        groups.add(0, &[7, 8, 7, 7]);
        groups.add(3, &[u32::MAX, 0, u32::MAX, 1]);
        groups.group(&mut of_rows);
        assert_eq!(of_rows, [0, 1, 0, 2]);
        assert_eq!(groups.numbers(0), [7, 8, 7]);
        assert_eq!(groups.numbers(1), [0, 0, 0]);
        assert_eq!(groups.numbers(3), [u32::MAX, 0, 1]);
        groups.begin(1);
        groups.add(0, &[8]);
        groups.group(&mut of_rows);
        assert_eq!(of_rows, [1]);
    }
}
