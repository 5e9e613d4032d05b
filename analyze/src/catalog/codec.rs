//! Numbers and texts in few bytes: the columns of a catalog file.
//! Reading trusts nothing; a count larger than the bytes left is refused before memory is asked for.

use crate::catalog::range::{Key, Ranges, Table};

/// What a reader says when bytes do not fit what was promised.
pub(crate) type Broken = &'static str;

const SHORT: Broken = "a table ends too early";

/// Appends `number` in groups of seven bits, low ones first.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u128) {
    loop {
        let group = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            out.push(group);
            return;
        }
        out.push(group | 0x80);
    }
}

/// Appends a column of texts: how many, then each one's length, then all bytes.
pub(crate) fn push_texts(out: &mut Vec<u8>, texts: &Texts) {
    push_number(out, texts.len() as u128);
    for text in texts.iter() {
        push_number(out, text.len() as u128);
    }
    out.extend_from_slice(texts.bytes.as_bytes());
}

/// Appends a column of numbers.
pub(crate) fn push_column(out: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = u32>) {
    push_number(out, numbers.len() as u128);
    for number in numbers {
        push_number(out, u128::from(number));
    }
}

/// Appends the points of change as distances: trailing zero bits, then the rest, then the values.
fn push_ranges<K: Key>(out: &mut Vec<u8>, ranges: &Ranges<K>) {
    let steps: Vec<(K, u32)> = ranges.steps().collect();
    push_number(out, steps.len() as u128);
    let mut zeros = Vec::with_capacity(steps.len());
    let mut distances = Vec::new();
    let mut before = 0_u128;
    for (start, _) in &steps {
        let distance = start.widen() - before;
        before = start.widen();
        let shift = if distance == 0 { 0 } else { distance.trailing_zeros() };
        zeros.push(shift.to_le_bytes()[0]);
        push_number(&mut distances, distance >> shift);
    }
    out.extend_from_slice(&zeros);
    out.extend_from_slice(&distances);
    for (_, value) in &steps {
        push_number(out, u128::from(*value));
    }
}

/// Appends both families.
pub(crate) fn push_table(out: &mut Vec<u8>, table: &Table) {
    push_ranges(out, &table.v4);
    push_ranges(out, &table.v6);
}

/// A cursor over the bytes of one section.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> Result<u128, Broken> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(SHORT)?;
            self.rest = rest;
            number |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number is too long")
    }

    /// The next number, if it fits 32 bits. One byte is the common case and has its own path.
    pub(crate) fn small(&mut self) -> Result<u32, Broken> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(SHORT)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| "a number is too large");
            }
        }
        Err("a number is too long")
    }

    /// A count of things that take at least a byte each.
    fn count(&mut self) -> Result<usize, Broken> {
        let count = self.small()? as usize;
        if count > self.rest.len() { Err(SHORT) } else { Ok(count) }
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A column of numbers.
    pub(crate) fn column(&mut self) -> Result<Vec<u32>, Broken> {
        let count = self.count()?;
        (0..count).map(|_| self.small()).collect()
    }

    /// A column of texts.
    pub(crate) fn texts(&mut self) -> Result<Texts, Broken> {
        let count = self.count()?;
        let mut ends = Vec::with_capacity(count);
        let mut end = 0_u32;
        for _ in 0..count {
            end = end.checked_add(self.small()?).ok_or(SHORT)?;
            ends.push(end);
        }
        let bytes = self.bytes(end as usize)?;
        let bytes = std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")?.to_owned();
        if ends.iter().any(|end| !bytes.is_char_boundary(*end as usize)) {
            return Err("a text is cut inside a letter");
        }
        Ok(Texts { bytes, ends })
    }

    fn ranges<K: Key>(&mut self) -> Result<Ranges<K>, Broken> {
        let count = self.count()?;
        let zeros = self.bytes(count)?;
        let mut steps = Vec::with_capacity(count);
        let mut start = 0_u128;
        for (position, shift) in zeros.iter().enumerate() {
            // Nearly all distances are short once their trailing zeros are gone.
            let (&byte, rest) = self.rest.split_first().ok_or(SHORT)?;
            let distance = if byte & 0x80 == 0 {
                self.rest = rest;
                u128::from(byte)
            } else {
                self.number()?
            };
            let shifted = distance << (shift & 0x7f);
            if position > 0 && shifted == 0 {
                return Err("ranges do not rise");
            }
            start = start.checked_add(shifted).ok_or("an address is too large")?;
            steps.push((K::narrow(start).ok_or("an address is too large")?, 0));
        }
        for (_, value) in &mut steps {
            *value = self.small()?;
        }
        Ok(Ranges::from_steps(steps))
    }

    /// Both families of a table whose values do not pass `value_max`.
    pub(crate) fn table(&mut self, value_max: usize) -> Result<Table, Broken> {
        let table = Table { v4: self.ranges()?, v6: self.ranges()? };
        let beyond = |value: u32| value as usize > value_max;
        if table.v4.steps().any(|(_, value)| beyond(value))
            || table.v6.steps().any(|(_, value)| beyond(value))
        {
            return Err("a range points at a row that is not there");
        }
        Ok(table)
    }

    /// All bytes must have been used.
    pub(crate) fn end(&self) -> Result<(), Broken> {
        if self.rest.is_empty() { Ok(()) } else { Err("bytes are left over") }
    }
}

/// Many texts in one allocation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text at `position`; empty when there is none.
    pub(crate) fn at(&self, position: usize) -> &str {
        let start =
            position.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |e| *e);
        let end = self.ends.get(position).copied().unwrap_or(start);
        self.bytes.get(start as usize..end as usize).unwrap_or("")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|position| self.at(position))
    }

    /// Appends a text; a table past 4 GiB of text cannot be, since feeds are bounded.
    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_huge_count_asks_for_no_memory() {
        let mut bytes = Vec::new();
        push_number(&mut bytes, u128::from(u32::MAX));
        bytes.push(0);
        assert!(Cursor::new(&bytes).column().is_err());
        assert!(Cursor::new(&bytes).texts().is_err());
        assert!(Cursor::new(&bytes).table(1).is_err());
    }

    proptest! {
        #[test]
        fn numbers_come_back(number in any::<u128>()) {
            let mut bytes = Vec::new();
            push_number(&mut bytes, number);
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.number(), Ok(number));
            prop_assert!(cursor.end().is_ok());
        }

        #[test]
        fn ranges_come_back(starts in proptest::collection::btree_map(any::<u128>(), 0..9_u32, 0..50)) {
            let steps: Vec<(u128, u32)> = starts.into_iter().collect();
            let table = Table { v4: Ranges::default(), v6: Ranges::from_steps(steps.clone()) };
            let mut bytes = Vec::new();
            push_table(&mut bytes, &table);
            let back = Cursor::new(&bytes).table(9).unwrap();
            prop_assert_eq!(back.v6.steps().collect::<Vec<_>>(), steps);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Cursor::new(&bytes).table(3);
            let _ = Cursor::new(&bytes).texts();
            let _ = Cursor::new(&bytes).column();
        }
    }
}
