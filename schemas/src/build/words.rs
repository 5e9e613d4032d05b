//! Words under construction: each is looked up once as it comes, as what it is and not as text, and rows carry its number.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::error::ArrowError;
use parquet::basic::Encoding;

use crate::build::index::Index;
use crate::build::values::Build;
use crate::build::word::Word;
use crate::pages::{Dictionary, Range, Values, runs, width};

/// Rows that are turned into columns at a time, for they lie in the nearest cache: those of `flows` take some 900 octets each.
pub(crate) const ROWS_NEAR: usize = 32;
/// Words that are found without a look into the table at most: most columns have few.
const SPOTS: usize = 16;
/// A place at which there is no word.
const NONE: u32 = u32::MAX;

/// Words, and which of them each row has.
#[derive(Debug)]
pub struct Words<W> {
    rows: Vec<u32>,
    /// The last word of each spot, and its number.
    near: [Option<(W, u32)>; SPOTS],
    numbers: Index<W>,
    /// Length and octets of each word.
    octets: Vec<u8>,
    /// Where each word ends there.
    ends: Vec<u32>,
}

impl<W> Default for Words<W> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            near: [const { None }; SPOTS],
            numbers: Index::default(),
            octets: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl<W: Word> Words<W> {
    /// Adds one.
    #[inline]
    pub fn push(&mut self, word: &W) {
        let near = self.near.get(word.spot() % SPOTS).and_then(Option::as_ref);
        let number = match near {
            Some((last, number)) if last.is_seen_to_be(word) => *number,
            _ => self.number(word),
        };
        self.rows.push(number);
    }

    /// Adds some, of which hardly two follow each other that are the same. Where there are many words, the memory of all is asked for at once.
    pub fn push_each<'a>(&mut self, words: impl Iterator<Item = &'a W> + Clone)
    where
        W: 'a,
    {
        if !self.numbers.is_large() {
            return words.for_each(|word| self.push(word));
        }
        let mut hashes = [0; ROWS_NEAR];
        for (hash, word) in hashes.iter_mut().zip(words.clone()) {
            *hash = self.numbers.hash(word);
        }
        self.numbers.approach(&hashes);
        for (word, hash) in words.zip(hashes) {
            let number = self.find(word, hash);
            self.rows.push(number);
        }
    }

    fn number(&mut self, word: &W) -> u32 {
        let number = self.find(word, self.numbers.hash(word));
        if let Some(near) = self.near.get_mut(word.spot() % SPOTS) {
            *near = Some((word.clone(), number));
        }
        number
    }

    fn find(&mut self, word: &W, hash: u64) -> u32 {
        let number = self.numbers.find(word, hash);
        number.unwrap_or_else(|| self.learn(word, hash))
    }

    #[cold]
    fn learn(&mut self, word: &W, hash: u64) -> u32 {
        let begin = self.octets.len();
        self.octets.extend([0; LENGTH]);
        word.write(&mut self.octets);
        let octets = length(self.octets.len() - begin - LENGTH).to_le_bytes();
        let place = self.octets.iter_mut().skip(begin);
        place.zip(octets).for_each(|(to, octet)| *to = octet);
        self.ends.push(length(self.octets.len()));
        self.numbers.add(word.clone(), hash)
    }

    /// The octets of a word; none of one that is not there.
    fn word(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let begin = at.checked_sub(1).map_or(0, |before| self.end(before));
        self.octets.get(begin + LENGTH..self.end(at)).unwrap_or_default()
    }

    fn end(&self, at: usize) -> usize {
        self.ends.get(at).map_or(0, |end| *end as usize)
    }

    /// Between which words those of the rows lie.
    fn range(&self) -> Option<Range> {
        let mut is_there = vec![false; self.ends.len()];
        for row in &self.rows {
            is_there.iter_mut().skip(*row as usize).take(1).for_each(|there| *there = true);
        }
        let numbers = (0..).zip(is_there).filter_map(|(number, there)| there.then_some(number));
        Range::of_texts(numbers.map(|number| self.word(number)))
    }

    fn forget(&mut self) {
        self.near.fill(None);
        self.numbers.clear();
        self.octets.clear();
        self.ends.clear();
    }

    /// The words of all rows, one behind the other, and where each begins and ends.
    fn spell(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let mut octets = Vec::new();
        let mut offsets = Vec::with_capacity(self.rows.len() + 1);
        offsets.push(0);
        for row in &self.rows {
            octets.extend_from_slice(self.word(*row));
            // A batch is far smaller than 2 GiB, and one that were not would be refused.
            offsets.push(i32::try_from(octets.len()).unwrap_or(i32::MAX));
        }
        self.rows.clear();
        self.forget();
        (OffsetBuffer::new(offsets.into()), Buffer::from_vec(octets))
    }

    /// Hands the column over as texts.
    pub fn texts(&mut self, valid: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (offsets, octets) = self.spell();
        Ok(Arc::new(StringArray::try_new(offsets, octets, valid)?))
    }

    /// Hands the column over as octets.
    pub fn binary(&mut self, valid: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (offsets, octets) = self.spell();
        Ok(Arc::new(BinaryArray::try_new(offsets, octets, valid)?))
    }
}

/// Octets before a word that say its length.
const LENGTH: usize = 4;

/// A length or a number; what is kept of words is far smaller than 4 GiB.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NONE)
}

impl<W: Word> Build for Words<W> {
    fn spread(&mut self, valid: &[bool]) {
        let mut rows = self.rows.iter();
        let spread = valid.iter().map(|valid| if *valid { rows.next() } else { None });
        self.rows = spread.map(|row| row.copied().unwrap_or(NONE)).collect();
    }

    fn encode(&mut self, is_ranged: bool, to: &mut Vec<u8>) -> Values {
        let range = if is_ranged { self.range() } else { None };
        let width = width(length(self.ends.len().saturating_sub(1)));
        to.extend(width.to_le_bytes().first());
        runs(&self.rows, width, to);
        self.rows.clear();
        Values { encoding: Encoding::RLE_DICTIONARY, range }
    }

    fn words(&self) -> usize {
        self.octets.len()
    }

    fn dictionary(&mut self) -> Option<Dictionary> {
        let words = length(self.ends.len());
        let octets = std::mem::take(&mut self.octets);
        self.forget();
        Some(Dictionary { octets, words })
    }
}
