//! The least and the greatest value of a page or a chunk: what readers skip pages by.

use parquet::basic::Type;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// An end of a range: ordered as readers order the column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bound {
    /// Of numbers.
    Number(i64),
    /// Of texts, by their octets.
    Text(Vec<u8>),
}

impl Bound {
    /// As the page index has it.
    pub(crate) fn octets(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => number.to_le_bytes().to_vec(),
            Self::Text(text) => text.clone(),
        }
    }

    const fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

/// Least and greatest value, both exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub(crate) from: Bound,
    pub(crate) to: Bound,
}

impl Range {
    /// Of numbers; none where there are none.
    pub fn of_numbers(numbers: impl Iterator<Item = i64> + Clone) -> Option<Self> {
        let (from, to) = (numbers.clone().min()?, numbers.max()?);
        Some(Self { from: Bound::Number(from), to: Bound::Number(to) })
    }

    /// Of texts; none where there are none.
    pub fn of_texts<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        let (from, to) = (texts.clone().min()?, texts.max()?);
        Some(Self { from: Bound::Text(from.to_vec()), to: Bound::Text(to.to_vec()) })
    }

    /// The range of both.
    pub(crate) fn join(&mut self, other: &Self) {
        if other.from < self.from {
            self.from.clone_from(&other.from);
        }
        if other.to > self.to {
            self.to.clone_from(&other.to);
        }
    }
}

/// What a chunk says of its values.
pub(crate) fn statistics(range: Option<Range>, nulls: u64, physical: Type) -> Statistics {
    let nulls = Some(nulls);
    let (from, to) = range.map(|range| (range.from, range.to)).unzip();
    if physical == Type::INT64 {
        let number = |end: Option<Bound>| end.and_then(|end| end.number());
        return ValueStatistics::new(number(from), number(to), None, nulls, false)
            .with_backwards_compatible_min_max(true)
            .into();
    }
    let text = |end: Option<Bound>| end.map(|end| ByteArray::from(end.octets()));
    ValueStatistics::new(text(from), text(to), None, nulls, false).into()
}
