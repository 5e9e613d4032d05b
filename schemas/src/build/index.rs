//! Where a word is among the words of a column: a table of numbers alone, which is small, so most of it lies in a near cache.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;

use hashbrown::DefaultHashBuilder;

/// From so many words on it pays to ask for memory ahead.
const LARGE: usize = 4_096;
/// A place that is free.
const FREE: u32 = u32::MAX;

/// Words by their number, and the other way round.
#[derive(Debug)]
pub(crate) struct Index<W> {
    words: Vec<W>,
    /// Number of a word at the place that its hash names, or the next free one behind it; at least half of them are free.
    places: Vec<u32>,
    // With a secret: whoever sends names must not choose where they meet.
    hasher: DefaultHashBuilder,
}

impl<W> Default for Index<W> {
    fn default() -> Self {
        Self { words: Vec::new(), places: Vec::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<W: Eq + Hash> Index<W> {
    pub(crate) fn hash(&self, word: &W) -> u64 {
        self.hasher.hash_one(word)
    }

    pub(crate) const fn is_large(&self) -> bool {
        self.words.len() > LARGE
    }

    /// Reads the places that are about to be looked at: one's memory does not wait for that of another.
    pub(crate) fn approach<const N: usize>(&self, hashes: &[u64; N]) {
        black_box(hashes.map(|hash| self.places.get(self.place(hash)).copied()));
    }

    pub(crate) fn find(&self, word: &W, hash: u64) -> Option<u32> {
        let mut place = self.place(hash);
        loop {
            let number = self.places.get(place).copied().filter(|number| *number != FREE)?;
            if self.words.get(number as usize) == Some(word) {
                return Some(number);
            }
            place = self.after(place);
        }
    }

    /// Adds a word that is not there yet.
    pub(crate) fn add(&mut self, word: W, hash: u64) -> u32 {
        if self.places.len() < 2 * (self.words.len() + 1) {
            self.grow();
        }
        let number = u32::try_from(self.words.len()).unwrap_or(FREE);
        self.words.push(word);
        self.put(number, hash);
        number
    }

    fn grow(&mut self) {
        let places = (2 * self.places.len()).max(64);
        self.places.clear();
        self.places.resize(places, FREE);
        let hashes: Vec<u64> = self.words.iter().map(|word| self.hash(word)).collect();
        (0..).zip(hashes).for_each(|(number, hash)| self.put(number, hash));
    }

    fn put(&mut self, number: u32, hash: u64) {
        let mut place = self.place(hash);
        while self.places.get(place).is_some_and(|number| *number != FREE) {
            place = self.after(place);
        }
        self.places.iter_mut().skip(place).take(1).for_each(|free| *free = number);
    }

    /// The place that a hash names: there are as many as a power of two.
    fn place(&self, hash: u64) -> usize {
        let last = self.places.len().wrapping_sub(1) as u64;
        usize::try_from(hash & last).unwrap_or_default()
    }

    const fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.places.fill(FREE);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_word_has_its_number_until_all_are_forgotten(
            generations in prop::collection::vec(prop::collection::vec(0..400_u32, 0..600), 1..4),
        ) {
            let mut index = Index::default();
            for words in generations {
                let mut expected = BTreeMap::new();
                for word in &words {
                    let hash = index.hash(word);
                    let found = index.find(word, hash);
                    prop_assert_eq!(found, expected.get(word).copied());
                    if found.is_none() {
                        expected.insert(*word, index.add(*word, hash));
                    }
                    index.approach(&[hash, !hash]);
                }
                let numbers: Vec<u32> = words.iter().filter_map(|word| expected.get(word).copied()).collect();
                prop_assert!(numbers.iter().all(|number| (*number as usize) < expected.len()));
                index.clear();
            }
        }
    }
}
