//! Columns under construction: plain vectors that become Arrow arrays, so that a value costs a move and a null costs less.
//!
//! Arrow's own builders keep a bit for each null as it comes, and begin every batch with little room. Here a column of nulls only is a number, and a batch
//! has as much room as the one before took.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, PrimitiveArray};
use arrow::array::{StringArray, new_null_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, FieldRef};
use arrow::error::ArrowError;

/// A column under construction in which a row may be left out.
pub trait Build: Debug + Default {
    /// Adds values that nobody will look at.
    fn skip(&mut self, rows: usize);
}

/// Takes what is there and leaves as much room.
fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(values.len());
    let mut full = std::mem::replace(values, next);
    if full.len() < full.capacity() / 4 {
        full.shrink_to_fit();
    }
    full
}

/// Numbers.
#[derive(Debug, Default)]
pub struct Numbers<T>(Vec<T>);

impl<T: Clone + Debug + Default> Build for Numbers<T> {
    fn skip(&mut self, rows: usize) {
        self.0.resize(self.0.len() + rows, T::default());
    }
}

impl<T: ArrowNativeType> Numbers<T> {
    /// Adds one.
    pub fn push(&mut self, value: T) {
        self.0.push(value);
    }

    /// Hands the column over.
    pub fn finish<P: ArrowPrimitiveType<Native = T>>(
        &mut self,
        valid: Option<NullBuffer>,
    ) -> Result<PrimitiveArray<P>, ArrowError> {
        PrimitiveArray::try_new(take(&mut self.0).into(), valid)
    }
}

/// Truth values.
#[derive(Debug, Default)]
pub struct Truths(Vec<bool>);

impl Build for Truths {
    fn skip(&mut self, rows: usize) {
        self.0.resize(self.0.len() + rows, false);
    }
}

impl Truths {
    /// Adds one.
    pub fn push(&mut self, value: bool) {
        self.0.push(value);
    }

    /// Hands the column over.
    pub fn finish(&mut self, valid: Option<NullBuffer>) -> ArrayRef {
        Arc::new(BooleanArray::new(bits(&take(&mut self.0)), valid))
    }
}

fn bits(values: &[bool]) -> BooleanBuffer {
    BooleanBuffer::collect_bool(values.len(), |at| values.get(at).copied().unwrap_or_default())
}

/// Texts, one behind the other.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

impl Build for Texts {
    fn skip(&mut self, rows: usize) {
        self.ends.resize(self.ends.len() + rows, end(self.bytes.len()));
    }
}

/// An offset as Arrow has it: a batch is far smaller than 2 GiB, and one that were not would be refused by its check.
fn end(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// All offsets: the first one, and where each row ends.
fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.append(ends);
    OffsetBuffer::new(offsets.into())
}

impl Texts {
    /// Adds one.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(end(self.bytes.len()));
    }

    /// Adds an IP address as RFC 5952 section 4 has it.
    pub fn push_ip(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.write_v4(address),
            IpAddr::V6(address) => self.write_v6(address),
        }
        self.ends.push(end(self.bytes.len()));
    }

    /// Adds a MAC address.
    pub fn push_mac(&mut self, octets: [u8; 6]) {
        let mut text = *b"..:..:..:..:..:..";
        for (to, octet) in text.chunks_mut(3).zip(octets) {
            to.iter_mut().zip([digit(octet >> 4), digit(octet & 15)]).for_each(|(to, d)| *to = d);
        }
        self.bytes.extend_from_slice(&text);
        self.ends.push(end(self.bytes.len()));
    }

    fn write_v4(&mut self, address: Ipv4Addr) {
        let mut text = [0; 16];
        let mut length = 0;
        for octet in address.octets() {
            let (digits, count) = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
            text.iter_mut().skip(length).zip(digits).for_each(|(to, digit)| *to = digit);
            length += count;
        }
        // All of it, for so many octets are one move; then not what is too much, nor the last dot.
        let end = self.bytes.len() + length - 1;
        self.bytes.extend_from_slice(&text);
        self.bytes.truncate(end);
    }

    fn write_v6(&mut self, address: Ipv6Addr) {
        if let Some(mapped) = address.to_ipv4_mapped() {
            self.bytes.extend_from_slice(b"::ffff:");
            return self.write_v4(mapped);
        }
        let segments = address.segments();
        let (zeros_at, zeros) = longest_zeros(segments);
        for (at, segment) in segments.into_iter().enumerate() {
            if zeros > 1 && (zeros_at..zeros_at + zeros).contains(&at) {
                if at == zeros_at {
                    self.bytes.extend_from_slice(b"::");
                }
                continue;
            }
            if at > 0 && (zeros < 2 || at != zeros_at + zeros) {
                self.bytes.push(b':');
            }
            let [high, low] = segment.to_be_bytes();
            let digits = [digit(high >> 4), digit(high & 15), digit(low >> 4), digit(low & 15)];
            let leading = (segment | 1).leading_zeros() as usize / 4;
            self.bytes.extend(digits.iter().skip(leading));
        }
    }

    /// Hands the column over.
    pub fn finish(&mut self, valid: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let bytes = Buffer::from_vec(take(&mut self.bytes));
        Ok(Arc::new(StringArray::try_new(offsets(&mut self.ends), bytes, valid)?))
    }
}

/// Where the first of the longest runs of zeros begins, and its length.
fn longest_zeros(segments: [u16; 8]) -> (usize, usize) {
    let (mut longest, mut run) = ((0, 0), (0, 0));
    for (at, segment) in segments.into_iter().enumerate() {
        run = if segment == 0 { (run.0, run.1 + 1) } else { (at + 1, 0) };
        if run.1 > longest.1 {
            longest = run;
        }
    }
    longest
}

const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

/// Every octet in decimal with a dot behind it, and the length of that.
const OCTETS: [([u8; 4], usize); 256] = octets();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "computed by the compiler"
)]
const fn octets() -> [([u8; 4], usize); 256] {
    let mut all = [([b'.'; 4], 0); 256];
    let mut number = 0;
    while number < 256 {
        let n = number as u8;
        let digits = [b'0' + n / 100, b'0' + n / 10 % 10, b'0' + n % 10];
        let count = if n < 10 {
            1
        } else if n < 100 {
            2
        } else {
            3
        };
        let mut at = 0;
        while at < count {
            all[number].0[at] = digits[3 - count + at];
            at += 1;
        }
        all[number].1 = count + 1;
        number += 1;
    }
    all
}

/// Lists, one behind the other.
#[derive(Debug, Default)]
pub struct Lists<C> {
    /// The items of all lists.
    pub items: C,
    length: usize,
    ends: Vec<i32>,
}

impl<C: Build> Build for Lists<C> {
    fn skip(&mut self, rows: usize) {
        self.ends.resize(self.ends.len() + rows, end(self.length));
    }
}

impl<C> Lists<C> {
    /// Ends the list to which so many items were added.
    pub fn close(&mut self, items: usize) {
        self.length += items;
        self.ends.push(end(self.length));
    }

    /// Hands the column over; `item` is the field of `items`.
    pub fn finish(
        &mut self,
        item: FieldRef,
        items: ArrayRef,
        valid: Option<NullBuffer>,
    ) -> Result<ArrayRef, ArrowError> {
        self.length = 0;
        Ok(Arc::new(ListArray::try_new(item, offsets(&mut self.ends), items, valid)?))
    }
}

/// A column in which a value may be missing.
#[derive(Debug, Default)]
pub struct Optional<C> {
    column: C,
    /// Which rows have a value; empty before the first that has.
    valid: Vec<bool>,
    nulls: usize,
}

impl<C: Build> Optional<C> {
    /// Adds a null.
    pub fn null(&mut self) {
        self.nulls += 1;
        if !self.valid.is_empty() {
            self.valid.push(false);
            self.column.skip(1);
        }
    }

    /// The column, to which a value must be added.
    pub fn value(&mut self) -> &mut C {
        if self.valid.is_empty() && self.nulls > 0 {
            self.valid.resize(self.nulls, false);
            self.column.skip(self.nulls);
        }
        self.valid.push(true);
        &mut self.column
    }

    /// Hands the column over, made by `finish` unless there is nothing in it.
    pub fn finish(
        &mut self,
        data_type: fn() -> DataType,
        finish: impl FnOnce(&mut C, Option<NullBuffer>) -> Result<ArrayRef, ArrowError>,
    ) -> Result<ArrayRef, ArrowError> {
        let nulls = std::mem::take(&mut self.nulls);
        if self.valid.is_empty() && nulls > 0 {
            return Ok(new_null_array(&data_type(), nulls));
        }
        let valid = take(&mut self.valid);
        let valid = (nulls > 0).then(|| NullBuffer::new(bits(&valid)));
        finish(&mut self.column, valid)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray as _};
    use proptest::prelude::*;

    use super::*;

    fn texts(fill: impl FnOnce(&mut Texts)) -> Vec<String> {
        let mut texts = Texts::default();
        fill(&mut texts);
        let array = texts.finish(None).unwrap();
        array.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
    }

    #[test]
    fn every_octet_stands_at_every_place() {
        let addresses: Vec<IpAddr> = (0..=255)
            .flat_map(|n| [[n, 0, 9, 255], [10, n, 99, 100], [1, 2, n, 3], [0, 200, 20, n]])
            .map(IpAddr::from)
            .collect();
        let written = texts(|texts| {
            for address in &addresses {
                texts.push_ip(*address);
            }
        });
        assert_eq!(written, addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn addresses_are_written_as_the_standard_library_writes_them(
            segments: [u16; 8], zeros: u8, short in 0..16_u32, octets: [u8; 6],
        ) {
            let mut segments = segments;
            for (at, segment) in segments.iter_mut().enumerate() {
                *segment = if zeros >> at & 1 == 1 { 0 } else { *segment >> short };
            }
            let [.., a, b] = segments;
            let all = [segments, [0, 0, 0, 0, 0, 0xffff, a, b], [0; 8]].map(IpAddr::from);
            let written = texts(|texts| {
                for address in all {
                    texts.push_ip(address);
                }
                texts.push_mac(octets);
            });
            let mac = crate::Mac(octets).to_string();
            let expected: Vec<String> = all.iter().map(IpAddr::to_string).chain([mac]).collect();
            prop_assert_eq!(written, expected);
        }
    }

    #[test]
    fn nulls_before_between_and_after_values_and_a_new_batch() {
        let mut column = Optional::<Texts>::default();
        for rows in [&[None, None, Some("a"), None, Some("")][..], &[None; 3], &[Some("b")], &[]] {
            for row in rows {
                match row {
                    Some(text) => column.value().push(text),
                    None => column.null(),
                }
            }
            let array = column.finish(|| DataType::Utf8, Texts::finish).unwrap();
            assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), rows);
            assert_eq!(array.null_count(), rows.iter().filter(|row| row.is_none()).count());
        }
    }
}
